// AliasStore: where does the name point; repoint it; seen by resolvers?
#pragma once

#include <string>

#include "base/result.h"
#include "model/alias.h"
#include "model/copy.h"
#include "model/proof.h"

namespace ytb::ports {

class AliasStore {
 public:
  virtual ~AliasStore() = default;
  // Read and seen from the outside. A name that has never been made is a known state without a target.
  virtual Result<model::AliasState> read() = 0;
  // Moves the name to the copy that the proof is of. Atomic for clients. Idempotent. An answer that never
  // came is kInDoubt: read() again.
  virtual Status repoint(const model::PassedProof& proof, const model::Copy& copy) = 0;
  // Teardown only: takes the name away.
  virtual Status remove() = 0;
};

}  // namespace ytb::ports

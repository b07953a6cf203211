// The proof: the signed record that a copy was defused and masked, and what was checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "model/ids.h"

namespace ytb::model {

enum class Outcome {
  kPassed,
  kFailed,
  kNotRun,        // could not be carried out: as bad as failed
  kNotCheckable,  // cannot be checked on this kind of host; named, and allowed
};
std::string_view name_of(Outcome outcome);

struct Check {
  std::string name;     // "columns_judged"
  std::string asserts;  // one sentence: what is true when it passed
  Outcome outcome = Outcome::kNotRun;
  std::string detail;  // numbers, or what failed; never a raw personal value
};

// The check of what a copy's server was confined by, and how its detail begins where it was not sealed:
// "isolation: none, because: the reason".
inline constexpr std::string_view kSealedCheck = "sealed";
inline constexpr std::string_view kIsolationSaid = "isolation: ";

// The checks of the search for what masking replaced, and how their details say what the policy allows; and
// how that of the detectors begins where they saw nothing that a person has to judge.
inline constexpr std::string_view kSearchCheck = "no_original_survives";
inline constexpr std::string_view kFilesCheck = "no_original_in_files";
inline constexpr std::string_view kKeptCheck = "kept_values_detected";
inline constexpr std::string_view kAllowedSaid = "; allowed: ";
inline constexpr std::string_view kNamesSaid = "; single words that are somebody's name, too, in ";
inline constexpr std::string_view kNothingDetected = "looked for ";

// What became of one table. Counts are exact.
struct TableEvidence {
  std::string database;
  std::string schema;
  std::string table;
  std::string treatment;  // "masked", "kept", "emptied", "omitted"
  uint64_t rows_before = 0;
  uint64_t rows_after = 0;
  uint64_t bytes_read = 0;  // of COPY data
  double seconds = 0;
  struct Column {
    std::string name;
    std::string masker;      // "email"
    uint64_t values = 0;     // not NULL
    uint64_t changed = 0;    // differ from their own original
    uint64_t unchanged = 0;  // equal to their own original: allowed only where the masker does not promise
    bool must_change = false;
  };
  std::vector<Column> columns;
};

// Evidence gathered while defusing and masking; kept with the copy until the proof is made from it.
struct Evidence {
  std::vector<std::string> defused;  // what was switched off or taken away, one line each
  std::vector<Check> checks;         // of the defuse and mask phases
  std::vector<TableEvidence> tables;
  std::string inputs;  // digest of what masking was given
  std::vector<std::string> notes;
};

struct Proof {
  int format = 1;
  ProductionName production;
  CopyId copy;
  std::string instance;  // identity of that very instance: the nonce written into copy.json at restore
  SnapshotId snapshot;
  Instant data_as_of;
  Instant made_at;
  std::string policy_digest;  // SHA-256 of policy and lock, hex
  std::string key_id;         // of the masking key, with the pseudonyms' version: masking/hmac.h
  std::string masking_none;   // the written reason of `masking: {none: …}`; else empty
  std::string program;        // "yesterdaytabase 0.1.0"
  std::vector<Check> checks;
  Evidence evidence;

  // At least one check, and each passed or is not checkable here.
  [[nodiscard]] bool passing() const;
};

// What it says of personal data, in sentences that a person can repeat: what was masked, what was searched
// for it afterwards, and what nobody looked at.
std::vector<std::string> in_short(const Proof& proof);

// JSON text, stable key order; from_json refuses a newer format (kUnsupported) and garbage (kCorrupt).
std::string to_json(const Proof& proof);
Result<Proof> proof_from_json(std::string_view text);
std::string to_json(const Evidence& evidence);
Result<Evidence> evidence_from_json(std::string_view text);

// A proof with its Ed25519 signature: {"proof": "<JSON text>", "signature": hex, "public_key": hex}. The text
// is signed as it stands, so that no re-encoding can change what was signed.
struct SealedProof {
  std::string text;  // the whole envelope, as stored
};

// `signing_key`: 64 bytes as libsodium makes them (seed ‖ public key).
Result<SealedProof> seal(const Proof& proof, const Secret& signing_key);
// The public key, 32 bytes, of a signing key.
Result<std::string> public_key_of(const Secret& signing_key);
Secret new_signing_key();
// Checks the signature only; for `proof show` and `proof verify`.
Result<Proof> verify_seal(std::string_view envelope, std::string_view public_key);

// PassedProof: what opening and repointing demand. There is one way to get it: a stored envelope whose
// signature is ours, that passes, and that names this very instance of this very copy (invariant 1).
class PassedProof {
 public:
  static Result<PassedProof> verify(std::string_view envelope, std::string_view public_key,
                                    const CopyId& copy, std::string_view instance);
  [[nodiscard]] const Proof& proof() const { return proof_; }
  [[nodiscard]] const CopyId& copy() const { return proof_.copy; }

 private:
  explicit PassedProof(Proof proof) : proof_(std::move(proof)) {}
  Proof proof_;
};

}  // namespace ytb::model

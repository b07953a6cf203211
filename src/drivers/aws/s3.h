// S3: small objects, whole, in buckets of the caller's region. A bucket of another region is an error that
// names it. Each is written with its SHA-256, which S3 checks and keeps, and what is read is held against it
// (S3 user guide, "Checking object integrity"). Thread-safe as its Caller is.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "drivers/aws/caller.h"

namespace ytb::aws {

struct ObjectInfo {
  uint64_t size_bytes = 0;
  std::string etag;  // with its quotes
  std::string version_id;
};

struct PutObject {
  std::string bucket;
  std::string key;
  std::string body;
  std::string content_type = "application/octet-stream";
  std::string kms_key_id = {};  // "": the bucket's own encryption
};

struct StoredObject {
  std::string body;
  std::string etag;  // with its quotes
};

// What an answer to HEAD, which has no body, says by its status.
enum class BucketState { kThere, kNotThere, kDenied };

class S3 {
 public:
  explicit S3(Caller& caller) : caller_(caller) {}

  Result<BucketState> head_bucket(const std::string& bucket);
  // None: there is no such object (a bucket that is not there is an error).
  Result<std::optional<std::string>> get_object(const std::string& bucket, const std::string& key,
                                                size_t size_max = 16 << 20);
  // The same with what put_object_if() wants.
  Result<std::optional<StoredObject>> read_object(const std::string& bucket, const std::string& key,
                                                  size_t size_max = 16 << 20);
  // None: there is no such object, or no such bucket: an answer to HEAD does not say which.
  Result<std::optional<ObjectInfo>> head_object(const std::string& bucket, const std::string& key);
  // Replaces what is there. Returns the ETag.
  Result<std::string> put_object(const PutObject& put);
  // Writes only where the object still is the one of this ETag, or with none where there is none. False:
  // somebody else has written it (or, where an answer was lost, perhaps we ourselves): read it again.
  Result<bool> put_object_if(const PutObject& put, const std::optional<std::string>& etag);
  // Keys that begin with `prefix`, in order; more than `keys_max` is an error.
  Result<std::vector<std::string>> list_keys(const std::string& bucket, const std::string& prefix,
                                             size_t keys_max = 1000);
  // Success where it is not there.
  Status delete_object(const std::string& bucket, const std::string& key);

 private:
  Result<Call> object_call(std::string operation, std::string method, Effect effect,
                           const std::string& bucket, const std::string& key) const;
  Result<Call> put_call(const PutObject& put) const;
  Caller& caller_;
};

}  // namespace ytb::aws

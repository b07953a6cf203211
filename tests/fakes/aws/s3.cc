#include <openssl/evp.h>

#include <algorithm>

#include "base/text.h"
#include "tests/fakes/aws/codec.h"
#include "tests/fakes/aws/small_services.h"

namespace ytb::fakes::aws {
namespace {

constexpr int64_t kKeysMax = 1000;

std::string digest_of(std::string_view text, const EVP_MD* function) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, function, nullptr);
  return {reinterpret_cast<const char*>(digest), size};
}

std::string md5(std::string_view text) { return digest_of(text, EVP_md5()); }

// CRCs as S3 knows them, in base64: reflected, all ones at the beginning and the end.
template <typename Word>
std::string crc_of(std::string_view text, Word polynomial) {
  Word crc = ~Word{0};
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : Word{0});
  }
  crc = ~crc;
  std::string bytes;
  for (size_t i = sizeof crc; i-- > 0;) bytes += static_cast<char>(crc >> (8 * i) & 0xff);
  return to_base64(bytes);
}
std::string crc32(std::string_view text) { return crc_of<uint32_t>(text, 0xedb88320); }
std::string crc64nvme(std::string_view text) { return crc_of<uint64_t>(text, 0x9a6c9329ac4bc9b5); }

// Members that would change the meaning of a request are not passed over.
void allow_only(const Call& call, std::vector<std::string> known) {
  for (const auto& [name, unused] : call.input.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      refuse("NotImplemented", "the fake S3 does not know " + name, 501);
    }
  }
}

}  // namespace

S3::S3(World& world) : world_(world) {
  on("CreateBucket", [this](Call& call) {
    call.target = "bucket:" + call.text("Bucket");
    buckets_[call.text("Bucket")];
    return json{{"Location", "/" + call.text("Bucket")}};
  });
  on("HeadBucket", [this](Call& call) {
    bucket_of(call);
    return json::object();
  });
  on("PutObject", [this](Call& call) {
    allow_only(call, {"Bucket", "Key", "Body", "ContentType", "ContentLength", "ContentMD5", "Metadata",
                      "ServerSideEncryption", "SSEKMSKeyId", "IfMatch", "IfNoneMatch", "ChecksumSHA256",
                      "ChecksumAlgorithm", "ChecksumCRC32", "ChecksumCRC64NVME"});
    Bucket& bucket = bucket_of(call);
    check_condition(call, bucket);
    std::string body = call.text("Body");
    if (call.has("ContentMD5") && call.text("ContentMD5") != to_base64(md5(body))) {
      refuse("BadDigest", "The Content-MD5 you specified did not match what we received.");
    }
    const std::string sha256 = call.text("ChecksumSHA256");
    if (!sha256.empty() && sha256 != to_base64(digest_of(body, EVP_sha256()))) {
      refuse("BadDigest", "The SHA256 you specified did not match the calculated checksum.");
    }
    // Newer clients say a CRC where nothing else is asked of them.
    const bool right_crc =
        (!call.has("ChecksumCRC32") || call.text("ChecksumCRC32") == crc32(body)) &&
        (!call.has("ChecksumCRC64NVME") || call.text("ChecksumCRC64NVME") == crc64nvme(body));
    if (!right_crc) refuse("BadDigest", "The CRC you specified did not match the calculated checksum.");
    Object object = object_of(body);
    object.sha256 = sha256;
    object.metadata = call.input.value("Metadata", json::object());
    if (call.has("ContentType")) object.type = call.text("ContentType");
    json out = {{"ETag", object.etag}};
    bucket[call.text("Key")] = std::move(object);
    if (!sha256.empty()) out["ChecksumSHA256"] = sha256;
    return out;
  });
  on("GetObject", [this](Call& call) {
    allow_only(call, {"Bucket", "Key", "ChecksumMode"});
    json out = head(call);
    const Object& object = bucket_of(call).at(call.text("Key"));
    out["Body"] = object.body;
    if (call.has("ChecksumMode") && !object.sha256.empty()) out["ChecksumSHA256"] = object.sha256;
    out.erase("ContentLength");  // the server counts
    return out;
  });
  on("HeadObject", [this](Call& call) {
    allow_only(call, {"Bucket", "Key"});
    return head(call);
  });
  on("DeleteObject", [this](Call& call) {
    allow_only(call, {"Bucket", "Key"});
    bucket_of(call).erase(call.text("Key"));
    return json::object();
  });
  on("ListObjectsV2", [this](Call& call) { return list(call); });
}

void S3::put(const std::string& bucket, const std::string& key, const std::string& body) {
  std::lock_guard lock(world_.mutex);
  buckets_[bucket][key] = object_of(body);
}

S3::Object S3::object_of(const std::string& body) const {
  return {.body = body,
          .etag = "\"" + to_hex(md5(body)) + "\"",
          .type = "binary/octet-stream",
          .sha256 = "",
          .metadata = json::object(),
          .modified = world_.now()};
}

std::optional<std::string> S3::get(const std::string& bucket, const std::string& key) const {
  std::lock_guard lock(world_.mutex);
  auto found = buckets_.find(bucket);
  if (found == buckets_.end() || !found->second.contains(key)) return std::nullopt;
  return found->second.at(key).body;
}

std::vector<std::string> S3::keys(const std::string& bucket) const {
  std::lock_guard lock(world_.mutex);
  std::vector<std::string> out;
  auto found = buckets_.find(bucket);
  if (found == buckets_.end()) return out;
  for (const auto& [key, unused] : found->second) out.push_back(key);
  return out;
}

S3::Bucket& S3::bucket_of(Call& call) {
  std::string name = call.text("Bucket");
  call.target = "bucket:" + name + (call.has("Key") ? "/" + call.text("Key") : "");
  auto found = buckets_.find(name);
  if (found == buckets_.end()) refuse("NoSuchBucket", "The specified bucket does not exist", 404);
  return found->second;
}

void S3::check_condition(const Call& call, const Bucket& bucket) {
  auto there = bucket.find(call.text("Key"));
  if (call.has("IfNoneMatch")) {
    if (call.has("IfMatch") || call.text("IfNoneMatch") != "*") {
      refuse("NotImplemented", "A header you provided implies functionality that is not implemented", 501);
    }
    if (there == bucket.end()) return;
    refuse("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412);
  }
  if (!call.has("IfMatch")) return;
  if (there == bucket.end()) refuse("NoSuchKey", "The specified key does not exist.", 404);
  if (call.text("IfMatch") != there->second.etag)
    refuse("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412);
}

json S3::head(Call& call) {
  Bucket& bucket = bucket_of(call);
  auto found = bucket.find(call.text("Key"));
  if (found == bucket.end()) refuse("NoSuchKey", "The specified key does not exist.", 404);
  const Object& object = found->second;
  return {{"ETag", object.etag},
          {"ContentType", object.type},
          {"ContentLength", object.body.size()},
          {"LastModified", to_iso(object.modified)},
          {"Metadata", object.metadata}};
}

json S3::list(Call& call) {
  allow_only(call, {"Bucket", "Prefix", "MaxKeys", "ContinuationToken", "StartAfter", "EncodingType"});
  Bucket& bucket = bucket_of(call);
  std::string prefix = call.text("Prefix");
  std::vector<json> found;
  for (const auto& [key, object] : bucket) {
    if (key.rfind(prefix, 0) != 0 || key <= call.text("StartAfter")) continue;
    found.push_back({{"Key", key},
                     {"ETag", object.etag},
                     {"Size", object.body.size()},
                     {"LastModified", to_iso(object.modified)},
                     {"StorageClass", "STANDARD"}});
  }
  int64_t most = std::min(kKeysMax, call.number("MaxKeys", kKeysMax));
  std::string next;
  std::vector<json> page = page_of(found, call.text("ContinuationToken"), static_cast<size_t>(most),
                                   "list " + prefix, "InvalidArgument", next);
  json out = {
      {"Name", call.text("Bucket")},  {"Prefix", prefix}, {"MaxKeys", most}, {"KeyCount", page.size()},
      {"IsTruncated", !next.empty()}, {"Contents", page}};
  if (!next.empty()) out["NextContinuationToken"] = next;
  return out;
}

}  // namespace ytb::fakes::aws

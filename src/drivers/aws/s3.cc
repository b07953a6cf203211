#include "drivers/aws/s3.h"

#include <charconv>
#include <utility>

#include "base/text.h"
#include "drivers/aws/sigv4.h"
#include "drivers/aws/xml.h"

namespace ytb::aws {
namespace {

constexpr int kPagesMax = 100;
constexpr const char* kChecksumHeader = "x-amz-checksum-sha256";

// A bucket with dots fits no certificate as a host's label, and custom endpoints have no names below theirs.
bool needs_path_style(const std::string& bucket, const Endpoint& endpoint) {
  return endpoint.is_custom || bucket.find('.') != std::string::npos;
}

// It becomes part of a host name.
Status check_bucket(const std::string& bucket) {
  bool good = bucket.size() >= 3 && bucket.size() <= 63;
  for (char c : bucket) {
    good = good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.');
  }
  if (good) return {};
  return Error{.code = Code::kConfig,
               .message = "'" + printable(bucket) + "' is no name of a bucket",
               .hint = "3 to 63 lower-case letters, digits, dots and hyphens"};
}

// As S3 keeps it beside an object.
std::string checksum_of(std::string_view body) { return to_base64(sha256(body)); }

Status require(const Call& call, const Answer& answer, std::string_view name) {
  if (answer.response.header(name)) return {};
  return malformed(call, answer, std::string(name) + " is missing");
}

std::string header_or_empty(const Answer& answer, std::string_view name) {
  return std::string(answer.response.header(name).value_or(""));
}

// What came is what was written: JSON that lost its end, or a page of some proxy's, is none of ours and must
// not be taken for a proof that does not verify.
Status check_whole(const Call& call, const Answer& answer) {
  YTB_TRY(require(call, answer, "etag"));
  const std::string checksum = header_or_empty(answer, kChecksumHeader);
  // Objects that others have put there may have another checksum or, before 2025, none; those of objects in
  // parts, which end in their number, are of the parts.
  if (checksum.empty() || checksum.find('-') != std::string::npos) return {};
  if (checksum == checksum_of(answer.response.body)) return {};
  return malformed(call, answer, "it is not what was written, says its checksum");
}

}  // namespace

Result<Call> S3::object_call(std::string operation, std::string method, Effect effect,
                             const std::string& bucket, const std::string& key) const {
  YTB_TRY(check_bucket(bucket));
  YTB_ASSIGN(const Endpoint endpoint, resolve_endpoint(Service::kS3, caller_.endpoints()));
  const bool path_style = needs_path_style(bucket, endpoint);
  return Call{.service = Service::kS3,
              .operation = std::move(operation),
              .effect = effect,
              .method = std::move(method),
              .path = (path_style ? "/" + bucket : "") + "/" + uri_encode(key, true),
              .host_prefix = path_style ? "" : bucket};
}

Result<BucketState> S3::head_bucket(const std::string& bucket) {
  YTB_ASSIGN(Call call, object_call("HeadBucket", "HEAD", Effect::kReads, bucket, ""));
  if (call.host_prefix.empty()) call.path.pop_back();  // "/bucket", where "/bucket/" would be an empty key
  call.expected = {{.code = "HTTP 404"}, {.code = "HTTP 403"}};
  YTB_ASSIGN(const Answer answer, caller_.call(call));
  if (!answer.fault) return BucketState::kThere;
  return answer.fault->http_status == 403 ? BucketState::kDenied : BucketState::kNotThere;
}

Result<std::optional<std::string>> S3::get_object(const std::string& bucket, const std::string& key,
                                                  size_t size_max) {
  YTB_ASSIGN(std::optional<StoredObject> object, read_object(bucket, key, size_max));
  if (!object) return std::optional<std::string>();
  return std::optional<std::string>(std::move(object->body));
}

Result<std::optional<StoredObject>> S3::read_object(const std::string& bucket, const std::string& key,
                                                    size_t size_max) {
  YTB_ASSIGN(Call call, object_call("GetObject", "GET", Effect::kReads, bucket, key));
  call.headers = {{"x-amz-checksum-mode", "ENABLED"}};
  call.expected = {{.code = "NoSuchKey"}};
  call.answer_bytes_max = size_max;
  YTB_ASSIGN(Answer answer, caller_.call(call));
  if (answer.fault) return std::optional<StoredObject>();
  YTB_TRY(check_whole(call, answer));
  StoredObject object{.body = {}, .etag = header_or_empty(answer, "etag")};
  object.body = std::move(answer.response.body);
  return std::optional<StoredObject>(std::move(object));
}

Result<std::optional<ObjectInfo>> S3::head_object(const std::string& bucket, const std::string& key) {
  YTB_ASSIGN(Call call, object_call("HeadObject", "HEAD", Effect::kReads, bucket, key));
  // An answer to HEAD has no body that could say NoSuchKey or NoSuchBucket.
  call.expected = {{.code = "HTTP 404"}};
  YTB_ASSIGN(const Answer answer, caller_.call(call));
  if (answer.fault) return std::optional<ObjectInfo>();
  YTB_TRY(require(call, answer, "content-length"));
  YTB_TRY(require(call, answer, "etag"));
  const std::string length = header_or_empty(answer, "content-length");
  ObjectInfo info{.size_bytes = 0,
                  .etag = header_or_empty(answer, "etag"),
                  .version_id = header_or_empty(answer, "x-amz-version-id")};
  const auto [stop, error] = std::from_chars(length.data(), length.data() + length.size(), info.size_bytes);
  if (error != std::errc() || stop != length.data() + length.size()) {
    return malformed(call, answer, "content-length is no number");
  }
  return std::optional<ObjectInfo>(std::move(info));
}

Result<Call> S3::put_call(const PutObject& put) const {
  YTB_ASSIGN(Call call, object_call("PutObject", "PUT", Effect::kRepeatable, put.bucket, put.key));
  call.headers = {{"Content-Type", put.content_type}, {kChecksumHeader, checksum_of(put.body)}};
  if (!put.kms_key_id.empty()) {
    call.headers.emplace_back("x-amz-server-side-encryption", "aws:kms");
    call.headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", put.kms_key_id);
  }
  call.body = put.body;
  return call;
}

Result<std::string> S3::put_object(const PutObject& put) {
  YTB_ASSIGN(const Call call, put_call(put));
  YTB_ASSIGN(const Answer answer, caller_.call(call));
  YTB_TRY(require(call, answer, "etag"));
  return header_or_empty(answer, "etag");
}

Result<bool> S3::put_object_if(const PutObject& put, const std::optional<std::string>& etag) {
  YTB_ASSIGN(Call call, put_call(put));
  call.headers.emplace_back(etag ? "If-Match" : "If-None-Match", etag.value_or("*"));
  // S3 user guide, "Conditional writes": changed; being changed at this moment; gone.
  call.expected = {
      {.code = "PreconditionFailed"}, {.code = "ConditionalRequestConflict"}, {.code = "NoSuchKey"}};
  YTB_ASSIGN(const Answer answer, caller_.call(call));
  return !answer.fault;
}

Result<std::vector<std::string>> S3::list_keys(const std::string& bucket, const std::string& prefix,
                                               size_t keys_max) {
  YTB_ASSIGN(Call call, object_call("ListObjectsV2", "GET", Effect::kReads, bucket, ""));
  std::vector<std::string> keys;
  std::string token;
  for (int page = 0; page < kPagesMax; ++page) {
    call.query.clear();
    if (!token.empty()) call.query.emplace_back("continuation-token", token);
    call.query.emplace_back("list-type", "2");
    call.query.emplace_back("prefix", prefix);
    YTB_ASSIGN(Answer raw, caller_.call(call));
    YTB_ASSIGN(const XmlAnswer answer, XmlAnswer::parse(call, std::move(raw), "ListBucketResult"));
    Problem problem;
    const Fields root = answer.root(problem);
    const bool truncated = root.flag("IsTruncated");
    for (const Fields& object : root.members("Contents")) keys.push_back(object.text("Key"));
    token = truncated ? root.text("NextContinuationToken") : std::string();
    if (!problem.text.empty()) return malformed(call, answer.answer(), problem.text);
    if (keys.size() > keys_max) {
      return Error{.code = Code::kExternal,
                   .message = "S3 ListObjectsV2: more than " + std::to_string(keys_max) + " objects under " +
                              printable(prefix),
                   .hint = "nothing of ours makes so many: look what else is written there"};
    }
    if (token.empty()) return keys;
  }
  return Error{.code = Code::kExternal,
               .message = "S3 ListObjectsV2: more than " + std::to_string(kPagesMax) + " pages",
               .hint = ""};
}

Status S3::delete_object(const std::string& bucket, const std::string& key) {
  YTB_ASSIGN(const Call call, object_call("DeleteObject", "DELETE", Effect::kRepeatable, bucket, key));
  YTB_ASSIGN(const Answer answer, caller_.call(call));
  return {};
}

}  // namespace ytb::aws

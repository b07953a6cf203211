#include "drivers/rds/stack_store.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ytb::rds {
namespace {

constexpr size_t kStateBytesMax = 64 << 10;
constexpr size_t kAttemptsBytesMax = 4 << 20;
constexpr int kWritesMax = 2;  // of one attempt: the second, where somebody else wrote in between
constexpr size_t kEvidenceBytesMax = 64 << 20;

// "arn:aws:cloudformation:…:stack/<name>/<uuid>" → "<name>/<uuid>": readable, and never that of another
// stack.
std::string_view tail_of(std::string_view stack_id) {
  size_t at = stack_id.find(":stack/");
  return at == std::string_view::npos ? stack_id : stack_id.substr(at + std::string_view(":stack/").size());
}

}  // namespace

StackStore::StackStore(aws::S3& s3, std::string bucket, std::string prefix,
                       const model::ProductionName& production)
    : s3_(s3), bucket_(std::move(bucket)) {
  while (prefix.ends_with('/')) prefix.pop_back();
  root_ = (prefix.empty() ? "" : prefix + "/") + production.str();
}

std::string StackStore::key_of(std::string_view folder, std::string_view id, std::string_view file) const {
  return fmt::format("{}/{}/{}/{}", root_, folder, id, file);
}

Status StackStore::put(std::string key, std::string body) {
  YTB_ASSIGN(std::string etag, s3_.put_object({.bucket = bucket_,
                                               .key = std::move(key),
                                               .body = std::move(body),
                                               .content_type = "application/json"}));
  return {};
}

Result<std::vector<model::Attempt>> StackStore::attempts() {
  YTB_ASSIGN(std::optional<std::string> text,
             s3_.get_object(bucket_, root_ + "/attempts.json", kAttemptsBytesMax));
  if (!text) return std::vector<model::Attempt>{};
  return attempts_from_json(*text);
}

Status StackStore::add(const model::Attempt& attempt) {
  const std::string key = root_ + "/attempts.json";
  for (int write = 0; write < kWritesMax; ++write) {
    YTB_ASSIGN(std::optional<aws::StoredObject> there, s3_.read_object(bucket_, key, kAttemptsBytesMax));
    std::vector<model::Attempt> all;
    if (there) {
      YTB_ASSIGN(all, attempts_from_json(there->body));
    }
    add_attempt(all, attempt);
    YTB_ASSIGN(bool written,
               s3_.put_object_if(
                   {.bucket = bucket_, .key = key, .body = to_json(all), .content_type = "application/json"},
                   there ? std::optional(there->etag) : std::nullopt));
    if (written) return {};
  }
  return Error{
      .code = Code::kBusy,
      .message = fmt::format("s3://{}/{} is written by somebody else at the same time", bucket_, key),
      .hint = "it is tried again",
      .retry = Retry::kLater};
}

Result<std::optional<State>> StackStore::state(const std::string& stack_id) {
  YTB_ASSIGN(std::optional<std::string> text,
             s3_.get_object(bucket_, key_of("stacks", tail_of(stack_id), "state.json"), kStateBytesMax));
  if (!text) return std::optional<State>();
  YTB_ASSIGN(State state, state_from_json(*text));
  return std::optional<State>(std::move(state));
}

Status StackStore::store(const std::string& stack_id, const State& state) {
  return put(key_of("stacks", tail_of(stack_id), "state.json"), to_json(state));
}

Status StackStore::remove_state(const std::string& stack_id) {
  return s3_.delete_object(bucket_, key_of("stacks", tail_of(stack_id), "state.json"));
}

Result<std::optional<std::string>> StackStore::evidence(const std::string& resource_id) {
  return s3_.get_object(bucket_, key_of("instances", resource_id, "evidence.json"), kEvidenceBytesMax);
}

Status StackStore::store_evidence(const std::string& resource_id, std::string text) {
  return put(key_of("instances", resource_id, "evidence.json"), std::move(text));
}

Status StackStore::remove_evidence(const std::string& resource_id) {
  return s3_.delete_object(bucket_, key_of("instances", resource_id, "evidence.json"));
}

Result<std::optional<std::string>> StackStore::proof(const std::string& resource_id) {
  return s3_.get_object(bucket_, key_of("instances", resource_id, "proof.json"), kEvidenceBytesMax);
}

Status StackStore::store_proof(const std::string& resource_id, std::string text) {
  return put(key_of("instances", resource_id, "proof.json"), std::move(text));
}

}  // namespace ytb::rds

#include "app_due_marks.h"

#include <fmt/format.h>

#include <map>
#include <utility>

namespace ytb {
namespace {

constexpr size_t kMarksMax = 1000;  // of all productions, superseded ones included
constexpr size_t kMarkBytesMax = 64 << 10;

}  // namespace

Result<aws::S3> S3DueMarks::s3() const {
  if (bucket_.empty()) {
    return Error{.code = Code::kConfig,
                 .message = "there is no bucket to keep in mind what is due",
                 .hint = "set YTB_BUCKET, or copies.rds.bucket in the config"};
  }
  YTB_ASSIGN(aws::Caller * caller, caller_());
  return aws::S3(*caller);
}

std::string S3DueMarks::folder_of(const model::ProductionName& production) const {
  return fmt::format("{}/due/{}/", prefix_, production);
}

std::string S3DueMarks::key_of(const model::ProductionName& production, Instant at) const {
  // Zero-padded, so that names sort as instants do.
  return fmt::format("{}{:020}.json", folder_of(production), at.time_since_epoch().count());
}

Status S3DueMarks::put(const std::string& key, const lambda::DueMark& mark) const {
  YTB_ASSIGN(aws::S3 store, s3());
  YTB_ASSIGN(std::string etag, store.put_object({.bucket = bucket_,
                                                 .key = key,
                                                 .body = lambda::to_json(mark),
                                                 .content_type = "application/json"}));
  return {};
}

Status S3DueMarks::mark(const lambda::DueMark& mark) { return put(key_of(mark.production, mark.at), mark); }

Status S3DueMarks::replace(Instant at, const lambda::DueMark& mark) {
  // Under the old name: where a newer one has come, that holds.
  return put(key_of(mark.production, at), mark);
}

Result<std::vector<lambda::DueMark>> S3DueMarks::read() {
  YTB_ASSIGN(aws::S3 store, s3());
  YTB_ASSIGN(std::vector<std::string> keys, store.list_keys(bucket_, prefix_ + "/due/", kMarksMax));
  std::map<std::string, std::string> newest;  // folder → key; keys come in order
  for (const std::string& key : keys) newest[key.substr(0, key.rfind('/'))] = key;
  std::vector<lambda::DueMark> marks;
  for (const auto& [folder, key] : newest) {
    YTB_ASSIGN(std::optional<std::string> text, store.get_object(bucket_, key, kMarkBytesMax));
    if (!text) continue;  // cleared meanwhile
    Result<lambda::DueMark> mark = lambda::due_mark_from_json(*text);
    if (!mark.ok()) return std::move(mark).error().while_doing(fmt::format("s3://{}/{}", bucket_, key));
    marks.push_back(*std::move(mark));
  }
  return marks;
}

Status S3DueMarks::clear(const model::ProductionName& production, Instant at) {
  YTB_ASSIGN(aws::S3 store, s3());
  YTB_ASSIGN(std::vector<std::string> keys, store.list_keys(bucket_, folder_of(production), kMarksMax));
  std::string last = key_of(production, at);
  for (const std::string& key : keys) {
    if (key <= last) YTB_TRY(store.delete_object(bucket_, key));
  }
  return {};
}

}  // namespace ytb

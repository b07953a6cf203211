#include "drivers/local/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "base/json.h"
#include "base/text.h"

namespace ytb::local {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kMark = "yesterdaytabase local copy";
constexpr std::string_view kAttemptsMark = "yesterdaytabase attempts";
constexpr int kWithoutIsolation = 1;  // format

constexpr std::array<std::string_view, 3> kRetries{"never", "later", "in_doubt"};
constexpr std::array<std::string_view, 3> kOutcomes{"failed", "rolled_back", "deleted_by_person"};

// Thrown and caught in this file only, where the JSON library throws, too.
struct Damaged {
  std::string what;
};

Instant to_instant(const std::string& text) {
  if (text.empty()) return {};
  std::optional<Instant> instant = from_iso(text);
  if (!instant) throw Damaged{"a time that is none"};
  return *instant;
}
std::string from_instant(Instant instant) { return instant == Instant{} ? "" : to_iso(instant, true); }

template <size_t kSize>
size_t index_of(const std::array<std::string_view, kSize>& names, const std::string& name) {
  auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) throw Damaged{"a name that is not known"};
  return static_cast<size_t>(found - names.begin());
}

Code code_of(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
    if (name_of(static_cast<Code>(i)) == name) return static_cast<Code>(i);
  }
  throw Damaged{"an error code that is not known"};
}

// The library converts numbers without looking at their range.
template <typename T>
T integer(const Json& json) {
  if (!json.is_number_integer()) throw Damaged{"a number that is none"};
  if (json.is_number_unsigned() &&
      json.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<T>::max())) {
    throw Damaged{"a number that cannot be"};
  }
  auto value = json.get<int64_t>();
  if (value < 0) throw Damaged{"a number that cannot be"};
  return static_cast<T>(value);
}

void check_format(const Json& json, std::string_view mark) {
  if (json.at("mark").get<std::string>() != mark) throw Damaged{"it does not carry our mark"};
}

// A kind of file, for what is said of one that is damaged.
struct FileKind {
  std::string_view name;
  std::string_view hint;
  size_t bytes_max = 0;
  int format_max = 0;
};
constexpr FileKind kRecord{.name = "record of the copy",
                           .hint = "the copy is left alone: look at its folder, and remove it by hand",
                           .bytes_max = kRecordBytesMax,
                           .format_max = kRecordFormat};
constexpr FileKind kAttempts{.name = "record of earlier tries",
                             .hint = "move the file away: what failed before is then tried once more",
                             .bytes_max = kAttemptsBytesMax,
                             .format_max = kAttemptsFormat};

Error damaged_file(const FileKind& kind, std::string_view why) {
  return {.code = Code::kCorrupt,
          .message = fmt::format("the {} is damaged: {}", kind.name, why),
          .hint = std::string(kind.hint)};
}

Result<Json> parse(std::string_view text, const FileKind& kind) {
  auto damaged = [&](std::string_view why) { return damaged_file(kind, why); };
  if (text.size() > kind.bytes_max) return damaged("it is too large");
  if (trim(text).empty()) return damaged("it is empty");
  Json json = parse_json<Json>(text);
  if (!json.is_object()) return damaged("it is no JSON");
  auto format = json.find("format");
  if (format == json.end() || !format->is_number_integer()) return damaged("it has no format number");
  if (format->get<int64_t>() > kind.format_max) {
    return Error{.code = Code::kUnsupported,
                 .message = fmt::format("the {} has format {}, and this version knows {}", kind.name,
                                        format->get<int64_t>(), kind.format_max),
                 .hint = "it was written by a newer version: use that one"};
  }
  return json;
}

Json json_of(const model::Attempt& attempt) {
  return {{"snapshot", attempt.snapshot.str()},
          {"data_as_of", from_instant(attempt.data_as_of)},
          {"attempt", attempt.attempt},
          {"outcome", kOutcomes.at(static_cast<size_t>(attempt.outcome))},
          {"at", from_instant(attempt.at)},
          {"inputs", attempt.inputs},
          {"reason", attempt.reason.substr(0, kReasonMax)},
          {"code", name_of(attempt.code)},
          {"retry", kRetries.at(static_cast<size_t>(attempt.retry))}};
}

model::Attempt attempt_of(const Json& json) {
  model::Attempt attempt;
  attempt.snapshot = model::SnapshotId(json.at("snapshot").get<std::string>());
  attempt.data_as_of = to_instant(json.at("data_as_of").get<std::string>());
  attempt.attempt = integer<int>(json.at("attempt"));
  attempt.outcome =
      static_cast<model::AttemptOutcome>(index_of(kOutcomes, json.at("outcome").get<std::string>()));
  attempt.at = to_instant(json.at("at").get<std::string>());
  attempt.inputs = json.at("inputs").get<std::string>();
  attempt.reason = json.at("reason").get<std::string>();
  attempt.code = code_of(json.at("code").get<std::string>());
  attempt.retry = static_cast<Retry>(index_of(kRetries, json.at("retry").get<std::string>()));
  return attempt;
}

model::Isolation isolation_of(const Json& json) {
  using Kind = model::Isolation::Kind;
  const auto name = json.at("isolation").get<std::string>();
  model::Isolation isolation;
  isolation.reason = json.at("isolation_reason").get<std::string>();
  for (Kind kind : {Kind::kSealed, Kind::kWeak, Kind::kNone}) {
    isolation.kind = kind;
    if (isolation.name() == name) return isolation;
  }
  throw Damaged{"an isolation that is not known"};
}

model::Copy copy_of(const Json& json) {
  model::Copy copy;
  copy.id = model::CopyId(json.at("id").get<std::string>());
  copy.production = model::ProductionName(json.at("production").get<std::string>());
  copy.snapshot = model::SnapshotId(json.at("snapshot").get<std::string>());
  copy.data_as_of = to_instant(json.at("data_as_of").get<std::string>());
  copy.attempt = integer<int>(json.at("attempt"));
  std::optional<model::Phase> phase = model::phase_of(json.at("phase").get<std::string>());
  if (!phase) throw Damaged{"a phase that is not known"};
  copy.phase = *phase;
  copy.phase_since = to_instant(json.at("phase_since").get<std::string>());
  copy.opened = json.at("opened").get<bool>();
  copy.inputs = json.at("inputs").get<std::string>();
  copy.tries = integer<int>(json.at("tries"));
  copy.last_try = to_instant(json.at("last_try").get<std::string>());
  copy.failure = json.at("failure").get<std::string>();
  copy.failure_code = code_of(json.at("failure_code").get<std::string>());
  copy.failure_retry = static_cast<Retry>(index_of(kRetries, json.at("failure_retry").get<std::string>()));
  if (copy.id.empty() || copy.production.empty()) throw Damaged{"an empty name"};
  return copy;
}

}  // namespace

std::string to_json(const CopyRecord& record) {
  const model::Copy& copy = record.copy;
  Json json{{"format", kRecordFormat},
            {"mark", kMark},
            {"id", copy.id.str()},
            {"production", copy.production.str()},
            {"instance", record.instance},
            {"snapshot", copy.snapshot.str()},
            {"data_as_of", from_instant(copy.data_as_of)},
            {"attempt", copy.attempt},
            {"phase", name_of(copy.phase)},
            {"phase_since", from_instant(copy.phase_since)},
            {"opening", record.opening},
            {"opened", copy.opened},
            {"inputs", copy.inputs},
            {"tries", copy.tries},
            {"last_try", from_instant(copy.last_try)},
            {"failure", copy.failure.substr(0, kReasonMax)},
            {"failure_code", name_of(copy.failure_code)},
            {"failure_retry", kRetries.at(static_cast<size_t>(copy.failure_retry))},
            {"engine", record.engine},
            {"engine_major", record.engine_major},
            {"admin_role", record.admin_role},
            {"port", record.port},
            {"run_as", record.run_as},
            {"boot_id", record.boot_id}};
  if (record.isolation) {
    json["isolation"] = record.isolation->name();
    json["isolation_reason"] = record.isolation->reason;
  } else {
    json["format"] = kWithoutIsolation;  // still what an earlier version made
  }
  // Names of others may hold bytes that are no UTF-8: they are replaced, not thrown over.
  return write_json(json, 2) + "\n";
}

Result<CopyRecord> record_from_json(std::string_view text) {
  std::string why;
  YTB_ASSIGN(Json json, parse(text, kRecord));
  try {
    check_format(json, kMark);
    CopyRecord record;
    record.copy = copy_of(json);
    record.instance = json.at("instance").get<std::string>();
    record.engine = json.at("engine").get<std::string>();
    record.engine_major = integer<int>(json.at("engine_major"));
    record.admin_role = json.at("admin_role").get<std::string>();
    record.port = integer<uint16_t>(json.at("port"));
    record.run_as = json.at("run_as").get<std::string>();
    record.boot_id = json.at("boot_id").get<std::string>();
    record.opening = json.at("opening").get<bool>();
    if (json.at("format").get<int64_t>() > kWithoutIsolation) record.isolation = isolation_of(json);
    if (record.instance.empty()) throw Damaged{"no instance"};
    return record;
  } catch (const Damaged& damaged) {
    why = damaged.what;
  } catch (const std::exception&) {
    why = "a part is missing or of the wrong type";
  }
  return damaged_file(kRecord, why);
}

std::string to_json(const std::vector<ProductionAttempt>& attempts) {
  Json list = Json::array();
  for (const ProductionAttempt& each : attempts) {
    Json json = json_of(each.attempt);
    json["production"] = each.production.str();
    list.push_back(std::move(json));
  }
  Json json{{"format", kAttemptsFormat}, {"mark", kAttemptsMark}, {"attempts", std::move(list)}};
  return write_json(json, 2) + "\n";
}

Result<std::vector<ProductionAttempt>> attempts_from_json(std::string_view text) {
  std::string why;
  YTB_ASSIGN(Json json, parse(text, kAttempts));
  try {
    check_format(json, kAttemptsMark);
    std::vector<ProductionAttempt> attempts;
    for (const Json& each : json.at("attempts")) {
      attempts.push_back({model::ProductionName(each.at("production").get<std::string>()), attempt_of(each)});
    }
    return attempts;
  } catch (const Damaged& damaged) {
    why = damaged.what;
  } catch (const std::exception&) {
    why = "a part is missing or of the wrong type";
  }
  return damaged_file(kAttempts, why);
}

void add_attempt(std::vector<ProductionAttempt>& attempts, ProductionAttempt attempt) {
  std::erase_if(attempts, [&](const ProductionAttempt& other) {
    return other.production == attempt.production && other.attempt.snapshot == attempt.attempt.snapshot &&
           other.attempt.attempt == attempt.attempt.attempt;
  });
  attempts.insert(attempts.begin(), std::move(attempt));
  const model::ProductionName production = attempts.front().production;
  size_t of_it = 0;
  std::erase_if(attempts, [&](const ProductionAttempt& other) {
    return other.production == production && ++of_it > kAttemptsMax;
  });
}

}  // namespace ytb::local

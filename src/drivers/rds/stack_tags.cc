#include "drivers/rds/stack_tags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/json.h"
#include "base/text.h"

namespace ytb::rds {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kStateMark = "yesterdaytabase copy on AWS";
constexpr std::string_view kAttemptsMark = "yesterdaytabase attempts";
constexpr int kFormat = 1;
constexpr size_t kTextMax = 16 << 20;
constexpr size_t kKeyMax = 128;
constexpr size_t kValueMax = 256;
constexpr size_t kUserTagsMax = 30;  // of AWS's fifty: ours and CloudFormation's stand beside them
constexpr int kNumberMax = 999'999'999;

constexpr std::array<std::string_view, 3> kRetries{"never", "later", "in_doubt"};
constexpr std::array<std::string_view, 3> kOutcomes{"failed", "rolled_back", "deleted_by_person"};

std::string key(std::string_view name) { return std::string(kTagPrefix) + std::string(name); }

std::string value_of(const Tags& tags, std::string_view name) {
  auto found = tags.find(key(name));
  return found == tags.end() ? "" : found->second;
}

bool is_tag_text(std::string_view text, size_t size_max) {
  constexpr std::string_view kOthers = " _.:/=+-@";
  return text.size() <= size_max && std::all_of(text.begin(), text.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  kOthers.find(c) != std::string_view::npos;
         });
}

std::optional<int> number_of(std::string_view text) {
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > kNumberMax)
    return std::nullopt;
  return number;
}

template <size_t kSize>
std::optional<size_t> index_of(const std::array<std::string_view, kSize>& names, std::string_view name) {
  auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<size_t>(found - names.begin());
}

std::optional<Code> code_of(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
    if (name_of(static_cast<Code>(i)) == name) return static_cast<Code>(i);
  }
  return std::nullopt;
}

std::string retry_name(Retry retry) { return std::string(kRetries.at(static_cast<size_t>(retry))); }
std::string from_instant(Instant instant) { return instant == Instant{} ? "" : to_iso(instant, true); }

// Thrown and caught in this file only, where the JSON library throws, too.
struct Damaged {
  std::string what;
};

Instant instant_in(const Json& json, const char* name) {
  std::string text = json.at(name).get<std::string>();
  if (text.empty()) return {};
  std::optional<Instant> instant = from_iso(text);
  if (!instant) throw Damaged{"a time that is none"};
  return *instant;
}

int number_in(const Json& json, const char* name) {
  const Json& number = json.at(name);
  std::optional<int> value = number.is_number_integer() ? number_of(number.dump()) : std::nullopt;
  if (!value) throw Damaged{"a number that cannot be"};
  return *value;
}

template <size_t kSize>
size_t name_in(const Json& json, const char* name, const std::array<std::string_view, kSize>& names) {
  std::optional<size_t> index = index_of(names, json.at(name).get<std::string>());
  if (!index) throw Damaged{"a name that is not known"};
  return *index;
}

Code code_in(const Json& json) {
  std::optional<Code> code = code_of(json.at("code").get<std::string>());
  if (!code) throw Damaged{"an error code that is not known"};
  return *code;
}

template <typename T>
Result<T> read_json(std::string_view text, std::string_view mark, T (*read)(const Json&)) {
  std::string why;
  try {
    if (text.size() > kTextMax) throw Damaged{"it is too large"};
    Json json = parse_json<Json>(text);
    if (!json.is_object()) throw Damaged{"it is no JSON"};
    if (json.at("mark").get<std::string>() != mark) throw Damaged{"it does not carry our mark"};
    if (number_in(json, "format") > kFormat) {
      return Error{.code = Code::kUnsupported,
                   .message = fmt::format("what is recorded of {} is of a newer format", mark),
                   .hint = "it was written by a newer version: use that one"};
    }
    return read(json);
  } catch (const Damaged& damaged) {
    why = damaged.what;
  } catch (const std::exception&) {
    why = "a part is missing or of the wrong type";
  }
  return Error{.code = Code::kCorrupt,
               .message = fmt::format("what is recorded of {} is damaged: {}", mark, why),
               .hint = "look at it in the bucket; what failed before is tried once more when it is removed"};
}

std::string dump(const Json& json) { return write_json(json, 2) + "\n"; }

// Cut where a character begins.
std::string cut(std::string_view text) {
  if (text.size() <= kReasonMax) return std::string(text);
  size_t end = kReasonMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

}  // namespace

Result<Tags> to_tags(const Mark& mark) {
  Tags tags{{key("production"), mark.production.str()},
            {key("copy"), mark.copy.str()},
            {key("snapshot"), mark.snapshot.str()},
            {key("data-as-of"), to_iso(mark.data_as_of, true)},
            {key("attempt"), std::to_string(mark.attempt)}};
  for (const auto& [name, value] : tags) {
    if (is_tag_text(value, kValueMax) && !value.empty()) continue;
    return Error{.code = Code::kUnsupported,
                 .message = fmt::format("'{}' cannot be the tag {}", printable(value), name),
                 .hint = "tags hold up to 256 letters, digits, spaces and _ . : / = + - @"};
  }
  return tags;
}

std::optional<Mark> mark_of(const Tags& tags) {
  Mark mark{.production = model::ProductionName(value_of(tags, "production")),
            .copy = model::CopyId(value_of(tags, "copy")),
            .snapshot = model::SnapshotId(value_of(tags, "snapshot"))};
  std::optional<Instant> data_as_of = from_iso(value_of(tags, "data-as-of"));
  std::optional<int> attempt = number_of(value_of(tags, "attempt"));
  bool whole = !mark.production.empty() && !mark.snapshot.empty() && data_as_of && attempt.value_or(0) > 0;
  if (!whole) return std::nullopt;
  mark.data_as_of = *data_as_of;
  mark.attempt = *attempt;
  if (model::copy_id(mark.production, mark.data_as_of, mark.attempt) != mark.copy) return std::nullopt;
  return mark;
}

Status check_user_tags(const Tags& tags) {
  auto refused = [](std::string_view name, std::string_view why) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("copies.tags: '{}' {}", printable(name), why),
                 .hint = "tags hold letters, digits, spaces and _ . : / = + - @"};
  };
  for (const auto& [name, value] : tags) {
    std::string lower = to_lower_ascii(name);
    if (lower.starts_with("aws:") || lower.starts_with(kTagPrefix)) return refused(name, "is reserved");
    if (name.empty() || !is_tag_text(name, kKeyMax)) return refused(name, "is no name for a tag");
    if (!is_tag_text(value, kValueMax)) return refused(name, "has a value that no tag can have");
  }
  if (tags.size() > kUserTagsMax) return refused(std::to_string(tags.size()), "tags are too many");
  return {};
}

Tags to_tags(const State& state) {
  return {{key("phase"), std::string(name_of(state.phase))},
          {key("since"), from_instant(state.since)},
          {key("inputs"), state.inputs},
          {key("tries"), std::to_string(state.tries)},
          {key("last-try"), from_instant(state.last_try)},
          {key("code"), std::string(name_of(state.code))},
          {key("retry"), retry_name(state.retry)}};
}

std::optional<State> state_of(const Tags& tags) {
  std::optional<model::Phase> phase = model::phase_of(value_of(tags, "phase"));
  if (!phase) return std::nullopt;
  State state{.phase = *phase, .inputs = value_of(tags, "inputs")};
  state.since = from_iso(value_of(tags, "since")).value_or(Instant{});
  state.tries = number_of(value_of(tags, "tries")).value_or(0);
  state.last_try = from_iso(value_of(tags, "last-try")).value_or(Instant{});
  state.code = code_of(value_of(tags, "code")).value_or(Code::kInternal);
  state.retry = static_cast<Retry>(index_of(kRetries, value_of(tags, "retry")).value_or(0));
  return state;
}

std::string to_json(const State& state) {
  return dump({{"format", kFormat},
               {"mark", kStateMark},
               {"phase", name_of(state.phase)},
               {"since", from_instant(state.since)},
               {"inputs", state.inputs},
               {"tries", state.tries},
               {"last_try", from_instant(state.last_try)},
               {"code", name_of(state.code)},
               {"retry", retry_name(state.retry)},
               {"message", cut(state.message)}});
}

Result<State> state_from_json(std::string_view text) {
  return read_json<State>(text, kStateMark, [](const Json& json) {
    State state;
    std::optional<model::Phase> phase = model::phase_of(json.at("phase").get<std::string>());
    if (!phase) throw Damaged{"a phase that is not known"};
    state.phase = *phase;
    state.since = instant_in(json, "since");
    state.inputs = json.at("inputs").get<std::string>();
    state.tries = number_in(json, "tries");
    state.last_try = instant_in(json, "last_try");
    state.code = code_in(json);
    state.retry = static_cast<Retry>(name_in(json, "retry", kRetries));
    state.message = json.at("message").get<std::string>();
    return state;
  });
}

std::string to_json(const std::vector<model::Attempt>& attempts) {
  Json list = Json::array();
  for (const model::Attempt& attempt : attempts) {
    list.push_back({{"snapshot", attempt.snapshot.str()},
                    {"data_as_of", from_instant(attempt.data_as_of)},
                    {"attempt", attempt.attempt},
                    {"outcome", kOutcomes.at(static_cast<size_t>(attempt.outcome))},
                    {"at", from_instant(attempt.at)},
                    {"inputs", attempt.inputs},
                    {"reason", cut(attempt.reason)},
                    {"code", name_of(attempt.code)},
                    {"retry", retry_name(attempt.retry)}});
  }
  return dump({{"format", kFormat}, {"mark", kAttemptsMark}, {"attempts", std::move(list)}});
}

Result<std::vector<model::Attempt>> attempts_from_json(std::string_view text) {
  return read_json<std::vector<model::Attempt>>(text, kAttemptsMark, [](const Json& json) {
    std::vector<model::Attempt> attempts;
    for (const Json& each : json.at("attempts")) {
      model::Attempt attempt;
      attempt.snapshot = model::SnapshotId(each.at("snapshot").get<std::string>());
      attempt.data_as_of = instant_in(each, "data_as_of");
      attempt.attempt = number_in(each, "attempt");
      attempt.outcome = static_cast<model::AttemptOutcome>(name_in(each, "outcome", kOutcomes));
      attempt.at = instant_in(each, "at");
      attempt.inputs = each.at("inputs").get<std::string>();
      attempt.reason = each.at("reason").get<std::string>();
      attempt.code = code_in(each);
      attempt.retry = static_cast<Retry>(name_in(each, "retry", kRetries));
      attempts.push_back(std::move(attempt));
    }
    return attempts;
  });
}

void add_attempt(std::vector<model::Attempt>& attempts, model::Attempt attempt) {
  std::erase_if(attempts, [&](const model::Attempt& other) {
    return other.snapshot == attempt.snapshot && other.attempt == attempt.attempt;
  });
  attempts.insert(attempts.begin(), std::move(attempt));
  if (attempts.size() > kAttemptsMax) attempts.resize(kAttemptsMax);
}

}  // namespace ytb::rds

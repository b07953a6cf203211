#include "app_turns.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"

namespace ytb {
namespace {

constexpr size_t kTurnBytesMax = 4 << 10;
constexpr int kTriesMax = 3;
// Two machines of Lambda's do not have quite the same time.
constexpr Duration kSkew = std::chrono::seconds(5);

struct Written {
  std::string holder;
  Instant until;
};

std::string to_json(const Written& turn) {
  return nlohmann::json{{"holder", turn.holder}, {"until", to_iso(turn.until, true)}}.dump();
}

// What is not ours or not whole is nobody's turn.
std::optional<Written> written_in(const std::string& text) {
  const nlohmann::json tree = parse_json(text);
  if (!tree.is_object() || !tree.value("holder", nlohmann::json()).is_string() ||
      !tree.value("until", nlohmann::json()).is_string())
    return std::nullopt;
  std::optional<Instant> until = from_iso(tree["until"].get<std::string>());
  if (!until) return std::nullopt;
  return Written{.holder = tree["holder"], .until = *until};
}

}  // namespace

std::string S3Turns::key_of(const model::ProductionName& production) const {
  return fmt::format("{}/turns/{}.json", prefix_, production);
}

Result<lambda::Turn> S3Turns::take(const model::ProductionName& production, const std::string& holder,
                                   Instant until, Instant now) {
  YTB_ASSIGN(aws::Caller * caller, caller_());
  aws::S3 store(*caller);
  const aws::PutObject put{.bucket = bucket_,
                           .key = key_of(production),
                           .body = to_json({.holder = holder, .until = until}),
                           .content_type = "application/json"};
  for (int tries = 0; tries < kTriesMax; ++tries) {
    YTB_ASSIGN(bool taken, store.put_object_if(put, std::nullopt));
    if (taken) return lambda::Turn{.ours = true, .until = until};
    YTB_ASSIGN(std::optional<aws::StoredObject> there, store.read_object(bucket_, put.key, kTurnBytesMax));
    if (!there) continue;  // given back meanwhile
    const std::optional<Written> turn = written_in(there->body);
    // Word for word ours: an answer that never came.
    if (there->body == put.body) return lambda::Turn{.ours = true, .until = until};
    if (turn && now < turn->until + kSkew) return lambda::Turn{.ours = false, .until = turn->until};
    YTB_ASSIGN(taken, store.put_object_if(put, there->etag));
    if (taken) return lambda::Turn{.ours = true, .until = until};
  }
  return Error{.code = Code::kBusy,
               .message = fmt::format("whose turn it is at {} changes while it is looked at", production),
               .hint = "the next tick looks again",
               .retry = Retry::kLater};
}

Status S3Turns::give_back(const model::ProductionName& production, const std::string& holder) {
  YTB_ASSIGN(aws::Caller * caller, caller_());
  aws::S3 store(*caller);
  const std::string key = key_of(production);
  YTB_ASSIGN(std::optional<aws::StoredObject> there, store.read_object(bucket_, key, kTurnBytesMax));
  const std::optional<Written> turn = there ? written_in(there->body) : std::nullopt;
  if (!turn || turn->holder != holder) return {};
  // Nobody takes it between the look and this: it lasts as long as we may live.
  return store.delete_object(bucket_, key);
}

}  // namespace ytb

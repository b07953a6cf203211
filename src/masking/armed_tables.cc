#include "masking/armed_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "masking/identifier_words.h"
#include "masking/judgement.h"
#include "masking/verdict.h"

namespace ytb::masking {
namespace {

constexpr int kRoundsMax = 100;

using Words = std::initializer_list<std::string_view>;

// One kind of armed table: a word of its name, and columns of which it has some of each group.
struct Kind {
  std::string_view why;
  std::vector<std::string_view> names;                // a word of the table's name
  std::vector<std::vector<std::string_view>> groups;  // a column whose words begin or end with one, of each
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kKinds{
      {"logins that are open",
       {"session", "sessions", "logins"},
       {{"session", "session id", "sid", "token", "session key", "session token", "id", "key"},
        {"data", "payload", "expire", "expires", "expires at", "expire date", "expiry", "user agent",
         "last activity", "last seen at", "ip address", "last accessed"}}},
      {"tokens that let somebody in",
       {"token", "tokens", "nonce", "nonces", "otp", "otps", "grants", "resets"},
       {{"token", "hash", "digest", "key", "jti", "code", "secret", "value", "nonce"},
        {"expire", "expires", "expires at", "expires in", "expiry", "expiration", "revoked", "revoked at",
         "used at", "last used at", "consumed at"}}},
      {"jobs that would run",
       {"job", "jobs", "queue", "outbox", "tasks"},
       {{"payload", "args", "arguments", "handler", "serialized params", "job class", "worker", "data",
         "body"},
        {"attempts", "run at", "locked at", "locked by", "reserved at", "available at", "queue",
         "max attempts", "scheduled at", "priority", "failed at", "retry count", "error count", "state",
         "status"}}},
  };
  return kKinds;
}

bool is_word_of(std::string_view words, std::string_view word) {
  const std::vector<std::string> parts = split(words, ' ');
  return std::find(parts.begin(), parts.end(), word) != parts.end();
}

// "session id" is "id" of "session", and "user session id" ends in it.
bool speaks_of(std::string_view words, std::string_view wanted) {
  if (words == wanted) return true;
  return words.size() > wanted.size() &&
         ((words.ends_with(wanted) && words[words.size() - wanted.size() - 1] == ' ') ||
          (words.starts_with(wanted) && words[wanted.size()] == ' '));
}

std::optional<std::string> reason_for(const Table& table) {
  const std::string name = words_of(table.name.name);
  for (const Kind& kind : kinds()) {
    if (std::none_of(kind.names.begin(), kind.names.end(),
                     [&](std::string_view word) { return is_word_of(name, word); })) {
      continue;
    }
    std::vector<std::string> found;
    for (const std::vector<std::string_view>& group : kind.groups) {
      for (const Column& column : table.columns) {
        const std::string words = words_of(column.name);
        const bool fits = std::any_of(group.begin(), group.end(),
                                      [&](std::string_view wanted) { return speaks_of(words, wanted); });
        if (!fits || std::find(found.begin(), found.end(), column.name) != found.end()) continue;
        found.push_back(column.name);
        break;
      }
    }
    if (found.size() != kind.groups.size()) continue;
    return fmt::format("{}, by its name and its columns {}; or judge its columns", kind.why,
                       join(found, " and "));
  }
  return std::nullopt;
}

}  // namespace

std::map<QualifiedName, std::string> armed_tables(const Database& database) {
  std::map<QualifiedName, std::string> armed;
  for (const Table& table : database.tables) {
    if (!is_judged(table) || table.partition_of || !table.inherits.empty()) continue;
    if (std::optional<std::string> why = reason_for(table)) armed.emplace(table.name, std::move(*why));
  }
  // What a table that keeps its rows points into keeps them, too.
  const TableIndex tables(database);
  for (int round = 0; round < kRoundsMax; ++round) {
    bool changed = false;
    for (const Table& table : database.tables) {
      if (armed.count(tables.judged_as(table).name) != 0) continue;
      for (const ForeignKey& key : table.foreign_keys) {
        const Table* referenced = tables.find(key.references);
        changed = (referenced != nullptr && armed.erase(tables.judged_as(*referenced).name) > 0) || changed;
      }
    }
    if (!changed) break;
  }
  return armed;
}

}  // namespace ytb::masking

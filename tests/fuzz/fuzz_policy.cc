// Any bytes as a policy and as a lock: what is read can be planned, and a lock comes back as it was.
// fuzz-rooms: config decide masking model base
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "config/config.h"
#include "masking/lock.h"
#include "masking/plan.h"

namespace {

ytb::masking::Catalog small_catalog() {
  auto catalog = ytb::config::parse_schema(
      "CREATE TABLE users (id bigserial PRIMARY KEY, email text UNIQUE, name varchar(20), born date, doc "
      "jsonb,"
      " n int, ip inet, tags text[]);"
      "CREATE TABLE orders (id int, who text REFERENCES users (email), at timestamptz) PARTITION BY RANGE "
      "(at);"
      "CREATE TABLE orders_1 PARTITION OF orders DEFAULT;",
      "schema.sql", "shop");
  YTB_CHECK(catalog.ok());
  return std::move(catalog).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ytb::masking::Catalog kCatalog = small_catalog();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto lock = ytb::config::parse_lock(text, "policy.lock"); lock.ok()) {
    auto again = ytb::config::parse_lock(ytb::config::to_lock_text(*lock), "policy.lock");
    YTB_CHECK(again.ok());
    YTB_CHECK(again->entries == lock->entries);
  }
  auto policy = ytb::config::parse_policy(text, "policy.yaml");
  if (!policy.ok()) {
    YTB_CHECK(policy.error().code == ytb::Code::kPolicy);
    return 0;
  }
  const auto lock = ytb::masking::expand_lock(*policy, kCatalog);
  const auto check = ytb::masking::plan_masking(*policy, lock, kCatalog);
  if (!check.ok()) {
    YTB_CHECK(!ytb::masking::to_error(check).message.empty());
    return 0;
  }
  // Fail closed: with a plan, every column of every table that keeps its rows has a word on it.
  for (const auto& database : check.plan->databases) {
    for (const auto& table : database.tables) {
      if (table.treatment == ytb::masking::Treatment::kEmpty) continue;
      for (const auto& column : table.columns) YTB_CHECK(!column.judged_by.empty());
    }
  }
  return 0;
}

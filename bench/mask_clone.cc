// mask_clone: one step of a benchmark, on a clone of a stopped data directory that bench/run made.
//
//   mask_clone start ROOT MAJOR PORT USER ADMIN     neutralise, recover and start it closed, as a copy is
//   mask_clone ours ROOT MAJOR PORT USER ADMIN DATABASE POLICY KEY WORKERS
//                                                   mask it; prints JSON with times and memory of this
//                                                   process
//   mask_clone stop ROOT MAJOR PORT USER ADMIN
//   mask_clone sql KEY COLUMN                       the SQL expression of `{hash: {format: hex}}`
//
// USER is the operating system's user that the server runs as, "-" for ourselves; ADMIN the superuser's name.
#include <fmt/format.h>
#include <sodium.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/stop.h"
#include "base/text.h"
#include "config/config.h"
#include "drivers/postgres/engine.h"
#include "drivers/postgres/instance.h"
#include "masking/hmac.h"
#include "masking/lock.h"
#include "masking/plan.h"

namespace {

using ytb::Status;

int fail(const ytb::Error& error) {
  fmt::print(stderr, "mask_clone: {}\n", ytb::to_string(error));
  return 1;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

ytb::ports::InstanceSpec spec_of(const std::vector<std::string>& arguments) {
  ytb::ports::InstanceSpec spec;
  spec.root = arguments[0];
  spec.copy_id = "bench";
  spec.data_as_of = "2026-01-01T00:00:00Z";
  spec.engine_major = std::stoi(arguments[1]);
  spec.port = static_cast<uint16_t>(std::stoi(arguments[2]));
  spec.run_as = arguments[3] == "-" ? "" : arguments[3];
  spec.admin_role = arguments[4];
  return spec;
}

Status start(const ytb::ports::InstanceSpec& spec) {
  ytb::postgres::PostgresInstance instance;
  ytb::ports::NoProgress progress;
  ytb::StopFlag stop;
  YTB_TRY(instance.neutralise(spec));
  YTB_TRY(instance.recover(spec, progress, stop));
  return instance.start_closed(spec);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

Status mask(const ytb::ports::InstanceSpec& spec, const std::string& database, const std::string& policy_file,
            const std::string& key_file, int workers) {
  ytb::postgres::PostgresInstance instance;
  ytb::postgres::PostgresEngine engine;
  ytb::ports::NoProgress progress;
  ytb::StopFlag stop;
  YTB_ASSIGN(auto policy, ytb::config::parse_policy(read_file(policy_file), policy_file));
  YTB_ASSIGN(auto target, instance.session(spec));
  YTB_ASSIGN([[maybe_unused]] auto defused, engine.defuse(target, {}));
  YTB_ASSIGN(auto catalog, engine.catalog(target));
  const auto lock = ytb::masking::expand_lock(policy, catalog);
  const auto check = ytb::masking::plan_masking(policy, lock, catalog);
  if (!check.ok()) return ytb::masking::to_error(check);
  const std::string key_text(ytb::trim(read_file(key_file)));
  const ytb::masking::MaskingKey key{ytb::Secret(key_text)};

  const auto begin = std::chrono::steady_clock::now();
  YTB_ASSIGN(
      auto evidence,
      engine.mask(target,
                  {.plan = *check.plan, .key = key, .spool_directory = spec.spool(), .workers = workers},
                  progress, stop));
  const double seconds = seconds_since(begin);
  uint64_t rows = 0;
  uint64_t changed = 0;
  for (const auto& table : evidence.tables) {
    if (table.database != database || table.treatment != "masked") continue;
    rows += table.rows_after;
    for (const auto& column : table.columns) changed += column.changed;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print(
      "{{\"seconds\": {:.3f}, \"cpu_seconds\": {:.3f}, \"rows\": {}, \"changed\": {}, \"memory_bytes_max\": "
      "{}}}\n",
      seconds, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime), rows, changed,
      static_cast<uint64_t>(usage.ru_maxrss) * 1024);
  return {};
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
  std::string out(crypto_auth_hmacsha256_BYTES, '\0');
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(key.data()), key.size());
  crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>(message.data()),
                                message.size());
  crypto_auth_hmacsha256_final(&state, reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

// HMAC-SHA256 by its definition (RFC 2104), as MariaDB and PostgreSQL without extensions can say it too,
// under the subkey for pseudonyms (masking/hmac.h; HKDF, RFC 5869).
int print_sql(const std::string& key_file, const std::string& column) {
  using namespace std::string_view_literals;
  const std::string root = hmac_sha256(fmt::format("yesterdaytabase {}", ytb::masking::kPseudonymVersion),
                                       ytb::trim(read_file(key_file)));
  const std::string key = hmac_sha256(root, "pseudonyms\0\x01"sv);
  std::string inner(64, '\x36');
  std::string outer(64, '\x5c');
  for (size_t i = 0; i < key.size(); ++i) {
    inner[i] = static_cast<char>(inner[i] ^ key[i]);
    outer[i] = static_cast<char>(outer[i] ^ key[i]);
  }
  const std::string domain = std::string("hash") + '\0';
  fmt::print(
      "left(encode(sha256('\\x{}'::bytea || sha256('\\x{}'::bytea || convert_to({}, 'UTF8'))), 'hex'), 32)\n",
      ytb::to_hex(outer), ytb::to_hex(inner + domain), column);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string command = arguments.empty() ? "" : arguments[0];
  if (command == "sql" && arguments.size() == 3) return print_sql(arguments[1], arguments[2]);
  if (arguments.size() < 6) {
    fmt::print(stderr, "usage: mask_clone start|ours|stop ROOT MAJOR PORT USER ADMIN …, or sql KEY COLUMN\n");
    return 2;
  }
  const ytb::ports::InstanceSpec spec = spec_of({arguments.begin() + 1, arguments.end()});
  Status status = ytb::Error{.code = ytb::Code::kUsage, .message = "unknown step " + command, .hint = ""};
  if (command == "start") status = start(spec);
  if (command == "stop") status = ytb::postgres::PostgresInstance().stop(spec);
  if (command == "ours" && arguments.size() == 10) {
    status = mask(spec, arguments[6], arguments[7], arguments[8], std::stoi(arguments[9]));
  }
  return status.ok() ? 0 : fail(status.error());
}

#include "drivers/postgres/server_settings.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace ytb::postgres {
namespace {

constexpr int kLocksMin = 256;     // a partitioned table with some hundred leaves in one statement
constexpr int kOriginsMax = 1000;  // about 300 bytes of shared memory each
constexpr int kPreparedMin = 16;
constexpr size_t kValueBytesMax = 1000;

// What initdb finds out for a new cluster, and a backup does not bring, of a server that is not sealed
// (inside a seal there is a /dev/shm): chroots and small containers have none that everybody may write to.
// System V memory is always there: the server's interlock needs it.
// Behind a weak wall memory lies in files of the copy's own: /dev/shm is everybody's of that user.
std::string_view dynamic_shared_memory_type(const model::Isolation& isolation) {
  if (isolation.sealed()) return "posix";
  if (isolation.kind == model::Isolation::Kind::kWeak) return "mmap";
  struct stat info {};
  const bool usable =
      stat("/dev/shm", &info) == 0 && S_ISDIR(info.st_mode) && (info.st_mode & 01777) == 01777;
  return usable ? "posix" : "sysv";
}

// What a user may tune. Everything that opens a door, runs a program, loads a library, writes elsewhere or
// trades durability is missing on purpose. A name ending in * stands for all that begin so.
constexpr std::string_view kAllowed[] = {
    "autovacuum*",
    "backend_flush_after",
    "bgwriter_*",
    "bytea_output",
    "checkpoint_completion_target",
    "checkpoint_timeout",
    "checkpoint_warning",
    "client_min_messages",
    "commit_delay",
    "commit_siblings",
    "constraint_exclusion",
    "cpu_*",
    "cursor_tuple_fraction",
    "datestyle",
    "deadlock_timeout",
    "default_statistics_target",
    "default_text_search_config",
    "default_toast_compression",
    "effective_cache_size",
    "effective_io_concurrency",
    "enable_*",
    "extra_float_digits",
    "from_collapse_limit",
    "geqo*",
    "gin_*",
    "hash_mem_multiplier",
    "huge_pages",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "intervalstyle",
    "jit",
    "jit_*_cost",
    "join_collapse_limit",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "log_autovacuum_min_duration",
    "log_checkpoints",
    "log_connections",
    "log_disconnections",
    "log_duration",
    "log_line_prefix",
    "log_lock_waits",
    "log_min_duration_statement",
    "log_min_messages",
    "log_statement",
    "log_temp_files",
    "log_timezone",
    "logical_decoding_work_mem",
    "maintenance_io_concurrency",
    "maintenance_work_mem",
    "max_connections",
    "max_files_per_process",
    "max_locks_per_transaction",
    "max_parallel_*",
    "max_pred_locks_*",
    "max_prepared_transactions",
    "max_stack_depth",
    "max_wal_size",
    "max_worker_processes",
    "min_parallel_*",
    "min_wal_size",
    "old_snapshot_threshold",
    "parallel_*",
    "plan_cache_mode",
    "random_page_cost",
    "recursive_worktable_factor",
    "row_security",
    "search_path",
    "seq_page_cost",
    "shared_buffers",
    "statement_timeout",
    "superuser_reserved_connections",
    "synchronous_commit",
    "tcp_*",
    "temp_buffers",
    "temp_file_limit",
    "timezone",
    "track_*",
    "transaction_timeout",
    "transform_null_equals",
    "vacuum_*",
    "wal_buffers",
    "wal_compression",
    "wal_writer_*",
    "work_mem",
    "xmlbinary",
    "xmloption",
};

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > 63 || !((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_'))
    return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

// 'text' as guc-file.l reads it.
std::string conf_quoted(std::string_view text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') out += c == '\'' ? '\'' : '\\';
    out += c;
  }
  return out + "'";
}

std::string hba_quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

// A limit as the user wants it. Until the copy is open nothing is less than production had: recovery may need
// it, and so may we. Once it is, what was asked for holds, be it less.
int limit_in(const ports::InstanceSpec& spec, const std::string& name, int of_production, bool closed) {
  auto found = spec.settings.find(name);
  int number = 0;
  if (found != spec.settings.end()) {
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  }
  return closed || number <= 0 ? std::max(number, of_production) : number;
}

}  // namespace

Status check_settings(const std::map<std::string, std::string>& settings,
                      const std::vector<std::string>& preload) {
  std::vector<std::string> names;
  for (std::string_view allowed : kAllowed) {
    if (allowed.find('*') == std::string_view::npos) names.emplace_back(allowed);
  }
  for (const auto& [name, value] : settings) {
    size_t dot = name.find('.');
    bool of_extension = dot != std::string::npos && is_name(name.substr(0, dot)) &&
                        is_name(name.substr(dot + 1)) && name.substr(0, dot) != "yesterdaytabase";
    bool allowed =
        of_extension || (is_name(name) && std::any_of(std::begin(kAllowed), std::end(kAllowed),
                                                      [&, &n = name](auto p) { return fits_pattern(n, p); }));
    if (!allowed) {
      return Error{
          .code = Code::kConfig,
          .message = fmt::format("the server setting '{}' may not be set{}", printable(name),
                                 did_you_mean(name, names)),
          .hint = "settings that open doors, run programs, load libraries or trade durability are ours"};
    }
    if (value.size() > kValueBytesMax || !is_printable(value)) {
      return Error{
          .code = Code::kConfig,
          .message = fmt::format("the value of the server setting '{}' has control characters or is too "
                                 "long",
                                 name),
          .hint = "write one line of at most 1000 bytes"};
    }
  }
  for (const std::string& library : preload) {
    bool plain = !library.empty() && std::all_of(library.begin(), library.end(), [](char c) {
      return isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.' || c == '+';
    });
    if (!plain) {
      return Error{.code = Code::kConfig,
                   .message = fmt::format("'{}' is not the name of a library to preload", printable(library)),
                   .hint = "name it without a folder, e.g. pg_stat_statements"};
    }
  }
  return {};
}

std::string postgresql_conf(const ports::InstanceSpec& spec, const pgfiles::ControlFile& control, Door door) {
  bool closed = door == Door::kClosed;
  std::string out = "# Written whole by yesterdaytabase; changes are lost.\n";
  auto set = [&out](std::string_view name, std::string_view value) {
    out += fmt::format("{} = {}\n", name, conf_quoted(value));
  };
  // Defaults that a user's setting may replace: of a name given twice, the last line counts.
  set("shared_buffers", "128MB");
  set("max_wal_size", "4GB");
  // Two segments are the least that a server starts with, and its default fits segments of up to 32 MB.
  constexpr int kSegmentMbDefaultFits = 32;
  const int segment_mb = control.wal_segment_bytes >> 20;
  if (segment_mb > kSegmentMbDefaultFits) set("min_wal_size", fmt::format("{}MB", 2 * segment_mb));
  set("checkpoint_timeout", closed ? "1h" : "15min");
  set("log_timezone", "UTC");
  set("timezone", "UTC");
  if (closed) set("log_min_messages", "log");  // no ERROR lines: they may quote rows that are still raw
  set("log_line_prefix", "%m [%p] %q%u@%d ");
  for (const auto& [name, value] : spec.settings) {
    // While closed, a user's timeouts, paths and logging have no business.
    static constexpr std::string_view kWhileClosed[] = {
        "shared_buffers", "max_wal_size", "work_mem",    "maintenance_work_mem",
        "max_parallel_*", "wal_buffers",  "effective_*", "huge_pages"};
    bool wanted =
        !closed || std::any_of(std::begin(kWhileClosed), std::end(kWhileClosed),
                               [&, n = std::string_view(name)](auto p) { return fits_pattern(n, p); });
    if (wanted) set(name, value);
  }
  const auto set_limit = [&](const std::string& name, int of_production) {
    set(name, std::to_string(limit_in(spec, name, of_production, closed)));
  };
  set_limit("max_connections", control.limits.max_connections);
  set_limit("max_worker_processes", control.limits.max_worker_processes);
  set_limit("max_prepared_transactions", std::max(control.limits.max_prepared_transactions, kPreparedMin));
  set_limit("max_locks_per_transaction", std::max(control.limits.max_locks_per_transaction, kLocksMin));
  set("shared_memory_type", "mmap");
  set("dynamic_shared_memory_type", dynamic_shared_memory_type(spec.isolation));
  set("port", std::to_string(spec.port));
  set("unix_socket_directories", spec.run());
  set("unix_socket_permissions", closed ? "0700" : "0777");
  set("listen_addresses", "");  // who comes from the network comes through the gate
  set("cluster_name", spec.copy_id.substr(0, 63));
  // Never while raw: a library's own code does not ask what a copy is.
  set("shared_preload_libraries", closed ? "" : join(spec.preload, ","));
  set("session_preload_libraries", "");
  set("local_preload_libraries", "");
  // No senders, workers or archiving: a copy talks to nobody.
  set("wal_level", "minimal");
  set("max_wal_senders", "0");
  // No slots either (neutralise empties pg_replslot); but what a subscription applied while the snapshot was
  // taken is replayed with its replication origin, each of which takes a place here, as many as production
  // may have.
  set("max_replication_slots", closed ? std::to_string(kOriginsMax) : "0");
  if (spec.engine_major >= 18)
    set("max_active_replication_origins", closed ? std::to_string(kOriginsMax) : "0");
  set("max_logical_replication_workers", "0");
  set("archive_mode", "off");
  set("archive_command", "");
  set("primary_conninfo", "");
  set("primary_slot_name", "");
  set("restore_command", "");
  set("recovery_end_command", "");
  set("archive_cleanup_command", "");
  set("hot_standby", "off");
  set("ssl", "off");
  set("krb_server_keyfile", "");
  set("bonjour", "off");
  set("password_encryption", "scram-sha-256");
  set("logging_collector", "off");
  set("log_destination", "stderr");
  set("fsync", closed ? "off" : "on");
  set("full_page_writes", closed ? "off" : "on");
  if (closed) {
    set("synchronous_commit", "off");
    set("autovacuum", "off");
    set("wal_recycle", "off");
    set("wal_init_zero", "off");
    set("yesterdaytabase.admin_role", spec.admin_role);
    if (spec.engine_major >= 17) set("event_triggers", "off");
  }
  if (spec.engine_major >= 17) set("summarize_wal", "off");
  set("yesterdaytabase.data_as_of", spec.data_as_of);
  return out;
}

std::string closed_hba(const std::string& admin_role) {
  return fmt::format(
      "# Closed: yesterdaytabase by its password, for code inside may run as the same user; roles that it is "
      "lent,\n"
      "# by who it is.\nlocal all {} scram-sha-256\nlocal all all peer map=yesterdaytabase\n",
      hba_quoted(admin_role));
}

std::string closed_ident(const std::vector<std::string>& roles, std::string_view os_user) {
  std::string out;
  for (const std::string& role : roles)
    out += fmt::format("yesterdaytabase {} {}\n", hba_quoted(os_user), hba_quoted(role));
  return out;
}

Result<std::string> open_hba(const std::vector<ports::AccessGrant>& grants) {
  std::string out = "# Written whole by yesterdaytabase: the access roles of the config, nobody else.\n";
  for (const ports::AccessGrant& grant : grants) {
    const std::string& name = grant.role.name;
    if (name.empty() || !is_printable(name) || name[0] == '/' || name.size() > 63) {
      return Error{
          .code = Code::kConfig,
          .message = fmt::format("pg_hba.conf cannot carry the role name '{}'", printable(name)),
          .hint = "rename the access role: no control characters, no leading slash, at most 63 bytes"};
    }
    // Also a role with addresses alone: whoever comes from there comes through the gate, which holds every
    // role to its `from` and connects here.
    out += fmt::format("local all {} scram-sha-256\n", hba_quoted(name));
  }
  return out;
}

}  // namespace ytb::postgres

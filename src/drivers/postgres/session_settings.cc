#include "drivers/postgres/session_settings.h"

#include <algorithm>
#include <iterator>
#include <span>

namespace ytb::postgres {
namespace {

// Settings of each of our sessions in a copy, beside kOwnerOptions. ALTER DATABASE and ALTER ROLE … SET rank
// below the startup packet (guc.h, PGC_S_CLIENT), so that none of production's can change what our statements
// mean. Only what every version since 13 knows: an unknown name is refused there. The rest is reset by
// kResetSettings.
constexpr std::string_view kCopyOptions[] = {
    "search_path=pg_catalog,pg_temp",
    "row_security=off",
    "DateStyle=ISO,MDY",
    "IntervalStyle=postgres",
    "TimeZone=UTC",
    "timezone_abbreviations=Default",
    "extra_float_digits=1",
    "bytea_output=hex",
    "xmloption=content",
    "xmlbinary=base64",
    "array_nulls=on",
    "transform_null_equals=off",
    "backslash_quote=safe_encoding",
    "escape_string_warning=off",
    "lc_monetary=C",
    "lc_numeric=C",
    "lc_time=C",
    "default_text_search_config=pg_catalog.simple",
    "default_table_access_method=heap",
    "vacuum_cost_delay=0",
    "quote_all_identifiers=off",
    "check_function_bodies=off",
    "constraint_exclusion=off",
    "gin_fuzzy_search_limit=0",
};

// Of a session as one of production's roles: only what could stop or block it. All else holds as production
// set it for the role and the database, for what is computed there is computed as in production.
constexpr std::string_view kOwnerOptions[] = {
    "local_preload_libraries=",
    "role=none",
    "statement_timeout=0",
    "lock_timeout=600000",
    "idle_in_transaction_session_timeout=0",
    "default_transaction_read_only=off",
    "default_transaction_isolation=read committed",
    "default_transaction_deferrable=off",
    "default_tablespace=",
    "temp_tablespaces=",
    "standard_conforming_strings=on",
    "jit=off",
    "synchronous_commit=off",
    "synchronize_seqscans=off",
    "client_min_messages=warning",
};

// PGC_SUSET (guc.c): anybody else who names one of them is not let in at all.
constexpr std::string_view kSuperuserOptions[] = {
    "session_preload_libraries=",
    "session_replication_role=origin",
    "dynamic_library_path=$libdir",
    "lc_messages=C",
    "log_statement=none",
    "log_min_duration_statement=-1",
    "log_min_duration_sample=-1",
    "log_transaction_sample_rate=0",
    "log_duration=off",
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
    "log_parameter_max_length_on_error=0",
    "zero_damaged_pages=off",
    "ignore_checksum_failure=off",
    "temp_file_limit=-1",
};

// What can end a session before its first statement, by the version that brought it. Said in a second try.
struct SinceMajor {
  int major;
  std::string_view option;
};
constexpr SinceMajor kNewerTimeouts[] = {{14, "idle_session_timeout=0"}, {17, "transaction_timeout=0"}};

void add_options(std::string& out, std::span<const std::string_view> options) {
  for (std::string_view option : options) {
    out += out.empty() ? "-c " : " -c ";
    for (char c : option) {
      if (c == ' ' || c == '\\') out += '\\';
      out += c;
    }
  }
}

}  // namespace

std::string startup_options(SessionKind kind, int major) {
  std::string out;
  if (kind == SessionKind::kProduction) {
    constexpr std::string_view kBound = "statement_timeout=300000";
    add_options(out, {&kBound, 1});
  } else if (kind == SessionKind::kOwner) {
    add_options(out, kOwnerOptions);
  } else {
    add_options(out, kOwnerOptions);
    add_options(out, kCopyOptions);
  }
  if (kind == SessionKind::kCopy) add_options(out, kSuperuserOptions);
  for (const SinceMajor& timeout : kNewerTimeouts) {
    if (major >= timeout.major) add_options(out, {&timeout.option, 1});
  }
  return out;
}

bool is_fixed_for_owners(std::string_view name) {
  const auto names = [name](std::string_view option) { return option.substr(0, option.find('=')) == name; };
  // Quoted text is written in the encoding that the connection was opened with.
  if (name == "client_encoding" || name == "session_authorization") return true;
  return std::any_of(std::begin(kOwnerOptions), std::end(kOwnerOptions), names) ||
         std::any_of(std::begin(kNewerTimeouts), std::end(kNewerTimeouts),
                     [&](const SinceMajor& timeout) { return names(timeout.option); });
}

const std::string_view kResetSettings = R"sql(
    WITH wanted (name, value) AS (VALUES
        ('idle_session_timeout', '0'), ('transaction_timeout', '0'), ('event_triggers', 'off')),
    found AS MATERIALIZED (
      SELECT s.name, coalesce(wanted.value, s.boot_val, '') AS value
      FROM pg_catalog.pg_settings AS s LEFT JOIN wanted ON wanted.name = s.name
      WHERE s.context = ANY ($1::text[]) AND s.name <> 'max_stack_depth'
        AND (wanted.name IS NOT NULL OR s.source IN ('global', 'database', 'user', 'database user')))
    SELECT pg_catalog.set_config(found.name, found.value, false) FROM found)sql";

const std::string_view kProductionFirst =
    "SET search_path = pg_catalog, pg_temp; SET default_transaction_read_only = on; SET lock_timeout = '5s';"
    "SET statement_timeout = '5min'; SET client_min_messages = error";
const std::string_view kProductionValues = R"sql(
    WITH wanted (name, value) AS (VALUES
        ('idle_session_timeout', '0'), ('transaction_timeout', '0'),
        ('idle_in_transaction_session_timeout', '0'),
        ('default_transaction_isolation', 'read committed'), ('default_transaction_deferrable', 'off'),
        ('standard_conforming_strings', 'on'), ('backslash_quote', 'safe_encoding'),
        ('escape_string_warning', 'off'), ('array_nulls', 'on'), ('transform_null_equals', 'off'),
        ('DateStyle', 'ISO, MDY'), ('IntervalStyle', 'postgres'), ('TimeZone', 'UTC'),
        ('timezone_abbreviations', 'Default'), ('extra_float_digits', '1'), ('bytea_output', 'hex'),
        ('xmloption', 'content'), ('xmlbinary', 'base64'), ('lc_monetary', 'C'), ('lc_numeric', 'C'),
        ('lc_time', 'C'), ('quote_all_identifiers', 'off')),
    found AS MATERIALIZED (
      SELECT s.name, coalesce(wanted.value, s.boot_val, '') AS value
      FROM pg_catalog.pg_settings AS s LEFT JOIN wanted ON wanted.name = s.name
      WHERE s.context = 'user' AND s.name NOT IN ('search_path', 'default_transaction_read_only', 'lock_timeout',
                                                   'statement_timeout', 'client_min_messages')
        AND (wanted.name IS NOT NULL OR s.source IN ('global', 'database', 'user', 'database user')))
    SELECT pg_catalog.set_config(found.name, found.value, false) FROM found)sql";

}  // namespace ytb::postgres

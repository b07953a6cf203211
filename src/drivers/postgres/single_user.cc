#include "drivers/postgres/single_user.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "drivers/os/enclosure.h"
#include "drivers/os/subprocess.h"
#include "drivers/postgres/server_files.h"
#include "drivers/postgres/server_messages.h"

namespace ytb::postgres {
namespace {

constexpr auto kRecoveryMax = std::chrono::hours(12);  // WAL of a very long backup
constexpr size_t kTailBytes = 600;
constexpr size_t kAnswerBytes = 16;
constexpr size_t kStateBytes = 5;  // SQLSTATE

std::string tail(std::string_view text) {
  text = trim(text);
  return printable(text.size() > kTailBytes ? text.substr(text.size() - kTailBytes) : text);
}

// What a person can do about a server that did not start, by what it says.
std::string hint_for(std::string_view said) {
  if (said.find("not recognized by setlocale") != std::string_view::npos) {
    return "install that locale on this host (Debian: dpkg-reconfigure locales) and refresh again";
  }
  return "the snapshot may lack WAL, or the server's version may not fit";
}

// What a statement's error quotes may be production's; what a start's error quotes is the server's.
Error refused(const os::Finished& finished) {
  constexpr std::string_view kPrompt = "backend> ";
  constexpr std::string_view kFatal = " FATAL:  ";
  constexpr std::string_view kLockNotAvailable = "55P03";
  const size_t fatal = finished.err.rfind(kFatal);
  const std::string state = fatal == std::string::npos || fatal < kStateBytes
                                ? ""
                                : finished.err.substr(fatal - kStateBytes, kStateBytes);
  if (state == kLockNotAvailable) {  // nobody else is there to hold one
    return {
        .code = Code::kRefused,
        .message =
            "a prepared transaction of production's holds a lock without which its server does not start",
        .hint = "pg_prepared_xacts in production names it: ROLLBACK PREPARED there, and take a new snapshot"};
  }
  const std::string shortage = hint_of_shortage(finished.err);
  const Code code = shortage.empty() ? Code::kExternal : Code::kSpace;
  if (finished.out.find(kPrompt) == std::string::npos) {
    return {.code = code,
            .message = fmt::format("the server did not start in single-user mode (exit status {}): {}",
                                   finished.exit_status, tail(finished.err)),
            .hint = shortage.empty() ? hint_for(finished.err) : shortage};
  }
  return {
      .code = code,
      .message = state.empty()
                     ? fmt::format("the server did not do all that it was told in single-user "
                                   "mode (exit status {})",
                                   finished.exit_status)
                     : fmt::format("a statement failed in single-user mode (SQLSTATE {})", printable(state)),
      .hint = shortage.empty()
                  ? "something in production's catalogs stands in its way: casts or operators between the "
                    "server's own types, or rows that were changed by hand"
                  : shortage};
}

}  // namespace

std::string hex_literal(std::string_view text) {
  std::string out = "E'";
  for (char c : text) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return out + "'";
}

std::vector<std::string> printed_values(std::string_view output, std::string_view column) {
  std::vector<std::string> values;
  const std::string before = fmt::format(": {} = \"", column);
  for (size_t at = output.find(before); at != std::string_view::npos; at = output.find(before, at)) {
    at += before.size();
    size_t end = output.find('"', at);
    if (end == std::string_view::npos) break;
    values.emplace_back(output.substr(at, end - at));
  }
  return values;
}

std::vector<std::string> printed_bytes(std::string_view output, std::string_view column) {
  std::vector<std::string> values = printed_values(output, column);
  for (std::string& value : values) {
    std::string bytes;
    for (size_t i = 0; i + 1 < value.size(); i += 2) {
      unsigned byte = 0;
      std::from_chars(value.data() + i, value.data() + i + 2, byte, 16);
      bytes += static_cast<char>(byte);
    }
    value = std::move(bytes);
  }
  return values;
}

Result<std::string> run_single_user(const ports::InstanceSpec& spec, const std::string& bin_dir,
                                    const SingleUserWork& work,
                                    const std::function<void(std::string_view)>& on_line,
                                    const StopFlag* stop) {
  // With -j a statement ends at semicolon and empty line; none of ours has one inside.
  std::string input;
  for (const std::string& statement : work.statements) input += statement + ";\n\n";
  // Under a name that no value of production's, which statements may print as it is, can foresee.
  const std::string answer = "ytb_" + to_hex(random_key(kAnswerBytes).reveal());
  if (!work.expect_zero.empty())
    input += fmt::format("SELECT ytb AS {} FROM ({}) AS asked;\n\n", answer, work.expect_zero);
  YTB_ASSIGN(std::string program, server_program(bin_dir));
  YTB_ASSIGN(os::Enclosure enclosure, enclosure_for(spec, bin_dir, kSingleUser));
  Error last{.code = Code::kExternal, .message = "no database to start in", .hint = {}};
  // template1 may have been dropped or renamed by production: postgres will do as well, and template0 is
  // always there.
  std::vector<std::string> databases = {"template1", "postgres", "template0"};
  if (!work.database.empty()) databases = {work.database};
  for (const std::string& database : databases) {
    // search_path: functions of production's in public would fit some calls better than the server's own.
    // exit_on_error: what fails is not passed over; log_line_prefix: by what SQLSTATE it is known.
    // "--": a name may begin with a dash.
    std::vector<std::string> argv = {program, "--single", "-j", "-D", spec.data()};
    for (const char* setting :
         {"log_min_messages=log", "client_min_messages=error", "search_path=pg_catalog", "jit=off",
          "exit_on_error=on", "log_line_prefix=%e ", "lock_timeout=20s",
          work.change_catalogs ? "allow_system_table_mods=on" : "allow_system_table_mods=off",
          work.ignore_catalog_indexes ? "ignore_system_indexes=on" : "ignore_system_indexes=off"})
      argv.insert(argv.end(), {"-c", setting});
    // What it would set up for 128 MB at each start costs more than most runs' statements. Recovery has it
    // all.
    if (!work.statements.empty()) argv.insert(argv.end(), {"-c", "shared_buffers=16MB"});
    argv.insert(argv.end(), {"--", database});
    os::Command command{.argv = std::move(argv),
                        .run_as = spec.run_as,
                        .stdin_text = input,
                        .enclosure = &enclosure,
                        .timeout = kRecoveryMax,
                        .output_bytes_max = work.output_bytes_max,
                        .stop = stop,
                        .on_stderr = on_line,
                        .end_signal = 15};
    auto finished = os::run(command);
    if (!finished.ok()) return std::move(finished).error();
    if (finished->truncated) {
      return Error{.code = Code::kUnsupported,
                   .message = fmt::format("the catalogs of database {} are larger than {}",
                                          printable(database), human_bytes(work.output_bytes_max)),
                   .hint =
                       "it holds millions of relations, or somebody filled its catalogs: leave it out of "
                       "the snapshot's server, or drop what is not needed there"};
    }
    const bool done =
        work.expect_zero.empty() || printed_values(finished->out, answer) == std::vector<std::string>{"0"};
    if (done && finished->ok()) return std::move(finished->out);
    last = refused(*finished);
    bool absent = finished->err.find("database \"" + database + "\" does not exist") != std::string::npos;
    if (!absent) break;
  }
  return last;
}

}  // namespace ytb::postgres

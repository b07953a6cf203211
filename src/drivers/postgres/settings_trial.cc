#include "drivers/postgres/settings_trial.h"

#include <fmt/format.h>

#include <vector>

#include "base/remembered.h"
#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/subprocess.h"

namespace ytb::postgres {
namespace {

// What follows "FATAL:  " or "HINT:  " in a line of the server's log; "" where there is none.
std::string said(const std::string& log, std::string_view severity) {
  const std::string mark = fmt::format("{}:  ", severity);
  for (const std::string& line : split(log, '\n')) {
    const size_t at = line.find(mark);
    if (at != std::string::npos) return printable(trim(line.substr(at + mark.size())));
  }
  return {};
}

// All that the program knows: one a line, the name first (guc_tools: describe-config).
std::vector<std::string> known_settings(const std::string& program, const std::string& run_as) {
  std::vector<std::string> names;
  auto listed = os::run({.argv = {program, "--describe-config"}, .run_as = run_as});
  if (!listed.ok() || !listed->ok()) return names;
  for (const std::string& line : split(listed->out, '\n')) names.push_back(line.substr(0, line.find('\t')));
  return names;
}

Result<bool> try_setting(const std::string& program, const std::string& run_as, const std::string& name,
                         const std::string& value) {
  // -C prints a setting and ends, before the server looks for its data (postmaster.c). It has to be the first
  // argument.
  YTB_ASSIGN(os::Finished tried,
             os::run({.argv = {program, "-C", "data_directory", "-D", "/", "-c", "config_file=/dev/null",
                               "-c", fmt::format("{}={}", name, value)},
                      .run_as = run_as}));
  const std::string why = tried.ok() ? std::string() : said(tried.err, "FATAL");
  if (why.empty()) return true;  // whatever else it lacks here, a copy's own server will say
  std::string hint = said(tried.err, "HINT");
  std::string meant;
  if (why.find("unrecognized configuration parameter") != std::string::npos)
    meant = did_you_mean(name, known_settings(program, run_as));
  return Error{
      .code = Code::kConfig,
      .message = fmt::format("copies.local.settings: the server refuses '{}': {}{}", name, why, meant),
      .hint = hint.empty() ? "write it as in postgresql.conf, or leave it out" : std::move(hint)};
}

}  // namespace

Status try_settings(const std::string& bin_dir, const std::string& run_as,
                    const std::map<std::string, std::string>& settings) {
  static Remembered<bool> taken;  // a restore asks more than once
  const std::string program = os::join_path(bin_dir, "postgres");
  for (const auto& [name, value] : settings) {
    auto tried = taken.get(fmt::format("{}\n{}\n{}={}", run_as, os::identity_of(program), name, value),
                           [&, &n = name, &v = value] { return try_setting(program, run_as, n, v); });
    if (!tried.ok()) return std::move(tried).error();
  }
  return {};
}

}  // namespace ytb::postgres

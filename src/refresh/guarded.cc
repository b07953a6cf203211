#include "refresh/guarded.h"

#include <fmt/format.h>

#include "drivers/os/ownership.h"
#include "drivers/os/users.h"

namespace ytb::refresh {
namespace {

Status refuse(std::string_view what, const std::string& path, const std::string& run_as) {
  Status ours = os::check_only_ours(path, run_as);
  if (ours.ok()) return {};
  return std::move(ours).error().while_doing(fmt::format("root does not go by this {}", what));
}

}  // namespace

std::vector<GuardedPlace> guarded_places(const config::Config& config,
                                         const config::ProductionConfig& production) {
  // Copies run production's code: their user may change what is theirs, and nothing that decides.
  const std::string& run_as = production.copies.run_as;
  std::vector<GuardedPlace> places;
  auto add = [&](std::string_view what, const std::string& path, const std::string& also) {
    if (!path.empty() && !config::is_remote(path)) places.push_back({what, path, also});
  };
  add("config", config.file, "");
  add("state", config.state_directory, "");
  add("policy", production.masking.policy_file, "");
  add("policy lock", production.masking.lock_file, "");
  add("copies", production.copies.directory, run_as);
  add("alias", production.alias.directory, run_as);
  add("service file", production.alias.service_file, run_as);
  add("tls certificate", production.alias.tls_certificate, run_as);
  add("tls key", production.alias.tls_key, run_as);
  add("bin_dir", production.copies.bin_dir, "");
  if (!production.on_failure.empty() && production.on_failure.front().find('/') != std::string::npos)
    add("on_failure program", production.on_failure.front(), "");
  return places;
}

Status refuse_as_root(const std::string& config_file) {
  if (!os::running_as_root() || config::is_remote(config_file)) return {};
  return refuse("config", config_file, "");
}

Status refuse_as_root(const config::Config& config, const config::ProductionConfig& production) {
  if (!os::running_as_root()) return {};
  for (const GuardedPlace& place : guarded_places(config, production)) {
    Status ours = os::check_only_ours(place.path, place.run_as);
    if (!ours.ok())
      return std::move(ours).error().while_doing(fmt::format("root does not use this {}", place.what));
  }
  return {};
}

}  // namespace ytb::refresh

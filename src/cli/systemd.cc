#include "cli/systemd.h"

#include <fmt/format.h>

namespace ytb::cli {

std::string systemd_word(const std::string& text) {
  std::string word = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') word += '\\';
    if (c == '%') word += '%';
    if (c == '$') word += '$';
    // A line's end would begin another setting; systemd.syntax(7) reads escapes between quotes.
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      word += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      continue;
    }
    word += c;
  }
  return word + "\"";
}

std::vector<SystemdUnit> systemd_units(const std::string& executable, const std::string& config_file,
                                       const std::string& user) {
  std::string command = fmt::format("{} --config {}", systemd_word(executable), systemd_word(config_file));
  // A system unit is root's unless it says otherwise, and what root writes its owner cannot go on with.
  const std::string who = user.empty() ? "" : fmt::format("User={}\n", user);
  std::string service = fmt::format(
      "# Keeps every production's schedule, starts live copies after a boot, looks after the gates at "
      "listen: "
      "addresses.\n"
      "[Unit]\n"
      "Description=Yesterdaytabase: staging is yesterday's production\n"
      "Documentation=man:yesterdaytabase(1)\n"
      "After=network-online.target local-fs.target time-sync.target\n"
      "Wants=network-online.target\n"
      "\n"
      "[Service]\n"
      "Type=exec\n"
      "{1}"
      "ExecStart={0} serve\n"
      "ExecReload=/bin/kill -HUP $MAINPID\n"
      "Restart=on-failure\n"
      "RestartSec=15\n"
      "# Copies are services of their own and outlive this one: each runs in a scope of its own, and "
      "stopping\n"
      "# this unit ends only its main process.\n"
      "KillMode=process\n"
      "KillSignal=SIGTERM\n"
      "# A step that is under way is let finish, or left so that the next run goes on from it.\n"
      "TimeoutStopSec=120\n"
      "UMask=0077\n"
      "LimitNOFILE=65536\n"
      "\n"
      "[Install]\n"
      "WantedBy=multi-user.target\n",
      command, who);
  std::string once = fmt::format(
      "# For those who prefer a timer to 'serve': one look, and a refresh if it is due. Not both.\n"
      "[Unit]\n"
      "Description=Yesterdaytabase: refresh if due\n"
      "After=network-online.target local-fs.target\n"
      "Wants=network-online.target\n"
      "\n"
      "[Service]\n"
      "Type=oneshot\n"
      "{1}"
      "ExecStart={0} refresh --if-due\n"
      "KillMode=process\n"
      "TimeoutStartSec=infinity\n"
      "UMask=0077\n",
      command, who);
  std::string timer =
      "[Unit]\n"
      "Description=Yesterdaytabase: look every ten minutes whether a refresh is due\n"
      "\n"
      "[Timer]\n"
      "# Soon after a boot too: this is what starts live copies again.\n"
      "OnBootSec=30s\n"
      "OnUnitInactiveSec=10min\n"
      "\n"
      "[Install]\n"
      "WantedBy=timers.target\n";
  return {{"yesterdaytabase.service", std::move(service), "the scheduler, for systemd"},
          {"yesterdaytabase-refresh.service", std::move(once), "instead of it: one refresh if due"},
          {"yesterdaytabase-refresh.timer", timer, "and its timer"}};
}

}  // namespace ytb::cli

#include "drivers/pgfiles/refusal.h"

#include <array>
#include <vector>

#include "base/text.h"

namespace ytb::pgfiles {

std::string one_line(std::string_view said) {
  std::string text;
  for (const std::string& line : split(said, '\n')) {
    const std::string_view part = trim(line);
    if (part.empty()) continue;
    // libpq indents its questions ("Is the server running …?") by a tab.
    if (!text.empty()) text += line.starts_with('\t') ? ". " : "; ";
    text += printable(part);
  }
  return text;
}

std::string text_of_refusal(std::string_view said) {
  const std::vector<std::string> lines = split(said, '\n');
  for (size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty() || lines[i].starts_with("connection to server") || lines[i].starts_with('\t'))
      continue;
    return "the server refused the connection (text withheld: it may quote data)";
  }
  return one_line(said);
}

std::string hint_of_refusal(std::string_view said) {
  struct Known {
    std::string_view words;
    std::string_view hint;
  };
  static constexpr std::array kKnown{
      Known{"no password supplied",
            "say where its password is: password: file:PATH below connection:, a file of mode 0600"},
      Known{
          "password authentication failed",
          "the role may not exist there, or source.password is not its password; on production: CREATE ROLE "
          "… LOGIN REPLICATION PASSWORD '…', or ALTER ROLE … PASSWORD '…'"},
      Known{"no pg_hba.conf entry",
            "add a line for this role and this machine to production's pg_hba.conf, then SELECT "
            "pg_reload_conf(): host all ROLE ADDRESS/32 scram-sha-256"},
      Known{"Peer authentication failed",
            "by the socket this role must be the user of the same name here; else name host=127.0.0.1"},
      Known{"could not translate host name", "check host= in source.connection, and this machine's resolver"},
      Known{"role \"",
            "create it on production: CREATE ROLE … LOGIN REPLICATION; or check user= in source.connection"},
      Known{"database \"", "check dbname= in source.connection; psql -l lists the databases"},
      Known{"timeout expired",
            "something between here and production drops the packets: a firewall, a route"},
  };
  for (const Known& known : kKnown) {
    if (said.find(known.words) != std::string_view::npos) return std::string(known.hint);
  }
  return "check that production runs, and listens where host= and port= in source.connection say";
}

}  // namespace ytb::pgfiles

#include "drivers/socket/service_file.h"

#include <fmt/format.h>

#include <vector>

#include "base/text.h"

namespace ytb::socket_alias {
namespace {

constexpr std::string_view kMark = "# kept by yesterdaytabase";

// The name in "[name]", or empty when the line opens no section.
std::string_view section_of(std::string_view line) {
  line = trim(line);
  if (line.size() < 2 || line.front() != '[' || line.back() != ']') return {};
  return line.substr(1, line.size() - 2);
}

std::string render(const ServiceEntries& entries) {
  std::string common;
  if (!entries.dbname.empty()) common += fmt::format("dbname={}\n", entries.dbname);
  if (!entries.user.empty()) common += fmt::format("user={}\n", entries.user);
  // Also the default port: PGPORT, and Debian's psql where a host's first cluster has another, would say
  // otherwise.
  std::string text =
      fmt::format("[{}]\n{}\nhost={}\nport=5432\n{}", entries.name, kMark, entries.alias_directory, common);
  if (entries.tcp_host.empty()) return text;
  std::string tls = entries.tls_required ? "sslmode=require\n" : "";
  if (!entries.tls_root.empty()) tls = fmt::format("sslmode=verify-full\nsslrootcert={}\n", entries.tls_root);
  return text + fmt::format("\n[{}-tcp]\n{}\nhost={}\nport={}\n{}{}", entries.name, kMark, entries.tcp_host,
                            entries.tcp_port, common, tls);
}

}  // namespace

std::string without_entries(std::string_view file, std::string_view name) {
  const std::string tcp = fmt::format("{}-tcp", name);
  std::string kept;
  bool ours = false;
  for (size_t start = 0; start < file.size();) {
    size_t end = file.find('\n', start);
    end = end == std::string_view::npos ? file.size() : end + 1;
    const std::string_view line = file.substr(start, end - start);
    start = end;
    if (const std::string_view section = section_of(line); !section.empty()) {
      ours = section == name || section == tcp;
    }
    if (!ours) kept += line;
  }
  while (kept.ends_with("\n\n")) kept.pop_back();
  return kept == "\n" ? "" : kept;
}

std::string with_entries(std::string_view file, const ServiceEntries& entries) {
  std::string text = without_entries(file, entries.name);
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  if (!text.empty()) text += '\n';
  return text + render(entries);
}

bool has_entry_to(std::string_view file, std::string_view name, std::string_view directory) {
  return file.find(fmt::format("[{}]\n{}\nhost={}\n", name, kMark, directory)) != std::string_view::npos;
}

std::string directory_of(std::string_view file, std::string_view name) {
  const std::string head = fmt::format("[{}]\n{}\nhost=", name, kMark);
  const size_t at = file.find(head);
  if (at == std::string_view::npos || (at > 0 && file[at - 1] != '\n')) return {};
  const std::string_view rest = file.substr(at + head.size());
  return std::string(rest.substr(0, rest.find('\n')));
}

bool names_authority(std::string_view file, std::string_view authority) {
  return (std::string(file) + '\n').find(fmt::format("\nsslrootcert={}\n", authority)) != std::string::npos;
}

bool has_entries(std::string_view file, const ServiceEntries& entries) {
  return with_entries(file, entries) == file;
}

}  // namespace ytb::socket_alias

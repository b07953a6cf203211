#include "drivers/aws/profile_file.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "drivers/os/files.h"

namespace ytb::aws {
namespace {

constexpr size_t kFileBytesMax = 1 << 20;

Result<std::map<std::string, Profile>> read_one(const Environment& environment, const char* variable,
                                                const char* name) {
  std::optional<std::string> path = environment(variable);
  if (!path) {
    const std::optional<std::string> home = environment("HOME");
    if (!home) return std::map<std::string, Profile>{};
    path = os::join_path(os::join_path(*home, ".aws"), name);
  }
  if (path->starts_with("~/")) path = environment("HOME").value_or("") + path->substr(1);
  if (!os::exists(*path)) return std::map<std::string, Profile>{};
  YTB_ASSIGN(const std::string text, os::read_file(*path, kFileBytesMax));
  return parse_profiles(text, *path);
}

}  // namespace

Result<std::map<std::string, Profile>> parse_profiles(std::string_view text, const std::string& path) {
  std::map<std::string, Profile> profiles;
  Profile* current = nullptr;
  size_t number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++number;
    const std::string_view bare = trim(line);
    const bool is_nested = !line.empty() && (line.front() == ' ' || line.front() == '\t');
    if (bare.empty() || bare.front() == '#' || bare.front() == ';') continue;
    if (bare.front() == '[' && !is_nested) {
      const size_t end = bare.find(']');
      if (end != std::string_view::npos) {
        std::string header;
        for (const std::string& word : split(trim(bare.substr(1, end - 1)), ' ')) {
          if (!trim(word).empty()) header += (header.empty() ? "" : " ") + std::string(trim(word));
        }
        current = &profiles[header];
        continue;
      }
    }
    if (is_nested && current != nullptr) continue;
    const size_t equals = bare.find('=');
    if (current == nullptr || equals == std::string_view::npos || equals == 0) {
      return Error{
          .code = Code::kConfig,
          .message = fmt::format("{}:{}: neither a [section] nor a key = value", printable(path), number),
          .hint = ""};
    }
    (*current)[to_lower_ascii(trim(bare.substr(0, equals)))] = std::string(trim(bare.substr(equals + 1)));
  }
  return profiles;
}

Result<std::map<std::string, Profile>> read_profiles(const Environment& environment) {
  YTB_ASSIGN(auto config, read_one(environment, "AWS_CONFIG_FILE", "config"));
  YTB_ASSIGN(auto credentials, read_one(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials"));
  std::map<std::string, Profile> profiles;
  constexpr std::string_view kPrefix = "profile ";
  for (auto& [header, profile] : config) {
    if (header == "default") profiles.emplace(header, std::move(profile));
  }
  for (auto& [header, profile] : config) {
    // [profile default] goes before [default].
    if (header.starts_with(kPrefix))
      profiles.insert_or_assign(header.substr(kPrefix.size()), std::move(profile));
  }
  for (auto& [name, profile] : credentials) {
    for (auto& [key, value] : profile) profiles[name].insert_or_assign(key, std::move(value));
  }
  return profiles;
}

std::string profile_name(const std::string& given, const Environment& environment) {
  if (!given.empty()) return given;
  return environment("AWS_PROFILE").value_or("default");
}

}  // namespace ytb::aws

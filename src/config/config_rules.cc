#include "config/config_rules.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

#include "base/text.h"

namespace ytb::config {
namespace {

constexpr size_t kProductionNameMax = 40;
constexpr size_t kRoleNameMax = 63;  // NAMEDATALEN - 1
constexpr size_t kPathMax = 4000;
constexpr int kPortLowest = 1024;  // below, only root may listen
constexpr int kPortHighest = 65535;
constexpr size_t kRemoteMax = 2048;  // an ARN's limit; an S3 key has at most 1024 bytes
constexpr std::string_view kS3 = "s3://";
constexpr std::string_view kSsm = "ssm:";
constexpr std::string_view kSecretsManager = "secretsmanager:";

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<int> number(std::string_view text, int low, int high) {
  int value = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    return std::nullopt;
  }
  return value;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// A secret's or parameter's name or ARN, of the characters that both services allow.
bool is_aws_name(std::string_view name) {
  constexpr std::string_view kOthers = "/_+=.@-:";
  return !name.empty() && name.size() <= kRemoteMax && std::all_of(name.begin(), name.end(), [&](char c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c) || kOthers.find(c) != std::string_view::npos;
  });
}

// An address' bytes; empty: not one.
std::vector<unsigned char> address_bytes(const std::string& text) {
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.begin() + 4};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.end()};
  return {};
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::string percent_decoded(std::string_view lower) {
  std::string out;
  for (size_t i = 0; i < lower.size(); ++i) {
    if (lower[i] == '%' && i + 2 < lower.size() && hex_digit(lower[i + 1]) >= 0 &&
        hex_digit(lower[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(lower[i + 1]) * 16 + hex_digit(lower[i + 2]));
      i += 2;
    } else {
      out += lower[i];
    }
  }
  return to_lower_ascii(out);
}

bool inside(const std::string& inner, const std::string& outer) {
  if (inner == outer) return true;
  const std::string prefix = outer.empty() || outer.back() == '/' ? outer : outer + "/";
  return inner.compare(0, prefix.size(), prefix) == 0;
}

struct Place {
  size_t production;
  std::string what;
  std::string directory;
};

std::vector<Place> places_of(const Config& config) {
  std::vector<Place> places;
  for (size_t i = 0; i < config.productions.size(); ++i) {
    const ProductionConfig& production = config.productions[i];
    const std::string& name = production.name.str();
    if (production.copies.kind != "local") continue;  // nothing of it is on this machine
    for (const std::string& directory : production.source.directories) {
      places.push_back({i, fmt::format("the source of '{}'", name), directory});
    }
    places.push_back({i, fmt::format("the copies of '{}'", name), production.copies.directory});
    places.push_back({i, fmt::format("the alias of '{}'", name), production.alias.directory});
  }
  places.push_back({0, "the state", config.state_directory});
  return places;
}

}  // namespace

bool is_production_name(std::string_view name) {
  if (name.empty() || name.size() > kProductionNameMax || !is_lower(name.front())) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

bool is_setting_name(std::string_view name) {
  if (name.empty() || name.size() > kRoleNameMax) return false;
  if (!is_lower(name.front()) && name.front() != '_') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return is_lower(c) || is_digit(c) || c == '_' || c == '.' || (c >= 'A' && c <= 'Z');
  });
}

bool read_port_range(std::string_view text, uint16_t& first, uint16_t& last) {
  const size_t dash = text.find('-');
  const std::string_view high_text = dash == std::string_view::npos ? text : text.substr(dash + 1);
  std::optional<int> low = number(text.substr(0, dash), kPortLowest, kPortHighest);
  std::optional<int> high = number(high_text, kPortLowest, kPortHighest);
  if (!low || !high || *low > *high) return false;
  first = static_cast<uint16_t>(*low);
  last = static_cast<uint16_t>(*high);
  return true;
}

bool is_address_and_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !number(text.substr(colon + 1), 1, kPortHighest)) return false;
  std::string host(text.substr(0, colon));
  if (host == "localhost") return true;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const size_t size = address_bytes(host).size();
  return bracketed ? size == 16 : size == 4;
}

bool is_loopback(std::string_view address_and_port) {
  std::string host(address_and_port.substr(0, address_and_port.rfind(':')));
  if (host == "localhost") return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::vector<unsigned char> bytes = address_bytes(host);
  return bytes.size() == 4 ? bytes.front() == 127 : bytes == address_bytes("::1");
}

bool is_address(std::string_view text) { return !address_bytes(std::string(text)).empty(); }

std::optional<std::string> wrong_with_path(std::string_view path) {
  if (path.substr(0, 1) == "~") return "starts with '~', which is not expanded: write the path out";
  if (has_control(path)) return "holds control characters";
  if (path.size() > kPathMax) return fmt::format("is longer than {} bytes", kPathMax);
  return std::nullopt;
}

std::optional<std::string> wrong_with_role(std::string_view name) {
  if (name.empty()) return "has no name";
  if (name.size() > kRoleNameMax) return fmt::format("has a name longer than {} bytes", kRoleNameMax);
  if (has_control(name)) return "has control characters in its name";
  if (to_lower_ascii(name.substr(0, 3)) == "pg_") return "begins with pg_, which is PostgreSQL's own";
  for (std::string_view reserved : {"public", "none", "current_user", "session_user", "current_role"}) {
    if (name == reserved) return "has a name that PostgreSQL reserves";
  }
  return std::nullopt;
}

std::optional<std::string> wrong_with_origin(std::string_view from) {
  if (from == "local") return std::nullopt;
  if (!is_address(from.substr(0, from.find('/'))))
    return "is neither local nor an address or CIDR, e.g. 10.0.0.0/8";
  return wrong_with_block(from);
}

std::optional<std::string> wrong_with_block(std::string_view block) {
  const size_t slash = block.find('/');
  std::vector<unsigned char> bytes = address_bytes(std::string(block.substr(0, slash)));
  if (bytes.empty()) return "is not an address or CIDR, e.g. 10.0.0.5 or 10.0.1.0/24";
  const int bits = static_cast<int>(bytes.size()) * 8;
  std::optional<int> prefix =
      slash == std::string_view::npos ? bits : number(block.substr(slash + 1), 0, bits);
  if (!prefix) return fmt::format("needs a prefix length from 0 to {}", bits);
  for (int bit = *prefix; bit < bits; ++bit) {
    const auto mask = static_cast<unsigned>(0x80U >> static_cast<unsigned>(bit % 8));
    if ((bytes[static_cast<size_t>(bit / 8)] & mask) != 0) {
      return fmt::format("has bits set behind its prefix of {}", *prefix);
    }
  }
  return std::nullopt;
}

std::optional<std::string> wrong_with_certificate_name(std::string_view name) {
  if (is_address(name) || is_host_name(name)) return std::nullopt;
  return "is neither a host's name nor an address, e.g. staging.example.com or 10.0.0.7";
}

bool is_remote(std::string_view place) { return place.starts_with(kS3) || place.starts_with(kSsm); }

std::optional<std::string> wrong_with_remote(std::string_view place) {
  if (has_control(place)) return "holds control characters";
  if (place.size() > kRemoteMax) return fmt::format("is longer than {} bytes", kRemoteMax);
  if (place.starts_with(kSsm)) {
    if (is_aws_name(place.substr(kSsm.size()))) return std::nullopt;
    return "names no parameter: ssm:/shop/policy";
  }
  const std::string_view rest = place.substr(kS3.size());
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos || slash + 1 == rest.size() || !is_bucket_name(rest.substr(0, slash))) {
    return "names no object: s3://bucket/key";
  }
  return std::nullopt;
}

bool is_bucket_name(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  if (name.front() == '.' || name.front() == '-' || name.back() == '.' || name.back() == '-') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_lower(c) || is_digit(c) || c == '-' || c == '.'; });
}

model::SecretRef secret_reference(std::string_view text, const std::string& folder) {
  constexpr std::string_view kFile = "file:";
  if (text.size() > 3 && text.substr(0, 2) == "${" && text.back() == '}') {
    std::string_view name = text.substr(2, text.size() - 3);
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
      return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
    });
    if (plain && !is_digit(name.front())) {
      return {.kind = model::SecretRef::Kind::kEnvironment, .locator = std::string(name)};
    }
  }
  if (text.size() > kFile.size() && text.substr(0, kFile.size()) == kFile &&
      !wrong_with_path(text.substr(kFile.size()))) {
    return {.kind = model::SecretRef::Kind::kFile, .locator = resolve(folder, text.substr(kFile.size()))};
  }
  if (text.starts_with(kSsm) && is_aws_name(text.substr(kSsm.size()))) {
    return {.kind = model::SecretRef::Kind::kParameterStore,
            .locator = std::string(text.substr(kSsm.size()))};
  }
  if (text.starts_with(kSecretsManager)) {
    const std::string_view locator = text.substr(kSecretsManager.size());
    const size_t mark = locator.find('#');
    const bool has_key = mark == std::string_view::npos || mark + 1 < locator.size();
    if (is_aws_name(locator.substr(0, mark)) && has_key && !has_control(locator))
      return {.kind = model::SecretRef::Kind::kSecretsManager, .locator = std::string(locator)};
  }
  return {};
}

bool holds_password(std::string_view connection) {
  // libpq decodes percent signs in the keywords of a URI as well.
  const std::string text = percent_decoded(to_lower_ascii(connection));
  constexpr std::string_view kWord = "password";
  for (size_t at = text.find(kWord); at != std::string::npos; at = text.find(kWord, at + 1)) {
    size_t next = text.find_first_not_of(" \t\r\n", at + kWord.size());
    if (next != std::string::npos && text[next] == '=') return true;
  }
  const std::string lower = to_lower_ascii(connection);
  const size_t scheme = lower.find("://");
  if (scheme == std::string::npos) return false;
  const std::string_view authority = std::string_view(lower).substr(scheme + 3);
  // libpq looks for the @ before the first slash; a password with a slash in clear is caught as well.
  const size_t at = authority.rfind('@');
  return at != std::string_view::npos && authority.substr(0, at).find(':') != std::string_view::npos;
}

std::string folder_of(std::string_view file) {
  if (file.starts_with(kSsm)) return std::string(kSsm);
  return std::filesystem::path(file).parent_path().string();
}

std::string resolve(const std::string& folder, std::string_view path) {
  if (folder.starts_with(kS3) && path.substr(0, 1) != "/") {
    // Joined apart: to a path, two slashes are as one.
    return std::string(kS3) + resolve(folder.substr(kS3.size()), path);
  }
  std::string resolved =
      (std::filesystem::path(folder) / std::filesystem::path(path)).lexically_normal().string();
  while (resolved.size() > 1 && resolved.back() == '/') resolved.pop_back();
  return resolved;
}

std::string lock_beside(const std::string& policy_file) {
  return std::filesystem::path(policy_file).replace_extension(".lock").string();
}

void check_overlaps(const Config& config, const std::vector<Mark>& productions, Diagnostics& diagnostics) {
  const std::vector<Place> places = places_of(config);
  auto at = [&](size_t production) {
    return production < productions.size() ? productions[production] : Mark{};
  };
  for (size_t i = 0; i < places.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const bool nested = inside(places[i].directory, places[j].directory);
      if (!nested && !inside(places[j].directory, places[i].directory)) continue;
      const Place& inner = nested ? places[i] : places[j];
      const Place& outer = nested ? places[j] : places[i];
      diagnostics.add(at(std::max(places[i].production, places[j].production)),
                      fmt::format("{} ({}) {} {} ({}): each needs a folder of its own", inner.what,
                                  printable(inner.directory),
                                  inner.directory == outer.directory ? "is the same folder as" : "is inside",
                                  outer.what, printable(outer.directory)));
    }
  }
  for (size_t i = 0; i < config.productions.size(); ++i) {
    const std::string& record = config.productions[i].alias.route53.name;
    for (size_t j = 0; j < i && !record.empty(); ++j) {
      if (config.productions[j].alias.route53.name != record) continue;
      diagnostics.add(at(i), fmt::format("'{}' and '{}' have the same name {}", config.productions[i].name,
                                         config.productions[j].name, record));
    }
    const CopiesConfig& mine = config.productions[i].copies;
    if (mine.kind != "local") continue;
    for (size_t j = 0; j < i; ++j) {
      const CopiesConfig& other = config.productions[j].copies;
      if (other.kind != "local") continue;
      if (mine.port_first > other.port_last || other.port_first > mine.port_last) continue;
      diagnostics.add(at(i), fmt::format("the ports of '{}' ({}-{}) overlap those of '{}' ({}-{})",
                                         config.productions[i].name, mine.port_first, mine.port_last,
                                         config.productions[j].name, other.port_first, other.port_last));
    }
    const std::string& listen = config.productions[i].alias.listen;
    for (size_t j = 0; j < i && !listen.empty(); ++j) {
      if (config.productions[j].alias.listen != listen) continue;
      diagnostics.add(at(i), fmt::format("'{}' and '{}' listen on the same address {}",
                                         config.productions[i].name, config.productions[j].name, listen));
    }
  }
}

}  // namespace ytb::config

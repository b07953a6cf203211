#include "config/config_gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "config/config_rules.h"

namespace ytb::config {
namespace {

constexpr int64_t kConnectionsMax = 100'000;
constexpr size_t kTlsNamesMax = 80;  // a certificate holds 100, this host's own among them
constexpr size_t kProxiesMax = 100;
constexpr Duration kIdleLeast = std::chrono::seconds(1);
constexpr Duration kIdleMost = std::chrono::hours(24 * 30);

constexpr std::array<std::string_view, 8> kOfTheGate{
    "tls",         "tls_certificate",        "tls_key", "tls_names", "proxies", "idle",
    "connections", "connections_per_address"};

// Errors at the items of a list of at most `most`.
template <typename Wrong>
void check_each(const Values& values, MapReader& socket, std::string_view key,
                const std::vector<std::string>& texts, size_t most, Wrong wrong_with) {
  const YamlNode* node = socket.node().find(key);
  if (node == nullptr) return;
  if (texts.size() > most) {
    values.complain(socket, key, fmt::format("'{}' takes at most {}", key, most));
    return;
  }
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::optional<std::string> wrong = wrong_with(texts[i]);
    if (!wrong) continue;
    const YamlNode& at = i < node->items.size() ? node->items[i] : *node;
    values.diagnostics().add(at.mark, fmt::format("'{}': '{}' {}", key, printable(texts[i]), *wrong),
                             at.width());
  }
}

std::string read_file_key(const Values& values, MapReader& socket, std::string_view key) {
  const YamlNode* node = socket.node().find(key);
  for (std::string_view reference : {"file:", "secretsmanager:"}) {
    if (node == nullptr || !node->text.starts_with(reference)) continue;
    // Taken for a path it would be one that nobody has.
    values.complain(socket, key, fmt::format("'{}' takes the path of a file, without {}", key, reference));
    socket.take(key);
    return {};
  }
  return values.path(socket, key, "");
}

void read_certificate(const Values& values, MapReader& socket, AliasConfig& alias) {
  alias.tls_certificate = read_file_key(values, socket, "tls_certificate");
  alias.tls_key = read_file_key(values, socket, "tls_key");
  const bool has_certificate = socket.node().find("tls_certificate") != nullptr;
  if (has_certificate && socket.lacks("tls_key")) {
    values.complain(socket, "tls_certificate",
                    "'tls_certificate' needs 'tls_key', the file of its private key");
  }
  if (socket.node().find("tls_key") != nullptr && socket.lacks("tls_certificate"))
    values.complain(socket, "tls_key", "'tls_key' needs 'tls_certificate', the file it is the key of");
  alias.tls_names = socket.texts("tls_names");
  if (has_certificate && socket.node().find("tls_names") != nullptr) {
    values.complain(socket, "tls_names",
                    "'tls_names' is for the certificate that this program makes, and 'tls_certificate' takes "
                    "its place: leave one of them out");
  }
  check_each(values, socket, "tls_names", alias.tls_names, kTlsNamesMax, wrong_with_certificate_name);
}

}  // namespace

void read_gate(const Values& values, MapReader& socket, AliasConfig& alias) {
  alias.listen = socket.text("listen");
  const bool listens = socket.node().find("listen") != nullptr;
  const bool understood = listens && is_address_and_port(alias.listen);
  if (listens && !understood)
    values.complain(socket, "listen", "'listen' takes address:port, e.g. 0.0.0.0:6432 or [::]:6432");
  if (socket.lacks("listen")) {
    for (std::string_view key : kOfTheGate) {
      if (socket.node().find(key) == nullptr) continue;
      values.complain(socket, key,
                      fmt::format("'{}' is for the gate, and without 'listen' there is none: add listen: "
                                  "0.0.0.0:6432, or leave it out",
                                  key));
    }
  }
  alias.proxies = socket.texts("proxies");
  check_each(values, socket, "proxies", alias.proxies, kProxiesMax, wrong_with_block);
  // Behind a proxy clients are elsewhere, wherever the gate itself listens.
  const bool stays_here = understood && is_loopback(alias.listen) && alias.proxies.empty();
  const std::string tls = socket.text("tls", stays_here ? "offered" : "required");
  values.require_one_of(socket, "tls", tls, {"required", "offered"});
  alias.tls_required = tls != "offered";
  read_certificate(values, socket, alias);
  alias.idle = socket.duration("idle");
  if (alias.idle && (*alias.idle < kIdleLeast || *alias.idle > kIdleMost))
    values.complain(socket, "idle", "'idle' takes 1s to 30d");
  alias.connections = static_cast<int>(socket.integer("connections", alias.connections, 1, kConnectionsMax));
  alias.connections_per_address = static_cast<int>(
      socket.integer("connections_per_address", alias.connections_per_address, 1, kConnectionsMax));
}

bool guards_socket(const ProductionConfig& production) {
  if (production.alias.kind != "socket") return false;
  return std::any_of(production.access.begin(), production.access.end(),
                     [](const model::AccessRole& role) { return !role.comes_locally(); });
}

bool wants_gate(const ProductionConfig& production) {
  return !production.alias.listen.empty() || guards_socket(production);
}

}  // namespace ytb::config

#include "tests/fakes/aws/world.h"

#include <fmt/format.h>

#include "base/text.h"
#include "tests/fakes/aws/sigv4.h"

namespace ytb::fakes::aws {
namespace {

constexpr int kDueMax = 5000000;

}  // namespace

bool is_mutating(const std::string& operation) {
  for (std::string_view reading : {"Describe", "List", "Get", "Head", "Assume", "Simulate", "Validate"}) {
    if (operation.rfind(reading, 0) == 0) return false;
  }
  return true;
}

std::string recordable(json input) {
  for (auto& [name, value] : input.items()) {
    bool secret = name.find("Password") != std::string::npos || name.rfind("SecretString", 0) == 0 ||
                  name.rfind("SecretBinary", 0) == 0 || name == "WebIdentityToken";
    if (secret) value = "…";
    if (name == "Body") value = "(" + std::to_string(value.get_ref<const std::string&>().size()) + " bytes)";
  }
  return write_json(input);
}

std::string Call::text(std::string_view name) const {
  auto found = input.find(name);
  return found == input.end() ? "" : found->get<std::string>();
}

bool Call::flag(std::string_view name, bool otherwise) const {
  auto found = input.find(name);
  return found == input.end() ? otherwise : found->get<bool>();
}

int64_t Call::number(std::string_view name, int64_t otherwise) const {
  auto found = input.find(name);
  return found == input.end() ? otherwise : found->get<int64_t>();
}

const Service::Handler* Service::find(const std::string& operation) const {
  auto found = handlers_.find(operation);
  return found == handlers_.end() ? nullptr : &found->second;
}

json* Shelf::find(const std::string& name) {
  auto item = items_.find(name);
  return item == items_.end() || !item->second.now ? nullptr : &*item->second.now;
}

bool Shelf::has(const std::string& name) const {
  auto item = items_.find(name);
  return item != items_.end() && item->second.now.has_value();
}

void Shelf::put(const std::string& name, json thing) {
  Item& item = items_[name];
  item.before = std::move(item.now);
  item.now = std::move(thing);
  item.stale = stale_;
}

void Shelf::erase(const std::string& name) {
  auto item = items_.find(name);
  if (item == items_.end()) return;
  item->second.before = std::move(item->second.now);
  item->second.now.reset();
  item->second.stale = stale_;
}

std::optional<json> Shelf::read(Item& item) const {
  if (item.stale == 0) return item.now;
  --item.stale;
  return item.before;
}

std::optional<json> Shelf::read(const std::string& name) {
  auto item = items_.find(name);
  return item == items_.end() ? std::nullopt : read(item->second);
}

std::vector<json> Shelf::read_all() {
  std::vector<json> out;
  for (auto& [name, item] : items_) {
    if (auto seen = read(item)) out.push_back(std::move(*seen));
  }
  return out;
}

std::vector<std::string> Shelf::names() const {
  std::vector<std::string> out;
  for (const auto& [name, item] : items_) {
    if (item.now) out.push_back(name);
  }
  return out;
}

World::World(Settings chosen) : settings(std::move(chosen)) {
  for (const Identity& identity : settings.identities) add_identity(identity);
}

World::~World() = default;

Instant World::base() const {
  if (settings.start_at) return *settings.start_at + Duration(advanced_us_.load());
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

Instant World::now() const {
  std::lock_guard lock(mutex);
  if (running_) return *running_;
  return settings.start_at ? base() : base() + Duration(advanced_us_.load());
}
Instant World::signing_now() const { return base() + Duration(skew_us_.load()); }
void World::advance(Duration duration) { advanced_us_ += duration.count(); }
void World::skew(Duration duration) { skew_us_ = duration.count(); }

void World::later(Duration delay, std::function<void()> what) {
  agenda_.emplace(now() + delay, std::move(what));
}

void World::run_due() {
  std::lock_guard lock(mutex);
  // A handler that acts on others' behalf may come here again.
  if (running_) return;
  Instant until = now();
  for (int i = 0; i < kDueMax && !agenda_.empty() && agenda_.begin()->first <= until; ++i) {
    auto [due, what] = std::move(*agenda_.begin());
    agenda_.erase(agenda_.begin());
    running_ = due;
    what();
    running_.reset();
  }
}

json World::act(const std::string& service, const std::string& operation, json input,
                const std::string& principal) {
  std::lock_guard lock(mutex);
  Identity who;
  who.arn = principal;
  Call call{operation, input, who, ""};
  RecordedCall record{.at = now(),
                      .service = service,
                      .operation = operation,
                      .principal = principal,
                      .target = "",
                      .mutating = is_mutating(operation),
                      .input = recordable(std::move(input)),
                      .error = ""};
  json output;
  try {
    output = (*find_service(service)->find(operation))(call);
  } catch (const Refusal& refusal) {
    record.target = call.target;
    record.error = refusal.code;
    records_.push_back(record);
    throw;
  }
  record.target = call.target;
  records_.push_back(record);
  return output;
}

std::optional<Identity> World::find_identity(const std::string& access_key) const {
  std::lock_guard lock(mutex);
  auto found = identities_.find(access_key);
  return found == identities_.end() ? std::nullopt : std::optional(found->second);
}

void World::add_identity(const Identity& identity) {
  std::lock_guard lock(mutex);
  identities_[identity.access_key] = identity;
}

void World::plan_fault(std::string_view operation, int nth, Fault fault) {
  std::lock_guard lock(mutex);
  faults_.push_back({std::string(operation), nth, std::move(fault)});
}

std::optional<Fault> World::next_fault(const std::string& service, const std::string& operation) {
  std::lock_guard lock(mutex);
  const std::string qualified = service + ":" + operation;
  std::optional<Fault> chosen;
  for (auto it = faults_.begin(); it != faults_.end();) {
    bool fits = it->operation == "*" || it->operation == operation || it->operation == qualified;
    if (fits && --it->left == 0) {
      if (!chosen) chosen = it->fault;
      it = faults_.erase(it);
    } else {
      ++it;
    }
  }
  return chosen;
}

void World::add_service(const std::string& name, std::unique_ptr<Service> service) {
  services_[name] = std::move(service);
}

Service* World::find_service(const std::string& name) {
  auto found = services_.find(name);
  return found == services_.end() ? nullptr : found->second.get();
}

std::string World::arn(std::string_view service, std::string_view resource) const {
  return fmt::format("arn:{}:{}:{}:{}:{}", settings.partition, service, settings.region, settings.account,
                     resource);
}

std::string World::fresh_id(size_t length, bool upper) {
  std::string digits = sha256_hex("id " + std::to_string(++ids_)).substr(0, length);
  if (!upper) return digits;
  for (char& c : digits) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return digits;
}

std::vector<json> page_of(const std::vector<json>& items, const std::string& marker, size_t limit,
                          const std::string& query, const std::string& code, std::string& next) {
  std::string digest = sha256_hex(query).substr(0, 16);
  size_t begin = 0;
  if (!marker.empty()) {
    std::vector<std::string> parts = split(marker, '-');
    if (parts.size() != 2 || parts[0] != digest || parts[1].empty() ||
        parts[1].find_first_not_of("0123456789") != std::string::npos) {
      refuse(code, "Invalid marker '" + marker + "'");
    }
    begin = std::min(items.size(), static_cast<size_t>(std::stoul(parts[1])));
  }
  size_t end = std::min(items.size(), begin + limit);
  next = end < items.size() ? digest + "-" + std::to_string(end) : "";
  return {items.begin() + static_cast<std::ptrdiff_t>(begin),
          items.begin() + static_cast<std::ptrdiff_t>(end)};
}

json tags_to_json(const Tags& tags) {
  json out = json::array();
  for (const auto& [key, value] : tags) out.push_back({{"Key", key}, {"Value", value}});
  return out;
}

Tags tags_from_json(const json& tags) {
  Tags out;
  for (const json& tag : tags) out[tag.value("Key", "")] = tag.value("Value", "");
  return out;
}

}  // namespace ytb::fakes::aws

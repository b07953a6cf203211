#include "tests/fakes/aws/route53.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ytb::fakes::aws {
namespace {

constexpr int64_t kItemsMax = 300;
constexpr int64_t kZonesMax = 100;

bool is_octal(const std::string& text, size_t at) {
  if (at + 3 >= text.size()) return false;
  return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                     text.begin() + static_cast<std::ptrdiff_t>(at) + 4,
                     [](char c) { return c >= '0' && c <= '7'; });
}

// Route 53 sorts by labels from the right.
std::string sort_key(const std::string& name, const std::string& type) {
  std::vector<std::string> labels = split(name, '.');
  std::reverse(labels.begin(), labels.end());
  return join(labels, ".") + " " + type;
}

std::string plain(const std::string& id, std::string_view kind) {
  std::string prefix = "/" + std::string(kind) + "/";
  return id.rfind(prefix, 0) == 0 ? id.substr(prefix.size()) : id;
}

int64_t max_items(const Call& call, int64_t most) {
  if (!call.has("MaxItems")) return most;
  std::string text = call.text("MaxItems");
  if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != std::string::npos ||
      std::stoll(text) < 1) {
    refuse("InvalidInput", "invalid MaxItems '" + text + "'");
  }
  return std::min(most, static_cast<int64_t>(std::stoll(text)));
}

std::string described(const json& record) {
  return fmt::format("[name='{}', type='{}']", record["Name"].get<std::string>(),
                     record["Type"].get<std::string>());
}

void check_record(const std::string& zone, const json& record) {
  std::string name = record["Name"];
  std::string type = record["Type"];
  if (name != zone && !name.ends_with("." + zone)) {
    refuse("InvalidChangeBatch",
           fmt::format("[RRSet with DNS name {} is not permitted in zone {}]", name, zone));
  }
  if (!record.contains("AliasTarget") &&
      (!record.contains("TTL") || record.value("ResourceRecords", json::array()).empty())) {
    refuse("InvalidInput",
           "[Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], "
           "or TrafficPolicyInstanceId], but found none]");
  }
  if (type != "CNAME") return;
  if (name == zone) {
    refuse("InvalidChangeBatch",
           fmt::format("[RRSet of type CNAME with DNS name {} is not permitted at apex in zone {}]", name,
                       zone));
  }
  if (record.value("ResourceRecords", json::array()).size() > 1) {
    refuse("InvalidChangeBatch",
           fmt::format("[RRSet with DNS name {}, type CNAME has more than one value]", name));
  }
}

}  // namespace

std::string normal_name(const std::string& name) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    if (c == '\\' && is_octal(name, i)) {
      c = static_cast<char>(std::stoi(name.substr(i + 1, 3), nullptr, 8));
      i += 3;
    }
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.') {
      out += c;
    } else {
      out += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    }
  }
  return out.ends_with('.') ? out : out + ".";
}

Route53::Route53(World& world) : world_(world) {
  auto limited = [this](const std::string& operation, json (Route53::*handler)(Call&)) {
    on(operation, [this, handler](Call& call) {
      limit();
      return (this->*handler)(call);
    });
  };
  limited("ChangeResourceRecordSets", &Route53::change);
  limited("ListHostedZones", &Route53::list_zones);
  limited("ListHostedZonesByName", &Route53::list_zones_by_name);
  limited("ListResourceRecordSets", &Route53::list_records);
  on("GetHostedZone", [this](Call& call) {
    limit();
    std::string id = plain(call.text("Id"), "hostedzone");
    zone_of(id);
    return json{{"HostedZone", zone_json(id)}};
  });
  on("GetChange", [this](Call& call) {
    limit();
    auto found = changes_.find(plain(call.text("Id"), "change"));
    if (found == changes_.end())
      refuse("NoSuchChange", "Could not find resource with ID: " + call.text("Id"), 404);
    return json{{"ChangeInfo", found->second}};
  });
}

void Route53::limit() {
  if (world_.settings.route53_per_second == 0) return;
  int64_t second = std::chrono::floor<std::chrono::seconds>(world_.now()).time_since_epoch().count();
  if (second_.first != second) second_ = {second, 0};
  if (++second_.second > world_.settings.route53_per_second) refuse("Throttling", "Rate exceeded", 400);
}

std::string Route53::seed_zone(const std::string& name, bool is_private) {
  std::string id = "Z" + world_.fresh_id(20, true);
  Zone& zone = zones_[id];
  zone.name = normal_name(name);
  zone.is_private = is_private;
  seed_record(id, name, "NS", 172800, {"ns-1.awsdns-01.org.", "ns-2.awsdns-02.com."});
  seed_record(id, name, "SOA", 900,
              {"ns-1.awsdns-01.org. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"});
  return id;
}

void Route53::seed_record(const std::string& zone_id, const std::string& name, const std::string& type,
                          int ttl_s, const std::vector<std::string>& values) {
  json records = json::array();
  for (const std::string& value : values) records.push_back({{"Value", value}});
  json record = {{"Name", normal_name(name)}, {"Type", type}, {"TTL", ttl_s}, {"ResourceRecords", records}};
  Zone& zone = zones_.at(zone_id);
  zone.listed[sort_key(record["Name"], type)] = record;
  zone.in_sync[sort_key(record["Name"], type)] = record;
}

std::vector<Route53::Answer> Route53::resolve(const std::string& asked) const {
  std::string name = normal_name(asked);
  const Zone* best = nullptr;
  for (const auto& [id, zone] : zones_) {
    bool inside = name == zone.name || name.ends_with("." + zone.name);
    if (inside && !zone.is_private && (best == nullptr || zone.name.size() > best->name.size())) best = &zone;
  }
  std::vector<Answer> out;
  if (best == nullptr) return out;
  for (const auto& [key, record] : best->in_sync) {
    if (record["Name"] != name) continue;
    Answer answer{record["Type"], record.value("TTL", 60), {}};
    for (const json& value : record.value("ResourceRecords", json::array()))
      answer.values.push_back(value["Value"]);
    out.push_back(std::move(answer));
  }
  return out;
}

std::vector<std::string> Route53::zones_named(const std::string& name) const {
  std::vector<std::string> out;
  for (const auto& [id, zone] : zones_) {
    if (zone.name == normal_name(name)) out.push_back(id);
  }
  return out;
}

bool Route53::in_sync(const std::string& change_id) const {
  auto found = changes_.find(plain(change_id, "change"));
  return found != changes_.end() && found->second["Status"] == "INSYNC";
}

Route53::Zone& Route53::zone_of(const std::string& id) {
  auto found = zones_.find(id);
  if (found == zones_.end()) refuse("NoSuchHostedZone", "No hosted zone found with ID: " + id, 404);
  return found->second;
}

json Route53::zone_json(const std::string& id) const {
  const Zone& zone = zones_.at(id);
  return {{"Id", "/hostedzone/" + id},
          {"Name", zone.name},
          {"CallerReference", "seed-" + id},
          {"Config", {{"PrivateZone", zone.is_private}}},
          {"ResourceRecordSetCount", zone.listed.size()}};
}

void Route53::apply(const std::string& zone_id, Records& records, const json& change) const {
  const Zone& zone = zones_.at(zone_id);
  json record = change["ResourceRecordSet"];
  record["Name"] = normal_name(record["Name"]);
  std::string action = change["Action"];
  std::string key = sort_key(record["Name"], record["Type"]) + record.value("SetIdentifier", "");
  auto existing = records.find(key);
  if (action == "DELETE") {
    if (existing == records.end()) {
      refuse("InvalidChangeBatch",
             "[Tried to delete resource record set " + described(record) + " but it was not found]");
    }
    if (existing->second != record) {
      refuse("InvalidChangeBatch", "[Tried to delete resource record set " + described(record) +
                                       " but the values provided do not match the current values]");
    }
    records.erase(existing);
    return;
  }
  check_record(zone.name, record);
  if (action == "CREATE" && existing != records.end()) {
    refuse("InvalidChangeBatch",
           "[Tried to create resource record set " + described(record) + " but it already exists]");
  }
  for (const auto& [other_key, other] : records) {
    if (other["Name"] == record["Name"] && other["Type"] != record["Type"] &&
        (record["Type"] == "CNAME" || other["Type"] == "CNAME")) {
      refuse(
          "InvalidChangeBatch",
          fmt::format(
              "[RRSet of type {} with DNS name {} is not permitted as it conflicts with other records with "
              "the same DNS name in zone {}]",
              record["Type"].get<std::string>(), record["Name"].get<std::string>(), zone.name));
    }
  }
  records[key] = record;
}

json Route53::change(Call& call) {
  std::string id = plain(call.text("HostedZoneId"), "hostedzone");
  call.target = "zone:" + id;
  Zone& zone = zone_of(id);
  Records records = zone.listed;  // all or nothing
  std::map<std::string, int> seen;
  for (const json& change : call.input["ChangeBatch"]["Changes"]) {
    const json& record = change["ResourceRecordSet"];
    call.target += " " + normal_name(record["Name"]);
    std::string key =
        change["Action"].get<std::string>() + sort_key(normal_name(record["Name"]), record["Type"]);
    if (++seen[key] > 1) refuse("InvalidChangeBatch", "[The request contains the same change twice]");
    apply(id, records, change);
  }
  zone.listed = records;
  std::string change_id = "C" + world_.fresh_id(20, true);
  json info = {
      {"Id", "/change/" + change_id}, {"Status", "PENDING"}, {"SubmittedAt", to_iso(world_.now(), true)}};
  changes_[change_id] = info;
  json changes = call.input["ChangeBatch"]["Changes"];
  world_.later(world_.settings.delays.dns, [this, id, change_id, changes] {
    Records& in_sync = zones_.at(id).in_sync;
    for (const json& change : changes) {
      json upsert = change;
      json& record = upsert["ResourceRecordSet"];
      record["Name"] = normal_name(record["Name"]);
      std::string key = sort_key(record["Name"], record["Type"]) + record.value("SetIdentifier", "");
      if (change["Action"] == "DELETE") {
        in_sync.erase(key);
      } else {
        in_sync[key] = record;
      }
    }
    changes_[change_id]["Status"] = "INSYNC";
  });
  return {{"ChangeInfo", info}};
}

json Route53::list_zones(Call& call) {
  int64_t most = max_items(call, kZonesMax);
  json out = {{"HostedZones", json::array()},
              {"Marker", call.text("Marker")},
              {"IsTruncated", false},
              {"MaxItems", std::to_string(most)}};
  auto begin = call.has("Marker") ? zones_.find(call.text("Marker")) : zones_.begin();
  if (begin == zones_.end() && call.has("Marker")) refuse("InvalidInput", "invalid marker");
  for (auto it = begin; it != zones_.end(); ++it) {
    if (static_cast<int64_t>(out["HostedZones"].size()) == most) {
      out["IsTruncated"] = true;
      out["NextMarker"] = it->first;
      break;
    }
    out["HostedZones"].push_back(zone_json(it->first));
  }
  return out;
}

json Route53::list_zones_by_name(Call& call) {
  int64_t most = max_items(call, kZonesMax);
  std::vector<std::pair<std::string, std::string>> sorted;
  for (const auto& [id, zone] : zones_) sorted.emplace_back(sort_key(zone.name, ""), id);
  std::sort(sorted.begin(), sorted.end());
  json out = {{"HostedZones", json::array()}, {"IsTruncated", false}, {"MaxItems", std::to_string(most)}};
  std::pair<std::string, std::string> from;
  if (call.has("DNSName")) {
    from = {sort_key(normal_name(call.text("DNSName")), ""), call.text("HostedZoneId")};
    out["DNSName"] = call.text("DNSName");
  }
  for (const auto& entry : sorted) {
    if (entry < from) continue;
    if (static_cast<int64_t>(out["HostedZones"].size()) == most) {
      out["IsTruncated"] = true;
      out["NextDNSName"] = zones_.at(entry.second).name;
      out["NextHostedZoneId"] = entry.second;
      break;
    }
    out["HostedZones"].push_back(zone_json(entry.second));
  }
  return out;
}

json Route53::list_records(Call& call) {
  Zone& zone = zone_of(plain(call.text("HostedZoneId"), "hostedzone"));
  int64_t most = max_items(call, kItemsMax);
  if (call.has("StartRecordType") && !call.has("StartRecordName")) {
    refuse("InvalidInput", "StartRecordType without StartRecordName");
  }
  std::string from;
  if (call.has("StartRecordName"))
    from = sort_key(normal_name(call.text("StartRecordName")), call.text("StartRecordType"));
  json out = {
      {"ResourceRecordSets", json::array()}, {"IsTruncated", false}, {"MaxItems", std::to_string(most)}};
  for (const auto& [key, record] : zone.listed) {
    if (key < from) continue;
    if (static_cast<int64_t>(out["ResourceRecordSets"].size()) == most) {
      out["IsTruncated"] = true;
      out["NextRecordName"] = record["Name"];
      out["NextRecordType"] = record["Type"];
      break;
    }
    out["ResourceRecordSets"].push_back(record);
  }
  return out;
}

}  // namespace ytb::fakes::aws

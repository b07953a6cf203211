// Route 53: zones and records. What a change asks for is listed at once and answered by DNS once in sync.
#pragma once

#include "tests/fakes/aws/world.h"

namespace ytb::fakes::aws {

class Route53 final : public Service {
 public:
  explicit Route53(World& world);
  std::string seed_zone(const std::string& name, bool is_private);
  void seed_record(const std::string& zone, const std::string& name, const std::string& type, int ttl_s,
                   const std::vector<std::string>& values);
  struct Answer {
    std::string type;
    int ttl_s = 0;
    std::vector<std::string> values;
  };
  // What DNS says: all types at the name, from the public zone with the longest name; nothing: no such name.
  std::vector<Answer> resolve(const std::string& name) const;
  // Ids of the zones of a name.
  std::vector<std::string> zones_named(const std::string& name) const;
  [[nodiscard]] bool in_sync(const std::string& change_id) const;

 private:
  using Records = std::map<std::string, json>;  // sorted as Route 53 lists them
  struct Zone {
    std::string name;
    bool is_private = false;
    Records listed, in_sync;
  };
  json change(Call& call);
  void apply(const std::string& zone_id, Records& records, const json& change) const;
  json list_zones(Call& call);
  json list_zones_by_name(Call& call);
  json list_records(Call& call);
  json zone_json(const std::string& id) const;
  Zone& zone_of(const std::string& id);
  void limit();

  World& world_;
  std::map<std::string, Zone> zones_;
  std::map<std::string, json> changes_;
  std::pair<int64_t, int> second_{0, 0};
};

// "\052.Example.com" → "\052.example.com.": lower case, octal escapes, a dot at the end.
std::string normal_name(const std::string& name);

}  // namespace ytb::fakes::aws

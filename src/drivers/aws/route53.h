// Route53: the calls (API 2013-04-01) that read and move one name.
//
// Zone and change ids come without "/hostedzone/" and "/change/"; names are lower case, without trailing dot
// and octal escapes ("*.example.com"). Names are given in the same form. Thread-safe as its Caller is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/aws/caller.h"

namespace ytb::aws {

struct HostedZone {
  std::string id;    // "Z123"
  std::string name;  // "example.com"
  bool is_private = false;
};

struct RecordSet {
  std::string name;
  std::string type;                 // "CNAME"
  int64_t ttl_s = 0;                // 0 for an alias
  std::vector<std::string> values;  // empty for an alias
  std::string alias_target = {};    // DNS name, where Route 53 answers for another name
  std::string set_identifier = {};  // of weighted and other routed records; "": a simple one
};

struct ChangeInfo {
  std::string id;
  bool in_sync = false;
};

enum class RecordAction { kUpsert, kDelete };

class Route53 {
 public:
  explicit Route53(Caller& caller) : caller_(caller) {}

  // Those of exactly this name, public and private.
  Result<std::vector<HostedZone>> list_hosted_zones_by_name(const std::string& domain);
  // None: there is no such zone.
  Result<std::optional<HostedZone>> get_hosted_zone(const std::string& id);
  // Those of exactly this name, of any type where `type` is empty.
  Result<std::vector<RecordSet>> list_resource_record_sets(const std::string& zone_id,
                                                           const std::string& name,
                                                           const std::string& type = "");
  // One simple record. kDelete must name it exactly as it is.
  Result<ChangeInfo> change_resource_record_set(const std::string& zone_id, RecordAction action,
                                                const RecordSet& record, const std::string& comment = "");
  // None: Route 53 does not know it (any more).
  Result<std::optional<ChangeInfo>> get_change(const std::string& id);

 private:
  Caller& caller_;
};

namespace internal {
// "\052.Example.com." → "*.example.com".
std::string from_route53_name(std::string_view name);
}  // namespace internal

}  // namespace ytb::aws

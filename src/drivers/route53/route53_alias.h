// Route53Alias: the name as a CNAME in a hosted zone, pointing at the endpoint of the live copy.
//
// The zone is given by its id, or by a domain that exactly one zone has: with split horizon there are two,
// and which one is meant is for a person to say. The record is moved by one UPSERT, and the move has happened
// when Route 53 calls it INSYNC. A record of that name that is not ours (another type, a routed one, a target
// that no copy of this production could have) is shown as a stray and never changed. Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "drivers/aws/route53.h"
#include "ports/alias_store.h"
#include "ports/patience.h"

namespace ytb::route53 {

struct AliasOptions {
  model::ProductionName production = {};
  std::string zone_id = {};  // "" : found by `domain`
  std::string domain = {};   // "mysite.com"
  std::string name = {};     // "shop-yesterday.mysite.com"
  std::string user = {};     // of the connection that is shown; "" : left out
  std::string dbname = {};   // of production, as its source's connection names it; "" : not known
  // How endpoints of the production's copies begin, where that is not its name:
  // "averylongnam-1a2b-yesterday-".
  std::string copy_prefix = {};
  int64_t ttl_s = 60;
  // Whole DNS names that the record may be moved away from, though no copy has them: what an adopted stack's
  // instance is called (rds::Adopter::adopted_targets). Never a pattern. Asked only where the record is a
  // plain CNAME of somebody else's; empty, or an error: there are none, and the record is not ours.
  std::function<Result<std::vector<std::string>>()> adopted_targets = {};
  Duration in_sync_max = std::chrono::minutes(5);  // how long repoint() waits for INSYNC
  // kLeave: remove() does not wait. repoint() waits anyway, about half a minute a refresh: the drain of the
  // copy before it begins then, and one resolver's answer says nothing of the other name servers.
  ports::Patience patience = ports::Patience::kWait;
};

struct Endpoint {
  std::string address;  // DNS name
  uint16_t port = 5432;
};
// Where the copies are. Asked anew each time.
using Endpoints = std::function<Result<std::map<model::CopyId, Endpoint>>()>;
// What a resolver answers for the CNAME of a name, from wherever the name must be seen from.
using Resolver = std::function<Result<std::vector<std::string>>(const std::string& name)>;

class Route53Alias final : public ports::AliasStore {
 public:
  // `resolver` empty: nobody can be asked from here (a private zone, seen_from: none); what Route 53 holds is
  // then taken as seen, since repoint() waits for INSYNC and the drain for the old TTL.
  Route53Alias(aws::Route53& client, AliasOptions options, Endpoints endpoints, Resolver resolver,
               Clock& clock);

  Result<model::AliasState> read() override;
  // kRefused for a record that is not ours; kConnection (Later) while the copy has no endpoint.
  Status repoint(const model::PassedProof& proof, const model::Copy& copy) override;
  Status remove() override;

 private:
  Result<std::string> zone();
  // Everything a call needs to know, asked for once.
  struct Look {
    std::optional<aws::RecordSet> record;  // of our name; where one of several is not ours, that one
    bool is_ours = false;
    std::map<model::CopyId, Endpoint> endpoints;  // without the dot at the end
  };
  Result<Look> look();
  [[nodiscard]] bool is_ours(const aws::RecordSet& record, const Look& look) const;
  [[nodiscard]] bool is_adopted(const std::string& target) const;
  [[nodiscard]] std::string how_to_connect(uint16_t port) const;
  Error not_ours(const aws::RecordSet& record) const;
  Status wait_in_sync(aws::ChangeInfo change);

  aws::Route53& client_;
  AliasOptions options_;
  Endpoints endpoints_;
  Resolver resolver_;
  Clock& clock_;
  std::string zone_id_;
};

}  // namespace ytb::route53

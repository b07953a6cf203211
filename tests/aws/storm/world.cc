#include "aws/storm/world.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "drivers/rds/stack_names.h"
#include "fakes/aws/http.h"
#include "fakes/aws/small_services.h"

namespace ytb::storm {

using fakes::FakeCopy;
using nlohmann::json;

namespace {

constexpr const char* kAdmin = "arn:aws:iam::123456789012:user/admin";
constexpr const char* kBucket = "proofs";
constexpr const char* kStagingGroup = "sg-staging";
constexpr const char* kQuarantineGroup = "sg-quarantine";

fakes::aws::Identity admin() {
  fakes::aws::Identity identity;
  identity.access_key = "AKIAFAKEFAKEADMIN001";
  identity.arn = kAdmin;
  return identity;
}

aws::Credentials credentials_of(const fakes::aws::Identity& identity) {
  return {.access_key_id = identity.access_key,
          .secret_access_key = Secret(identity.secret_key),
          .session_token = {},
          .expires_at = {},
          .source = "test"};
}

fakes::aws::Settings with_admin(fakes::aws::Settings settings) {
  settings.identities.push_back(admin());
  return settings;
}

bool is_ours(const fakes::aws::RecordedCall& call) { return call.principal.ends_with("user/tester"); }

}  // namespace

std::string operation_of(const http::Request& request) {
  if (request.body.starts_with("Action=")) return request.body.substr(7, request.body.find('&') - 7);
  const bool is_dns = request.url.find("/2013-04-01/") != std::string::npos;
  if (!is_dns) {
    return request.method == "PUT" ? "PutObject" : request.method == "DELETE" ? "DeleteObject" : "GetObject";
  }
  if (request.url.find("/rrset") != std::string::npos)
    return request.method == "POST" ? "ChangeResourceRecordSets" : "ListResourceRecordSets";
  return request.url.find("/change/") != std::string::npos ? "GetChange" : "ListHostedZonesByName";
}

Result<http::Response> Direct::send(const http::Request& request) {
  fakes::aws::HttpRequest sent;
  sent.method = request.method;
  std::string rest = request.url.substr(request.url.find('/', request.url.find("://") + 3));
  const size_t question = rest.find('?');
  sent.path = rest.substr(0, question);
  if (question != std::string::npos) sent.query = rest.substr(question + 1);
  for (const auto& [name, value] : request.headers) sent.headers.emplace_back(to_lower_ascii(name), value);
  sent.body = request.body;
  const fakes::aws::HttpResponse answer = fake_.handle(sent);
  if (answer.drop || answer.truncate) {
    return Error{.code = Code::kConnection,
                 .message = http::describe(request) + ": the connection ended before the answer did",
                 .hint = {},
                 .retry = Retry::kInDoubt};
  }
  return http::Response{.status = answer.status, .headers = answer.headers, .body = answer.body};
}

Result<http::Response> Wire::send(const http::Request& request) {
  const std::string operation = operation_of(request);
  http::Request sent = request;
  if (before) YTB_TRY(before(sent, operation));
  Result<http::Response> answer = inner_.send(sent);
  if (answer.ok() && after) YTB_TRY(after(*answer, operation));
  return answer;
}

Instant OurClock::now() const { return world_.cloud.now() + world_.our_skew; }
void OurClock::sleep(Duration duration) {
  world_.cloud.advance(duration);
  world_.watch_the_name();
}

// --- inside a copy ---

Result<ports::Claim> StormDoor::claim(const ports::SessionTarget& target) {
  YTB_ASSIGN(std::string id, world_.log_in(target));
  FakeCopy& database = world_.database(id);
  if (!database.proof.empty() && database.proof != target.nonce) {
    return Error{.code = Code::kRefused, .message = "it carries another mark", .hint = {}};
  }
  database.proof = target.nonce;  // the mark inside
  return ports::Claim::kOurs;
}

// Nobody's password is overruled in this world.
Result<std::vector<std::string>> StormDoor::free_master(const ports::SessionTarget& target) {
  YTB_ASSIGN(std::string id, world_.log_in(target));
  return std::vector<std::string>{};
}

Status StormDoor::open(const ports::SessionTarget& target, const std::vector<ports::AccessGrant>&,
                       std::string_view) {
  YTB_ASSIGN(std::string id, world_.log_in(target));
  FakeCopy& database = world_.database(id);
  if (database.proof != target.nonce)
    return Error{.code = Code::kRefused, .message = "it does not carry our mark", .hint = {}};
  database.record.opened = true;
  return {};
}

Result<bool> StormDoor::is_open(const ports::SessionTarget& target) {
  YTB_ASSIGN(std::string id, world_.log_in(target));
  return world_.database(id).record.opened;
}

StormEngine::StormEngine(StormWorld& world) : fakes::FakeEngine(world.mind), storm_(world) {}

namespace {

Result<ports::SessionTarget> inside(StormWorld& world, const ports::SessionTarget& target) {
  YTB_ASSIGN(std::string id, world.log_in(target));
  if (world.database(id).proof != target.nonce)
    return Error{.code = Code::kRefused, .message = "it does not carry our mark", .hint = {}};
  ports::SessionTarget found;
  found.parameters = {{"copy", id}, {"instance", id}};
  return found;
}

}  // namespace

Result<masking::Catalog> StormEngine::catalog(const ports::SessionTarget& target) {
  YTB_ASSIGN(ports::SessionTarget found, inside(storm_, target));
  return FakeEngine::catalog(found);
}
Result<model::Evidence> StormEngine::defuse(const ports::SessionTarget& target,
                                            const std::vector<model::AccessRole>& access) {
  YTB_ASSIGN(ports::SessionTarget found, inside(storm_, target));
  return FakeEngine::defuse(found, access);
}
Result<model::Evidence> StormEngine::mask(const ports::SessionTarget& target,
                                          const ports::MaskRequest& request, ports::Progress& progress,
                                          const StopFlag& stop) {
  YTB_ASSIGN(ports::SessionTarget found, inside(storm_, target));
  return FakeEngine::mask(found, request, progress, stop);
}
Result<std::vector<model::Check>> StormEngine::verify(const ports::SessionTarget& target,
                                                      const ports::VerifyRequest& request,
                                                      ports::Progress& progress, const StopFlag& stop) {
  YTB_ASSIGN(ports::SessionTarget found, inside(storm_, target));
  return FakeEngine::verify(found, request, progress, stop);
}

// --- a process ---

Process::Process(StormWorld& world, http::Transport& transport, aws::CallerOptions options)
    : wire(transport),
      credentials(credentials_of({})),
      clock(world),
      caller(wire, credentials, clock, {.region = "eu-west-1", .url = world.cloud.endpoint()},
             [&] {
               options.random = [&world] { return static_cast<double>(world.mind.below(100)) / 100; };
               options.stop = &stop;
               return options;
             }()),
      rds(caller),
      stacks(caller),
      s3(caller),
      route53(caller),
      door(world),
      engine(world),
      source(std::make_unique<rds::RdsSnapshotSource>(rds, rds::SourceOptions{.source_id = "shop"})),
      journal(world.mind),
      notifier(world.mind) {
  host =
      std::make_unique<rds::StackHost>(world.stack_options(), rds::StackServices{.rds = rds,
                                                                                 .stacks = stacks,
                                                                                 .s3 = s3,
                                                                                 .door = door,
                                                                                 .clock = clock,
                                                                                 .stop = stop,
                                                                                 .patience = world.patience});
  const std::string prefix = rds::name_prefix(model::ProductionName("shop"));
  alias = std::make_unique<route53::Route53Alias>(
      route53,
      route53::AliasOptions{.production = model::ProductionName("shop"),
                            .domain = "mysite.com",
                            .name = StormWorld::kName,
                            .copy_prefix = prefix,
                            .ttl_s = StormWorld::kTtlSeconds,
                            .patience = world.patience},
      [this, prefix]() -> Result<std::map<model::CopyId, route53::Endpoint>> {
        std::map<model::CopyId, route53::Endpoint> found;
        YTB_TRY(rds.describe_db_instances("", [&](const aws::DbInstance& instance) -> Status {
          if (instance.endpoint && model::is_copy_name(model::ProductionName("shop"), instance.id))
            found[model::CopyId(instance.id)] = {.address = instance.endpoint->address, .port = 5432};
          return {};
        }));
        return found;
      },
      [&world](const std::string& name) -> Result<std::vector<std::string>> {
        return world.cloud.dns_values(name, "CNAME");
      },
      clock);
}

// --- the world ---

fakes::aws::Settings storm_settings() {
  fakes::aws::Settings settings;
  settings.start_at = *from_iso("2026-11-22T07:00:00Z");
  settings.delays = {.snapshot = std::chrono::minutes(1),
                     .instance_create = std::chrono::seconds(40),
                     .instance_backup = std::chrono::seconds(20),
                     .modify_notice = std::chrono::seconds(5),
                     .modify = std::chrono::seconds(15),
                     .instance_delete = std::chrono::seconds(30),
                     .stack_step = std::chrono::seconds(2),
                     .dns = std::chrono::seconds(12)};
  return settings;
}

StormWorld::StormWorld(uint64_t seed, fakes::aws::Settings settings)
    : mind(seed),
      cloud(with_admin(std::move(settings))),
      direct_(cloud),
      admin_credentials_(credentials_of(admin())),
      admin_clock_(cloud.now()) {
  cloud.s3().seed_bucket(kBucket);
  cloud.seed_subnet_group("private");
  fakes::aws::InstanceSeed shop;
  shop.id = "shop";
  shop.tags = {{"service", "shop"}};
  shop.security_groups = {"sg-production"};
  shop.backup_retention = 35;
  cloud.seed(shop);
  production_ = cloud.instance("shop");
  const std::string zone = cloud.seed_zone("mysite.com");
  cloud.seed_record(zone, "www.mysite.com", "A", 300, {"192.0.2.1"});
  // Of our name, and nobody's stack; and of another production of ours.
  for (const char* id : {"shop-yesterday-20261001-000000-1", "billing-yesterday-20261001-000000-1"}) {
    fakes::aws::InstanceSeed stray;
    stray.id = id;
    cloud.seed(stray);
    foreign_.insert(id);
  }
  add_foreign_stack("shop-yesterday-20261002-000000-1");
}

rds::StackOptions StormWorld::stack_options() {
  rds::StackOptions options;
  options.production = model::ProductionName("shop");
  options.copies.subnet_group = "private";
  options.copies.instance_class = "db.t3.small";
  options.copies.storage_type = "gp2";
  options.copies.quarantine_groups = {kQuarantineGroup};
  options.copies.staging_groups = {kStagingGroup};
  options.copies.ca_bundle = "/etc/ssl/rds.pem";
  options.copies.bucket = kBucket;
  options.spool_directory = spool.path() + "/spool";
  options.public_key = mind.public_key;
  options.master_seed = Secret(std::string(32, 's'));
  options.protected_names.names = {"shop"};
  return options;
}

refresh::Settings StormWorld::settings() {
  refresh::Settings settings = mind.settings();
  settings.desired.protected_names.names = {"shop"};
  return settings;
}

void StormWorld::add_snapshot(const std::string& id, Instant as_of, const std::string& status) {
  snapshots[id] = as_of;
  fakes::aws::SnapshotSeed seed;
  seed.id = id;
  seed.type = "automated";
  seed.status = status;
  seed.created = as_of;
  seed.backup_retention = 35;
  seed.tags = {{"service", "shop"}};
  cloud.seed(seed);
}

void StormWorld::add_foreign_stack(const std::string& name) {
  admin_clock_.set(cloud.now());
  aws::Caller caller(direct_, admin_credentials_, admin_clock_,
                     {.region = "eu-west-1", .url = cloud.endpoint()});
  auto made = aws::CloudFormation(caller).create_stack(
      {.name = name,
       .template_body = R"({"Resources":{"P":{"Type":"AWS::RDS::DBParameterGroup",
                            "Properties":{"Description":"d","Family":"postgres15"}}}})",
       .tags = {{"team", "others"}}});
  if (!made.ok()) mind.violate("test", to_string(made.error()));
  foreign_.insert(name);
}

void StormWorld::write_tag(const std::string& id, const std::string& key, const std::string& value) {
  admin_clock_.set(cloud.now());
  aws::Caller caller(direct_, admin_credentials_, admin_clock_,
                     {.region = "eu-west-1", .url = cloud.endpoint()});
  const json there = instance(id);
  if (there.is_null()) return;
  (void)aws::Rds(caller).add_tags_to_resource(there["DBInstanceArn"], {{key, value}});
}

json StormWorld::instance(const std::string& id) {
  const std::string text = cloud.instance(id);
  return text.empty() ? json() : parse_json(text);
}

FakeCopy& StormWorld::database(const std::string& resource_id) {
  FakeCopy& found = mind.copies[model::CopyId(resource_id)];
  if (found.instance.empty()) {  // as production was: armed and raw
    found.record.id = model::CopyId(resource_id);
    found.instance = resource_id;
    found.whole = true;
  }
  return found;
}

Result<std::string> StormWorld::log_in(const ports::SessionTarget& target) {
  const std::string& host = target.parameters.at("host");
  const std::string id = host.substr(0, host.find('.'));
  const json there = instance(id);
  auto no = [](std::string_view why) {
    return Error{.code = Code::kConnection, .message = std::string(why), .hint = {}, .retry = Retry::kLater};
  };
  if (there.is_null() || there["DBInstanceStatus"] == "deleting" || there["DBInstanceStatus"] == "creating")
    return no("the server does not answer");
  check_calls();
  const bool in_force =
      passwords_set_.contains(id) && there.value("PendingModifiedValues", json::object()).empty();
  if (!in_force) return no("password authentication failed for user \"master\"");
  if (target.parameters.at("sslmode") != "verify-full") mind.violate("closed_door", "a login without TLS");
  return there["DbiResourceId"].get<std::string>();
}

std::vector<std::string> StormWorld::our_copies() {
  check_calls();
  std::vector<std::string> found;
  for (const std::string& name : ours_) {
    if (!cloud.stack_status(name).empty() || !cloud.instance(name).empty()) found.push_back(name);
  }
  return found;
}

std::string StormWorld::alias_target() {
  const std::vector<std::string> values = cloud.dns_values(kName, "CNAME");
  std::string host = values.size() == 1 ? values.front() : "";
  if (host.ends_with('.')) host.pop_back();
  return host;
}

std::map<std::string, int> StormWorld::restores() {
  check_calls();
  std::map<std::string, int> found;
  for (const auto& [name, times] : restored_) found[snapshot_of_[name]] += times;
  return found;
}

std::set<std::string> StormWorld::operations() {
  std::set<std::string> found;
  for (const auto& call : cloud.calls()) {
    if (is_ours(call)) found.insert(call.operation);
  }
  return found;
}

}  // namespace ytb::storm

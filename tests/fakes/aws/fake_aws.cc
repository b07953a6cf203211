#include "tests/fakes/aws/fake_aws.h"

#include <algorithm>

#include "tests/fakes/aws/cloudformation.h"
#include "tests/fakes/aws/dns.h"
#include "tests/fakes/aws/ecs.h"
#include "tests/fakes/aws/rds.h"
#include "tests/fakes/aws/route53.h"
#include "tests/fakes/aws/server.h"
#include "tests/fakes/aws/small_services.h"
#include "tests/fakes/aws/sts.h"
#include "tests/fakes/aws/world.h"

namespace ytb::fakes::aws {

FakeAws::FakeAws(Settings settings) : world_(std::make_unique<World>(std::move(settings))) {
  world_->add_service("sts", std::make_unique<Sts>(*world_));
  world_->add_service("rds", std::make_unique<Rds>(*world_));
  world_->add_service("cloudformation", std::make_unique<CloudFormation>(*world_));
  world_->add_service("secretsmanager", std::make_unique<SecretsManager>(*world_));
  world_->add_service("ssm", std::make_unique<Ssm>(*world_));
  world_->add_service("s3", std::make_unique<S3>(*world_));
  world_->add_service("ec2", std::make_unique<Ec2>(*world_));
  world_->add_service("iam", std::make_unique<Iam>(*world_));
  world_->add_service("ecs", std::make_unique<Ecs>(*world_));
  auto route53 = std::make_unique<Route53>(*world_);
  dns_ = std::make_unique<DnsResponder>(*world_, *route53);
  world_->add_service("route53", std::move(route53));
  server_ = std::make_unique<Server>(*world_);
  if (world_->settings.backend == nullptr) return;
  world_->settings.backend->set_token_judge(
      [this](const TokenLogin& login) { return world_->service<Rds>("rds").accepts_token(login); });
}

FakeAws::~FakeAws() {
  if (world_->settings.backend != nullptr) world_->settings.backend->set_token_judge({});
}

std::string FakeAws::available() {
  return models_folder().empty()
             ? "botocore's service models are not installed (apt install python3-botocore)"
             : "";
}

std::string FakeAws::endpoint() const { return "http://127.0.0.1:" + std::to_string(port()); }
uint16_t FakeAws::port() const { return server_->port(); }

HttpResponse FakeAws::handle(const HttpRequest& request) { return server_->handle(request); }

std::vector<std::string> FakeAws::environment() const {
  const Identity& identity = world_->settings.identities.at(0);
  std::vector<std::string> out = {"AWS_ACCESS_KEY_ID=" + identity.access_key,
                                  "AWS_SECRET_ACCESS_KEY=" + identity.secret_key,
                                  "AWS_REGION=" + world_->settings.region,
                                  "AWS_DEFAULT_REGION=" + world_->settings.region,
                                  "AWS_ENDPOINT_URL=" + endpoint(),
                                  "AWS_EC2_METADATA_DISABLED=true",
                                  "AWS_CONFIG_FILE=/nonexistent",
                                  "AWS_SHARED_CREDENTIALS_FILE=/nonexistent"};
  if (!identity.session_token.empty()) out.push_back("AWS_SESSION_TOKEN=" + identity.session_token);
  return out;
}

Sts& FakeAws::sts() { return world_->service<Sts>("sts"); }
SecretsManager& FakeAws::secrets() { return world_->service<SecretsManager>("secretsmanager"); }
Ssm& FakeAws::ssm() { return world_->service<Ssm>("ssm"); }
S3& FakeAws::s3() { return world_->service<S3>("s3"); }
Ec2& FakeAws::ec2() { return world_->service<Ec2>("ec2"); }
Iam& FakeAws::iam() { return world_->service<Iam>("iam"); }
Ecs& FakeAws::ecs() { return world_->service<Ecs>("ecs"); }

Instant FakeAws::now() const { return world_->now(); }
void FakeAws::advance(Duration duration) {
  world_->advance(duration);
  world_->run_due();
}
void FakeAws::skew(Duration duration) { world_->skew(duration); }
void FakeAws::add_identity(const Identity& identity) { world_->add_identity(identity); }
void FakeAws::fail(std::string_view operation, int nth, Fault fault) {
  world_->plan_fault(operation, nth, std::move(fault));
}

void FakeAws::seed(const SnapshotSeed& snapshot) {
  std::lock_guard lock(world_->mutex);
  world_->service<Rds>("rds").seed(snapshot);
}

void FakeAws::unseed_snapshot(const std::string& id) {
  std::lock_guard lock(world_->mutex);
  world_->service<Rds>("rds").unseed_snapshot(id);
}

void FakeAws::seed(const InstanceSeed& instance) {
  std::lock_guard lock(world_->mutex);
  world_->service<Rds>("rds").seed(instance);
}

void FakeAws::seed_subnet_group(const std::string& name) {
  std::lock_guard lock(world_->mutex);
  world_->service<Rds>("rds").seed_subnet_group(name);
}

void FakeAws::seed_option_group(const std::string& name, const std::string& major) {
  std::lock_guard lock(world_->mutex);
  world_->service<Rds>("rds").seed_option_group(name, major);
}

std::string FakeAws::seed_zone(const std::string& name, bool is_private) {
  std::lock_guard lock(world_->mutex);
  return world_->service<Route53>("route53").seed_zone(name, is_private);
}

void FakeAws::seed_record(const std::string& zone, const std::string& name, const std::string& type,
                          int ttl_s, const std::vector<std::string>& values) {
  std::lock_guard lock(world_->mutex);
  world_->service<Route53>("route53").seed_record(zone, name, type, ttl_s, values);
}

std::vector<std::string> FakeAws::dns_values(const std::string& name, const std::string& type) {
  world_->run_due();
  std::lock_guard lock(world_->mutex);
  for (const Route53::Answer& answer : world_->service<Route53>("route53").resolve(name)) {
    if (answer.type == type) return answer.values;
  }
  return {};
}

uint16_t FakeAws::dns_port() const { return dns_->port(); }

std::string FakeAws::instance(const std::string& id) {
  world_->run_due();
  std::lock_guard lock(world_->mutex);
  json* found = world_->service<Rds>("rds").instance(id);
  return found == nullptr ? "" : found->dump();
}

std::string FakeAws::cluster(const std::string& id) {
  world_->run_due();
  std::lock_guard lock(world_->mutex);
  json* found = world_->service<Rds>("rds").cluster(id);
  return found == nullptr ? "" : found->dump();
}

std::string FakeAws::snapshot(const std::string& id) {
  world_->run_due();
  std::lock_guard lock(world_->mutex);
  json* found = world_->service<Rds>("rds").snapshot(id);
  return found == nullptr ? "" : found->dump();
}

std::string FakeAws::cluster_snapshot(const std::string& id) {
  world_->run_due();
  std::lock_guard lock(world_->mutex);
  json* found = world_->service<Rds>("rds").cluster_snapshot(id);
  return found == nullptr ? "" : found->dump();
}

std::vector<std::string> FakeAws::instance_ids() {
  world_->run_due();
  std::lock_guard lock(world_->mutex);
  return world_->service<Rds>("rds").instance_ids();
}

std::string FakeAws::stack_status(const std::string& name) {
  world_->run_due();
  std::lock_guard lock(world_->mutex);
  return world_->service<CloudFormation>("cloudformation").status(name);
}

void FakeAws::fail_next_resource(const std::string& type, const std::string& reason) {
  std::lock_guard lock(world_->mutex);
  world_->service<CloudFormation>("cloudformation").fail_next(type, reason);
}

void FakeAws::fail_next_change(const std::string& type, const std::string& reason) {
  std::lock_guard lock(world_->mutex);
  world_->service<CloudFormation>("cloudformation").fail_next_change(type, reason);
}

void FakeAws::blur(const std::string& kind, const std::string& id) {
  std::lock_guard lock(world_->mutex);
  world_->service<Rds>("rds").blur(kind, id);
}

void FakeAws::grow_volume(const std::string& id, int gib) {
  std::lock_guard lock(world_->mutex);
  world_->run_due();
  world_->service<Rds>("rds").grow_volume(id, gib);
}

void FakeAws::set_instance_status(const std::string& id, const std::string& status) {
  std::lock_guard lock(world_->mutex);
  world_->service<Rds>("rds").set_status(id, status);
}

std::vector<RecordedCall> FakeAws::calls(size_t from) const {
  std::lock_guard lock(world_->mutex);
  const std::vector<RecordedCall>& all = world_->records();
  return {all.begin() + static_cast<std::ptrdiff_t>(std::min(from, all.size())), all.end()};
}

std::vector<RecordedCall> FakeAws::mutations() const {
  std::vector<RecordedCall> out;
  for (RecordedCall& call : calls()) {
    if (call.mutating) out.push_back(std::move(call));
  }
  return out;
}

int FakeAws::count(std::string_view operation) const {
  int found = 0;
  for (const RecordedCall& call : calls()) {
    if (call.operation == operation || call.service + ":" + call.operation == operation) ++found;
  }
  return found;
}

}  // namespace ytb::fakes::aws

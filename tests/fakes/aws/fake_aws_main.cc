// fake_aws: the fake AWS as a program, to point awscli or the program under development at.
//
//   fake_aws [--port N] [seed.json]
//
// The seed: {"zones": ["example.com"], "instances": [{"id": "shop"}], "snapshots": [{"id":
// "rds:shop-2026-11-21", "instance": "shop", "type": "automated", "created": "2026-11-21T06:00:00Z"}],
// "buckets": ["proofs"]}. Prints the environment of a client, one NAME=value a line, and runs until it is
// interrupted.
#include <fmt/format.h>
#include <signal.h>

#include <charconv>
#include <fstream>

#include "base/json.h"
#include "tests/fakes/aws/fake_aws.h"
#include "tests/fakes/aws/small_services.h"

namespace ytb::fakes::aws {
namespace {

void seed(FakeAws& fake, const json& source) {
  for (const json& zone : source.value("zones", json::array())) {
    fmt::print("# zone {} is {}\n", zone.get<std::string>(), fake.seed_zone(zone));
  }
  for (const json& bucket : source.value("buckets", json::array())) fake.s3().seed_bucket(bucket);
  for (const json& instance : source.value("instances", json::array())) {
    InstanceSeed made;
    made.id = instance.at("id");
    made.deletion_protection = instance.value("deletion_protection", true);
    fake.seed(made);
  }
  for (const json& snapshot : source.value("snapshots", json::array())) {
    SnapshotSeed made;
    made.id = snapshot.at("id");
    made.instance = snapshot.value("instance", made.instance);
    made.type = snapshot.value("type", made.type);
    made.status = snapshot.value("status", made.status);
    std::optional<Instant> created = from_iso(snapshot.at("created").get<std::string>());
    if (!created)
      throw std::runtime_error("created is no UTC time: " + snapshot.at("created").get<std::string>());
    made.created = *created;
    fake.seed(made);
  }
}

int run(const std::vector<std::string>& arguments) {
  if (!FakeAws::available().empty()) throw std::runtime_error(FakeAws::available());
  Settings settings;
  std::string seed_file;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--port" && i + 1 < arguments.size()) {
      settings.port = static_cast<uint16_t>(std::stoul(arguments[++i]));
    } else if (arguments[i].starts_with('-') || !seed_file.empty()) {
      fmt::print(stderr, "usage: fake_aws [--port N] [seed.json]\n");
      return 2;
    } else {
      seed_file = arguments[i];
    }
  }
  // Before any thread is made, so that none of them takes the signal.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  FakeAws fake(settings);
  if (!seed_file.empty()) {
    std::ifstream in(seed_file);
    if (!in) throw std::runtime_error("cannot read " + seed_file);
    const json world = parse_json(std::string{std::istreambuf_iterator<char>(in), {}});
    if (world.is_discarded()) throw std::runtime_error(seed_file + " is not JSON");
    seed(fake, world);
  }
  for (const std::string& pair : fake.environment()) fmt::print("{}\n", pair);
  fmt::print("# DNS: 127.0.0.1 port {}\n", fake.dns_port());
  fflush(stdout);
  int caught = 0;
  sigwait(&ends, &caught);
  return 0;
}

}  // namespace
}  // namespace ytb::fakes::aws

int main(int count, char** arguments) {
  try {
    return ytb::fakes::aws::run({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    fmt::print(stderr, "fake_aws: {}\n", error.what());
    return 1;
  }
}

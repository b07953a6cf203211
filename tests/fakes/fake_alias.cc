#include <fmt/format.h>

#include "fakes/ports.h"

namespace ytb::fakes {

Result<model::AliasState> FakeAliasStore::read() {
  if (auto error = world_.look("read alias")) return *error;
  FakeAlias& now = world_.alias;
  ++now.reads_since_move;
  const FakeAlias* shown = &now;
  if (world_.alias_may_be_stale && world_.chance(world_.faults.stale)) {
    ++world_.reached["stale"];
    world_.alias_may_be_stale = false;
    shown = &world_.old_alias;
  }
  model::AliasState state;
  state.target = shown->link;
  state.consistent = shown->link == shown->service;
  state.seen = shown->link.has_value() && shown->reads_since_move > 1;
  state.connect = "psql service=shop-yesterday";
  state.path = {
      .service_file = "/srv/my files/pg_service.conf", .service = "shop-yesterday", .dbname = "shop"};
  state.tcp_path = state.path;
  state.tcp_path->service = "shop-yesterday-tcp";
  return state;
}

Status FakeAliasStore::repoint(const model::PassedProof& proof, const model::Copy& copy) {
  auto move_link = [&] {
    world_.log(fmt::format("alias -> {}", copy.id));
    FakeCopy* there = world_.find(copy.id);
    if (there == nullptr) {
      world_.violate("no_gap", fmt::format("the alias moves to {}, which is not there", copy.id));
      return;
    }
    if (!there->record.opened || !there->record.running) {
      world_.violate("no_gap", fmt::format("the alias moves to {}, which is not open and running", copy.id));
    }
    std::string with = proof.proof().policy_digest + "/" + proof.proof().key_id;
    if (proof.copy() != copy.id || proof.proof().instance != there->instance ||
        !world_.is_clean(*there, with)) {
      world_.violate("closed_door", fmt::format("the alias moves to {} without a true proof of it", copy.id));
    }
    world_.alias.link = copy.id;
    world_.alias.reads_since_move = 0;
    world_.alias.worked = true;
  };
  return world_.change("repoint", move_link, [&]() -> Status {
    move_link();
    world_.alias.service = copy.id;
    return {};
  });
}

Status FakeAliasStore::remove() {
  world_.violate("no_gap", "the alias was taken away");
  return {};
}

}  // namespace ytb::fakes

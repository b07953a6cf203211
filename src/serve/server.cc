#include "serve/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <utility>

namespace ytb::serve {
namespace {

constexpr Duration kGateAgainAfter = std::chrono::seconds(10);
const model::ProductionName kNobody;

const config::ProductionConfig* find(const config::Config& config, const model::ProductionName& name) {
  for (const config::ProductionConfig& production : config.productions) {
    if (production.name == name) return &production;
  }
  return nullptr;
}

}  // namespace

Server::Server(ServerParts parts) : parts_(std::move(parts)) {}

Server::~Server() {
  for (auto& [name, worker] : workers_) {
    if (worker.thread.joinable()) worker.thread.join();
  }
}

std::shared_ptr<const config::Config> Server::current() const {
  std::scoped_lock lock(mutex_);
  return config_;
}

void Server::adopt(config::Config config) {
  auto shared = std::make_shared<const config::Config>(std::move(config));
  std::scoped_lock lock(mutex_);
  config_ = std::move(shared);
}

void Server::keep(const model::ProductionName& name, Worker& worker) {
  Keeper keeper(name, parts_.open_workplace, parts_.clock, parts_.stop, parts_.log);
  while (!parts_.stop.requested()) {
    std::shared_ptr<const config::Config> config = current();
    const config::ProductionConfig* production = find(*config, name);
    if (production == nullptr) {
      parts_.log(name, "is no longer in the config; its copies are left as they are");
      break;
    }
    Instant wake = keeper.turn(*config, *production);
    // A config that was read again is looked at at once.
    while (!parts_.stop.requested() && current() == config) {
      Instant now = parts_.clock.now();
      if (now >= wake) break;
      parts_.clock.sleep(std::min<Duration>(kPollEvery, wake - now));
    }
  }
  worker.ended.store(true);
}

void Server::start_workers() {
  std::shared_ptr<const config::Config> config = current();
  for (auto it = workers_.begin(); it != workers_.end();) {
    if (it->second.ended.load()) {
      it->second.thread.join();
      it = workers_.erase(it);
    } else {
      ++it;
    }
  }
  for (const config::ProductionConfig& production : config->productions) {
    auto [it, added] = workers_.try_emplace(production.name);
    if (!added) continue;
    Worker& worker = it->second;
    worker.thread = std::thread([this, name = production.name, &worker] { keep(name, worker); });
  }
}

void Server::end_gate(const model::ProductionName& name) {
  const auto at = gatekeepers_.find(name);
  if (at == gatekeepers_.end()) return;
  const Status ended = at->second->end();
  parts_.log(name, ended.ok() ? std::string("its gate was closed") : "error: " + ended.error().message);
  gatekeepers_.erase(at);
}

void Server::keep_gates() {
  std::shared_ptr<const config::Config> config = current();
  std::vector<model::ProductionName> gone;
  for (const auto& [name, gatekeeper] : gatekeepers_) {
    if (find(*config, name) == nullptr) gone.push_back(name);
  }
  // Their copies stay as they are; but who may come to them is nobody's word any more.
  for (const model::ProductionName& name : gone) end_gate(name);
  // Side by side: that a gate does not answer takes half a minute to find out, and keeps no other waiting.
  std::vector<std::future<void>> looks;
  for (const config::ProductionConfig& production : config->productions) {
    std::unique_ptr<ports::Gatekeeper> made = parts_.make_gatekeeper(*config, production);
    if (made == nullptr) {
      end_gate(production.name);  // it has no gate any more
      continue;
    }
    std::unique_ptr<ports::Gatekeeper>& gatekeeper = gatekeepers_[production.name];
    gatekeeper = std::move(made);
    looks.push_back(std::async(std::launch::async, [this, &name = production.name, &gatekeeper = *gatekeeper,
                                                    &trouble = gate_troubles_[production.name]] {
      look_at_gate(name, gatekeeper, trouble);
    }));
  }
  for (std::future<void>& look : looks) look.get();
  gate_again_ = parts_.clock.now() + kGateAgainAfter;
}

void Server::look_at_gate(const model::ProductionName& name, ports::Gatekeeper& gatekeeper,
                          std::string& trouble) const {
  const Result<std::string> kept = gatekeeper.keep();
  // Said once; tried again, as whoever holds the port may let it go.
  std::string now = kept.ok() ? std::string() : kept.error().message;
  if (!now.empty() && now != trouble)
    parts_.log(name, fmt::format("error: {}\nhint: {}", now, kept.error().hint));
  trouble = std::move(now);
  if (kept.ok() && !kept->empty()) parts_.log(name, *kept);
}

void Server::read_again() {
  Result<config::Config> config = parts_.load_config();
  if (!config.ok()) {
    parts_.log(kNobody, fmt::format("the config was not taken over, the old one stays in force: {}",
                                    config.error().message));
    return;
  }
  adopt(std::move(*config));
  parts_.log(kNobody, "the config was read again");
}

Status Server::run() {
  YTB_ASSIGN(config::Config first, parts_.load_config());
  adopt(std::move(first));
  parts_.log(kNobody, fmt::format("serving {} production(s)", current()->productions.size()));
  keep_gates();  // first: the name may come to lead there
  start_workers();
  while (!parts_.stop.requested()) {
    if (parts_.reload.exchange(false)) {
      read_again();
      start_workers();
      keep_gates();
    } else if (parts_.clock.now() >= gate_again_) {
      start_workers();  // a production that left and came back while its keeper was busy
      keep_gates();
    }
    parts_.clock.sleep(kPollEvery);
  }
  parts_.log(kNobody, "stopping; copies and gates go on serving");
  for (auto& [name, worker] : workers_) worker.thread.join();
  parts_.log(kNobody, "stopped");
  return {};
}

}  // namespace ytb::serve

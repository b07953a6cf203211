// serve.
#include <fmt/format.h>

#include <mutex>

#include "base/text.h"
#include "cli/context.h"
#include "cli/describe.h"
#include "refresh/guarded.h"
#include "serve/server.h"

namespace ytb::cli {
namespace {

// The log of what the loop does: a line for each action, its end and its failure. Progress would only fill
// it.
class LogListener final : public refresh::Listener {
 public:
  LogListener(model::ProductionName production, const serve::Log& log, const AppHooks& hooks)
      : production_(std::move(production)), log_(log), hooks_(hooks) {}

  void on_event(const refresh::Event& event) override {
    if (hooks_.on_event) hooks_.on_event(event);
    if (event.action == nullptr) return;
    switch (event.kind) {
      case refresh::Event::Kind::kActionStarted:
        log_(production_, fmt::format("{}: {}", event.action->id(), event.action->reason));
        break;
      case refresh::Event::Kind::kActionDone:
        log_(production_, fmt::format("{} done in {}", event.action->id(), to_human(event.elapsed)));
        break;
      case refresh::Event::Kind::kActionFailed:
        if (event.error != nullptr) {
          log_(production_, fmt::format("{} failed after {}: {}", event.action->id(), to_human(event.elapsed),
                                        event.error->message));
        }
        break;
      case refresh::Event::Kind::kDecided:
      case refresh::Event::Kind::kWaiting:
        break;
    }
  }
  void update(const ports::ProgressUpdate& update) override {
    if (hooks_.on_progress) hooks_.on_progress(update);
  }
  void note(std::string_view line) override { log_(production_, line); }

 private:
  model::ProductionName production_;
  const serve::Log& log_;
  const AppHooks& hooks_;
};

// One turn's lock, drivers and refresher, all made anew.
class SiteWorkplace final : public serve::Workplace {
 public:
  SiteWorkplace(std::shared_ptr<const config::Config> config, const config::ProductionConfig& production,
                refresh::StateDirectory state, os::FileLock lock, std::unique_ptr<ports::Vault> vault,
                refresh::Drivers drivers, Services& services, const serve::Log& log)
      : config_(std::move(config)),
        production_(production),
        state_(std::move(state)),
        lock_(std::move(lock)),
        vault_(std::move(vault)),
        drivers_(std::move(drivers)),
        services_(services),
        listener_(production.name, log, services.hooks) {}

  Status start_copies() override {
    YTB_ASSIGN(std::vector<model::Copy> copies, drivers_.host->list());
    std::optional<Error> first;
    for (const model::Copy& copy : copies) {
      bool serves = copy.phase == model::Phase::kLive || copy.phase == model::Phase::kDraining ||
                    copy.phase == model::Phase::kSpare;
      if (!serves || !copy.opened || copy.running) continue;
      Status started = start(copy);
      if (started.ok()) {
        listener_.note(fmt::format("{} was not running: started", copy.id));
      } else if (!first) {
        first = started.error();
      }
    }
    if (first) return *std::move(first);
    return {};
  }

  Result<decide::Decision> tick() override {
    if (!refresher_) {
      YTB_ASSIGN(refresh::Inputs inputs, refresh::load_inputs(*config_, production_, state_, *vault_));
      YTB_ASSIGN(refresh::Settings settings,
                 refresh::make_settings(*config_, production_, state_, *vault_, inputs.digest,
                                        "yesterdaytabase " + services_.version));
      refresher_.emplace(drivers_.ports(services_.clock), std::move(settings), std::move(inputs), listener_,
                         services_.stop);
    }
    refresh::RunOptions options;
    options.refresh_now = false;
    return refresher_->tick(options);
  }

  Result<std::optional<Instant>> live_data_as_of() override {
    YTB_ASSIGN(std::vector<model::Copy> copies, drivers_.host->list());
    for (const model::Copy& copy : copies) {
      if (copy.phase == model::Phase::kLive) return std::optional<Instant>(copy.data_as_of);
    }
    return std::optional<Instant>();
  }

  Status tell(const ports::Notice& notice) override { return drivers_.notifier->tell(notice); }

 private:
  Status start(const model::Copy& copy) {
    YTB_ASSIGN(model::OwnedCopy owned,
               model::OwnedCopy::claim(copy, production_.name, refresh::protected_names(*config_)));
    return drivers_.host->start(owned);
  }

  std::shared_ptr<const config::Config> config_;
  const config::ProductionConfig& production_;
  refresh::StateDirectory state_;
  os::FileLock lock_;
  std::unique_ptr<ports::Vault> vault_;
  refresh::Drivers drivers_;
  Services& services_;
  LogListener listener_;
  std::optional<refresh::Refresher> refresher_;
};

serve::OpenWorkplace workplaces(Services& services, const serve::Log& log) {
  return [&services, &log](
             const config::Config& config,
             const config::ProductionConfig& production) -> Result<std::unique_ptr<serve::Workplace>> {
    YTB_TRY(refresh::refuse_as_root(config, production));
    YTB_ASSIGN(refresh::StateDirectory state, refresh::StateDirectory::open(config.state_directory));
    YTB_ASSIGN(os::FileLock lock, state.lock(production.name, "serve", services.clock.now()));
    YTB_ASSIGN(std::unique_ptr<ports::Vault> vault, open_vault(services, config.aws));
    YTB_ASSIGN(refresh::Drivers drivers, services.make_drivers(config, production));
    // The keeper holds the config for as long as the turn lasts.
    std::shared_ptr<const config::Config> shared(&config, [](const config::Config*) {});
    return std::unique_ptr<serve::Workplace>(
        std::make_unique<SiteWorkplace>(std::move(shared), production, std::move(state), std::move(lock),
                                        std::move(vault), std::move(drivers), services, log));
  };
}

}  // namespace

Status run_serve(Context& context) {
  if (context.call.has("production")) {
    return Error{.code = Code::kUsage,
                 .message = "serve keeps every production of the config; --production is not for it",
                 .hint = "leave it away, or write a config with this one only"};
  }
  YTB_ASSIGN(std::string file, find_config(context));
  std::mutex mutex;
  serve::Log log = [&](const model::ProductionName& production, std::string_view line) {
    std::scoped_lock lock(mutex);
    Instant now = context.services.clock.now();
    if (context.output.json()) {
      context.out() << to_text(Json{{"at", to_iso(now)}, {"production", production.str()}, {"line", line}});
    } else if (production.empty()) {
      context.out() << fmt::format("{} {}\n", to_iso(now), printable(line));
    } else {
      context.out() << fmt::format("{} {}: {}\n", to_iso(now), production, printable(line));
    }
    context.out() << std::flush;
  };
  serve::Server server({.load_config = [&]() -> Result<config::Config> {
                          YTB_ASSIGN(std::unique_ptr<ports::Vault> vault, open_vault(context.services, {}));
                          YTB_ASSIGN(config::Config config, refresh::load_config(file, *vault));
                          for (const config::ProductionConfig& production : config.productions)
                            YTB_TRY(refresh::refuse_as_root(config, production));
                          return config;
                        },
                        .open_workplace = workplaces(context.services, log),
                        .make_gatekeeper = context.services.make_gatekeeper,
                        .clock = context.services.clock,
                        .stop = context.services.stop,
                        .reload = context.services.reload,
                        .log = log});
  if (context.services.on_serve) context.services.on_serve();
  return server.run();
}

}  // namespace ytb::cli

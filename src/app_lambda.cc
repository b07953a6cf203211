#include "app_lambda.h"

#include <fmt/format.h>

#include <mutex>
#include <utility>

#include "app_turns.h"
#include "base/json.h"
#include "base/text.h"
#include "drivers/aws/ecs.h"
#include "drivers/fargate/fargate_worker.h"
#include "drivers/http/curl_client.h"
#include "drivers/os/files.h"
#include "lambda/handler.h"
#include "lambda/work.h"

namespace ytb {
namespace {

// libcurl counts milliseconds in 32 bits; a `next` that took so long is simply asked again.
constexpr Duration kNextMax = std::chrono::hours(24 * 20);
constexpr Duration kPostMax = std::chrono::seconds(30);
constexpr size_t kEventReadMax = 8 << 20;  // Lambda's own limit is 6 MB; what is too large is answered so
constexpr size_t kOriginalBytesMax = 64 << 10;
constexpr size_t kProposalBytesMax = 16 << 20;
constexpr const char* kSpool = "/tmp";

std::string variable(const LambdaWiring& wiring, const std::string& name) {
  return wiring.environment(name).value_or("");
}

// Of a config.json, or of an event that brings the same as its `config`. Without one: none.
Result<std::optional<lambda::Setup>> setup_of_text(const LambdaWiring& wiring, const std::string& text) {
  Result<lambda::Event> event = lambda::parse_event(text);
  if (event.ok() && !event->config) return std::optional<lambda::Setup>();
  Result<lambda::OriginalConfig> original =
      event.ok() ? Result(*event->config) : lambda::parse_original_config(text);
  if (!original.ok()) return std::move(original).error();
  YTB_ASSIGN(lambda::Setup setup, lambda::setup_from_original(*original, wiring.environment));
  return std::optional(std::move(setup));
}

Result<lambda::Setup> setup_of_place(const LambdaWiring& wiring, const std::string& place) {
  YTB_ASSIGN(config::Config config, wiring.load_config(place));
  return lambda::Setup{.config = std::make_shared<const config::Config>(std::move(config)), .remarks = {}};
}

// The original's by $YTB_ORIGINAL_CONFIG (as a config.json or as the event that the schedule sends), ours by
// $YTB_CONFIG or beside the program, the original's config.json.
Result<std::optional<lambda::Setup>> own_setup(const LambdaWiring& wiring,
                                               const std::optional<std::string>& given) {
  auto some = [](Result<lambda::Setup> setup) -> Result<std::optional<lambda::Setup>> {
    if (!setup.ok()) return std::move(setup).error();
    return std::optional(*std::move(setup));
  };
  if (given) return some(setup_of_place(wiring, *given));
  std::string original = variable(wiring, "YTB_ORIGINAL_CONFIG");
  if (!original.empty()) {
    Result<std::optional<lambda::Setup>> setup = setup_of_text(wiring, original);
    if (!setup.ok() || *setup) return setup;
  }
  std::string place = variable(wiring, "YTB_CONFIG");
  if (!place.empty()) return some(setup_of_place(wiring, place));
  std::string root = variable(wiring, "LAMBDA_TASK_ROOT");
  if (root.empty()) return std::optional<lambda::Setup>();
  if (os::exists(os::join_path(root, "yesterdaytabase.yaml"))) {
    return some(setup_of_place(wiring, os::join_path(root, "yesterdaytabase.yaml")));
  }
  std::string bundled = os::join_path(root, "config.json");
  if (!os::exists(bundled)) return std::optional<lambda::Setup>();
  YTB_ASSIGN(std::string text, os::read_file(bundled, kOriginalBytesMax));
  Result<std::optional<lambda::Setup>> setup = setup_of_text(wiring, text);
  if (!setup.ok()) return std::move(setup).error().while_doing(bundled);
  if (*setup) (*setup)->beside_program = parse_json(text).dump();
  return setup;
}

struct Proposal {
  std::string bucket;
  std::string key;
  [[nodiscard]] std::string place() const { return fmt::format("s3://{}/{}", bucket, key); }
};

Proposal proposal_of(const config::ProductionConfig& production, const model::CopyId& copy) {
  return {.bucket = production.copies.rds.bucket,
          .key = fmt::format("{}/{}/proposals/{}.yaml", production.copies.rds.bucket_prefix, production.name,
                             copy)};
}

// A worker and the client that it calls through.
class OwningWorker final : public ports::Worker {
 public:
  OwningWorker(aws::Caller& caller, const config::FargateConfig& config)
      : ecs_(caller), worker_(ecs_, config) {}
  Result<std::optional<ports::WorkerState>> find(const model::CopyId& copy) override {
    return worker_.find(copy);
  }
  Result<ports::WorkerState> start(const ports::WorkerRequest& request, const std::string& after) override {
    return worker_.start(request, after);
  }

 private:
  aws::Ecs ecs_;
  fargate::FargateWorker worker_;
};

Result<std::unique_ptr<ports::Worker>> make_worker(const LambdaWiring& wiring,
                                                   const config::ProductionConfig& production) {
  if (!production.fargate) return std::unique_ptr<ports::Worker>();
  YTB_ASSIGN(aws::Caller * caller, wiring.caller_for(production));
  return std::unique_ptr<ports::Worker>(std::make_unique<OwningWorker>(*caller, *production.fargate));
}

Result<std::string> find_proposal(const LambdaWiring& wiring, const config::ProductionConfig& production,
                                  const Proposal& proposal) {
  YTB_ASSIGN(aws::Caller * caller, wiring.caller_for(production));
  YTB_ASSIGN(std::optional<aws::ObjectInfo> found,
             aws::S3(*caller).head_object(proposal.bucket, proposal.key));
  return found ? proposal.place() : std::string();
}

Result<std::string> keep_proposal(const LambdaWiring& wiring, const config::ProductionConfig& production,
                                  const Proposal& proposal, std::string_view yaml) {
  YTB_CHECK(yaml.size() <= kProposalBytesMax);
  YTB_ASSIGN(aws::Caller * caller, wiring.caller_for(production));
  YTB_ASSIGN(std::string etag, aws::S3(*caller).put_object({.bucket = proposal.bucket,
                                                            .key = proposal.key,
                                                            .body = std::string(yaml),
                                                            .content_type = "application/yaml"}));
  return proposal.place();
}

// What the function keeps in mind.
struct Memory {
  S3DueMarks marks;
  S3Turns turns;
};

// Where it is kept: the function's own variables, else the config's first bucket.
Memory memory_of(const LambdaWiring& wiring, const std::optional<lambda::Setup>& own) {
  std::string bucket = variable(wiring, "YTB_BUCKET");
  std::string prefix = variable(wiring, "YTB_BUCKET_PREFIX");
  if (bucket.empty() && own) {
    const config::RdsCopiesConfig& copies = own->config->productions.front().copies.rds;
    bucket = copies.bucket;
    if (prefix.empty()) prefix = copies.bucket_prefix;
  }
  if (prefix.empty()) prefix = config::RdsCopiesConfig{}.bucket_prefix;
  return {.marks = {wiring.caller, bucket, prefix}, .turns = {wiring.caller, bucket, prefix}};
}

std::function<void(std::string_view)> log_of(const LambdaWiring& wiring) {
  auto mutex = std::make_shared<std::mutex>();
  return [mutex, &wiring](std::string_view line) {
    std::scoped_lock lock(*mutex);
    wiring.log << line << "\n" << std::flush;
  };
}

lambda::Parts parts_of(const LambdaWiring& wiring, Memory& memory, const std::optional<std::string>& config) {
  return lambda::Parts{.own_setup = [&wiring, config] { return own_setup(wiring, config); },
                       .setup_of =
                           [&wiring](const lambda::OriginalConfig& original) {
                             return lambda::setup_from_original(original, wiring.environment);
                           },
                       .drivers = wiring.drivers,
                       .load_inputs =
                           [&wiring](const lambda::Setup& setup, const config::ProductionConfig& production) {
                             return wiring.load_inputs(*setup.config, production);
                           },
                       .make_settings =
                           [&wiring](const lambda::Setup& setup, const config::ProductionConfig& production,
                                     std::string digest) {
                             return wiring.make_settings(*setup.config, production, std::move(digest));
                           },
                       .make_worker = [&wiring](const config::ProductionConfig& production,
                                                const StopFlag&) { return make_worker(wiring, production); },
                       .marks = memory.marks,
                       .turns = memory.turns,
                       .find_proposal =
                           [&wiring](const config::ProductionConfig& production, const model::CopyId& copy) {
                             return find_proposal(wiring, production, proposal_of(production, copy));
                           },
                       .keep_proposal =
                           [&wiring](const config::ProductionConfig& production, const model::CopyId& copy,
                                     std::string_view yaml) {
                             return keep_proposal(wiring, production, proposal_of(production, copy), yaml);
                           },
                       .stack_args = wiring.stack_args,
                       .read_anew = wiring.read_anew,
                       .spool_free_bytes = []() -> uint64_t {
                         Result<os::Space> space = os::space_at(kSpool);
                         return space.ok() ? space->available_bytes : 0;
                       },
                       .clock = wiring.clock,
                       .log = log_of(wiring)};
}

}  // namespace

Result<lambda::RuntimeHttp::Reply> TransportRuntimeHttp::send(http::Request request) {
  // Past any proxy, and over a connection that stays: the API is inside the sandbox.
  request.direct = true;
  request.may_repeat = request.method == "GET";
  request.body_bytes_max = kEventReadMax;
  YTB_ASSIGN(http::Response response, transport_.send(request));
  return Reply{
      .status = response.status, .headers = std::move(response.headers), .body = std::move(response.body)};
}

Result<lambda::RuntimeHttp::Reply> TransportRuntimeHttp::get(const std::string& path) {
  return send({.method = "GET",
               .url = fmt::format("http://{}{}", authority_, path),
               .total_timeout = kNextMax,
               .stop = &stop_});
}

Result<lambda::RuntimeHttp::Reply> TransportRuntimeHttp::post(
    const std::string& path, const std::vector<std::pair<std::string, std::string>>& headers,
    const std::string& body) {
  return send({.method = "POST",
               .url = fmt::format("http://{}{}", authority_, path),
               .headers = headers,
               .body = body,
               .total_timeout = kPostMax});
}

Status run_lambda(const LambdaWiring& wiring, const StopFlag& stop) {
  std::string authority = variable(wiring, "AWS_LAMBDA_RUNTIME_API");
  if (authority.empty()) {
    return Error{.code = Code::kUsage,
                 .message = "AWS_LAMBDA_RUNTIME_API is not set: this is no Lambda function",
                 .hint = "as a daemon use 'yesterdaytabase serve', for one pass 'yesterdaytabase refresh'"};
  }
  http::CurlClient transport;
  TransportRuntimeHttp http(transport, authority, stop);
  std::function<void(std::string_view)> log = log_of(wiring);
  lambda::RuntimeLoop loop(http, wiring.clock, stop, log);
  if (wiring.assume_roles) wiring.assume_roles();
  Result<std::optional<lambda::Setup>> own = own_setup(wiring, std::nullopt);
  if (!own.ok()) {
    (void)loop.report_init_error(own.error());
    return std::move(own).error();
  }
  if (wiring.remember_secrets) wiring.remember_secrets();
  Memory memory = memory_of(wiring, *own);
  lambda::Handler handler(parts_of(wiring, memory, std::nullopt));
  return loop.run([&](const lambda::Invocation& invocation) { return handler.handle(invocation); });
}

Result<std::string> check_original_config(const std::string& file) {
  YTB_ASSIGN(std::string text, os::read_file(file, kOriginalBytesMax));
  Result<lambda::OriginalConfig> read = lambda::parse_original_config(text);
  if (!read.ok()) {
    Error error = std::move(read).error();
    error.code = Code::kConfig;
    return std::move(error).while_doing(file);
  }
  return fmt::format(
      "{}: the database {}, in the zone {}; copies are called {}-yesterday-…, in the subnet group {}, "
      "staging's "
      "security group {}",
      file, read->db_name, read->domain, lambda::production_of(read->db_name), read->subnet_group,
      read->security_group);
}

Status run_work(const LambdaWiring& wiring, const cli::WorkCall& call, const StopFlag& stop) {
  YTB_ASSIGN(std::optional<lambda::Setup> own, own_setup(wiring, call.config));
  if (!own) {
    return Error{.code = Code::kConfig,
                 .message = "a worker is not told which config it works by",
                 .hint = "--config FILE, $YTB_CONFIG or $YTB_ORIGINAL_CONFIG names it"};
  }
  lambda::Target target{.setup = *own, .production = nullptr, .config_text = {}};
  for (const config::ProductionConfig& production : own->config->productions) {
    bool fits = call.production ? production.name.str() == *call.production
                                : model::is_copy_name(production.name, call.copy);
    if (fits) target.production = &production;
  }
  if (target.production == nullptr) {
    return Error{.code = Code::kUsage,
                 .message = fmt::format("'{}' is a copy of no production in {}", printable(call.copy),
                                        own->config->file),
                 .hint = "see the copies with: yesterdaytabase status"};
  }
  Memory memory = memory_of(wiring, own);
  lambda::Parts parts = parts_of(wiring, memory, call.config);
  YTB_ASSIGN(lambda::WorkDone done, lambda::work_on(parts, target, model::CopyId(call.copy), stop));
  parts.log(fmt::format("{} is {}", call.copy, model::name_of(done.phase)));
  return {};
}

}  // namespace ytb

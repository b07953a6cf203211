#include "tests/fakes/aws/server.h"

#include <array>
#include <ctime>

#include "base/text.h"

namespace ytb::fakes::aws {
namespace {

// Signed by the global services' own region wherever they are called from.
bool is_global(const std::string& service) { return service == "route53" || service == "iam"; }

Dialect dialect_of(const Model& model) {
  if (model.service == "s3") return Dialect::kS3;
  if (model.protocol == Model::Protocol::kJson) return Dialect::kJson;
  return model.protocol == Model::Protocol::kEc2 ? Dialect::kEc2 : Dialect::kQuery;
}

// "Sun, 22 Nov 2026 06:00:00 GMT": by it clients learn what time it is for AWS.
std::string http_date(Instant now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

[[noreturn]] void refuse_by_fault(const Fault& fault, const Model& model) {
  bool is_json = model.protocol == Model::Protocol::kJson;
  switch (fault.kind) {
    case Fault::Kind::kCode:
      refuse(fault.code, "as the test asked for", fault.status);
    case Fault::Kind::kThrottle:
      if (model.service == "s3") refuse("SlowDown", "Please reduce your request rate.", 503);
      if (model.service == "ec2") refuse("RequestLimitExceeded", "Request limit exceeded.", 503);
      refuse(is_json ? "ThrottlingException" : "Throttling", "Rate exceeded", 400);
    case Fault::Kind::kExpiredToken:
      refuse_signature(dialect_of(model), SignatureFault::kExpired,
                       "The security token included in the request is expired");
    case Fault::Kind::kTimeSkewed:
      refuse_signature(dialect_of(model), SignatureFault::kSkewed,
                       "Signature expired: more than 15 min. from the server's time");
    case Fault::Kind::kAccessDenied:
      refuse(is_json ? "AccessDeniedException" : "AccessDenied", "not authorized to perform this operation",
             is_json ? 400 : 403);
    default:
      break;
  }
  refuse(model.service == "s3" ? "InternalError" : "InternalFailure",
         "An internal error occurred, please try again.", 500);
}

bool happens_before(Fault::Kind kind) {
  return kind == Fault::Kind::kThrottle || kind == Fault::Kind::kInternalError ||
         kind == Fault::Kind::kExpiredToken || kind == Fault::Kind::kTimeSkewed ||
         kind == Fault::Kind::kAccessDenied || kind == Fault::Kind::kCode;
}

// Read once: a test may make hundreds of fakes, and RDS's model is 2 MB of JSON.
const Model* model_of(const std::string& service) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Model>> models;
  std::lock_guard lock(mutex);
  auto found = models.find(service);
  if (found == models.end()) found = models.emplace(service, load_model(service)).first;
  return found->second.get();
}

void spoil(const Fault& fault, HttpResponse& response) {
  switch (fault.kind) {
    case Fault::Kind::kDropAfter:
      response.drop = true;
      break;
    case Fault::Kind::kTruncatedBody:
      response.truncate = true;
      break;
    case Fault::Kind::kMalformed:
      response.body = response.body.substr(0, response.body.size() * 2 / 3);
      break;
    case Fault::Kind::kWrongRoot:
      response.body = response.body.starts_with('{') ? "{\"unrelated\":{\"to\":\"the question\"}}"
                                                     : "<html><body>Welcome to nginx</body></html>";
      break;
    default:
      break;
  }
}

}  // namespace

struct Server::Exchange {
  std::string request_id;
  const Model* model = nullptr;
  const Operation* operation = nullptr;
  Identity who;
  HttpResponse response;
};

Server::Server(World& world)
    : world_(world),
      http_(world.settings.port, [this](const HttpRequest& request) { return handle(request); }) {}

Server::~Server() {
  std::lock_guard lock(stop_mutex_);
  stopping_ = true;
  stop_changed_.notify_all();
}

void Server::wait(std::chrono::milliseconds duration) {
  std::unique_lock lock(stop_mutex_);
  stop_changed_.wait_for(lock, duration, [this] { return stopping_; });
}

HttpResponse Server::handle(const HttpRequest& request) {
  Exchange exchange;
  {
    std::lock_guard lock(world_.mutex);
    exchange.request_id = world_.fresh_id(32);
  }
  try {
    answer(request, exchange);
  } catch (const Refusal& refusal) {
    exchange.response = make_error(exchange.model, exchange.operation, refusal, exchange.request_id);
    if (request.method == "HEAD") exchange.response.body.clear();
  }
  exchange.response.headers.emplace_back("Date", http_date(world_.signing_now()));
  return exchange.response;
}

std::string Server::global_region(const std::string& service) const {
  if (world_.settings.partition == "aws-us-gov") return "us-gov-west-1";
  if (world_.settings.partition == "aws-cn") return service == "iam" ? "cn-north-1" : "cn-northwest-1";
  return "us-east-1";
}

Identity Server::authenticate(const HttpRequest& request, Exchange& exchange) {
  std::optional<Scope> scope = scope_of(request);
  std::string service = scope ? scope->service : "sts";
  exchange.model = world_.find_service(service) == nullptr ? nullptr : model_of(service);
  if (exchange.model == nullptr) {
    refuse("SignatureDoesNotMatch", "Credential should be scoped to correct service, not '" + service + "'.",
           403);
  }
  if (scope) {
    std::string region = is_global(service) ? global_region(service) : world_.settings.region;
    Dialect dialect = dialect_of(*exchange.model);
    Identity who = verify(request, *scope, dialect, region, world_.signing_now(),
                          [this](const std::string& key) { return world_.find_identity(key); });
    exchange.operation = &find_operation(*exchange.model, request);
    return who;
  }
  exchange.operation = &find_operation(*exchange.model, request);
  if (exchange.operation->name != "AssumeRoleWithWebIdentity") {
    exchange.operation = nullptr;
    refuse("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
  }
  return Identity{.access_key = "", .secret_key = "", .session_token = "", .arn = "", .expires = {}};
}

void Server::answer(const HttpRequest& request, Exchange& exchange) {
  exchange.who = authenticate(request, exchange);
  std::optional<Fault> fault = world_.next_fault(exchange.model->service, exchange.operation->name);
  if (fault && fault->kind == Fault::Kind::kHang) wait(fault->hang);
  if (fault && fault->kind == Fault::Kind::kDropBefore) {
    exchange.response.drop = true;
    return;
  }
  if (fault && happens_before(fault->kind)) refuse_by_fault(*fault, *exchange.model);
  work(exchange, parse_input(*exchange.model, *exchange.operation, request));
  if (fault) spoil(*fault, exchange.response);
}

void Server::work(Exchange& exchange, const json& input) {
  const std::string& service = exchange.model->service;
  const std::string& name = exchange.operation->name;
  std::lock_guard lock(world_.mutex);
  world_.run_due();
  Call call{name, input, exchange.who, ""};
  RecordedCall record{.at = world_.now(),
                      .service = service,
                      .operation = name,
                      .principal = exchange.who.arn,
                      .target = "",
                      .mutating = is_mutating(name),
                      .input = recordable(input),
                      .error = ""};
  const Service::Handler* handler = world_.find_service(service)->find(name);
  try {
    if (handler == nullptr) refuse("NotImplemented", "the fake AWS does not do " + service + ":" + name, 501);
    json output = (*handler)(call);
    exchange.response = make_answer(*exchange.model, *exchange.operation, output, exchange.request_id);
  } catch (const Refusal& refusal) {
    record.error = refusal.code;
    record.target = call.target;
    world_.record(record);
    throw;
  }
  record.target = call.target;
  world_.record(record);
  // What takes no time is done before the client hears of it.
  world_.run_due();
}

}  // namespace ytb::fakes::aws

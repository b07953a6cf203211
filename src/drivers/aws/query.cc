#include "drivers/aws/query.h"

#include <fmt/format.h>

namespace ytb::aws {
namespace {

std::string_view version_of(Service service) {
  switch (service) {
    case Service::kRds:
      return "2014-10-31";
    case Service::kCloudFormation:
      return "2010-05-15";
    case Service::kSts:
      return "2011-06-15";
    case Service::kIam:
      return "2010-05-08";
    case Service::kEc2:
      return "2016-11-15";
    default:
      break;
  }
  YTB_CHECK_MSG(false, "a service without the query protocol");
  return {};
}

}  // namespace

Params::Params(Service service, std::string action, Effect effect) {
  call_.service = service;
  call_.operation = std::move(action);
  call_.effect = effect;
  set("Action", call_.operation);
  set("Version", version_of(service));
}

Params& Params::set(const std::string& name, std::string_view value) {
  values_.emplace_back(name, value);
  return *this;
}

Params& Params::set_if(const std::string& name, std::string_view value) {
  return value.empty() ? *this : set(name, value);
}

Params& Params::set_secret(const std::string& name, const Secret& value) {
  call_.hidden.emplace_back(value.reveal());
  return set(name, value.reveal());
}

Params& Params::list(const std::string& name, const std::vector<std::string>& values) {
  for (size_t i = 0; i < values.size(); ++i) set(fmt::format("{}.{}", name, i + 1), values[i]);
  return *this;
}

Params& Params::pairs(const std::string& name, const std::map<std::string, std::string>& values,
                      const std::string& key, const std::string& value) {
  size_t at = 0;
  for (const auto& [k, v] : values) {
    ++at;
    set(fmt::format("{}.{}.{}", name, at, key), k);
    set(fmt::format("{}.{}.{}", name, at, value), v);
  }
  return *this;
}

Params& Params::expect(std::string code, std::string message_part) {
  call_.expected.push_back({.code = std::move(code), .message_part = std::move(message_part)});
  return *this;
}

Params& Params::is_unsigned() {
  call_.is_signed = false;
  return *this;
}

Call Params::call() const {
  Call call = call_;
  call.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  for (const auto& [name, value] : values_) {
    if (!call.body.empty()) call.body += '&';
    call.body += uri_encode(name) + "=" + uri_encode(value);
  }
  return call;
}

Result<XmlAnswer> run(Caller& caller, const Params& params) {
  const Call call = params.call();
  YTB_ASSIGN(Answer answer, caller.call(call));
  return XmlAnswer::parse(call, std::move(answer), params.action() + "Response");
}

Status check(const Params& params, const XmlAnswer& answer, const Problem& problem) {
  if (problem.text.empty()) return {};
  return malformed(params.call(), answer.answer(), problem.text);
}

Result<std::optional<XmlAnswer>> Pages::next() {
  if (at_end_) return std::optional<XmlAnswer>();
  if (++pages_ > kPagesMax) {
    return Error{.code = Code::kExternal,
                 .message = fmt::format("{} {}: more than {} pages", title_of(params_.call().service),
                                        params_.action(), kPagesMax),
                 .hint = ""};
  }
  Params params = params_;
  params.set_if(next_, token_);
  YTB_ASSIGN(XmlAnswer answer, run(caller_, params));
  if (answer.has_fault()) return std::optional<XmlAnswer>();
  Problem problem;
  const std::string token = result(answer, problem).text_if(next_.c_str());
  YTB_TRY(check(params, answer, problem));
  if (!token.empty() && token == token_) {
    return malformed(params.call(), answer.answer(), "the same page would come again and again");
  }
  at_end_ = token.empty();
  token_ = token;
  return std::optional<XmlAnswer>(std::move(answer));
}

}  // namespace ytb::aws

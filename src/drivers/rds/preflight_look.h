// PreflightLook: what one preflight has learned so far. Private to this room's preflight_*.cc.
#pragma once

#include <fmt/format.h>

#include <set>
#include <string>
#include <utility>

#include "drivers/aws/caller.h"
#include "drivers/aws/endpoints.h"
#include "drivers/rds/preflight.h"

namespace ytb::rds {

struct PreflightLook {
  const PreflightClients& clients;
  const config::ProductionConfig& production;
  const config::AwsConfig& aws;
  const PreflightOptions& options;

  std::vector<PreflightLine> lines = {};
  std::set<std::string> proven = {};    // permissions, by a read that was done
  std::set<std::string> answered = {};  // services, by their prefix: "rds"
  std::set<std::string> silent = {};
  std::optional<aws::CallerIdentity> who = {};
  std::optional<aws::DbSnapshot> newest = {};
  std::vector<std::string> older = {};  // ARNs of the usable ones after it, newest first; a few of them
  std::string vpc_id = {};
  std::string zone_id = {};

  [[nodiscard]] const config::RdsCopiesConfig& copies() const { return production.copies.rds; }
  [[nodiscard]] bool is_aurora() const { return production.copies.kind == "aurora"; }
  [[nodiscard]] std::string_view partition() const { return aws::partition_of(options.region); }
  [[nodiscard]] std::string arn(std::string_view service, std::string_view resource) const {
    return fmt::format("arn:{}:{}:{}:{}:{}", partition(), service, options.region, who ? who->account : "*",
                       resource);
  }

  void fine(std::string what, std::string detail, How how = How::kRead) {
    lines.push_back({.what = std::move(what), .detail = std::move(detail), .how = how});
  }
  void failed(std::string what, Code code, std::string message, std::string hint = {}) {
    lines.push_back({.what = std::move(what),
                     .failed = Error{.code = code, .message = std::move(message), .hint = std::move(hint)}});
  }
  void warn(std::string what, std::string message, std::string hint = {}, How how = How::kRead) {
    lines.push_back(
        {.what = std::move(what),
         .failed = Error{.code = Code::kConfig, .message = std::move(message), .hint = std::move(hint)},
         .warning = true,
         .how = how});
  }

  // Keeps what a read proves: that its service answers, and `permission` where it was done.
  template <typename T>
  bool note(const std::string& permission, const Result<T>& result) {
    const std::string service = permission.substr(0, permission.find(':'));
    if (result.ok() || aws::is_from_aws(result.error())) {
      answered.insert(service);
    } else {
      silent.insert(service);
    }
    if (result.ok()) proven.insert(permission);
    return result.ok();
  }
  // note(), and a failed line where it failed.
  template <typename T>
  bool seen(const std::string& what, const std::string& permission, const Result<T>& result) {
    if (note(permission, result)) return true;
    Error error = result.error();
    if (aws::is_denial(error))
      error.hint = fmt::format("allow {} in the policy of {}", permission, who ? who->arn : "who we are");
    lines.push_back({.what = what, .failed = std::move(error)});
    return false;
  }
};

void check_network(PreflightLook& look);  // subnet group, security groups
void check_place(PreflightLook& look);    // class, groups, certificates, bucket, role, Fargate
void check_rights(PreflightLook& look);   // permissions

}  // namespace ytb::rds

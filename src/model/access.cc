#include "model/access.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ytb::model {

namespace {

constexpr std::string_view kLocal = "local";

}  // namespace

bool AccessRole::comes_locally() const { return std::find(from.begin(), from.end(), kLocal) != from.end(); }

bool AccessRole::comes_from_addresses() const {
  return std::any_of(from.begin(), from.end(), [](const std::string& origin) { return origin != kLocal; });
}

Status check_access_roles(const std::vector<AccessRole>& access, const std::vector<std::string>& roles) {
  std::vector<std::string> known = roles;  // and those that are made before the one that is looked at
  auto is_known = [&](const std::string& name) {
    return std::find(known.begin(), known.end(), name) != known.end();
  };
  for (const AccessRole& role : access) {
    const bool there = std::find(roles.begin(), roles.end(), role.name) != roles.end();
    if (there && !role.existing) {
      return Error{.code = Code::kConfig,
                   .message = fmt::format("the access role '{}' exists in production", printable(role.name)),
                   .hint = "write `existing: true` to take it with all its grants, or choose another name"};
    }
    if (!there && role.existing) {
      return Error{.code = Code::kConfig,
                   .message = fmt::format("the access role '{}' does not exist in production{}",
                                          printable(role.name), did_you_mean(role.name, roles)),
                   .hint = "correct the name, or leave `existing` out: then the role is made"};
    }
    for (const std::string& group : role.member_of) {
      if (is_known(group)) continue;
      return Error{
          .code = Code::kConfig,
          .message = fmt::format("access.{}.member_of: the role '{}' does not exist in production{}",
                                 printable(role.name), printable(group), did_you_mean(group, roles)),
          .hint = "name a role that production has, or pg_read_all_data for everything that can be read"};
    }
    if (!there) known.push_back(role.name);
  }
  return {};
}

}  // namespace ytb::model

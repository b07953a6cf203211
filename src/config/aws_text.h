// Which characters a text may have that reaches a CloudFormation template, an AWS call or a task: one
// allow-list a kind, asked wherever such a text is parsed (config, event, environment).
//
// CloudFormation resolves "{{resolve:secretsmanager:…}}" in any string of a template: whoever may choose one
// could have a secret put where he can read it. No kind but a setting's value has braces, and that no two in
// a row.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ytb::config {

enum class AwsText {
  kName,           // a subnet group, an option group, a container: letters, digits, spaces and ._-
  kNameOrArn,      // of a cluster, a task definition, a role: those and :/+=,@
  kSecurityGroup,  // sg- and letters, digits or dashes
  kKey,            // a KMS key: id, ARN or alias/…
  kAccount,        // an account's id: 12 digits
  kClass,          // db.t4g.medium
  kStorageType,    // gp3
  kPrefix,         // of keys in a bucket
  kSettingValue,   // of a server's parameter: printable ASCII
};

// What is wrong, as the end of a sentence about the value; nullopt: nothing. "" is right for every kind.
std::optional<std::string> wrong_with_aws(AwsText kind, std::string_view text);

// The same of a production's name. Everything made for copies of "shop" is called "shop-yesterday-…" or
// "shop-sanitized-…", and the roles may change whatever is called so: no other production's name may begin
// such a name, or its copies would be among them. deploy/aws/production.yaml refuses the same.
std::optional<std::string> wrong_with_aws_production(std::string_view name);

}  // namespace ytb::config

// starter_config(): the first config that `init` writes. Short: what has a good default is a comment.
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "config/config.h"
#include "masking/yaml_text.h"

namespace ytb::config {
namespace {

std::string yaml_text(const std::string& text) { return masking::yaml_scalar(text); }

std::string reference(const model::SecretRef& secret) {
  switch (secret.kind) {
    case model::SecretRef::Kind::kEnvironment:
      return yaml_text("${" + secret.locator + "}");
    case model::SecretRef::Kind::kFile:
      return yaml_text("file:" + secret.locator);
    case model::SecretRef::Kind::kSecretsManager:
      return yaml_text("secretsmanager:" + secret.locator);
    case model::SecretRef::Kind::kParameterStore:
      return yaml_text("ssm:" + secret.locator);
    case model::SecretRef::Kind::kNone:
      break;
  }
  return yaml_text("${PASSWORD}");
}

std::string list(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  for (const std::string& text : texts) parts.push_back(yaml_text(text));
  return "[" + join(parts, ", ") + "]";
}

// A line, or its example as a comment where there is no value.
std::string line(std::string_view key, const std::string& value, std::string_view example) {
  if (!value.empty()) return fmt::format("{}: {}\n", key, yaml_text(value));
  return fmt::format("# {}: {}\n", key, example);
}

std::string masking_block(const MaskingConfig& masking) {
  if (!masking.none_reason.empty()) return fmt::format("      none: {}\n", yaml_text(masking.none_reason));
  std::string text =
      fmt::format("      policy: {}   # what becomes of every column; `ytb policy propose` writes a draft\n",
                  yaml_text(masking.policy_file.empty() ? "policy.yaml" : masking.policy_file));
  if (!masking.lock_file.empty()) text += fmt::format("      lock: {}\n", yaml_text(masking.lock_file));
  if (!masking.key.empty()) {
    text +=
        fmt::format("      key: {}   # as long as it stays, so do the pseudonyms\n", reference(masking.key));
  }
  return text;
}

std::string access_block(const std::vector<model::AccessRole>& roles) {
  std::string text;
  for (const model::AccessRole& role : roles) {
    text += fmt::format("      {}:\n        password: {}\n", yaml_text(role.name), reference(role.password));
    if (!role.member_of.empty()) {
      text += fmt::format("        member_of: {}\n", list(role.member_of));
    } else {
      text += "        # member_of: [app_readers]   # roles of production whose rights it has\n";
    }
    text += fmt::format("        from: {}   # local: the socket; or addresses, e.g. 10.0.0.0/8\n",
                        list(role.from.empty() ? std::vector<std::string>{"local"} : role.from));
    if (role.existing) text += "        existing: true\n";
    if (role.bypass_row_security) text += "        bypass_row_security: true\n";
  }
  return text;
}

}  // namespace

std::string starter_config(const ProductionConfig& values) {
  std::string text =
      "# Yesterdaytabase: docs/config.md describes every key. Paths are relative to this file. Passwords and "
      "keys\n"
      "# are references: ${NAME} (an environment variable) or file:PATH.\n"
      "version: 1\n\nproductions:\n";
  text += fmt::format("  {}:\n    source:\n      basebackup:\n", yaml_text(values.name.str()));
  text += fmt::format("        directories: {}   # of pg_basebackup results, plain or tar\n",
                      list(values.source.directories));
  text += "        " +
          line("connection", values.source.connection, "\"host=db.example user=backup dbname=shop\"");
  if (values.source.password.empty()) {
    text += "        # password: file:source.password\n";
  } else {
    text += fmt::format("        password: {}\n", reference(values.source.password));
  }
  text += "    copies:\n      local:\n";
  text += "        " + line("directory", values.copies.directory, "copies");
  text += "        " +
          line("run_as", values.copies.run_as, "postgres   # the user that copies run as; never root");
  text += fmt::format("        ports: {}-{}\n", values.copies.port_first, values.copies.port_last);
  if (!values.copies.isolation.sealed())
    text += fmt::format("        isolation: {{{}: {}}}\n", values.copies.isolation.name(),
                        yaml_text(values.copies.isolation.reason));
  text += "    alias:\n      socket:\n";
  text += "        " + line("directory", values.alias.directory, "alias   # what staging users put in host=");
  text += "        " + line("listen", values.alias.listen, "0.0.0.0:6432   # for laptops: the gate");
  text += "    masking:\n" + masking_block(values.masking);
  text += "    access:   # who may log in to a copy once it is proven; nobody else can\n";
  text += access_block(values.access);
  if (values.schedule) {
    text += fmt::format("    schedule: {{cron: {}, timezone: {}}}\n", yaml_text(values.schedule->text()),
                        yaml_text(values.schedule->zone()));
  } else {
    text += "    schedule: \"0 6 * * *\"   # or {cron: \"0 6 * * *\", timezone: Europe/Berlin}\n";
  }
  text += fmt::format("    spare_copies: {}   # previous copies kept running for a rollback\n",
                      values.spare_copies);
  text += "    # drain: 5min   # how long the previous copy serves on after a swap\n";
  text += "    # max_age: 26h   # of staging's data; `ytb status` complains beyond it\n";
  text += "    # on_failure: [/usr/local/bin/notify, staging]\n";
  return text;
}

}  // namespace ytb::config

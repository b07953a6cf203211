#include "drivers/rds/stack_args.h"

#include "base/check.h"
#include "base/json.h"
#include "base/text.h"
#include "drivers/rds/stack_names.h"
#include "drivers/rds/stack_snapshot.h"
#include "drivers/rds/stack_template.h"

namespace ytb::rds {

using Json = nlohmann::ordered_json;

Result<std::string> stack_args(aws::Rds& rds, const config::ProductionConfig& production,
                               const model::Action& restore) {
  YTB_CHECK(restore.snapshot.has_value());
  const bool aurora = production.copies.kind == "aurora";
  const bool from_cluster = production.source.rds.is_cluster;
  const config::RdsCopiesConfig& copies = production.copies.rds;
  YTB_ASSIGN(const aws::DbSnapshot snapshot,
             SnapshotCopies(rds, aurora || from_cluster, aurora, production.source.rds.kms_key)
                 .find(*restore.snapshot));
  YTB_ASSIGN(Tags tags, to_tags(Mark{.production = production.name,
                                     .copy = restore.copy,
                                     .snapshot = restore.snapshot->id,
                                     .data_as_of = restore.snapshot->data_as_of,
                                     .attempt = restore.attempt}));
  const std::string name = stack_name(production.name, restore.copy);
  Volume volume;
  if (!aurora) {
    YTB_ASSIGN(volume, volume_of(copies, snapshot, from_cluster));
  }
  YTB_ASSIGN(std::string body, stack_template({.name = name,
                                               .aurora = aurora,
                                               .from_multi_az_cluster = from_cluster,
                                               .engine_version = snapshot.engine_version,
                                               .copies = copies,
                                               .volume = std::move(volume),
                                               .tags = std::move(tags)}));
  // A shared encrypted snapshot is restored from its copy under our own key.
  const bool copied = restore.snapshot->id.str().starts_with("arn:") && snapshot.encrypted;
  auto parameter = [](std::string_view key, std::string value) {
    return Json{{"ParameterKey", key}, {"ParameterValue", std::move(value)}};
  };
  return Json{{"StackName", name},
              {"TemplateBody", std::move(body)},
              {"Parameters", Json::array({parameter(kSnapshotParameter, copied ? snapshot_copy_name(name)
                                                                               : restore.snapshot->id.str()),
                                          parameter(kGroupsParameter, join(copies.quarantine_groups, ","))})}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ytb::rds

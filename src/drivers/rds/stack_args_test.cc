// The original's stack_args: what they say is what the stack was made of.
#include "drivers/rds/stack_args.h"

#include "drivers/rds/stack_testing.h"

namespace ytb::rds {
namespace {

using ::testing::HasSubstr;
using Tree = nlohmann::json;

class StackArgs : public StackTest {
 protected:
  config::ProductionConfig production() {
    config::ProductionConfig production;
    production.name = model::ProductionName("shop");
    production.copies.kind = "rds";
    production.copies.rds = options().copies;
    return production;
  }
  static model::Action action(const model::Snapshot& from = snapshot()) {
    const ports::RestoreRequest asked = request(1, from);
    return {.kind = model::ActionKind::kRestore,
            .copy = asked.copy,
            .snapshot = from,
            .attempt = asked.attempt,
            .tombstone = {},
            .reason = {}};
  }
  static std::map<std::string, std::string> parameters(const Tree& args) {
    std::map<std::string, std::string> found;
    for (const Tree& each : args["Parameters"]) found[each["ParameterKey"]] = each["ParameterValue"];
    return found;
  }
};

TEST_F(StackArgs, are_those_of_the_stack_that_was_made) {
  Result<std::string> text = stack_args(*rds_, production(), action());
  ASSERT_TRUE(text.ok()) << to_string(text.error());
  EXPECT_TRUE(fake_->mutations().empty());
  const Tree args = parse_json<Tree>(*text);
  must(restore());
  const std::string name = args["StackName"];
  auto stack = stacks_->describe_stack(name);
  ASSERT_TRUE(stack.ok() && *stack) << name;
  EXPECT_EQ(parameters(args), (*stack)->parameters);
  auto body = stacks_->get_template(name);
  ASSERT_TRUE(body.ok() && *body);
  EXPECT_EQ(args["TemplateBody"], **body);
}

TEST_F(StackArgs, name_the_copy_of_a_shared_encrypted_snapshot) {
  fakes::aws::SnapshotSeed shared;
  shared.id = "theirs";
  shared.type = "shared";
  shared.created = at("2026-11-22T06:00:00Z");
  shared.owner = "210987654321";
  shared.encrypted = true;
  shared.kms_key = "arn:aws:kms:eu-west-1:210987654321:key/k";
  fake_->seed(shared);
  const model::Snapshot from = snapshot("arn:aws:rds:eu-west-1:210987654321:snapshot:theirs");
  Result<std::string> text = stack_args(*rds_, production(), action(from));
  ASSERT_TRUE(text.ok()) << to_string(text.error());
  EXPECT_EQ(parameters(parse_json<Tree>(*text))["Snapshot"], "shop-yesterday-20261122-060000-1-source");
}

TEST_F(StackArgs, say_why_where_the_snapshot_is_gone) {
  Result<std::string> text = stack_args(*rds_, production(), action(snapshot("rds:shop-2026-11-21-06-00")));
  ASSERT_FALSE(text.ok());
  EXPECT_THAT(text.error().message, HasSubstr("it is no longer there"));
}

}  // namespace
}  // namespace ytb::rds

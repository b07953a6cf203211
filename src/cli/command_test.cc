#include "cli/command.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "support/golden.h"
#include "support/temporary.h"

namespace ytb::cli {
namespace {

Result<Invocation> parse(std::string_view line) {
  std::vector<std::string> words;
  if (!line.empty()) words = split(line, ' ');
  return parse_command_line(words);
}

TEST(CommandLine, EveryCommandOfTheTableIsFound) {
  std::set<CommandId> seen;
  for (const CommandSpec& command : commands()) {
    std::string line(command.path);
    for (const ArgumentSpec& argument : command.arguments) {
      if (argument.required) line += " x";
    }
    for (const OptionSpec& option : command.options) {
      line += fmt::format(" {}", option.name);
      if (!option.value.empty()) line += " v";
    }
    Result<Invocation> invocation = parse(line);
    ASSERT_TRUE(invocation.ok()) << line << ": " << invocation.error().message;
    ASSERT_NE(invocation->command, nullptr) << line;
    EXPECT_EQ(invocation->command->id, command.id) << line;
    EXPECT_EQ(invocation->options.size(), command.options.size()) << line;
    seen.insert(command.id);
    EXPECT_FALSE(command.summary.empty());
  }
  EXPECT_EQ(seen.size(), commands().size());
}

TEST(CommandLine, OptionsAndArguments) {
  Result<Invocation> a = parse("--config a.yaml refresh --if-due --output json -v");
  ASSERT_TRUE(a.ok()) << a.error().message;
  EXPECT_EQ(a->value("config"), "a.yaml");
  EXPECT_TRUE(a->has("if-due"));
  EXPECT_TRUE(a->has("verbose"));
  EXPECT_FALSE(a->has("force"));
  EXPECT_EQ(a->value("output"), "json");

  Result<Invocation> b = parse("rollback shop-yesterday-20261121-060000-1 -y -p shop --config=b.yaml");
  ASSERT_TRUE(b.ok()) << b.error().message;
  EXPECT_EQ(b->arguments, std::vector<std::string>{"shop-yesterday-20261121-060000-1"});
  EXPECT_TRUE(b->has("yes"));
  EXPECT_EQ(b->value("production"), "shop");
  EXPECT_EQ(b->value("config"), "b.yaml");

  Result<Invocation> c = parse("init --source-dir /a --source-dir /b");
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->values("source-dir"), (std::vector<std::string>{"/a", "/b"}));

  // A table may be called like a command, or begin with a dash after "--".
  Result<Invocation> d = parse("policy preview plan --rows 3");
  ASSERT_TRUE(d.ok()) << d.error().message;
  EXPECT_EQ(d->command->id, CommandId::kPolicyPreview);
  EXPECT_EQ(d->arguments, std::vector<std::string>{"plan"});

  // The last one counts.
  EXPECT_EQ(parse("status -c a -c b")->value("config"), "b");
}

TEST(CommandLine, WhatFollowsDashesIsHandedOn) {
  Result<Invocation> psql =
      parse_command_line({"connect", "--role", "app", "-p", "shop", "--", "-c",
                          "SELECT 1 WHERE password = 'x'", "status", "--help", "--", "-W"});
  ASSERT_TRUE(psql.ok()) << psql.error().message;
  EXPECT_EQ(psql->help, "") << "of psql's --help";
  EXPECT_EQ(psql->command->id, CommandId::kConnect);
  EXPECT_EQ(psql->value("role"), "app");
  EXPECT_FALSE(psql->has("config")) << "-c is psql's here";
  EXPECT_TRUE(psql->arguments.empty());
  EXPECT_EQ(psql->handed_on, (std::vector<std::string>{"-c", "SELECT 1 WHERE password = 'x'", "status",
                                                       "--help", "--", "-W"}));
  EXPECT_TRUE(parse("connect").value().handed_on.empty());
  EXPECT_TRUE(parse("connect --").value().handed_on.empty());
  EXPECT_FALSE(parse("connect -X").ok()) << "psql's options come behind --";
  EXPECT_FALSE(parse("connect shop").ok());

  // Another command hands nothing on: an argument, whatever it looks like.
  Result<Invocation> table = parse("policy preview -- -odd");
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_EQ(table->arguments, std::vector<std::string>{"-odd"});
  EXPECT_FALSE(parse("refresh -- --force").ok());
}

TEST(CommandLine, HelpIsFoundEverywhere) {
  EXPECT_EQ(parse("-h")->help, help_text(""));
  EXPECT_EQ(parse("help")->help, help_text(""));
  EXPECT_EQ(parse("help refresh")->help, help_text("refresh"));
  EXPECT_EQ(parse("help policy")->help, help_text("policy"));
  EXPECT_EQ(parse("--config x.yaml help policy accept -v")->help, help_text("policy accept"));
  EXPECT_EQ(parse("help --help")->help, help_text(""));
  EXPECT_EQ(parse("policy")->help, help_text("policy"));
  EXPECT_EQ(parse("policy --help")->help, help_text("policy"));
  EXPECT_EQ(parse("policy check -h")->help, help_text("policy check"));
  EXPECT_EQ(parse("refresh --if-due --help")->help, help_text("refresh"));
  EXPECT_EQ(parse("delete --help")->help, help_text("delete"))
      << "an argument is missing, but help was asked for";
}

TEST(CommandLine, NothingAndVersionStandInPlaceOfACommand) {
  EXPECT_TRUE(parse("")->nothing);
  EXPECT_TRUE(parse("--config a.yaml -p shop")->nothing);
  EXPECT_FALSE(parse("status")->nothing);
  for (const char* line : {"--version", "-V", "--version --output json", "version"}) {
    ASSERT_TRUE(parse(line).ok()) << line;
    ASSERT_NE(parse(line)->command, nullptr) << line;
    EXPECT_EQ(parse(line)->command->id, CommandId::kVersion) << line;
  }
}

TEST(CommandLine, WrongLinesSayWhatIsWrong) {
  std::string golden;
  for (std::string_view line : {"refrehs",
                                "policy chekc",
                                "proof",
                                "snapshot tak",
                                "frobnicate",
                                "refresh --forec",
                                "refresh --dry-run",
                                "refresh --xyzzy",
                                "--cofnig x refresh",
                                "delete",
                                "delete a b",
                                "status extra",
                                "refresh --output yaml",
                                "refresh --output jsn",
                                "refresh --config",
                                "status --max-age",
                                "plan --if-due",
                                "--nonsense",
                                "help refrehs",
                                "help policy acept",
                                "refresh --version",
                                "refresh --config=",
                                "policy preview",
                                "refresh --force=maybe"}) {
    Result<Invocation> invocation = parse(line);
    golden += fmt::format("$ yesterdaytabase {}\n", line);
    if (invocation.ok()) {
      golden += invocation->help.empty() ? "(accepted)\n\n" : "(help)\n\n";
      continue;
    }
    EXPECT_EQ(invocation.error().code, Code::kUsage) << line;
    golden += fmt::format("error: {}\n\n", to_string(invocation.error()));
  }
  tests::expect_golden("cli/usage_errors.txt", golden);
}

TEST(CommandLine, SecretsAreRefusedAndNeverEchoed) {
  for (std::vector<std::string> words : std::vector<std::vector<std::string>>{
           {"refresh", "--password", "hunter2"},
           {"refresh", "--password=hunter2"},
           {"--db-passwd", "hunter2", "check"},
           {"check", "--api-token=hunter2"},
           {"init", "--connection", "host=db1 user=a password=hunter2"},
           {"init", "--connection", "host=db1 PASSWORD = hunter2"},
           {"init", "--connection", "postgres://a:hunter2@db1/shop"},
           {"init", "--connection=postgresql://db1/shop?password=hunter2"},
           {"connect", "--password", "hunter2"},
           {"connect", "--dbname", "dbname=shop password=hunter2"},
           {"connect", "--", "host=db1 password=hunter2"},
           {"connect", "--", "-dpostgres://a:hunter2@db1/shop"},
           {"connect", "--", "--dbname=postgresql://db1/shop?password=hunter2"},
           {"refresh", "--", "--password=hunter2"}}) {
    Result<Invocation> invocation = parse_command_line(words);
    ASSERT_FALSE(invocation.ok()) << words.back();
    EXPECT_EQ(invocation.error().code, Code::kUsage);
    EXPECT_EQ(to_string(invocation.error()).find("hunter2"), std::string::npos)
        << to_string(invocation.error());
    EXPECT_NE(to_string(invocation.error()).find("password: file:/path"), std::string::npos);
  }
  EXPECT_TRUE(parse_command_line({"init", "--connection", "host=db1 user=backup"}).ok());
  EXPECT_TRUE(parse_command_line({"init", "--connection", "postgres://backup@db1:5433/shop"}).ok());
}

TEST(CommandLine, TooManyWordsAreRefused) {
  EXPECT_FALSE(parse_command_line(std::vector<std::string>(300, "status")).ok());
}

TEST(Help, IsAsAgreed) {
  tests::expect_golden("cli/help.txt", help_text(""));
  for (const GroupSpec& group : groups()) {
    tests::expect_golden(fmt::format("cli/help_{}.txt", group.name), help_text(group.name));
  }
  for (const CommandSpec& command : commands()) {
    std::string file(command.path);
    std::replace(file.begin(), file.end(), ' ', '_');
    tests::expect_golden(fmt::format("cli/help_{}.txt", file), help_text(command.path));
  }
}

// docs/cli.md is written by hand; this keeps it whole.
TEST(Docs, NameEveryCommandOptionAndExitStatus) {
  std::string text = tests::get(std::string(YTB_SOURCE_DIR) + "/docs/cli.md");
  for (const CommandSpec& command : commands()) {
    EXPECT_NE(text.find(fmt::format("| `{}", command.path)), std::string::npos) << command.path;
    for (const OptionSpec& option : command.options) {
      EXPECT_NE(text.find(fmt::format("`{}", option.name)), std::string::npos)
          << command.path << " " << option.name;
    }
  }
  for (const OptionSpec& option : global_options()) {
    EXPECT_NE(text.find(fmt::format("`{}", option.name)), std::string::npos) << option.name;
  }
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
    std::string row =
        fmt::format("| {} | `{}` |", exit_status(static_cast<Code>(code)), name_of(static_cast<Code>(code)));
    EXPECT_NE(text.find(row), std::string::npos) << row;
  }
}

TEST(Help, FitsATerminal) {
  for (const CommandSpec& command : commands()) {
    for (const std::string& line : split(help_text(command.path), '\n')) {
      EXPECT_LE(line.size(), 120U) << command.path << ": " << line;
    }
  }
}

}  // namespace
}  // namespace ytb::cli

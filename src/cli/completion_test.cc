#include "cli/completion.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <set>

#include "base/text.h"
#include "cli/command.h"
#include "cli/manual.h"
#include "support/temporary.h"

namespace ytb::cli {
namespace {

// What a shell prints, errors included.
std::string shell(const std::string& line) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((line + " 2>&1").c_str(), "r"), pclose);
  std::string text;
  std::array<char, 4096> buffer{};
  for (size_t n = fread(buffer.data(), 1, buffer.size(), pipe.get()); n > 0;
       n = fread(buffer.data(), 1, buffer.size(), pipe.get()))
    text.append(buffer.data(), n);
  return text;
}

bool is_there(const std::string& program) { return !shell("command -v " + program).empty(); }

class CompletionTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!is_there("bash")) GTEST_SKIP() << "no bash";
    tests::put(folder_ / "script", completion_script("bash").value());
    tests::put(folder_ / "here/config.yaml", "");
    tests::put(folder_ / "here/folder/file", "");
  }
  // What bash offers for the last of these words, as it splits them itself.
  std::set<std::string> offers(const std::vector<std::string>& words) {
    std::string list;
    for (const std::string& word : words) list += fmt::format(" '{}'", word);
    const std::string out =
        shell(fmt::format("cd {}; bash -c 'compopt() {{ :; }}; source {}; COMP_WORDS=(ytb'\"{}\"'); "
                          "COMP_CWORD={}; _yesterdaytabase; printf \"%s\\n\" \"${{COMPREPLY[@]}}\"'",
                          folder_ / "here", folder_ / "script", list, words.size()));
    std::set<std::string> offered;
    for (const std::string& line : split(out, '\n')) {
      if (!line.empty()) offered.insert(line);
    }
    return offered;
  }

  tests::TemporaryFolder folder_;
};

using Words = std::set<std::string>;

TEST_F(CompletionTest, CommandsAndTheirOptions) {
  EXPECT_EQ(offers({"ref"}), Words{"refresh"});
  EXPECT_EQ(offers({"policy", "p"}), (Words{"propose", "preview"}));
  EXPECT_EQ(offers({"refresh", "--w"}), Words{"--wait-drain"});
  EXPECT_EQ(offers({"policy", "accept", "--s"}), Words{"--schema"});
  EXPECT_EQ(offers({"--config", "policy", "stat"}), Words{"status"}) << "a value is no command";
  EXPECT_EQ(offers({"--config", "=", "x.yaml", "policy", "acc"}), Words{"accept"});
  EXPECT_EQ(offers({"help", "policy", "acc"}), Words{"accept"});
  EXPECT_EQ(offers({"help", "ref"}), Words{"refresh"});
  EXPECT_EQ(offers({"completion", "z"}), Words{"zsh"});
  EXPECT_EQ(offers({"--vers"}), Words{"--version"});
}

TEST_F(CompletionTest, ValuesByTheirKind) {
  EXPECT_EQ(offers({"-c", "conf"}), Words{"config.yaml"});
  EXPECT_EQ(offers({"--config", "=", "conf"}), Words{"config.yaml"});
  EXPECT_EQ(offers({"--config", "="}), (Words{"config.yaml", "folder"}));
  EXPECT_EQ(offers({"init", "--directory", ""}), Words{"folder"});
  EXPECT_EQ(offers({"plan", "--output", ""}), (Words{"text", "json"}));
  EXPECT_EQ(offers({"plan", "--production", ""}), Words{});
  EXPECT_EQ(offers({"proof", "verify", "conf"}), Words{"config.yaml"});
  EXPECT_EQ(offers({"connect", "--", ""}), Words{}) << "those are psql's";
}

// Whatever is in the table can be completed, word by word.
TEST_F(CompletionTest, TheWholeTable) {
  for (const CommandSpec& command : commands()) {
    std::vector<std::string> words = split(command.path, ' ');
    EXPECT_TRUE(offers(words).contains(words.back())) << command.path;
    for (const OptionSpec& option : command.options) {
      std::vector<std::string> more = words;
      more.emplace_back(option.name);
      EXPECT_TRUE(offers(more).contains(std::string(option.name))) << command.path << " " << option.name;
    }
  }
}

TEST(Completion, ZshTakesItsScript) {
  const std::string script = completion_script("zsh").value();
  EXPECT_TRUE(script.starts_with("#compdef yesterdaytabase ytb\n"));
  if (!is_there("zsh")) GTEST_SKIP() << "no zsh";
  tests::TemporaryFolder folder;
  tests::put(folder / "_yesterdaytabase", script);
  EXPECT_EQ(shell(fmt::format("zsh -n {}", folder / "_yesterdaytabase")), "");
  // What it hands to _describe, without the rest of zsh's completion.
  const std::string out = shell(fmt::format(
      "zsh -fc 'compdef() {{ :; }}; _describe() {{ print -l -- \"${{(@P)argv[-1]}}\"; }}; source {}; "
      "words=(ytb policy acc); CURRENT=3; _yesterdaytabase'",
      folder / "_yesterdaytabase"));
  EXPECT_NE(out.find("accept:Accept what"), std::string::npos) << out;
  EXPECT_EQ(out.find("refresh:"), std::string::npos) << out;
}

TEST(Completion, OfAnotherShellIsRefused) {
  const Result<std::string> fish = completion_script("fish");
  ASSERT_FALSE(fish.ok());
  EXPECT_EQ(fish.error().code, Code::kUsage);
}

TEST(Manual, NamesTheWholeTableAndIsGoodTroff) {
  const std::string page = manual_page("0.1.0");
  for (char c : page) ASSERT_TRUE(c == '\n' || (c >= ' ' && c < 0x7f)) << "not ASCII";
  auto in_troff = [](std::string text) {
    for (size_t at = text.find('-'); at != std::string::npos; at = text.find('-', at + 2))
      text.insert(at, "\\");
    return text;
  };
  for (const CommandSpec& command : commands()) {
    EXPECT_NE(page.find("\\fB" + in_troff(std::string(command.path)) + "\\fR"), std::string::npos)
        << command.path;
    for (const OptionSpec& option : command.options)
      EXPECT_NE(page.find("\\fB" + in_troff(std::string(option.name)) + "\\fR"), std::string::npos)
          << option.name;
  }
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
    const std::string line = fmt::format(".B {}\n", exit_status(static_cast<Code>(code)));
    EXPECT_NE(page.find(line), std::string::npos) << line;
  }
  tests::TemporaryFolder folder;
  tests::put(folder / "yesterdaytabase.1", page);
  if (is_there("groff")) {
    EXPECT_EQ(shell(fmt::format("groff -ww -man -Tutf8 -z {}", folder / "yesterdaytabase.1")), "");
  }
  if (is_there("mandoc")) {
    EXPECT_EQ(shell(fmt::format("mandoc -Tlint -Werror {}", folder / "yesterdaytabase.1")), "");
  }
}

}  // namespace
}  // namespace ytb::cli

// S16: `proof verify` without an argument accepted another copy's proof in the live copy's folder, and a copy
// whose nonce is another one. S18: a refresh with such a live copy said "nothing to do".
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// In place: mode and owner stay.
void overwrite(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

class S16 : public ::testing::Test {
 protected:
  static Scenario::Options with_a_spare() {
    Scenario::Options options;
    options.spare_copies = 1;
    return options;
  }
  void SetUp() override {
    scenario_.production().run("shop", "CREATE TABLE t (id int PRIMARY KEY)");
    scenario_.write_policy("    public.t: keep\n");
    scenario_.accept();
    scenario_.take_snapshot("monday");
    scenario_.refresh();
    first_ = scenario_.live_copy();
  }
  std::string proof_of(const std::string& copy) { return scenario_.copies() + "/" + copy + "/proof.json"; }
  void expect_not_verified(const std::string& why) {
    const RunResult result = scenario_.ytb({"proof", "verify"});
    EXPECT_NE(result.status, 0) << result.out;
    EXPECT_THAT(result.out + result.err, HasSubstr(why));
  }

  Scenario scenario_{with_a_spare()};
  std::string first_;
};

TEST_F(S16, TheLiveCopysProofMustBeItsOwn) {
  scenario_.take_snapshot("tuesday");
  scenario_.refresh();
  const std::string live = scenario_.live_copy();
  ASSERT_NE(live, first_);
  EXPECT_EQ(scenario_.ytb({"proof", "verify"}).status, 0);
  EXPECT_EQ(scenario_.ytb({"proof", "verify", first_}).status, 0);
  const std::string own = read_text(proof_of(live));
  ASSERT_NE(own, "");
  overwrite(proof_of(live), read_text(proof_of(first_)));
  expect_not_verified("is not its own");
  // Somebody may also have put it there under the name of the copy that is asked for.
  EXPECT_NE(scenario_.ytb({"proof", "verify", live}).status, 0);

  const RunResult plan = scenario_.ytb({"plan"});
  EXPECT_THAT(plan.out, HasSubstr("does not verify"));
  const RunResult refreshed = scenario_.refresh();
  EXPECT_THAT(refreshed.out + refreshed.err, Not(HasSubstr("nothing to do")));
  EXPECT_NE(scenario_.live_copy(), live);
  EXPECT_EQ(scenario_.ytb({"proof", "verify"}).status, 0);
}

TEST_F(S16, NorMayItsNonceBeAnotherOne) {
  const std::string record = scenario_.copies() + "/" + first_ + "/copy.json";
  std::string text = read_text(record);
  const size_t at = text.find("\"instance\"");
  ASSERT_NE(at, std::string::npos);
  const size_t value = text.find('"', text.find(':', at)) + 1;
  text[value] = text[value] == '0' ? '1' : '0';
  overwrite(record, text);
  expect_not_verified("is not its own");
  EXPECT_THAT(scenario_.ytb({"status"}).out, HasSubstr("does not verify"));
  scenario_.refresh();
  EXPECT_NE(scenario_.live_copy(), first_);
}

}  // namespace
}  // namespace ytb::testing

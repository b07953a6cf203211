// U3: a misspelt library in `preload` was found when the masked copy was opened, and tried again for ever.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class U03 : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run("shop",
                               "CREATE TABLE t (id int, email text); INSERT INTO t VALUES (1, 'a@raw.test')");
    scenario_.write_policy("    public.t: {id: keep, email: email}\n");
    scenario_.accept();
    scenario_.take_snapshot("monday");
  }
  void copies(const std::string& line) {
    scenario_.options().copies_extra = "        " + line + "\n";
    scenario_.write_config();
  }
  Scenario scenario_;
};

TEST_F(U03, ALibraryThatIsNotThereIsFoundBeforeAnythingIsRestored) {
  copies("preload: [plpgsq]");
  const std::string said = "copies.local.preload: there is no library 'plpgsq'";
  EXPECT_THAT(scenario_.ytb({"check"}).out, HasSubstr(said));
  const RunResult refused = scenario_.refresh(exit_status(Code::kConfig));
  EXPECT_THAT(refused.err, HasSubstr(said));
  EXPECT_THAT(refused.err, HasSubstr("(did you mean 'plpgsql'?)"));
  EXPECT_THAT(scenario_.copy_ids(), IsEmpty());
  copies("preload: [plpgsql]");
  EXPECT_THAT(scenario_.ytb({"check"}).out, HasSubstr("preloads plpgsql"));
  scenario_.refresh();
  EXPECT_EQ(scenario_.staging_value("SHOW shared_preload_libraries"), "plpgsql");
}

// What only the open server finds ends the run, and the masked copy waits for the mended config.
TEST_F(U03, AnOpenServerThatRefusesItsConfigCostsNoCopy) {
  copies("settings: {superuser_reserved_connections: '5000'}");
  const RunResult refused = scenario_.refresh(exit_status(Code::kConfig));
  EXPECT_THAT(refused.err, HasSubstr("must be less than "));
  EXPECT_THAT(refused.err, HasSubstr("copies.local.settings"));
  ASSERT_EQ(scenario_.copy_ids().size(), 1U);
  const std::string made = scenario_.copy_ids().front();
  // A library misspelt meanwhile is found before the door is touched, and costs no copy either.
  copies("preload: [plpgsq]");
  EXPECT_THAT(scenario_.refresh(exit_status(Code::kConfig)).err, HasSubstr("there is no library 'plpgsq'"));
  EXPECT_THAT(scenario_.copy_ids(), ElementsAre(made));
  copies("settings: {work_mem: 8MB}");
  scenario_.refresh();  // at once, whatever failed a moment ago
  EXPECT_EQ(scenario_.live_copy(), made);
  EXPECT_EQ(scenario_.staging_value("SHOW work_mem"), "8MB");
}

}  // namespace
}  // namespace ytb::testing

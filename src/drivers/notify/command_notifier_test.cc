#include "drivers/notify/command_notifier.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/json.h"
#include "support/temporary.h"

namespace ytb::drivers {
namespace {

ports::Notice failed() {
  return {.production = model::ProductionName("shop"),
          .event = "failed",
          .message = "column public.users.\"odd; name\" is not judged\nsecond line $(touch /tmp/never)",
          .hint = "add it",
          .at = from_iso("2026-11-22T06:00:00Z").value()};
}

class CommandNotifierTest : public testing::Test {
 protected:
  std::string read(const std::string& name) {
    std::ifstream in(folder_.path() + "/" + name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  tests::TemporaryFolder folder_;
};

TEST_F(CommandNotifierTest, TellsByEnvironmentAndStandardInput) {
  const std::string script =
      R"(cat > "$1/stdin"; printf '%s|%s|%s|%s|%s' )"
      R"("$YTB_EVENT" "$YTB_PRODUCTION" "$YTB_MESSAGE" "$YTB_HINT" "$YTB_AT" > "$1/env")";
  CommandNotifier notifier({"/bin/sh", "-c", script, "sh", folder_.path()});
  Status status = notifier.tell(failed());
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ(read("env"), "failed|shop|" + failed().message + "|add it|2026-11-22T06:00:00Z");
  auto json = parse_json(read("stdin"));
  EXPECT_EQ(json["event"], "failed");
  EXPECT_EQ(json["production"], "shop");
  EXPECT_EQ(json["message"], failed().message);
  EXPECT_EQ(json["hint"], "add it");
  EXPECT_EQ(json["at"], "2026-11-22T06:00:00Z");
}

TEST_F(CommandNotifierTest, GoodNewsAndNoCommandRunNothing) {
  CommandNotifier notifier({"/bin/sh", "-c", "touch \"$1/ran\"", "sh", folder_.path()});
  ports::Notice live = failed();
  live.event = "live";
  EXPECT_TRUE(notifier.tell(live).ok());
  EXPECT_FALSE(std::ifstream(folder_.path() + "/ran").good());
  live.event = "stale";
  EXPECT_TRUE(notifier.tell(live).ok());
  EXPECT_TRUE(std::ifstream(folder_.path() + "/ran").good());
  EXPECT_TRUE(CommandNotifier({}).tell(failed()).ok());
}

TEST_F(CommandNotifierTest, FailureNamesTheCommand) {
  Status status = CommandNotifier({"/bin/sh", "-c", "echo no route >&2; exit 3"}).tell(failed());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kExternal);
  EXPECT_NE(status.error().message.find("on_failure: /bin/sh"), std::string::npos) << status.error().message;
  EXPECT_NE(status.error().message.find("no route"), std::string::npos) << status.error().message;
  EXPECT_FALSE(CommandNotifier({"/nonexistent/program"}).tell(failed()).ok());
}

TEST_F(CommandNotifierTest, ACommandThatHangsIsEnded) {
  Status status = CommandNotifier({"/bin/sleep", "600"}, std::chrono::milliseconds(200)).tell(failed());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kExternal);
}

}  // namespace
}  // namespace ytb::drivers

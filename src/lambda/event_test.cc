// Every form of event, and everything that is none.
#include "lambda/event.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/json.h"

namespace ytb::lambda {
namespace {

using ::testing::HasSubstr;

constexpr const char* kConfig =
    R"({"domain":"mysite.com.","db":{"name":"Shop-1","security_group":"sg-1","subnet_group":"sn-1"}})";

std::string with_action(std::string_view action) {
  return fmt::format(R"({{"config":{},"action":"{}"}})", kConfig, action);
}

TEST(LambdaEvent, TheOriginalsEventsInEveryForm) {
  struct Row {
    std::string text;
    EventAction action;
  };
  std::vector<Row> rows = {{fmt::format(R"({{"config":{}}})", kConfig), EventAction::kDue},
                           {with_action("create"), EventAction::kCreate},
                           {with_action("update"), EventAction::kUpdate},
                           {with_action("delete"), EventAction::kDelete}};
  for (const Row& row : rows) {
    // A dict, and a JSON string.
    for (const std::string& text : {row.text, nlohmann::json(row.text).dump()}) {
      Result<Event> event = parse_event(text);
      ASSERT_TRUE(event.ok()) << text << "\n" << to_string(event.error());
      EXPECT_EQ(event->action, row.action) << text;
      ASSERT_TRUE(event->config.has_value());
      EXPECT_EQ(event->config->domain, "mysite.com");
      EXPECT_EQ(event->config->db_name, "Shop-1");
      EXPECT_EQ(event->config->security_group, "sg-1");
      EXPECT_EQ(event->config->subnet_group, "sn-1");
      // It can be marked and read again.
      EXPECT_EQ(parse_original_config(event->config_text)->db_name, "Shop-1");
    }
  }
  for (const char* text : {"{}", R"("{}")", R"({"action":"update"})"}) {
    Result<Event> event = parse_event(text);
    ASSERT_TRUE(event.ok()) << text;
    EXPECT_FALSE(event->config.has_value());
  }
}

TEST(LambdaEvent, OursAndSchedules) {
  for (std::string_view name : {"create", "update", "delete", "status", "plan", "rollback", "tick"}) {
    Result<Event> event = parse_event(fmt::format(R"({{"action":"{}","production":"shop"}})", name));
    ASSERT_TRUE(event.ok()) << name;
    EXPECT_EQ(name_of(event->action), name);
    EXPECT_EQ(event->production.str(), "shop");
  }
  EXPECT_EQ(parse_event(R"({"action":"rollback","copy":"shop-yesterday-1"})")->copy.str(),
            "shop-yesterday-1");
  EXPECT_TRUE(parse_event(R"({"action":"update","force":true})")->force);

  constexpr const char* kRule =
      R"({{"version":"0","id":"89d1a02d","detail-type":"Scheduled Event","source":"{}","account":"123456789012",)"
      R"("time":"2026-11-22T11:00:00Z","region":"eu-west-1","resources":["{}"],"detail":{}}})";
  struct Row {
    const char* source;
    const char* resource;
    const char* detail;
    EventAction action;
  };
  for (const Row& row :
       {Row{"aws.events", "arn:aws:events:eu-west-1:1:rule/yesterdaytabase-Daily", "{}", EventAction::kDue},
        Row{"aws.events", "arn:aws:events:eu-west-1:1:rule/ytb-HeartbeatRule-1X", "{}", EventAction::kTick},
        // A heartbeat in an account's or group's name says nothing.
        Row{"aws.scheduler", "arn:aws:scheduler:eu-west-1:1:schedule/heartbeat/daily", R"("{}")",
            EventAction::kDue},
        Row{"aws.scheduler", "arn:aws:scheduler:eu-west-1:1:schedule/default/heartbeat", "null",
            EventAction::kTick}}) {
    Result<Event> event = parse_event(fmt::format(kRule, row.source, row.resource, row.detail));
    ASSERT_TRUE(event.ok()) << to_string(event.error());
    EXPECT_EQ(event->action, row.action) << row.resource;
    EXPECT_EQ(event->time, from_iso("2026-11-22T11:00:00Z"));
  }
}

TEST(LambdaEvent, WhatIsWrongIsNamed) {
  struct Row {
    std::string text;
    const char* said;
  };
  std::vector<Row> rows = {
      {"", "no JSON"},
      {"{", "no JSON"},
      {"null", "is null, not an object"},
      {"[1]", "is a list, not an object"},
      {"42", "is a number, not an object"},
      {R"("hello")", "no JSON"},
      {R"("\"{}\"")", "is a text, not an object"},
      {R"({"action":"upadte"})", "there is no action 'upadte' (did you mean 'update'?)"},
      {R"({"action":""})", "there is no action ''"},
      {R"({"action":7})", "'action' is a number, not a text"},
      {R"({"action":null})", "'action' is null, not a text"},
      {R"({"Action":"tick"})", "the unknown key 'Action'"},
      {R"({"confg":{}})", "the unknown key 'confg' (did you mean 'config'?)"},
      {R"({"config":[]})", "config is a list, not an object"},
      {R"({"config":{}})", "config has no 'domain'"},
      {R"({"config":{"domain":"a.b"}})", "config has no 'db'"},
      {R"({"config":{"domain":"a.b","db":"shop"}})", "'db' is a text, not an object"},
      {R"({"config":{"domain":"a.b","db":{"name":"shop","security_group":"s"}}})",
       "config.db has no 'subnet_group'"},
      {R"({"config":{"domain":"a.b","db":{"name":"shop","size":"big"}}})",
       "config.db has the unknown key 'size'"},
      {R"({"config":{"domain":"a b.c","db":{}}})", "'a b.c' is no domain"},
      {R"({"config":{"domain":"a.b","db":{"name":"1shop"}}})", "'1shop' is no name of an RDS instance"},
      {R"({"config":{"domain":"a.b","db":{"name":"a--b"}}})", "no name of an RDS instance"},
      {R"({"config":{"domain":"a.b","db":{"name":"Shop-Yesterday"}}})",
       "'Shop-Yesterday' contains '-yesterday': the roles of a production 'shop'"},
      {R"({"action":"tick","copy":"x"})", "'copy' is not for the action 'tick'"},
      {R"({"action":"status","force":true})", "'force' is not for the action 'status'"},
      {R"({"action":"update","force":"yes"})", "'force' is a text, not true or false"},
      {R"({"detail-type":"EC2 Instance State-change Notification","source":"aws.ec2"})",
       "of 'aws.ec2' is not for this"},
      {R"({"detail-type":"Scheduled Event","source":"aws.events","detail":{"action":"tick"}})",
       "'detail', which is not"},
      {R"({"detail-type":"Scheduled Event","source":"aws.events","resources":"x"})", "is no list"},
      {std::string(100, '[') + std::string(100, ']'), "nested more than 16 deep"},
      {R"({"action":")" + std::string(300'000, 'x') + "\"}", "more than"},
      {R"({"action":")" + std::string(300, 'x') + "\"}", "longer than 255"},
      {fmt::format(R"({{"config":{},"production":"shop"}})", kConfig), "both 'config' and 'production'"},
  };
  for (const Row& row : rows) {
    Result<Event> event = parse_event(row.text);
    ASSERT_FALSE(event.ok()) << row.text.substr(0, 200);
    EXPECT_EQ(event.error().code, Code::kUsage);
    EXPECT_THAT(event.error().message, HasSubstr(row.said)) << row.text.substr(0, 200);
    EXPECT_LT(event.error().message.size(), 1000U);
  }
}

}  // namespace
}  // namespace ytb::lambda

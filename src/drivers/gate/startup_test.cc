#include "drivers/gate/startup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ytb::gate {
namespace {

using ::testing::HasSubstr;
using Kind = FirstPacket::Kind;

std::string number(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> static_cast<unsigned>(shift)));
  return out;
}
std::string packet(uint32_t code, const std::string& rest) {
  return number(static_cast<uint32_t>(8 + rest.size())) + number(code) + rest;
}
std::string parameters(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += word + '\0';
  return out + '\0';
}
std::string login(const std::vector<std::string>& words, uint32_t version = 3U << 16U) {
  return packet(version, parameters(words));
}

TEST(FirstPacketTest, SaysWhoComes) {
  const std::string bytes = login({"user", "staging", "database", "shop", "application_name", "psql"});
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(read_first_packet(bytes.substr(0, size)).kind, Kind::kIncomplete) << size;
  const FirstPacket read = read_first_packet(bytes + "more");
  EXPECT_EQ(read.kind, Kind::kLogin);
  EXPECT_EQ(read.bytes, bytes.size());
  EXPECT_EQ(read.user, "staging");
  EXPECT_EQ(read.database, "shop");
  EXPECT_EQ(read.sqlstate, "");
  EXPECT_EQ(read_first_packet(login({"user", "staging"})).database, "staging");
  EXPECT_EQ(read_first_packet(login({"user", "s"}, (3U << 16U) | 2U)).sqlstate, "") << "3.2";
}

TEST(FirstPacketTest, WhatComesBeforeALogin) {
  EXPECT_EQ(read_first_packet(packet(80877103, "")).kind, Kind::kTlsRequest);
  EXPECT_EQ(read_first_packet(packet(80877104, "")).kind, Kind::kGssRequest);
  EXPECT_EQ(read_first_packet(packet(80877103, "x")).kind, Kind::kUnknown);
  EXPECT_EQ(read_first_packet("\x16\x03\x01").kind, Kind::kTlsHandshake);
  const FirstPacket cancel = read_first_packet(packet(80877102, number(4711) + "abcd"));
  EXPECT_EQ(cancel.kind, Kind::kCancel);
  EXPECT_EQ(cancel.cancel_key, number(4711) + "abcd");
  EXPECT_EQ(read_first_packet(packet(80877102, number(1) + std::string(256, 'k'))).kind, Kind::kCancel)
      << "3.2";
  EXPECT_EQ(read_first_packet(packet(80877102, number(1) + std::string(257, 'k'))).kind, Kind::kUnknown);
  EXPECT_EQ(read_first_packet(packet(80877102, number(1))).kind, Kind::kUnknown);
  for (const std::string& nonsense : {std::string("GET / HTTP/1.1\r\n"), number(7) + "abcd", number(10'001),
                                      std::string("\xff\xff\xff\xff"), std::string(8, '\0')}) {
    EXPECT_EQ(read_first_packet(nonsense).kind, Kind::kUnknown) << nonsense;
  }
}

TEST(FirstPacketTest, WhoeverCouldBeTakenForAnotherIsRefused) {
  const auto sqlstate = [](const std::string& bytes) {
    const FirstPacket read = read_first_packet(bytes);
    EXPECT_EQ(read.kind, Kind::kLogin);
    return read.sqlstate;
  };
  EXPECT_EQ(sqlstate(login({"user", "staging", "user", "reporter"})), "08P01") << "a server takes the last";
  EXPECT_EQ(sqlstate(login({"user", "staging", "database", "a", "database", "b"})), "08P01");
  EXPECT_EQ(sqlstate(login({"user", std::string(64, 'u')})), "28000") << "a server cuts the name off";
  EXPECT_EQ(sqlstate(login({"user", std::string(63, 'u')})), "");
  EXPECT_EQ(sqlstate(login({"database", "shop"})), "28000");
  EXPECT_EQ(sqlstate(login({"user", ""})), "28000");
  EXPECT_EQ(sqlstate(packet(3U << 16U, parameters({"user", "a"}) + "more")), "08P01");
  EXPECT_EQ(sqlstate(packet(3U << 16U, std::string("user\0staging\0", 13))), "08P01") << "no end";
  EXPECT_EQ(sqlstate(packet(3U << 16U, "user")), "08P01");
  EXPECT_EQ(sqlstate(login({"user", "staging"}, 2U << 16U)), "0A000");
  for (const char* yes : {"true", "on", "1", "database", "yes", "t", "nonsense", "o", ""})
    EXPECT_EQ(sqlstate(login({"user", "a", "replication", yes})), "0A000") << yes;
  for (const char* no : {"false", "off", "0", "no", "n", "F", "of"})
    EXPECT_EQ(sqlstate(login({"user", "a", "replication", no})), "") << no;
}

TEST(FirstPacketTest, ARefusalIsAnErrorOfTheProtocol) {
  const std::string told = fatal_message("28000", "no", "hint");
  EXPECT_EQ(told.substr(0, 1), "E");
  EXPECT_EQ(told.substr(1, 4), number(static_cast<uint32_t>(told.size() - 1)));
  EXPECT_THAT(told, HasSubstr(std::string("SFATAL\0VFATAL\0C28000\0Mno\0Hhint\0\0", 32)));
}

TEST(ServerWatchTest, TheLoginEndsWhenTheServerIsReadyInPiecesOfAnySize) {
  const std::string bytes = "R" + number(8) + number(0) + "S" + number(8) + "a" + std::string(1, '\0') + "b" +
                            std::string(1, '\0') + "K" + number(12) + number(77) + "key!" + "Z" + number(5) +
                            "I";
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    ServerWatch watch;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      EXPECT_FALSE(watch.login_is_over());
      EXPECT_TRUE(watch.read(std::string_view(bytes).substr(at, piece)));
    }
    EXPECT_TRUE(watch.login_is_over());
    EXPECT_EQ(watch.cancel_key(), number(77) + "key!");
  }
  EXPECT_FALSE(ServerWatch().read("X" + number(3)));
  EXPECT_FALSE(ServerWatch().read("K" + number(1000)));
}

TEST(LastWords, AreOneWholeMessageAndNothingElse) {
  const std::string farewell = fatal_message("57P01", "terminating connection", "");
  EXPECT_TRUE(is_farewell(farewell));
  EXPECT_FALSE(is_farewell(fatal_message("57P03", "the database system is starting up", "")));
  for (size_t size = 0; size < farewell.size(); ++size) {
    EXPECT_FALSE(is_farewell(std::string_view(farewell).substr(0, size))) << size;
  }
  EXPECT_FALSE(is_farewell(farewell + farewell));
  std::string error = farewell;
  error.replace(error.find("VFATAL"), 6, "VERROR");
  EXPECT_FALSE(is_farewell(error));
  // Words that only contain it are no field.
  EXPECT_FALSE(is_farewell(fatal_message("08P01", "C57P01", "C57P01")));
}

TEST(ServerWatchTest, KnowsWhereMessagesEndWhateverTheyHold) {
  const std::string ready = "Z" + number(5) + "I";
  // A row whose value looks like a server that is ready, and then says good-bye.
  const std::string row = "D" + number(static_cast<uint32_t>(4 + 2 * ready.size())) + ready + ready;
  const std::string bytes = ready + row + "N" + number(4) + row;
  std::vector<size_t> ends{0, ready.size(), ready.size() + row.size(), ready.size() + row.size() + 5,
                           bytes.size()};
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    ServerWatch watch;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      EXPECT_TRUE(watch.read(std::string_view(bytes).substr(at, piece)));
      const size_t said = std::min(at + piece, bytes.size());
      EXPECT_EQ(watch.is_between_messages(), std::find(ends.begin(), ends.end(), said) != ends.end()) << said;
    }
  }
  ServerWatch lost;
  EXPECT_TRUE(lost.read(ready + "X" + number(3))) << "after the login bytes pass, whatever they are";
  EXPECT_TRUE(lost.read(ready));
  EXPECT_FALSE(lost.is_between_messages());
}

}  // namespace
}  // namespace ytb::gate

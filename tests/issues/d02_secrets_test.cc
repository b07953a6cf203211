// D2: secrets were kept as codes, because their names were not known or their few values looked like words.
// They are recognised by name and by value; ages, birthdays and what a body measures are recognised by type.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "masking/propose.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

std::string proposed(std::string_view name, TypeClass type_class, std::string_view base_type,
                     const std::vector<std::string>& values = {}) {
  Catalog catalog;
  catalog.databases.emplace_back();
  catalog.databases[0].name = "shop";
  Column column;
  column.name = name;
  column.type = base_type;
  column.base_type = base_type;
  column.type_class = type_class;
  Table table;
  table.name = {"public", "things"};
  table.columns = {column};
  catalog.databases[0].tables = {table};
  Samples samples;
  if (!values.empty()) samples[{"shop", table.name, column.name}] = values;
  return yaml_spec(propose(catalog, samples).at(0).masker);
}
std::string text(std::string_view name, const std::vector<std::string>& values = {}) {
  return proposed(name, TypeClass::kText, "text", values);
}

TEST(D02, SecretsByName) {
  for (const char* name : {"auth_code", "authorization_code", "code_verifier", "code_challenge", "inviteCode",
                           "session_state", "pairing_secret", "ResetToken", "unlock_code", "magicLink",
                           "gift_code", "totpSeed", "device_code", "oauth_state"})
    EXPECT_EQ(text(name, {"abc", "def", "abc", "def", "abc", "def"}), "hash") << name;
  // A Matrix event's state key is a user's id: nothing in its name says so, and nothing may keep it.
  EXPECT_NE(text("state_key", std::vector<std::string>(60, "@ann:lovelace.org")), "keep");
}

TEST(D02, SecretsByValue) {
  for (const char* value :
       {"$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
        "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIP", "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "pbkdf2_sha256$600000$abcdefgh$0123456789abcdef"}) {
    EXPECT_EQ(text("x", {value}), "hash") << value;
    // Whatever the name says.
    EXPECT_EQ(text("version", {value, value}), "hash") << value;
  }
  EXPECT_EQ(text("x", {"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}), "hash");
  EXPECT_EQ(text("checksum", {"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}), "keep");
}

TEST(D02, BirthdaysAgesAndBodies) {
  for (const char* name : {"gebdat", "date_nais", "dob", "geburtsdatum", "fecha_nac", "birthDate"})
    EXPECT_EQ(proposed(name, TypeClass::kDate, "date"), "{date_shift: {days: 30}}") << name;
  for (const char* name : {"age", "year_of_birth", "geburtsjahr", "YearOfBirth"})
    EXPECT_EQ(proposed(name, TypeClass::kInteger, "int4"), "{number_noise: {absolute: 3}}") << name;
  for (const char* name : {"systolic", "blood_pressure", "heart_rate", "diastolic_value", "weight_kg"})
    EXPECT_EQ(proposed(name, TypeClass::kInteger, "int4"), "number_noise") << name;
  EXPECT_NE(proposed("map_tile", TypeClass::kInteger, "int8"), "keep");
  EXPECT_NE(text("geohash"), "keep");
}

}  // namespace
}  // namespace ytb::masking

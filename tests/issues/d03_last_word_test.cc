// D3: masks that break applications: `email_type` was masked as an address, for it has the word in it. The
// last word of a name says what the whole is.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "config/config.h"
#include "masking/propose.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

std::map<std::string, std::string> proposed(std::string_view sql) {
  Result<Catalog> catalog = config::parse_schema(sql, "schema.sql", "shop");
  EXPECT_TRUE(catalog.ok()) << to_string(catalog.error());
  std::map<std::string, std::string> found;
  if (!catalog.ok()) return found;
  for (const Proposal& proposal : propose(*catalog, {}))
    found[proposal.table.name + "." + proposal.column] = yaml_spec(proposal.masker);
  return found;
}

TEST(D03, KindsLimitsAndMethodsAreKept) {
  auto found = proposed(R"(
    CREATE TABLE t (email_type text, password_limit text, session_lifespan text, otp_digits int, password_policy text,
      token_endpoint_auth_method text, phone_count text, address_interval text, login_flow_id text, mail_quota text,
      address_type varchar(20), author_type text, card_status text, "PhoneNumberFormat" text, zip_level text,
      salary_currency text, "cityKind" text, ip_mode text, redirect_uri text, username_max_length text);)");
  EXPECT_EQ(found.size(), 20U);
  for (const auto& [column, masker] : found) EXPECT_EQ(masker, "keep") << column;
}

TEST(D03, WhatTheLastWordNamesIsStillMasked) {
  auto found = proposed(R"(
    CREATE TABLE t (type_email text, limit_contact_phone text, policy_holder_name text, method_password text,
      status_recipient_email text, count_last_name text, "kindOfAddress" text, "addressOfKind" text);)");
  EXPECT_EQ(found["t.type_email"], "email");
  EXPECT_EQ(found["t.limit_contact_phone"], "phone");
  EXPECT_EQ(found["t.policy_holder_name"], "person_name");
  EXPECT_EQ(found["t.method_password"], "hash");
  EXPECT_EQ(found["t.status_recipient_email"], "email");
  EXPECT_EQ(found["t.count_last_name"], "last_name");
  EXPECT_EQ(found["t.kindOfAddress"], "keep");
  EXPECT_EQ(found["t.addressOfKind"], "street_address");
}

TEST(D03, AYearOfBirthStaysAYear) {
  auto found =
      proposed("CREATE TABLE person (year_of_birth integer NOT NULL, month_of_birth int, day_of_birth int);");
  EXPECT_EQ(found["person.year_of_birth"], "{number_noise: {absolute: 3}}");
  EXPECT_EQ(found["person.month_of_birth"], "{fixed: {value: 1}}");
}

// Clients and actors are programs as often as people: the columns beside the name tell, or a person does.
TEST(D03, NamesOfClientsActorsAndOrganizations) {
  auto found = proposed(R"(
    CREATE TABLE client (id int, name text, secret text, redirect_uris text);
    CREATE TABLE actor (id int, name text);
    CREATE TABLE organization (id int, name text, email text);
    CREATE TABLE clients (id int, name text, phone text);
    CREATE TABLE actors (id int, first_name text, last_name text, name text);)");
  EXPECT_EQ(found["client.name"], "judge");
  EXPECT_EQ(found["actor.name"], "judge");
  EXPECT_EQ(found["organization.name"], "judge");
  EXPECT_EQ(found["clients.name"], "person_name");
  EXPECT_EQ(found["actors.name"], "person_name");
}

// `tax_id` refers to taxes where a foreign key says so; where none does, a person has to.
TEST(D03, ReferencesAreNotNumbersOfPeople) {
  auto found = proposed(R"(
    CREATE TABLE taxes (id bigint PRIMARY KEY, code text);
    CREATE TABLE phone_numbers (id uuid PRIMARY KEY, phone_number text);
    CREATE TABLE fees (id bigint, tax_id bigint REFERENCES taxes (id), billing_tax_id bigint, phone_number_id uuid);
    CREATE TABLE firms (id bigint, tax_number text, national_id bigint);)");
  EXPECT_EQ(found["fees.tax_id"], "keep");
  EXPECT_EQ(found["fees.billing_tax_id"], "judge");
  EXPECT_EQ(found["fees.phone_number_id"], "keep");
  EXPECT_EQ(found["phone_numbers.phone_number"], "phone");
  EXPECT_EQ(found["firms.tax_number"], "hash");
  EXPECT_EQ(found["firms.national_id"], "hash");
}

}  // namespace
}  // namespace ytb::masking

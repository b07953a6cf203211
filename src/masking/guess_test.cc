// What propose makes of a column by its name, its table's name and its type alone.
#include "masking/guess.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "masking/identifier_words.h"
#include "masking/masking_testing.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

Column column_of(std::string_view name, std::string_view type) {
  struct Known {
    std::string_view type;
    TypeClass type_class;
    std::string_view base_type;
  };
  constexpr Known kKnown[] = {{"text", TypeClass::kText, "text"},
                              {"int", TypeClass::kInteger, "int4"},
                              {"number", TypeClass::kNumber, "float8"},
                              {"uuid", TypeClass::kUuid, "uuid"},
                              {"time", TypeClass::kTimestamp, "timestamptz"},
                              {"date", TypeClass::kDate, "date"},
                              {"bool", TypeClass::kBoolean, "bool"},
                              {"json", TypeClass::kJson, "jsonb"},
                              {"bytes", TypeClass::kBytes, "bytea"},
                              {"texts", TypeClass::kArray, "_text"},
                              {"ints", TypeClass::kArray, "_int4"}};
  for (const Known& known : kKnown) {
    if (known.type == type)
      return testing::column_of(known.type_class, std::string(known.base_type), std::string(name));
  }
  ADD_FAILURE() << "no type " << type;
  return {};
}

// `columns`: "name" or "name:type", separated by blanks; a column of text where no type is said.
Table table_of(std::string_view name, std::string_view columns) {
  Table table;
  table.name = {"public", std::string(name)};
  for (const std::string& each : split(columns, ' ')) {
    const size_t colon = each.find(':');
    table.columns.push_back(
        column_of(each.substr(0, colon), colon == std::string::npos ? "text" : each.substr(colon + 1)));
  }
  return table;
}

void expect_all(std::string_view masker, std::string_view table_name, std::string_view columns) {
  const Table table = table_of(table_name, columns);
  for (const Column& column : table.columns) {
    Table alone = table;
    alone.columns = {column};
    const Guess guess = guess_column(alone, column);
    EXPECT_EQ(yaml_spec(guess.masker), masker) << table_name << "." << column.name << ": " << guess.evidence;
  }
}

std::string guessed(const Table& table, std::string_view column) {
  return guess_column(table, *find_column(table, column)).masker.name;
}

TEST(Guess, PeopleInSeveralLanguages) {
  expect_all("first_name", "t",
             "first_name firstName FIRSTNAME vorname Vorname prenom Prénom given_name fname");
  expect_all("last_name", "t", "last_name surname Nachname NachName apellido1 cognome sobrenome maiden_name");
  expect_all("person_name", "t",
             "full_name customer_name nom_complet nombre_completo card_holder contact_person invitee_name "
             "name_of_patient employee_full_name author");
  expect_all("username", "t", "username user_name userLogin login nickname nombre_usuario benutzername");
  expect_all("email", "t",
             "email eMail e_mail emailAddress contact_email work_emails correo_electronico emailAdresse bcc "
             "email_normalized email2 CompanyEmailOrNull emails:texts");
  expect_all("phone", "t",
             "phone phoneNumber mobile_no telefon num_tel fax_number cell_phone telefono_movil");
  expect_all("street_address", "t",
             "address address_line_2 streetAddress hausnr strasse direccion shipping_address1");
  expect_all("city", "t", "city billing_city wohnort ville ciudad village_or_colony place_of_birth");
  expect_all("postcode", "t", "zip zipcode postal_code plz code_postal");
  expect_all("{date_shift: {days: 30}}", "t",
             "dob:date birthdate:date date_of_birth:date died_on:date gebdat:date "
             "date_nais:date fecha_nacimiento:date geburtsdatum:date dateofbirth:date");
  expect_all("hash", "t",
             "ssn passport_no tax_id taxId iban card_last4 account_number:int ssn:int steuernummer cpf "
             "codice_fiscale numero_securite_sociale drivers_license vin user_agent google_id visa_no "
             "gebdat date_nais year_of_birth");
  expect_all("number_noise", "t",
             "latitude:number lng:number salary:int systolic:int blood_pressure:int bmi:number");
}

TEST(Guess, Secrets) {
  expect_all("hash", "t",
             "password passwd_hash pwd encrypted_password apiToken access_token refreshToken client_secret "
             "auth_code authorization_code code_verifier code_challenge session_state inviteCode reset_code "
             "otp_backup_codes recovery_codes:texts mfa_seed signing_key hmac_key token_digest "
             "encrypted_dek_iv ssn_ciphertext session_id session_id:uuid visitor_token:uuid salt:bytes "
             "mot_de_passe joinKey webhook_url card_fingerprint passwort senha");
  expect_all("hash", "api_keys", "key value hash");
  expect_all("hash", "sessions", "id sid data");
  expect_all("hash", "invitations", "code");
  expect_all("{json: {\"$\": hash}}", "t", "secrets:json oauth_credentials:json");
}

// D3: what it is says the last word, whatever stands before it.
TEST(Guess, TheLastWordDecides) {
  expect_all("keep", "t",
             "email_type address_type author_type token_limit password_policy token_lifespan otp_digits "
             "code_challenge_method login_count email_quota flow_id redirect_uri "
             "password_changed_at:time email_sent:bool max_tokens:int tokens:int session_timeout "
             "phone_country_code card_brand_type session_id:int tax_id:uuid address_id:int city:int "
             "cookie_max_age:int is_email has_phone:int send_email:int is_encrypted email_frequency "
             "token_type file_name table_name product_name");
  expect_all("keep", "categories", "name");
  expect_all("keep", "t",
             "status currency country locale version checksum:bytes scopes:texts label_ids:ints");
}

TEST(Guess, AgesAndBirthdaysInParts) {
  expect_all("{number_noise: {absolute: 3}}", "t",
             "age:int current_age:number year_of_birth:int birthYear:int");
  expect_all("{fixed: {value: 1}}", "t", "month_of_birth:int birth_day:int");
}

// Whether an address is somebody's, or a name, say the table and the columns beside it.
TEST(Guess, TablesAndNeighboursTellWhoseNameItIs) {
  expect_all("person_name", "customers", "name display_name name_normalized");
  expect_all("person_name", "user_entity", "name");
  expect_all("company", "vendors", "name");
  expect_all("judge", "client", "name");
  expect_all("judge", "actor", "name");
  expect_all("judge", "organization", "name");
  expect_all("email", "email_addresses", "address");
  expect_all("judge", "devices", "address");
  EXPECT_EQ(guessed(table_of("clients", "id:int name phone"), "name"), "person_name");
  EXPECT_EQ(guessed(table_of("oauth_clients", "id:int name secret redirect_uri"), "name"), "judge");
  EXPECT_EQ(guessed(table_of("orders", "id:int name phone"), "name"), "judge");
  EXPECT_EQ(guessed(table_of("addresses", "pin city"), "pin"), "postcode");
}

// N10: a slug gives the name back that it was made from.
TEST(Guess, WhatIsMadeFromANameGoesWithIt) {
  EXPECT_EQ(guessed(table_of("customers", "id:int name slug"), "slug"), "hash");
  EXPECT_EQ(guessed(table_of("people", "first_name permalink"), "permalink"), "hash");
  EXPECT_EQ(guessed(table_of("t", "company_name company_slug region_slug"), "company_slug"), "hash");
  EXPECT_EQ(guessed(table_of("t", "company_name company_slug region_slug"), "region_slug"), "keep");
  EXPECT_EQ(guessed(table_of("categories", "name slug"), "slug"), "keep");
  EXPECT_EQ(guessed(table_of("client", "name slug"), "slug"), "judge");
}

TEST(Guess, WhatNobodyKnowsIsJudged) {
  expect_all("judge", "t",
             "notes description gender kunde assigned_to closed_by state_key photo:bytes metadata:json "
             "last_ip_failure "
             "email_constraint email_theme token_prefix customer_number xyzzy name title value public_key "
             "name:json");
}

// D3: `tax_id` beside a table `taxes` refers to it, perhaps.
TEST(Guess, ReferencesByName) {
  Database database;
  database.tables = {table_of("taxes", "id:int"), table_of("invoices_taxes", "tax_id:int ssn:int")};
  const Table& table = database.tables[1];
  const RowNames rows(database);
  EXPECT_EQ(guess_column(table, table.columns[0], rows).masker.name, "judge");
  EXPECT_EQ(guess_column(table, table.columns[0]).masker.name, "hash");
  EXPECT_EQ(guess_column(table, table.columns[1], rows).masker.name, "hash");
}

TEST(IdentifierWords, AreTheSameHoweverTheyAreSpelled) {
  auto words = [](std::string_view name) { return join(normal_words_of(name), " "); };
  EXPECT_EQ(words("emailAddr"), "email address");
  EXPECT_EQ(words("E-Mail"), "email");
  EXPECT_EQ(words("kundennr"), "kunde number");
  EXPECT_EQ(words("CUSTOMERNAME"), "customer name");
  EXPECT_EQ(words("userid"), "user id");
  EXPECT_EQ(words("Straßennummer"), "strasse number");
  EXPECT_EQ(words("date_of_birth"), "birth date");
  EXPECT_EQ(words("fecha_de_nacimiento"), "nacimiento fecha");
  EXPECT_EQ(words("user_addresses"), "user address");
  EXPECT_EQ(words("HTTPStatusCodes"), "http status code");
  EXPECT_EQ(words("statuses"), "status");
  EXPECT_EQ(words(""), "");
  EXPECT_EQ(words("___"), "");
  // In proportion to its length, whatever is in it.
  EXPECT_FALSE(words(std::string(63, 'a')).empty());
  EXPECT_FALSE(words("namenamenamenamenamenamenamenamenamenamenamenamenamenamenamenax").empty());
}

}  // namespace
}  // namespace ytb::masking

// Schemas as many have them, masked by an ordinary policy: the search for originals raises no alarm over what
// is nobody's. Everyday words that are somebody's name, too, are told.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Schema {
  const char* name;
  const char* tables;
  const char* policy;
  const char* told;   // a place where words are names
  const char* allow;  // what two words of a name stand in
};
void PrintTo(const Schema& schema, std::ostream* out) { *out << schema.name; }

constexpr const char* kShop = R"sql(
  CREATE TYPE role AS ENUM ('admin', 'clerk', 'customer');
  CREATE TABLE users (id bigserial PRIMARY KEY, uid uuid NOT NULL UNIQUE, email text NOT NULL UNIQUE,
    username text NOT NULL, first_name text DEFAULT 'Guest', last_name text, city text, phone text, zip text,
    role role NOT NULL, timezone text, locale text, bio text DEFAULT 'Nothing here yet', prefs jsonb,
    last_ip inet, created_at timestamptz NOT NULL DEFAULT now(), birth_date date);
  INSERT INTO users (uid, email, username, first_name, last_name, city, phone, zip, role, timezone, locale, bio, prefs,
      last_ip, birth_date)
    SELECT md5('u' || g)::uuid, 'person' || g || '@mail' || g % 7 || '.test', CASE g WHEN 1 THEN 'admin' ELSE 'u' || md5(g::text) END,
      (ARRAY['Anna', 'May', 'Mark', 'Grace', 'Guest', 'Summer'])[1 + g % 6],
      (ARRAY['Brown', 'Read', 'Page', 'Best', 'Long', 'Quillfeather' || g])[1 + g % 6],
      (ARRAY['Berlin', 'Paris', 'New York'])[1 + g % 3], '+1 212 736 ' || lpad((1000 + g)::text, 4, '0'), lpad((10000 + g)::text, 5, '0'),
      'customer', (ARRAY['Europe/Berlin', 'Europe/Paris', 'America/New_York'])[1 + g % 3], 'en', 'wrote ' || md5('bio' || g),
      jsonb_build_object('theme', 'dark', 'newsletter', g % 2 = 0, 'nick', 'nick' || md5('n' || g)),
      ('203.0.113.' || g % 250)::inet, date '1960-01-01' + g * 9
    FROM generate_series(1, 2000) g;
  CREATE TABLE products (id serial PRIMARY KEY, sku text, title text, description text, price numeric(10, 2), tags text[]);
  INSERT INTO products (sku, title, description, price, tags)
    SELECT 'SKU-' || lpad(g::text, 6, '0'), (ARRAY['Summer Dress', 'Brown Shoes', 'Best Book', 'Long Coat'])[1 + g % 4] || ' ' || g,
      'A long page about the best brown goods of this summer, number ' || g, g / 7.0, ARRAY['sale', 'new']
    FROM generate_series(1, 500) g;
  CREATE TABLE orders (id bigserial PRIMARY KEY, user_id bigint REFERENCES users, status text, total numeric(10, 2),
    placed_at timestamptz, note text, tracking text);
  INSERT INTO orders (user_id, status, total, placed_at, note, tracking)
    SELECT 1 + g % 2000, (ARRAY['open', 'paid', 'read', 'shipped'])[1 + g % 4], g / 3.0, timestamptz '2026-01-01' + g * interval '7 min',
      'leave at the door', '1Z' || md5('t' || g) FROM generate_series(1, 6000) g;
  CREATE TABLE permissions (role role, name text);
  INSERT INTO permissions VALUES ('admin', 'read'), ('clerk', 'write');
  CREATE FUNCTION is_admin(u text) RETURNS boolean LANGUAGE sql AS $$ SELECT u = 'admin' $$;
  CREATE VIEW open_orders AS SELECT * FROM orders WHERE status = 'open';
  CREATE MATERIALIZED VIEW sales AS SELECT date_trunc('day', placed_at) AS day, sum(total) FROM orders GROUP BY 1)sql";
constexpr const char* kShopPolicy = R"(    public.users:
      uid: hash
      email: email
      username: username
      first_name: first_name
      last_name: last_name
      city: city
      phone: phone
      zip: postcode
      bio: {fixed: {value: "-"}}
      prefs: {json: {"$.nick": hash, "*": keep}}
      last_ip: ip
      birth_date: {date_shift: {days: 30}}
      "*": keep
    public.products: keep
    public.orders: keep
    public.permissions: keep
)";

constexpr const char* kClinic = R"sql(
  CREATE TABLE patients (id serial PRIMARY KEY, mrn text NOT NULL UNIQUE, full_name text, dob date, ssn text, insurance text,
    phone text, street text, blood_type text, language text, weight numeric(5, 1));
  INSERT INTO patients (mrn, full_name, dob, ssn, insurance, phone, street, blood_type, language, weight)
    SELECT 'MRN' || lpad((g * 37)::text, 8, '0'), 'Patient' || md5(g::text) || ' Quill' || g, date '1940-01-01' + g * 11,
      '5' || lpad((10 + g % 80)::text, 2, '0') || '-' || lpad((10 + g % 89)::text, 2, '0') || '-' || lpad((1000 + g)::text, 4, '0'),
      'INS' || md5('i' || g), '+44 20 7946 ' || lpad(g::text, 4, '0'), g || ' Harbour ' || md5('s' || g) || ' Road', 'A+', 'en', 60 + g % 50
    FROM generate_series(1, 1500) g;
  CREATE TABLE visits (id bigserial PRIMARY KEY, patient int REFERENCES patients, at timestamp, code text, diagnosis text, charge money);
  INSERT INTO visits (patient, at, code, diagnosis, charge)
    SELECT 1 + g % 1500, timestamp '2025-01-01' + g * interval '13 min', (ARRAY['J06.9', 'M54.5', 'E11.9', 'Z00.0'])[1 + g % 4],
      (ARRAY['Acute upper respiratory infection', 'Low back pain', 'Type 2 diabetes', 'General examination'])[1 + g % 4], g % 300
    FROM generate_series(1, 9000) g;
  CREATE TABLE rooms (name text PRIMARY KEY, beds int CHECK (beds BETWEEN 1 AND 8));
  INSERT INTO rooms SELECT 'Room ' || g, 1 + g % 4 FROM generate_series(1, 40) g;
  COMMENT ON TABLE visits IS 'one row a visit; see the manual, page 12';
  CREATE INDEX ON visits (patient, at))sql";
constexpr const char* kClinicPolicy = R"(    public.patients:
      mrn: hash
      full_name: person_name
      dob: {date_shift: {days: 60}}
      ssn: hash
      insurance: hash
      phone: phone
      street: street_address
      weight: {number_noise: {percent: 10}}
      "*": keep
    public.visits: keep
    public.rooms: keep
)";

constexpr const char* kForum = R"sql(
  CREATE SCHEMA app;
  CREATE TABLE app.accounts (id uuid PRIMARY KEY, handle text UNIQUE, mail text, password_digest text, avatar_url text, about text,
    settings json);
  INSERT INTO app.accounts SELECT md5('a' || g)::uuid, 'handle_' || md5(g::text), 'forum' || g || '@post.test',
      '$2b$12$' || md5('p' || g) || md5('q' || g), 'https://cdn.test/avatars/' || md5('v' || g) || '.png', 'I like thing ' || md5('t' || g),
      json_build_object('digest', 'weekly', 'page_size', 25)
    FROM generate_series(1, 1200) g;
  CREATE TABLE app.threads (id bigserial PRIMARY KEY, title text, slug text, tags text[], author uuid REFERENCES app.accounts,
    created timestamptz);
  INSERT INTO app.threads (title, slug, tags, author, created)
    SELECT 'How do I set up part ' || g || '?', 'how-do-i-set-up-part-' || g, ARRAY['help', 'setup'], md5('a' || (1 + g % 1200))::uuid,
      timestamptz '2024-05-01' + g * interval '1 hour' FROM generate_series(1, 3000) g;
  CREATE TABLE app.posts (id bigserial, thread bigint, body text, score int, created timestamptz) PARTITION BY RANGE (id);
  CREATE TABLE app.posts_1 PARTITION OF app.posts FOR VALUES FROM (1) TO (10001);
  CREATE TABLE app.posts_2 PARTITION OF app.posts FOR VALUES FROM (10001) TO (20001);
  INSERT INTO app.posts (thread, body, score, created)
    SELECT 1 + g % 3000, 'You have to read the long page on it first, it is the best there is. Version 2.' || g || ' of 2024-05-01 works: '
      || 'see https://docs.test/setup/' || g || ' and call 1-800 for more. ' || repeat('It may take a while. ', g % 9), g % 40,
      timestamptz '2024-05-01' + g * interval '3 min' FROM generate_series(1, 15000) g;
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX ON app.threads USING gin (title gin_trgm_ops);
  CREATE MATERIALIZED VIEW app.busy AS SELECT thread, count(*) FROM app.posts GROUP BY 1)sql";
constexpr const char* kForumPolicy = R"(    app.accounts:
      id: hash
      handle: username
      mail: email
      password_digest: {fixed: {value: x}}
      avatar_url: url
      about: {fixed: {value: "-"}}
      "*": keep
    app.threads:
      author: hash
      "*": keep
    app.posts: keep
)";

class OrdinarySchemas : public ::testing::TestWithParam<Schema> {};

TEST_P(OrdinarySchemas, RaiseNoAlarm) {
  Scenario scenario;
  scenario.production().run("shop", GetParam().tables);
  scenario.write_policy(
      GetParam().policy,
      fmt::format("survivors: {{search: prose, detectors: fail, names: warn{}}}\n", GetParam().allow));
  scenario.accept();
  scenario.take_snapshot("monday");
  const RunResult result = scenario.ytb({"refresh"});
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  const std::string proof = scenario.proof();
  for (const char* check : {"no_original_survives", "no_original_in_files", "kept_values_detected"})
    EXPECT_THAT(proof, HasSubstr(check));
  EXPECT_EQ(proof.find("allowed: ") != std::string::npos, *GetParam().allow != '\0');
  EXPECT_THAT(proof, Not(HasSubstr("comment on role yesterdaytabase")));
  EXPECT_THAT(proof, HasSubstr(GetParam().told));
}

INSTANTIATE_TEST_SUITE_P(
    Three, OrdinarySchemas,
    ::testing::Values(Schema{"AShop", kShop, kShopPolicy, "shop public.orders.status (",
                             ", allow: {shop: {public.users.timezone: time zones are called after cities}}"},
                      Schema{"AClinic", kClinic, kClinicPolicy, "", ""},
                      Schema{"AForum", kForum, kForumPolicy, "", ""}),
    [](const auto& schema) { return schema.param.name; });

}  // namespace
}  // namespace ytb::testing

#include "config/config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/golden.h"

namespace ytb::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kMinimal = R"(version: 1
productions:
  shop:
    source: {basebackup: {directory: /backups/shop}}
    masking: {policy: policy.yaml}
    access: {staging: {password: "${STAGING_PASSWORD}"}}
)";

std::string error_of(std::string_view text) {
  Result<Config> config = parse_config(text, "ytb.yaml");
  if (config.ok()) return "accepted";
  EXPECT_EQ(config.error().code, Code::kConfig);
  return config.error().message;
}

// The minimal config with more lines in its production.
std::string with(std::string_view lines) { return std::string(kMinimal) + std::string(lines); }

TEST(ConfigTest, TheMinimalConfigHasDefaultsForTheRest) {
  Result<Config> config = parse_config(kMinimal, "/etc/ytb/ytb.yaml");
  ASSERT_TRUE(config.ok()) << to_string(config.error());
  EXPECT_EQ(config->file, "/etc/ytb/ytb.yaml");
  EXPECT_EQ(config->state_directory, "/etc/ytb/state");
  ASSERT_EQ(config->productions.size(), 1U);
  const ProductionConfig& shop = config->productions[0];
  EXPECT_EQ(shop.name.str(), "shop");
  EXPECT_THAT(shop.source.directories, ElementsAre("/backups/shop"));
  EXPECT_EQ(shop.source.keep, 7);
  EXPECT_FALSE(shop.source.allow_unverified);
  EXPECT_EQ(shop.copies.directory, "/etc/ytb/copies/shop");
  EXPECT_EQ(shop.copies.port_first, 6500);
  EXPECT_EQ(shop.copies.port_last, 6599);
  EXPECT_EQ(shop.alias.directory, "/etc/ytb/alias/shop");
  EXPECT_EQ(shop.masking.policy_file, "/etc/ytb/policy.yaml");
  EXPECT_EQ(shop.masking.lock_file, "/etc/ytb/policy.lock");
  EXPECT_EQ(shop.masking.key.kind, model::SecretRef::Kind::kFile);
  EXPECT_EQ(shop.masking.key.locator, "/etc/ytb/masking.key");
  ASSERT_EQ(shop.access.size(), 1U);
  EXPECT_EQ(shop.access[0].name, "staging");
  EXPECT_EQ(shop.access[0].password.kind, model::SecretRef::Kind::kEnvironment);
  EXPECT_EQ(shop.access[0].password.locator, "STAGING_PASSWORD");
  EXPECT_THAT(shop.access[0].from, ElementsAre("local"));
  EXPECT_FALSE(shop.schedule.has_value());
  EXPECT_EQ(shop.drain, std::chrono::minutes(5));
}

TEST(ConfigTest, EveryKeyIsRead) {
  Result<Config> config = parse_config(R"(version: 1
state: /var/lib/ytb/state
productions:
  shop:
    source:
      basebackup:
        directories: [/backups/a, b]
        connection: "host=db user=backup dbname=shop"
        password: file:db.password
        keep: 3
        compress: zstd
        allow_unverified: true
    copies:
      local:
        directory: /var/lib/ytb/copies
        run_as: ytb
        ports: 7000-7009
        bin_dir: /usr/lib/postgresql/15/bin
        settings: {shared_buffers: 1GB, work_mem: "64MB"}
        preload: [pg_stat_statements]
    alias: {socket: {directory: /run/ytb/shop, service_file: /etc/pg_service.conf, listen: "0.0.0.0:6432"}}
    masking: {policy: policies/shop.yaml, lock: policies/shop.lock, key: "${MASKING_KEY}", workers: 4}
    access:
      staging: {password: file:/etc/ytb/staging, member_of: [readers], from: [local, 10.0.0.0/8, "fd00::/8"]}
      app: {password: "${APP}", existing: true}
    schedule: {cron: "0 6 * * *", timezone: Europe/Berlin}
    spare_copies: 2
    drain: 90s
    max_age: 26h
    checks:
      - {name: has users, database: shop, sql: "select count(*) > 0 from users", expect: "t"}
    on_failure: [/usr/local/bin/page, --who, me]
)",
                                       "/etc/ytb.yaml");
  ASSERT_TRUE(config.ok()) << to_string(config.error());
  const ProductionConfig& shop = config->productions.at(0);
  EXPECT_EQ(config->state_directory, "/var/lib/ytb/state");
  EXPECT_THAT(shop.source.directories, ElementsAre("/backups/a", "/etc/b"));
  EXPECT_EQ(shop.source.connection, "host=db user=backup dbname=shop");
  EXPECT_EQ(shop.source.password.locator, "/etc/db.password");
  EXPECT_EQ(shop.source.keep, 3);
  EXPECT_EQ(shop.source.compress, "zstd");
  EXPECT_TRUE(shop.source.allow_unverified);
  EXPECT_EQ(shop.copies.directory, "/var/lib/ytb/copies");
  EXPECT_EQ(shop.copies.run_as, "ytb");
  EXPECT_EQ(shop.copies.port_first, 7000);
  EXPECT_EQ(shop.copies.port_last, 7009);
  EXPECT_EQ(shop.copies.bin_dir, "/usr/lib/postgresql/15/bin");
  EXPECT_EQ(shop.copies.settings.at("shared_buffers"), "1GB");
  EXPECT_EQ(shop.copies.settings.at("work_mem"), "64MB");
  EXPECT_THAT(shop.copies.preload, ElementsAre("pg_stat_statements"));
  EXPECT_EQ(shop.alias.directory, "/run/ytb/shop");
  EXPECT_EQ(shop.alias.service_file, "/etc/pg_service.conf");
  EXPECT_EQ(shop.alias.listen, "0.0.0.0:6432");
  EXPECT_EQ(shop.masking.policy_file, "/etc/policies/shop.yaml");
  EXPECT_EQ(shop.masking.lock_file, "/etc/policies/shop.lock");
  EXPECT_EQ(shop.masking.key.locator, "MASKING_KEY");
  EXPECT_EQ(shop.masking.workers, 4);
  ASSERT_EQ(shop.access.size(), 2U);
  EXPECT_THAT(shop.access[0].member_of, ElementsAre("readers"));
  EXPECT_THAT(shop.access[0].from, ElementsAre("local", "10.0.0.0/8", "fd00::/8"));
  EXPECT_TRUE(shop.access[1].existing);
  ASSERT_TRUE(shop.schedule.has_value());
  EXPECT_EQ(shop.schedule->text(), "0 6 * * *");
  EXPECT_EQ(shop.schedule->zone(), "Europe/Berlin");
  EXPECT_EQ(shop.spare_copies, 2);
  EXPECT_EQ(shop.drain, std::chrono::seconds(90));
  EXPECT_EQ(shop.max_age, std::chrono::hours(26));
  ASSERT_EQ(shop.checks.size(), 1U);
  EXPECT_EQ(shop.checks[0].expect, "t");
  EXPECT_THAT(shop.on_failure, ElementsAre("/usr/local/bin/page", "--who", "me"));
}

TEST(ConfigTest, JsonIsReadAsWell) {
  Result<Config> config = parse_config(R"({"version": 1, "productions": {"shop": {
    "source": {"basebackup": {"directory": "\/backups"}},
    "masking": {"none": "synthetic data only, see ticket 12"},
    "access": {"staging": {"password": "${P}", "existing": false}}}}})",
                                       "ytb.json");
  ASSERT_TRUE(config.ok()) << to_string(config.error());
  EXPECT_EQ(config->productions[0].masking.none_reason, "synthetic data only, see ticket 12");
  EXPECT_TRUE(config->productions[0].masking.key.empty());
}

TEST(ConfigTest, ProductionsGetPortsOfTheirOwn) {
  Result<Config> config = parse_config(R"(version: 1
productions:
  a: {source: {basebackup: {directory: /b/a}}, masking: {policy: p}, access: {s: {password: "${P}"}}}
  b: {source: {basebackup: {directory: /b/b}}, masking: {policy: p}, access: {s: {password: "${P}"}}}
)",
                                       "ytb.yaml");
  ASSERT_TRUE(config.ok()) << to_string(config.error());
  EXPECT_EQ(config->productions[1].copies.port_first, 6600);
  EXPECT_EQ(config->productions[1].copies.port_last, 6699);
}

TEST(ConfigTest, CopiesAreSealedUnlessAReasonIsWritten) {
  auto with = [](std::string_view local) {
    return fmt::format(
        "version: 1\nproductions:\n  shop:\n    source: {{basebackup: {{directory: /b}}}}\n    copies: "
        "{{local: "
        "{{{}}}}}\n    masking: {{policy: p}}\n    access: {{s: {{password: \"${{P}}\"}}}}\n",
        local);
  };
  auto isolation = [&](std::string_view local) {
    Result<Config> config = parse_config(with(local), "ytb.yaml");
    EXPECT_TRUE(config.ok()) << to_string(config.error());
    return config->productions[0].copies.isolation;
  };
  EXPECT_TRUE(isolation("directory: c").sealed());
  EXPECT_TRUE(isolation("isolation: sealed").sealed());
  EXPECT_FALSE(isolation("isolation: {none: \"a container of the CI\"}").sealed());
  EXPECT_EQ(isolation("isolation: {none: \"a container of the CI\"}").reason, "a container of the CI");
  EXPECT_EQ(isolation("isolation: {weak: \"a container of the CI\"}").kind, model::Isolation::Kind::kWeak);
  for (const char* wrong :
       {"isolation: none", "isolation: {none: no}", "isolation: {}", "isolation: {weak: no}",
        "isolation: {weak: \"a container of the CI\", none: \"a container of the CI\"}"}) {
    EXPECT_FALSE(parse_config(with(wrong), "ytb.yaml").ok()) << wrong;
  }
  EXPECT_THAT(error_of(with("isolation: none")), HasSubstr("{none: \"the reason\"}"));
  // One error each, at its place, with what to write.
  std::string golden;
  for (const char* wrong :
       {"isolation: seald", "isolation: none", "isolation: weak", "isolation: full",
        "isolation:", "isolation: [none, weak]", "isolation: {}",
        "isolation: {nonne: \"a container of the CI\"}", "isolation: {sealed: \"a container of the CI\"}",
        "isolation: {none}", "isolation: {none: \"\"}", "isolation: {weak: \"   \"}", "isolation: {none: no}",
        "isolation: {none: [\"a container of the CI\"]}", "isolation: {none: \"${REASON} of this host\"}",
        "isolation: {weak: \"a container of the CI\", none: \"a container of the CI\"}"}) {
    golden += fmt::format("---- {}\n{}\n\n", wrong, error_of(with(wrong)));
  }
  tests::expect_golden("config/isolation_errors.txt", golden);
}

TEST(ConfigTest, MaskingIsRequiredAndTheErrorShowsBothWays) {
  std::string error = error_of(R"(version: 1
productions:
  shop:
    source: {basebackup: {directory: /b}}
    access: {s: {password: "${P}"}}
)");
  EXPECT_THAT(error, HasSubstr("ytb.yaml:3:3: production 'shop' has no 'masking'"));
  EXPECT_THAT(error, HasSubstr("masking: {policy: policy.yaml}"));
  EXPECT_THAT(error, HasSubstr("masking: {none: \"the reason\"}"));
}

TEST(ConfigTest, SecretsInClearAreRefusedAndNeverShown) {
  const std::vector<std::string> texts = {
      R"(version: 1
productions:
  shop:
    source: {basebackup: {directory: /b, connection: "host=db password=hunter2"}}
    masking: {policy: p}
    access: {s: {password: "${P}"}}
)",
      R"(version: 1
productions:
  shop:
    source: {basebackup: {directory: /b, connection: "postgresql://me:hunter2@db/shop"}}
    masking: {policy: p}
    access: {s: {password: "${P}"}}
)",
      R"(version: 1
productions:
  shop:
    source: {basebackup: {directory: /b, connection: "postgresql://db/shop?%70assword=hunter2"}}
    masking: {policy: p}
    access: {s: {password: "${P}"}}
)",
      R"(version: 1
productions:
  shop:
    source: {basebackup: {directory: /b}}
    masking: {policy: p}
    access: {s: {password: hunter2}}
)",
      R"(version: 1
productions:
  shop:
    source: {basebackup: {directory: /b, pasword: hunter2}}
    masking: {policy: p, key: hunter2}
    access:
      s:
        pwassord: hunter2
        unrelated: hunter2
)", "version: 1\nproductions:\n  shop:\n    access: {s: {password: hunter2\n    masking: }\n",
  };
  for (const std::string& text : texts) {
    std::string error = error_of(text);
    EXPECT_NE(error, "accepted") << text;
    EXPECT_THAT(error, Not(HasSubstr("hunter2"))) << text;
  }
  EXPECT_THAT(error_of(texts[0]), HasSubstr("'connection' holds a password"));
  EXPECT_THAT(error_of(texts[3]), HasSubstr("is not a reference"));
}

struct Bad {
  const char* lines;
  const char* message;
};

TEST(ConfigTest, BadValuesAreNamed) {
  const std::vector<Bad> cases = {
      {"    spare_copies: -1\n", "ytb.yaml:7:19: 'spare_copies' takes a whole number from 0 to 100"},
      {"    spare_copies: \"1\"\n", "'spare_copies' takes a whole number"},
      {"    spare_copies: 1.5\n", "'spare_copies' takes a whole number"},
      {"    drain: 5\n", "'drain': "},
      {"    schedule: \"61 * * * *\"\n", "'schedule': "},
      {"    schedule: {cron: \"0 6 * * *\", timezone: Mars/Olympus}\n", "'schedule': "},
      {"    schedul: daily\n", "unknown key 'schedul' in production 'shop' (did you mean 'schedule'?)"},
      {"    copies: {local: {ports: 80-90}}\n", "'ports' takes a range of 1024 to 65535"},
      {"    copies: {local: {ports: 7000-6000}}\n", "'ports' takes a range"},
      {"    copies: {locl: {}}\n", "unknown key 'locl' in 'copies' (did you mean 'local'?)"},
      {"    copies: {local: {directory: ~/copies}}\n", "'directory' starts with '~'"},
      {"    copies: {local: {directory: /backups/shop/copies}}\n", "is inside the source of 'shop'"},
      {"    copies: {local: {directory: /backups}}\n",
       "the source of 'shop' (/backups/shop) is inside the copies"},
      {"    copies: {local: {settings: {\"x y\": 1}}}\n", "'x y' is no name of a server setting"},
      {"    copies: {local: {directory: \"${HOME}/x\"}}\n", "does not expand ${…}"},
      {"    alias: {socket: {listen: \"6432\"}}\n", "'listen' takes address:port"},
      {"    alias: {socket: {listen: \"::1:6432\"}}\n", "'listen' takes address:port"},
      {"    alias: []\n", "'alias' takes a mapping, not a list"},
      {"    checks: [{name: a, database: b, sql: c}]\n", "a check has no 'expect'"},
      {"    checks: {name: a}\n", "'checks' takes a list"},
      {"    spare_copies: 1\n    spare_copies: 2\n", "ytb.yaml:8:5: key 'spare_copies' is here twice"},
      {"    max_age: &a 26h\n", "anchors (&name) are not taken"},
      {"    max_age: *a\n", "ytb.yaml:7:"},
      {"    max_age: !!str 26h\n", "tags ("},
      {"---\nversion: 1\n", "a second document"},
      {"    on_failure: [a, {b: c}]\n", "'on_failure' takes text, not a mapping"},
      {"    max_age: [\n", "not valid YAML"},
      {"\tspare_copies: 1\n", "the line is indented with a tab"},
  };
  for (const Bad& bad : cases) EXPECT_THAT(error_of(with(bad.lines)), HasSubstr(bad.message)) << bad.lines;
}

// `keys` of alias.socket, in the production of with().
std::string with_socket(std::string_view keys) {
  return with(fmt::format("    alias: {{socket: {{{}}}}}\n", keys));
}

AliasConfig alias_of(std::string_view keys) {
  Result<Config> config = parse_config(with_socket(keys), "/etc/ytb/ytb.yaml");
  EXPECT_TRUE(config.ok()) << to_string(config.error());
  return config.ok() ? config->productions.at(0).alias : AliasConfig{};
}

TEST(ConfigTest, TheGatesKeysAreRead) {
  const AliasConfig all = alias_of(
      "listen: \"0.0.0.0:6432\", tls: offered, tls_names: [staging.example.com, 10.0.0.7, \"fd00::7\"], "
      "proxies: [10.0.0.5, 10.0.1.0/24, \"fd00::/64\"], idle: 8h, connections: 2000, "
      "connections_per_address: 40");
  EXPECT_FALSE(all.tls_required);
  EXPECT_THAT(all.tls_names, ElementsAre("staging.example.com", "10.0.0.7", "fd00::7"));
  EXPECT_THAT(all.proxies, ElementsAre("10.0.0.5", "10.0.1.0/24", "fd00::/64"));
  EXPECT_EQ(all.idle, std::chrono::hours(8));
  EXPECT_EQ(all.connections, 2000);
  EXPECT_EQ(all.connections_per_address, 40);

  const AliasConfig own =
      alias_of("listen: \"[::]:6432\", tls_certificate: gate.crt, tls_key: /etc/ssl/gate.key");
  EXPECT_EQ(own.tls_certificate, "/etc/ytb/gate.crt");
  EXPECT_EQ(own.tls_key, "/etc/ssl/gate.key");
  EXPECT_TRUE(own.tls_required);
  EXPECT_FALSE(own.idle.has_value());
  EXPECT_EQ(own.connections, 1000);
  EXPECT_EQ(own.connections_per_address, 500);
  EXPECT_THAT(alias_of("listen: \"127.0.0.1:6432\", tls_names: staging").tls_names, ElementsAre("staging"));
}

TEST(ConfigTest, TlsIsRequiredWhereOthersCanListenIn) {
  for (const char* address : {"127.0.0.1:6432", "127.9.8.7:6432", "localhost:6432", "[::1]:6432"}) {
    EXPECT_FALSE(alias_of(fmt::format("listen: \"{}\"", address)).tls_required) << address;
    EXPECT_TRUE(alias_of(fmt::format("listen: \"{}\", tls: required", address)).tls_required) << address;
    EXPECT_TRUE(alias_of(fmt::format("listen: \"{}\", proxies: [10.0.0.5]", address)).tls_required)
        << "behind a proxy clients are elsewhere";
  }
  for (const char* address :
       {"0.0.0.0:6432", "[::]:6432", "10.0.0.7:6432", "128.0.0.1:6432", "[fd00::1]:6432"})
    EXPECT_TRUE(alias_of(fmt::format("listen: \"{}\"", address)).tls_required) << address;
}

TEST(ConfigTest, BadKeysOfTheGateAreNamed) {
  // Without a gate each of them would promise what is not there.
  for (const char* key : {"tls: required", "tls_names: [a]", "proxies: [10.0.0.5]", "idle: 8h",
                          "connections: 5", "connections_per_address: 5"}) {
    const std::string name(key, std::string_view(key).find(':'));
    EXPECT_THAT(error_of(with_socket(key)),
                HasSubstr(fmt::format("'{}' is for the gate, and without 'listen'", name)));
  }
  EXPECT_THAT(
      error_of(with_socket("tls: offered")),
      HasSubstr("ytb.yaml:7:27: 'tls' is for the gate, and without 'listen' there is none: add listen: "
                "0.0.0.0:6432, or leave it out"));
  EXPECT_THAT(error_of(with_socket("tls_certificate: a, tls_key: b")),
              HasSubstr("'tls_key' is for the gate, and without 'listen'"));
  const std::vector<Bad> cases = {
      {"tls: on", "'tls' takes required, offered, not 'on'"},
      {"tls: require", "(did you mean 'required'?)"},
      {"tls_certificate: gate.crt", "'tls_certificate' needs 'tls_key'"},
      {"tls_key: gate.key", "'tls_key' needs 'tls_certificate'"},
      {"tls_certificate: a, tls_key: file:gate.key", "'tls_key' takes the path of a file, without file:"},
      {"tls_certificate: s3://b/a, tls_key: b", "'tls_certificate' takes a path on this machine"},
      {"tls_certificate: ~/a, tls_key: b", "'tls_certificate' starts with '~'"},
      {"tls_certificate: a, tls_key: b, tls_names: [c]",
       "'tls_names' is for the certificate that this program"},
      {"tls_names: [\"*.example.com\"]",
       "'tls_names': '*.example.com' is neither a host's name nor an address"},
      {"tls_names: [ok, 10.0.0.0/8]", "ytb.yaml:7:62: 'tls_names': '10.0.0.0/8' is neither"},
      {"tls_names: {a: b}", "'tls_names' takes text, not a mapping"},
      {"proxies: [local]", "'proxies': 'local' is not an address or CIDR"},
      {"proxies: 10.0.0.1/8", "'proxies': '10.0.0.1/8' has bits set behind its prefix of 8"},
      {"proxies: [10.0.0.0/33]", "needs a prefix length from 0 to 32"},
      {"proxies: [proxy.internal]", "'proxy.internal' is not an address or CIDR"},
      {"idle: 8", "'idle': '8' is not a duration"},
      {"idle: 0s", "'idle' takes 1s to 30d"},
      {"idle: 31d", "'idle' takes 1s to 30d"},
      {"connections: 0", "'connections' takes a whole number from 1 to 100000"},
      {"connections: 100001", "'connections' takes a whole number from 1 to 100000"},
      {"connections_per_address: many", "'connections_per_address' takes a whole number from 1 to 100000"},
      {"conections: 5", "unknown key 'conections' in 'socket' (did you mean 'connections'?)"},
  };
  for (const Bad& bad : cases)
    EXPECT_THAT(error_of(with_socket(fmt::format("listen: \"0.0.0.0:6432\", {}", bad.lines))),
                HasSubstr(bad.message))
        << bad.lines;
  std::string many = "proxies: [10.0.0.1";
  for (int i = 0; i < 100; ++i) many += ", 10.0.0.1";
  EXPECT_THAT(error_of(with_socket("listen: \"0.0.0.0:6432\", " + many + "]")),
              HasSubstr("'proxies' takes at most 100"));
}

TEST(ConfigTest, AccessIsChecked) {
  auto access = [](std::string_view text) {
    return error_of(
        fmt::format("version: 1\nproductions:\n  shop:\n    source: {{basebackup: {{directory: /b}}}}\n"
                    "    masking: {{policy: p}}\n    access: {}\n",
                    text));
  };
  EXPECT_THAT(access("{pg_monitor: {password: \"${P}\"}}"), HasSubstr("begins with pg_"));
  EXPECT_THAT(access("{public: {password: \"${P}\"}}"), HasSubstr("PostgreSQL reserves"));
  EXPECT_THAT(access(fmt::format("{{{}: {{password: \"${{P}}\"}}}}", std::string(64, 'a'))),
              HasSubstr("longer than 63 bytes"));
  EXPECT_THAT(access("{s: {password: \"${P}\", from: [10.0.0.0/33]}}"),
              HasSubstr("prefix length from 0 to 32"));
  EXPECT_THAT(access("{s: {password: \"${P}\", from: [10.0.0.1/8]}}"),
              HasSubstr("bits set behind its prefix"));
  EXPECT_THAT(access("{s: {password: \"${P}\", from: [all]}}"), HasSubstr("neither local nor an address"));
  EXPECT_THAT(access("{s: {}}"), HasSubstr("has no 'password'"));
  EXPECT_THAT(access("{s: {password: \"${9}\"}}"), HasSubstr("is not a reference"));
  EXPECT_EQ(access("{\"odd; role\": {password: \"${P}\", from: [192.0.2.7, \"2001:db8::/32\"]}}"),
            "accepted");
}

TEST(ConfigTest, TwoProductionsShareNothing) {
  std::string error = error_of(R"(version: 1
productions:
  a:
    source: {basebackup: {directory: /b}}
    copies: {local: {ports: 7000-7100, directory: /c}}
    alias: {socket: {listen: "0.0.0.0:6432"}}
    masking: {policy: p}
    access: {s: {password: "${P}"}}
  b:
    source: {basebackup: {directory: /b/}}
    copies: {local: {ports: 7100, directory: /c/b}}
    alias: {socket: {listen: "0.0.0.0:6432"}}
    masking: {policy: p}
    access: {s: {password: "${P}"}}
)");
  EXPECT_THAT(error, HasSubstr("the source of 'b' (/b) is the same folder as the source of 'a'"));
  EXPECT_THAT(error, HasSubstr("the copies of 'b' (/c/b) is inside the copies of 'a' (/c)"));
  EXPECT_THAT(error, HasSubstr("the ports of 'b' (7100-7100) overlap those of 'a' (7000-7100)"));
  EXPECT_THAT(error, HasSubstr("listen on the same address"));
}

TEST(ConfigTest, BombsAndGarbageEndQuickly) {
  EXPECT_THAT(error_of(std::string(100'000, '[')), HasSubstr("nested more than 16 levels deep"));
  EXPECT_THAT(error_of("a: &a [x,x]\nb: &b [*a,*a]\n"), HasSubstr("anchors"));
  EXPECT_THAT(error_of(std::string(2 << 20, 'x')), HasSubstr("more than the"));
  std::string many = "a: [";
  for (int i = 0; i < 60'000; ++i) many += "x,";
  EXPECT_THAT(error_of(many + "]"), HasSubstr("more than 50000 values"));
  EXPECT_THAT(error_of("version: 1\nname: \xff\n"), HasSubstr("ytb.yaml:2:7: byte 0xff is not UTF-8"));
  EXPECT_THAT(error_of("version: \x01"), HasSubstr("is a control character"));
  EXPECT_THAT(error_of(std::string("a\0b", 3)), HasSubstr("is a control character"));
  EXPECT_THAT(error_of("\xef\xbb\xbfversion: 1\n"), HasSubstr("byte order mark"));
  EXPECT_THAT(error_of(""), HasSubstr("takes a mapping, not nothing"));
  EXPECT_THAT(error_of("version: 2\n"), HasSubstr("'version' takes 1, which is the only one"));
}

TEST(ConfigTest, ErrorsAsPeopleSeeThem) {
  const std::vector<std::string> texts = {
      R"(version: 1
productions:
  shop:
    sorce: {basebackup: {directory: /b}}
    masking: {polcy: p.yaml}
    access: {staging: {password: "${P}", from: [10.0.0.0/40]}}
    drain: soon
)",
      "version: 1\nproductions:\n  Shop: {}\n",
      "version: 1\nproductions:\n  müller: {}\n  shop: {größe: 1, access: x}\n",
      "version: 1\nproductions:\n  shop:\n   - a\n  b: [\n",
      "version: 1\nproductions:\n  shop:\n    access: {staging: {password: letmein}}\n",
      R"(version: 1
productions: {a: {u1: 1, u2: 2, u3: 3, u4: 4, u5: 5, u6: 6, u7: 7, u8: 8, u9: 9, ua: 10}}
)",
  };
  std::string golden;
  for (const std::string& text : texts) {
    Result<Config> config = parse_config(text, "ytb.yaml");
    ASSERT_FALSE(config.ok());
    golden += "---- config\n" + text + "---- error\n" + to_string(config.error()) + "\n\n";
  }
  tests::expect_golden("config/config_errors.txt", golden);
}

TEST(ConfigTest, TheStarterConfigReadsBack) {
  ProductionConfig values;
  values.name = model::ProductionName("shop");
  values.source.directories = {"/backups/my \"shop\""};
  values.source.connection = "host=/run/postgresql user=backup";
  values.copies.directory = "/var/lib/ytb/copies";
  values.copies.run_as = "postgres";
  values.alias.directory = "/var/lib/ytb/shop-yesterday";
  values.masking.policy_file = "/etc/ytb/policy.yaml";
  values.masking.key = {.kind = model::SecretRef::Kind::kFile, .locator = "/etc/ytb/masking.key"};
  values.access.push_back(
      {.name = "staging",
       .password = {.kind = model::SecretRef::Kind::kFile, .locator = "/etc/ytb/staging.password"},
       .member_of = {},
       .from = {"local"}});
  std::string text = starter_config(values);
  Result<Config> config = parse_config(text, "/etc/ytb/ytb.yaml");
  ASSERT_TRUE(config.ok()) << to_string(config.error()) << text;
  const ProductionConfig& shop = config->productions.at(0);
  EXPECT_EQ(shop.source.directories, values.source.directories);
  EXPECT_EQ(shop.source.connection, values.source.connection);
  EXPECT_EQ(shop.copies.directory, values.copies.directory);
  EXPECT_EQ(shop.copies.run_as, "postgres");
  EXPECT_EQ(shop.alias.directory, values.alias.directory);
  EXPECT_EQ(shop.masking.policy_file, values.masking.policy_file);
  EXPECT_EQ(shop.masking.key.locator, values.masking.key.locator);
  EXPECT_EQ(shop.access.at(0).password.locator, "/etc/ytb/staging.password");
  EXPECT_TRUE(shop.schedule.has_value());
  tests::expect_golden("config/starter.yaml", text);
}

}  // namespace
}  // namespace ytb::config

// The hand-over of OID 10 on a database with every kind of object: by name nothing changes.
#include "drivers/postgres/bootstrap_role.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/postgres/engine_testing.h"

namespace ytb::postgres {
namespace {

constexpr const char* kBoss = "The Boss=Man";

// Roles and shared objects; {0}: a folder for a tablespace.
constexpr const char* kServer = R"sql(
  CREATE ROLE alice; CREATE ROLE bob; CREATE ROLE "a/b=c";
  GRANT alice TO "The Boss=Man"; GRANT "The Boss=Man" TO bob; GRANT alice TO bob WITH ADMIN OPTION;
  GRANT pg_monitor TO "The Boss=Man"; GRANT pg_monitor TO alice;
  COMMENT ON ROLE "The Boss=Man" IS 'the first'; ALTER ROLE "The Boss=Man" SET work_mem = '5MB';
  CREATE TABLESPACE far LOCATION '{0}'; GRANT CREATE ON TABLESPACE far TO bob;
)sql";

constexpr const char* kObjects = R"sql(
  ALTER ROLE "The Boss=Man" IN DATABASE shop SET work_mem = '6MB';
  GRANT CONNECT ON DATABASE shop TO alice, "The Boss=Man"; GRANT USAGE ON SCHEMA public TO alice;
  CREATE SCHEMA s; GRANT ALL ON SCHEMA s TO alice WITH GRANT OPTION; CREATE SCHEMA hers AUTHORIZATION alice;
  CREATE TABLE s.t (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, a text, b text);
  GRANT SELECT ON s.t TO PUBLIC, "a/b=c"; GRANT INSERT (a), UPDATE (b) ON s.t TO bob;
  CREATE TABLE hers.t (a text, b text); ALTER TABLE hers.t OWNER TO alice;
  GRANT SELECT ON hers.t TO "The Boss=Man" WITH GRANT OPTION; GRANT SELECT (a) ON hers.t TO "The Boss=Man";
  CREATE TABLE s.parted (k int) PARTITION BY RANGE (k); CREATE TABLE s.leaf PARTITION OF s.parted DEFAULT;
  CREATE VIEW s.v AS SELECT * FROM s.t; CREATE MATERIALIZED VIEW s.m AS SELECT 1 AS a; CREATE SEQUENCE s.q;
  CREATE TYPE s.comp AS (a int); CREATE TYPE s.mood AS ENUM ('x'); CREATE TYPE s.span AS RANGE (subtype = int4);
  CREATE DOMAIN s.d AS int CHECK (value > 0); GRANT USAGE ON TYPE s.mood TO bob;
  CREATE FUNCTION s.f(int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT $1'; REVOKE ALL ON FUNCTION s.f FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION s.f TO alice;
  CREATE FUNCTION s.et() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
  CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION s.et();
  CREATE OPERATOR s.<%> (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);
  CREATE OPERATOR FAMILY s.fam USING btree; CREATE OPERATOR CLASS s.cls FOR TYPE int USING btree FAMILY s.fam AS
    OPERATOR 1 <, FUNCTION 1 btint4cmp(int, int);
  CREATE COLLATION s.col (locale = 'C'); CREATE CONVERSION s.conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
  CREATE EXTENSION postgres_fdw SCHEMA s; CREATE SERVER srv FOREIGN DATA WRAPPER postgres_fdw;
  GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO alice; GRANT USAGE ON FOREIGN SERVER srv TO alice;
  CREATE USER MAPPING FOR "The Boss=Man" SERVER srv; CREATE USER MAPPING FOR bob SERVER srv;
  CREATE FOREIGN TABLE s.ft (a int) SERVER srv; CREATE PUBLICATION pub FOR TABLE s.t;
  CREATE STATISTICS s.st ON a, b FROM s.t; CREATE TEXT SEARCH CONFIGURATION s.cfg (COPY = simple);
  CREATE TEXT SEARCH DICTIONARY s.dict (TEMPLATE = simple);
  SELECT lo_create(77); GRANT SELECT ON LARGE OBJECT 77 TO alice; SELECT lo_create(99999);
  CREATE POLICY p ON s.t TO "The Boss=Man"; CREATE POLICY hers ON s.t TO alice; CREATE POLICY everybody ON s.t;
  ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO alice;
  ALTER DEFAULT PRIVILEGES FOR ROLE alice GRANT ALL ON TABLES TO "The Boss=Man";
  CREATE EXTENSION pg_stat_statements SCHEMA s;
  GRANT EXECUTE ON FUNCTION s.pg_stat_statements_reset TO bob; CREATE TRUSTED LANGUAGE extra HANDLER plpgsql_call_handler;
  GRANT USAGE ON LANGUAGE extra TO alice;
  CREATE SUBSCRIPTION sub CONNECTION 'host=/nowhere' PUBLICATION p WITH (connect = false);
)sql";

std::string acl_of(const std::string& acl) {
  return "(SELECT string_agg(item, ', ' ORDER BY item) FROM (SELECT coalesce(g.rolname, 'PUBLIC') || ' ' || "
         "e.privilege_type || e.is_grantable || ' by ' || b.rolname FROM aclexplode(" +
         acl +
         ") e LEFT JOIN pg_roles g ON g.oid = e.grantee LEFT JOIN pg_roles b ON b.oid = e.grantor) i (item))";
}

struct Owned {
  const char *catalog, *owner, *acl, *known_as;
};
constexpr Owned kOwned[] = {{"pg_class", "relowner", "relacl", "pg_class"},
                            {"pg_type", "typowner", "typacl", "pg_type"},
                            {"pg_proc", "proowner", "proacl", "pg_proc"},
                            {"pg_namespace", "nspowner", "nspacl", "pg_namespace"},
                            {"pg_operator", "oprowner", "NULL", "pg_operator"},
                            {"pg_opclass", "opcowner", "NULL", "pg_opclass"},
                            {"pg_opfamily", "opfowner", "NULL", "pg_opfamily"},
                            {"pg_collation", "collowner", "NULL", "pg_collation"},
                            {"pg_conversion", "conowner", "NULL", "pg_conversion"},
                            {"pg_language", "lanowner", "lanacl", "pg_language"},
                            {"pg_extension", "extowner", "NULL", "pg_extension"},
                            {"pg_foreign_data_wrapper", "fdwowner", "fdwacl", "pg_foreign_data_wrapper"},
                            {"pg_foreign_server", "srvowner", "srvacl", "pg_foreign_server"},
                            {"pg_event_trigger", "evtowner", "NULL", "pg_event_trigger"},
                            {"pg_publication", "pubowner", "NULL", "pg_publication"},
                            {"pg_statistic_ext", "stxowner", "NULL", "pg_statistic_ext"},
                            {"pg_ts_config", "cfgowner", "NULL", "pg_ts_config"},
                            {"pg_ts_dict", "dictowner", "NULL", "pg_ts_dict"},
                            {"pg_largeobject_metadata", "lomowner", "lomacl", "pg_largeobject"},
                            {"pg_default_acl", "defaclrole", "defaclacl", "pg_default_acl"},
                            {"pg_user_mapping", "umuser", "NULL", "pg_user_mapping"},
                            {"pg_tablespace", "spcowner", "spcacl", "pg_tablespace"},
                            {"pg_database", "datdba", "datacl", "pg_database"},
                            {"pg_subscription", "subowner", "NULL", "pg_subscription"}};

// Lines of one query in order.
std::string lines(const std::string& line, const std::string& rest) {
  return "SELECT string_agg(line, E'\\n' ORDER BY line) FROM (SELECT " + line + " AS line FROM " + rest +
         ") x";
}

// Everything that names a role, as text by name.
std::vector<std::string> facts() {
  std::vector<std::string> out;
  for (const Owned& of : kOwned) {
    std::string acl = of.acl == std::string("NULL") ? "NULL" : acl_of(std::string("o.") + of.acl);
    std::string which = "o.oid >= 16384";
    if (of.catalog == std::string("pg_largeobject_metadata")) which = "true";
    if (of.catalog == std::string("pg_namespace")) which = "(o.oid >= 16384 OR o.oid = 2200)";
    out.push_back(lines(
        fmt::format("pg_describe_object('{}'::regclass, o.oid, 0) || ': ' || coalesce(r.rolname, '-') || "
                    "' ' || coalesce({}, '-')",
                    of.known_as, acl),
        fmt::format("{} o LEFT JOIN pg_roles r ON r.oid = o.{} WHERE {}", of.catalog, of.owner, which)));
  }
  out.push_back(lines("attrelid::regclass || '.' || attname || ' ' || " + acl_of("attacl"),
                      "pg_attribute WHERE attrelid >= 16384 AND attacl IS NOT NULL"));
  out.push_back(lines("pg_describe_object(classoid, objoid, objsubid) || ' ' || " + acl_of("initprivs"),
                      "pg_init_privs WHERE objoid >= 16384 OR objoid = 2200"));
  out.push_back(lines("polname || ' ' || coalesce(r.rolname, 'PUBLIC')",
                      "pg_policy CROSS JOIN unnest(polroles) p LEFT JOIN pg_roles r ON r.oid = p"));
  out.push_back(
      lines("coalesce(d.datname, '-') || coalesce(r.rolname, '-') || setconfig::text",
            "pg_db_role_setting LEFT JOIN pg_roles r ON r.oid = setrole LEFT JOIN pg_database d ON d.oid = "
            "setdatabase"));
  // From 16 on the new role also gets the ADMIN OPTION without which it could not have granted these.
  out.push_back(
      lines("of.rolname || ' ' || m.rolname || ' ' || admin_option || CASE WHEN of.rolname <> "
            "'The Boss=Man' THEN g.rolname ELSE '' END",
            "pg_auth_members JOIN pg_roles of ON of.oid = roleid JOIN pg_roles m ON m.oid = member JOIN "
            "pg_roles g ON g.oid = grantor WHERE m.oid >= 16384 AND m.rolname <> 'The Boss=Man'"));
  out.push_back(
      lines("DISTINCT of.rolname",
            "pg_auth_members JOIN pg_roles of ON of.oid = roleid JOIN pg_roles m ON m.oid = member WHERE "
            "m.rolname = 'The Boss=Man'"));
  out.emplace_back("SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = 'The Boss=Man'");
  return out;
}

const std::string kDependencies =
    lines("deptype::text || ' ' || pg_describe_object(classid, objid, objsubid)",
          "pg_shdepend d JOIN pg_roles r ON r.oid = refobjid AND refclassid = 1260 WHERE rolname = 'The "
          "Boss=Man' AND classid "
          "<> 'pg_auth_members'::regclass AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = "
          "current_database()))");

class BootstrapRole : public EngineTest {
 protected:
  void make(const std::string& bootstrap) {
    PostgresCluster::Options options;
    options.superuser = bootstrap;
    production_ = PostgresCluster::make(options);
    ASSERT_NE(production_, nullptr);
  }
  void fill(PostgresCluster& cluster, const std::string& folder) {
    std::string error;
    std::string server = kServer;
    server.replace(server.find("{0}"), 3, folder);
    ASSERT_TRUE(cluster.try_run("postgres", server, &error, kBoss)) << error;
    ASSERT_TRUE(cluster.try_run("postgres", "CREATE DATABASE shop", &error, kBoss)) << error;
    ASSERT_TRUE(cluster.try_run("shop", kObjects, &error, kBoss)) << error;
  }
};

TEST_F(BootstrapRole, by_name_nothing_changes) {
  make(kBoss);
  const std::string folder = folder_.make_for_server("far");
  fill(*production_, folder);
  if (HasFatalFailure()) return;
  std::vector<std::string> before;
  for (const std::string& fact : facts()) before.push_back(production_->value("shop", fact));
  const std::string schema = production_->dump_schema("shop");
  const std::string own = production_->value("shop", "SELECT count(*) FROM pg_proc WHERE oid < 16384");
  const std::string moved = folder_.path() + "/copy/tablespaces/far";
  restore({"--tablespace-mapping=" + folder + "=" + moved});
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_NE(before[i], "") << facts()[i];
    EXPECT_EQ(copy_value("shop", facts()[i]), before[i]) << facts()[i];
  }
  EXPECT_EQ(dump_copy("shop"), schema);
  // What the server needs for itself belongs to OID 10, which is ours, and nothing else does.
  EXPECT_EQ(copy_value("shop", "SELECT count(*) FROM pg_proc WHERE oid < 16384 AND proowner = 10"), own);
  EXPECT_EQ(copy_value("shop", "SELECT rolname FROM pg_roles WHERE oid = 10"), admin_role_);
  EXPECT_EQ(copy_value("shop", "SELECT oid >= 16384 FROM pg_roles WHERE rolname = 'The Boss=Man'"), "t");
  EXPECT_EQ(copy_value("shop", "SELECT count(*) FROM (" + owned_by_bootstrap() + ") x"), "0");
  EXPECT_EQ(copy_value("shop", not_handed_over()), "0");

  // pg_shdepend says what it says where an ordinary role made all of this.
  const std::string ours = copy_value("shop", kDependencies);
  must(kind_.stop(spec_));
  make("root");
  production_->run(
      "postgres",
      "CREATE ROLE \"The Boss=Man\" SUPERUSER LOGIN; ALTER DATABASE postgres OWNER TO \"The Boss=Man\"");
  fill(*production_, folder_.make_for_server("again"));
  // Before 15 public belongs to whoever made the cluster.
  if (testing::postgres_major() < 15)
    production_->run("shop", "ALTER SCHEMA public OWNER TO \"The Boss=Man\"");
  std::string theirs = production_->value("shop", kDependencies);
  EXPECT_EQ(ours, theirs);
}

// Whatever of it refers to a role: a catalog that is new in some version shows up here (from 14 on the server
// knows them).
TEST_F(BootstrapRole, every_reference_to_a_role_is_known) {
  make("postgres");
  if (testing::postgres_major() < 14) GTEST_SKIP() << "pg_get_catalog_foreign_keys is new in 14";
  std::string known =
      "pg_shdepend pg_auth_members pg_db_role_setting pg_policy pg_shseclabel pg_shdescription ";
  for (const Owned& of : kOwned) known += of.catalog + std::string(" ");
  for (const auto& row : production_->rows("postgres",
                                           "SELECT DISTINCT fktable::text FROM pg_get_catalog_foreign_keys() "
                                           "WHERE pktable = 'pg_authid'::regclass")) {
    EXPECT_THAT(known, ::testing::HasSubstr(row[0] + " "));
  }
  for (const auto& row :
       production_->rows("postgres",
                         "SELECT attrelid::regclass || '.' || attname FROM pg_attribute JOIN "
                         "pg_class c ON c.oid = attrelid WHERE atttypid = 'aclitem[]'::regtype AND "
                         "relkind = 'r' AND attrelid < 16384")) {
    // pg_parameter_acl: server_power.cc empties it.
    std::string acls = "pg_parameter_acl.paracl pg_attribute.attacl pg_init_privs.initprivs ";
    for (const Owned& of : kOwned) acls += of.catalog + std::string(".") + of.acl + " ";
    EXPECT_THAT(acls, ::testing::HasSubstr(row[0] + " "));
  }
}

}  // namespace
}  // namespace ytb::postgres

#include "drivers/postgres/bootstrap_role.h"

#include <fmt/format.h>

#include "drivers/postgres/single_user.h"

namespace ytb::postgres {
namespace {

// A catalog whose rows have an owner. All of 13 to 18 have these columns.
struct OwnedCatalog {
  std::string_view catalog, owner;
  std::string_view acl = {};                  // column of grants, where there is one
  std::string_view moves = "o.oid >= 16384";  // which rows are not the server's own
  std::string_view recorded = "true";         // which of them pg_shdepend records an owner for
  std::string_view known_as = {};             // the class in pg_shdepend, where it is another catalog
};

// A row type, an array type and a multirange type have their owner by what they are of (pg_type.c,
// GenerateTypeDependencies: isDependentType; multiranges from 17 on).
constexpr std::string_view kStandaloneType =
    "NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = o.oid) AND (o.typrelid = 0 OR EXISTS (SELECT FROM "
    "pg_class c WHERE c.oid = o.typrelid AND c.relkind = 'c')) AND (o.typtype <> 'm' OR "
    "current_setting('server_version_num')::int < 170000)";

// Constructors of a range type belong to OID 10 whoever makes it (typecmds.c, makeRangeConstructors), and
// drop with the type: recorded, they would stand in the way of DROP OWNED.
constexpr std::string_view kNoConstructor =
    "NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = o.oid AND "
    "d.deptype "
    "= 'i' AND d.refclassid = 'pg_type'::regclass)";

constexpr OwnedCatalog kInDatabase[] = {
    {.catalog = "pg_class",
     .owner = "relowner",
     .acl = "relacl",
     .recorded = "o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"},
    {.catalog = "pg_type", .owner = "typowner", .acl = "typacl", .recorded = kStandaloneType},
    {.catalog = "pg_proc", .owner = "proowner", .acl = "proacl", .recorded = kNoConstructor},
    // Schemas of temporary tables always belong to OID 10 (namespace.c, InitTempTableNamespace).
    {.catalog = "pg_namespace",
     .owner = "nspowner",
     .acl = "nspacl",
     .moves = "(o.oid = 2200 OR (o.oid >= 16384 AND o.nspname !~ '^pg_(toast_)?temp_'))"},
    {.catalog = "pg_operator", .owner = "oprowner"},
    {.catalog = "pg_opclass", .owner = "opcowner"},
    {.catalog = "pg_opfamily", .owner = "opfowner"},
    {.catalog = "pg_collation", .owner = "collowner"},
    {.catalog = "pg_conversion", .owner = "conowner"},
    {.catalog = "pg_language", .owner = "lanowner", .acl = "lanacl"},
    {.catalog = "pg_extension", .owner = "extowner"},
    {.catalog = "pg_foreign_data_wrapper", .owner = "fdwowner", .acl = "fdwacl"},
    {.catalog = "pg_foreign_server", .owner = "srvowner", .acl = "srvacl"},
    {.catalog = "pg_event_trigger", .owner = "evtowner"},
    {.catalog = "pg_publication", .owner = "pubowner"},
    {.catalog = "pg_statistic_ext", .owner = "stxowner"},
    {.catalog = "pg_ts_config", .owner = "cfgowner"},
    {.catalog = "pg_ts_dict", .owner = "dictowner"},
    // Whoever makes a large object may choose any number for it.
    {.catalog = "pg_largeobject_metadata",
     .owner = "lomowner",
     .acl = "lomacl",
     .moves = "true",
     .known_as = "pg_largeobject"},
    {.catalog = "pg_default_acl", .owner = "defaclrole", .acl = "defaclacl", .moves = "true"},
    {.catalog = "pg_user_mapping", .owner = "umuser", .moves = "true"},
};

constexpr OwnedCatalog kShared[] = {
    // The server's own template databases stay the server's.
    {.catalog = "pg_database",
     .owner = "datdba",
     .acl = "datacl",
     .moves = "(o.oid >= 16384 OR NOT o.datistemplate)"},
    {.catalog = "pg_tablespace", .owner = "spcowner", .acl = "spcacl"},
    {.catalog = "pg_subscription", .owner = "subowner"},
};

// Grants that hang on no owner of their own row.
struct LooseAcl {
  std::string_view catalog, acl, moves;
};
constexpr LooseAcl kLooseAcls[] = {
    {"pg_attribute", "attacl", "o.attrelid >= 16384"},
    {"pg_init_privs", "initprivs",
     "(o.objoid >= 16384 OR (o.classoid = 'pg_namespace'::regclass AND o.objoid = 2200))"},
};

// The role that a hand-over is under way to: no row, no work.
std::string new_role() {
  return fmt::format(
      "(SELECT s.label::oid AS oid, '\"' || replace(a.rolname::text, '\"', '\"\"') || '\"' AS quoted FROM "
      "pg_shseclabel s JOIN pg_authid a ON a.oid = s.label::oid WHERE s.objoid = 10 AND s.classoid = 1260 "
      "AND "
      "s.provider = '{}') m",
      kLabelUnderWay);
}

std::string mentions(std::string_view acl, std::string_view role) {
  return fmt::format("EXISTS (SELECT FROM aclexplode(o.{0}) e WHERE e.grantee = {1} OR e.grantor = {1})", acl,
                     role);
}

// Grants as text, our name for OID 10 replaced by the new role's, and cast back: "grantee=rights/grantor".
// Our name is random, so that nothing else can look like it; byte by byte, as names may be of any encoding.
std::string renamed(std::string_view acl, const std::string& admin) {
  return fmt::format(
      "ARRAY(SELECT replace(replace(replace('#{0}#' || i.item::text || '#{0}#', '#{0}#{0}=', m.quoted || "
      "'='), "
      "'/{0}#{0}#', '/' || m.quoted), '#{0}#', '')::aclitem FROM unnest(o.{1}) WITH ORDINALITY i (item, n) "
      "ORDER BY i.n)",
      admin, acl);
}

std::string move_statement(const OwnedCatalog& of, const std::string& admin) {
  std::string set = fmt::format("{0} = CASE WHEN o.{0} = 10 THEN m.oid ELSE o.{0} END", of.owner);
  std::string due = fmt::format("o.{} = 10", of.owner);
  if (!of.acl.empty()) {
    set += fmt::format(", {0} = CASE WHEN {1} THEN {2} ELSE o.{0} END", of.acl, mentions(of.acl, "10"),
                       renamed(of.acl, admin));
    due += " OR " + mentions(of.acl, "10");
  }
  return fmt::format("UPDATE {} o SET {} FROM {} WHERE {} AND ({})", of.catalog, set, new_role(), of.moves,
                     due);
}

std::string left_in(const OwnedCatalog& of) {
  std::string due = fmt::format("o.{} = 10", of.owner);
  if (!of.acl.empty()) due += " OR " + mentions(of.acl, "10");
  return fmt::format("(SELECT count(*) FROM {} o WHERE {} AND ({}))", of.catalog, of.moves, due);
}

// What pg_shdepend says of an ordinary owner and of an ordinary name in grants; of OID 10 it says nothing.
std::string dependencies_of(const OwnedCatalog& of) {
  std::string_view known_as = of.known_as.empty() ? of.catalog : of.known_as;
  std::string rows = fmt::format(
      "SELECT '{}'::regclass::oid, o.oid, 0, 'o'::\"char\" FROM {} o, m WHERE o.{} = m.oid AND {} AND {}",
      known_as, of.catalog, of.owner, of.moves, of.recorded);
  if (!of.acl.empty()) {
    rows += fmt::format(
        " UNION ALL SELECT '{}'::regclass::oid, o.oid, 0, 'a'::\"char\" FROM {} o, m WHERE o.{} <> m.oid AND "
        "{}",
        known_as, of.catalog, of.owner, mentions(of.acl, "m.oid"));
  }
  return rows;
}

// EXCEPT, not NOT EXISTS: the planner takes an empty pg_shdepend for empty and would scan what it fills, once
// a row.
std::string record_dependencies(std::string_view database, const std::string& rows) {
  return fmt::format(
      "WITH m AS MATERIALIZED (SELECT * FROM {0}) INSERT INTO pg_shdepend (dbid, classid, objid, objsubid, "
      "refclassid, refobjid, deptype) SELECT {1}, w.classid, w.objid, w.objsubid::int4, 1260::oid, m.oid, "
      "w.deptype "
      "FROM ({2}) w (classid, objid, objsubid, deptype), m EXCEPT SELECT d.dbid, d.classid, d.objid, "
      "d.objsubid, "
      "d.refclassid, d.refobjid, d.deptype FROM pg_shdepend d, m WHERE d.dbid = {1} AND d.refclassid = 1260 "
      "AND "
      "d.refobjid = m.oid",
      new_role(), database, rows);
}

// Memberships keep their grantor by name. From 16 on a grantor must hold ADMIN OPTION on what it granted, so
// the new role gets it from OID 10, which needs none.
std::vector<std::string> move_memberships(int major) {
  const std::string m = new_role();
  const bool checked = major >= 16;
  std::vector<std::string> out = {
      fmt::format("UPDATE pg_auth_members o SET roleid = m.oid FROM {} WHERE o.roleid = 10", m),
      fmt::format("UPDATE pg_auth_members o SET member = m.oid FROM {} WHERE o.member = 10", m),
      fmt::format(
          "UPDATE pg_auth_members o SET grantor = m.oid FROM {} WHERE o.grantor = 10 AND (o.roleid >= "
          "16384 OR o.member >= 16384){}",
          m, checked ? " AND o.roleid <> m.oid" : ""),
  };
  if (!checked) return out;
  out.push_back(fmt::format(
      "INSERT INTO pg_auth_members (oid, roleid, member, grantor, admin_option, inherit_option, set_option) "
      "SELECT pg_nextoid('pg_auth_members', 'oid', 'pg_auth_members_oid_index'), w.roleid, m.oid, 10, true, "
      "false, false FROM {0} CROSS JOIN LATERAL (SELECT DISTINCT g.roleid FROM pg_auth_members g WHERE "
      "g.grantor "
      "= m.oid AND g.roleid <> m.oid) w WHERE NOT EXISTS (SELECT FROM pg_auth_members h WHERE h.roleid = "
      "w.roleid AND h.member = m.oid AND h.admin_option)",
      m));
  return out;
}

// A CTE, because the old name must be free before it is given again. pg_nextoid counts below 16384 on a
// server on which nobody ever made anything.
std::string rename_statement(const std::string& admin) {
  return fmt::format(
      "WITH renamed AS (UPDATE pg_authid o SET rolname = {0} FROM pg_authid was WHERE o.oid = 10 AND was.oid "
      "= 10 "
      "AND o.rolname <> {0} RETURNING was.*), chosen AS (SELECT pg_nextoid('pg_authid', 'oid', "
      "'pg_authid_oid_index')::oid AS next), made AS (INSERT INTO pg_authid (oid, rolname, rolsuper, "
      "rolinherit, "
      "rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit, rolpassword, "
      "rolvaliduntil) SELECT CASE WHEN c.next >= 16384::oid THEN c.next ELSE (SELECT min(g)::oid FROM "
      "generate_series(16384, 1000000) g WHERE NOT EXISTS (SELECT FROM pg_authid a WHERE a.oid = g::oid)) "
      "END, "
      "r.rolname, r.rolsuper, true, r.rolcreaterole, r.rolcreatedb, false, r.rolreplication, r.rolbypassrls, "
      "r.rolconnlimit, NULL, r.rolvaliduntil FROM renamed r, chosen c RETURNING oid) INSERT INTO "
      "pg_shseclabel "
      "(objoid, classoid, provider, label) SELECT 10, 1260, '{1}', made.oid::text FROM made",
      hex_literal(admin), kLabelUnderWay);
}

}  // namespace

std::vector<std::string> hand_over_role(const std::string& admin_role, int engine_major) {
  const std::string m = new_role();
  std::vector<std::string> out = {
      "BEGIN",
      // Labels of ours that we did not write: production may have.
      fmt::format(
          "DELETE FROM pg_shseclabel WHERE provider LIKE 'yesterdaytabase%' AND NOT EXISTS (SELECT FROM "
          "pg_authid WHERE oid = 10 AND rolname = {})",
          hex_literal(admin_role)),
      rename_statement(admin_role),
      fmt::format(
          "UPDATE pg_shdescription o SET objoid = m.oid FROM {} WHERE o.objoid = 10 AND o.classoid = 1260",
          m),
      fmt::format(
          "UPDATE pg_shseclabel o SET objoid = m.oid FROM {} WHERE o.objoid = 10 AND o.classoid = 1260 "
          "AND o.provider NOT LIKE 'yesterdaytabase%'",
          m),
      fmt::format("UPDATE pg_db_role_setting o SET setrole = m.oid FROM {} WHERE o.setrole = 10", m)};
  for (std::string& statement : move_memberships(engine_major)) out.push_back(std::move(statement));
  std::string dependencies;
  for (const OwnedCatalog& of : kShared) {
    out.push_back(move_statement(of, admin_role));
    dependencies += (dependencies.empty() ? "" : " UNION ALL ") + dependencies_of(of);
  }
  if (engine_major >= 16) {
    dependencies +=
        " UNION ALL SELECT 'pg_auth_members'::regclass::oid, o.oid, 0, 'a'::\"char\" FROM pg_auth_members o, "
        "m "
        "WHERE o.grantor = m.oid";
  }
  out.push_back(record_dependencies("0::oid", dependencies));
  out.emplace_back("COMMIT");
  return out;
}

std::vector<std::string> hand_over_objects(const std::string& admin_role, int engine_major) {
  const std::string m = new_role();
  std::vector<std::string> out = {"BEGIN"};
  std::string dependencies;
  for (const OwnedCatalog& of : kInDatabase) {
    out.push_back(move_statement(of, admin_role));
    dependencies += (dependencies.empty() ? "" : " UNION ALL ") + dependencies_of(of);
  }
  for (const LooseAcl& of : kLooseAcls) {
    out.push_back(fmt::format("UPDATE {0} o SET {1} = {2} FROM {3} WHERE {4} AND {5}", of.catalog, of.acl,
                              renamed(of.acl, admin_role), m, of.moves, mentions(of.acl, "10")));
  }
  out.push_back(
      fmt::format("UPDATE pg_policy o SET polroles = array_replace(o.polroles, 10::oid, m.oid) FROM {} WHERE "
                  "10::oid = ANY "
                  "(o.polroles)",
                  m));
  dependencies += fmt::format(
      " UNION ALL SELECT 'pg_class'::regclass::oid, o.attrelid, o.attnum, 'a'::\"char\" FROM pg_attribute o "
      "JOIN "
      "pg_class c ON c.oid = o.attrelid, m WHERE c.relowner <> m.oid AND {} UNION ALL SELECT "
      "'pg_policy'::regclass::oid, o.oid, 0, 'r'::\"char\" FROM pg_policy o, m WHERE m.oid = ANY "
      "(o.polroles)",
      mentions("attacl", "m.oid"));
  if (engine_major >= 17) {
    dependencies += fmt::format(
        " UNION ALL SELECT o.classoid, o.objoid, o.objsubid, 'i'::\"char\" FROM pg_init_privs o, m WHERE {}",
        mentions("initprivs", "m.oid"));
  }
  out.push_back(
      record_dependencies("(SELECT oid FROM pg_database WHERE datname = current_database())", dependencies));
  out.emplace_back("COMMIT");
  return out;
}

std::string not_handed_over() {
  std::string sum = "(SELECT count(*) FROM pg_policy WHERE 10::oid = ANY (polroles))";
  for (const OwnedCatalog& of : kInDatabase) sum += " + " + left_in(of);
  for (const OwnedCatalog& of : kShared) sum += " + " + left_in(of);
  for (const LooseAcl& of : kLooseAcls) {
    sum += fmt::format(" + (SELECT count(*) FROM {} o WHERE {} AND {})", of.catalog, of.moves,
                       mentions(of.acl, "10"));
  }
  sum += " + (SELECT count(*) FROM pg_auth_members WHERE roleid = 10 OR member = 10)";
  return "SELECT " + sum + " AS ytb";
}

std::vector<std::string> finish_hand_over() {
  return {fmt::format(
      "UPDATE pg_shseclabel SET provider = '{}' WHERE objoid = 10 AND classoid = 1260 AND provider "
      "= '{}'",
      kLabelBootstrap, kLabelUnderWay)};
}

std::string owned_by_bootstrap() {
  std::string rows;
  for (const OwnedCatalog& of : kInDatabase) {
    std::string_view known_as = of.known_as.empty() ? of.catalog : of.known_as;
    std::string_view but = of.catalog == "pg_proc"            ? "o.proname"
                           : of.catalog == "pg_event_trigger" ? "o.evtname"
                                                              : "''";
    rows += fmt::format(
        "{}SELECT pg_describe_object('{}'::regclass, o.oid, 0) FROM {} o WHERE o.{} = 10 AND {} AND "
        "{} <> '{}'",
        rows.empty() ? "" : " UNION ALL ", known_as, of.catalog, of.owner, of.moves, but, kGuard);
  }
  return rows;
}

}  // namespace ytb::postgres

#include "drivers/postgres/server_power.h"

#include <fmt/format.h>

#include "base/text.h"
#include "drivers/postgres/access_rights.h"
#include "drivers/postgres/bootstrap_role.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/read_access.h"

namespace ytb::postgres {
namespace {

// pg_authid.dat: pg_read_server_files, pg_write_server_files, pg_execute_server_program,
// pg_create_subscription. The server asks for them by number.
constexpr std::string_view kServerRoles = "(4569, 4570, 4571, 6304)";
// The same and pg_read_all_data, whose members read pg_authid (read_access.h).
constexpr std::string_view kNobodysRoles = "(4569, 4570, 4571, 6304, 6181)";

// "cannot accept a value of type language_handler": what stands for code that may not run.
constexpr std::string_view kRefusing = "language_handler_in";
constexpr std::string_view kRefusingOid = "2302";
// A library that no host has.
constexpr std::string_view kNoLibrary = "/yesterdaytabase/switched-off";

// Functions of the server's own that initdb keeps from PUBLIC reach its files, programs, replication,
// settings or memory. What production granted of them beyond initdb's goes; statistics may be reset by whom
// it said.
constexpr std::string_view kRestrictedFunctions = R"sql(
  pg_proc p JOIN pg_init_privs i ON i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid AND i.privtype = 'i'
  WHERE p.oid < 16384 AND p.proname NOT LIKE 'pg\_stat\_reset%'
    AND NOT EXISTS (SELECT FROM aclexplode(i.initprivs) e WHERE e.grantee = 0)
)sql";
// Names that reach files, whatever pg_init_privs says, which production's superuser could have written.
constexpr std::string_view kFileFunctions =
    "p.oid < 16384 AND (p.proname IN ('pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'pg_stat_file', "
    "'lo_import', 'lo_export', 'pg_reload_conf', 'pg_rotate_logfile') OR p.proname LIKE 'pg\\_file\\_%')";

// Catalogs with verifiers, credentials and everybody's values (pg_authid, pg_user_mapping, pg_subscription,
// pg_statistic, pg_statistic_ext_data, pg_largeobject) and the view over the first.
constexpr std::string_view kSecretCatalogs =
    "(c.oid IN (1260, 1418, 6100, 2619, 3429, 2613) OR (c.oid < 16384 AND c.relname = 'pg_shadow'))";

// Range types are made from their bounds by functions of the server's under names of theirs.
constexpr std::string_view kConstructor =
    R"sql((((p.prosrc IN ('range_constructor2', 'range_constructor3') AND EXISTS (
            SELECT FROM pg_range r WHERE r.rngtypid = p.prorettype AND array_to_string(p.proargtypes::oid[], ' ') IN (
              format('%s %s', r.rngsubtype, r.rngsubtype), format('%s %s 25', r.rngsubtype, r.rngsubtype))
              AND p.pronargs = right(p.prosrc, 1)::int) AND p.provariadic = 0)
          OR (p.prosrc ~ '^multirange_constructor[012]$' AND EXISTS (SELECT FROM pg_type m WHERE m.oid =
            p.prorettype AND m.typtype = 'm') AND p.pronargs = least(right(p.prosrc, 1)::int, 1) AND NOT EXISTS (
            SELECT FROM unnest(p.proargtypes::oid[]) a (type) JOIN pg_type t ON t.oid = a.type LEFT JOIN pg_type e
              ON e.oid = t.typelem WHERE coalesce(e.typtype, t.typtype) <> 'r' OR p.provariadic <> t.typelem)))
          AND cardinality(p.proargtypes::oid[]) = p.pronargs AND NOT p.proretset AND p.prosupport = 0 AND
            coalesce(p.proallargtypes, p.proargtypes::oid[]) <@ p.proargtypes::oid[] AND
            coalesce(array_to_string(p.proargmodes, ''), '') ~ '^[iv]*$'))sql";

// Functions in C: only what an extension brought, from the server's own library folder. Support of types,
// operators and indexes stays, without which tables could not be read. Not adminpack's, which guard
// themselves by grants alone. Functions that are another name for one of the server's (LANGUAGE internal)
// have neither its grants nor its mark of being volatile, whoever brought them: only those of what computes
// from its arguments alone, and takes and gives what it believes to: a number that is taken for an address,
// or the other way round, reads and writes the server's memory. All that says so counts: the columns that it
// gives, what a call is gathered into an array of, that it is not called with NULL, that its values are of
// its own size. A base type may stand for the server's that it is read like (citext) or, passed by value, as
// long as (isn); rows, ranges and what only the server has names for are read by their own type.
constexpr std::string_view kForeignCode = R"sql(
  pg_proc p WHERE p.oid >= 16384 AND p.prolang IN (12, 13) AND p.prokind <> 'a' AND p.proname <> '@guard'
    AND p.prosrc <> '@refusing' AND coalesce(p.probin, '') <> '@library' AND (
      (p.prolang = 13 AND coalesce(p.probin, '') !~ '^(\$libdir/)?[[:alnum:]_.+-]+$')
      OR p.prosrc ~ '^pg_(file_(write|rename|unlink|sync|read|length)|logdir_ls)'
      OR (p.prolang = 12 AND NOT @constructor AND NOT EXISTS (SELECT FROM pg_proc b WHERE b.oid < 16384 AND
            b.prolang = 12 AND b.prosrc = p.prosrc AND b.pronargs = p.pronargs AND b.proretset = p.proretset AND
            b.prokind = p.prokind AND (p.prosrc ~ '^(text|varchar|bpchar|name|json)(recv|send)$' OR
              b.provolatile = 'i' AND b.proparallel = 's' AND NOT EXISTS (SELECT FROM pg_init_privs i WHERE
              i.classoid = 'pg_proc'::regclass AND i.objoid = b.oid))
            AND p.provariadic = b.provariadic AND p.prosupport IN (0, b.prosupport)
            AND (p.proisstrict OR NOT b.proisstrict)
            AND coalesce(array_to_string(p.proargmodes, ''), repeat('i', p.pronargs)) =
              coalesce(array_to_string(b.proargmodes, ''), repeat('i', b.pronargs))
            AND cardinality(p.proargtypes::oid[]) = cardinality(b.proargtypes::oid[])
            AND cardinality(coalesce(p.proallargtypes, p.proargtypes::oid[])) =
              cardinality(coalesce(b.proallargtypes, b.proargtypes::oid[]))
            AND NOT EXISTS (SELECT FROM unnest(
                array_append(p.proargtypes::oid[], p.prorettype) || coalesce(p.proallargtypes, p.proargtypes::oid[]),
                array_append(b.proargtypes::oid[], b.prorettype) || coalesce(b.proallargtypes, b.proargtypes::oid[]))
                s (theirs, own)
              WHERE s.theirs IS DISTINCT FROM s.own AND NOT EXISTS (SELECT FROM pg_type t JOIN pg_type o ON
                o.oid = s.own WHERE t.oid = s.theirs AND t.typtype = 'b' AND o.typtype = 'b' AND
                t.typlen = o.typlen AND t.typbyval = o.typbyval AND (t.typbyval OR
                t.typalign = o.typalign AND t.typelem = o.typelem AND EXISTS (SELECT FROM pg_proc ti JOIN pg_proc oi
                  ON oi.prosrc = ti.prosrc WHERE ti.oid = t.typinput AND oi.oid = o.typinput AND
                  ti.prolang = 12 AND oi.prolang = 12))))))
      OR (NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND
            d.deptype = 'e')
          AND NOT EXISTS (SELECT FROM pg_type t WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend,
            t.typmodin, t.typmodout, t.typanalyze))
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND
            d.refclassid = 'pg_type'::regclass AND d.deptype = 'i')
          AND NOT EXISTS (SELECT FROM pg_operator o WHERE p.oid IN (o.oprcode, o.oprrest, o.oprjoin))
          AND NOT EXISTS (SELECT FROM pg_amproc a WHERE a.amproc = p.oid)
          AND NOT EXISTS (SELECT FROM pg_language l WHERE p.oid IN (l.lanplcallfoid, l.laninline,
            l.lanvalidator))))
)sql";

// Languages whose functions may do what the server may. That one is called trusted says nothing where its
// handler is a well-known untrusted one's: some productions flip the flag.
constexpr std::string_view kUntrusted = R"sql(
  pg_language l LEFT JOIN pg_proc h ON h.oid = l.lanplcallfoid
  WHERE l.oid NOT IN (12, 13) AND l.lanplcallfoid <> @refusing_oid AND (NOT l.lanpltrusted
    OR h.prosrc ~ '^(plpython|plperlu|pltclu|plsh|plr_|javau|pllua_?u|plscheme|plruby|plphp)')
)sql";

// Code that production hung on relations of the server's own: their owner is OID 10, in whose name autovacuum
// would run it.
constexpr std::string_view kOnCatalogs = R"sql(
  SELECT 'index ' || x.indexrelid::regclass FROM pg_index x WHERE x.indrelid < 16384 AND x.indexrelid >= 16384 AND
    (x.indexprs IS NOT NULL OR x.indpred IS NOT NULL)
  UNION ALL SELECT 'rule ' || quote_ident(r.rulename) FROM pg_rewrite r WHERE r.ev_class < 16384 AND r.oid >= 16384
  UNION ALL SELECT 'trigger ' || quote_ident(t.tgname) FROM pg_trigger t WHERE t.tgrelid < 16384
  UNION ALL SELECT 'policy ' || quote_ident(y.polname) FROM pg_policy y WHERE y.polrelid < 16384
  UNION ALL SELECT 'statistics ' || quote_ident(s.stxname) FROM pg_statistic_ext s WHERE s.stxrelid < 16384
)sql";

// Values lie in TOAST as they are, those of rows that nobody sees too: initdb lets nobody but OID 10 in.
constexpr std::string_view kToastSchemas = "(n.oid = 99 OR n.nspname ~ '^pg_toast')";

std::string filled(std::string_view text) {
  std::string out(text);
  for (auto [name, value] : {std::pair<std::string_view, std::string_view>{"@guard", kGuard},
                             {"@constructor", kConstructor},
                             {"@library", kNoLibrary},
                             {"@refusing_oid", kRefusingOid},
                             {"@refusing", kRefusing}}) {
    for (size_t at = out.find(name); at != std::string::npos; at = out.find(name, at + value.size()))
      out.replace(at, name.size(), value);
  }
  return out;
}

// Each row of `sql` fills "{}" of `line`.
Status record_each(Connection& session, const std::string& sql, fmt::format_string<std::string> line) {
  YTB_ASSIGN(Rows rows, session.query(sql));
  for (int row = 0; row < rows.count(); ++row)
    YTB_TRY(record_deed(session, fmt::format(line, printable(rows.at(row, 0)))));
  return {};
}

// What the single-user start did is known by labels of OID 10.
Status record_hand_over(Connection& session) {
  YTB_TRY(record_each(
      session,
      fmt::format("SELECT a.rolname FROM pg_shseclabel s JOIN pg_authid a ON a.oid = s.label::oid "
                  "WHERE s.objoid = 10 AND s.classoid = 1260 AND s.provider = '{}'",
                  kLabelBootstrap),
      "production's bootstrap role {} is an ordinary role with an identity of its own"));
  return record_each(
      session,
      fmt::format("SELECT label || ' prepared transactions rolled back in database ' || "
                  "substr(provider, {}) FROM pg_shseclabel WHERE objoid = 10 AND provider LIKE '{}%'",
                  kLabelPrepared.size() + 1, kLabelPrepared),
      "{}");
}

Status take_attributes(Connection& session) {
  YTB_TRY(session.execute(
      fmt::format("INSERT INTO pg_shseclabel (objoid, classoid, provider, label) SELECT oid, "
                  "1260, '{0}', 'yes' FROM pg_authid a WHERE rolsuper AND oid <> 10 AND NOT "
                  "EXISTS (SELECT FROM pg_shseclabel s WHERE s.objoid = a.oid AND s.classoid = "
                  "1260 AND s.provider = '{0}')",
                  kLabelSuperuser)));
  YTB_TRY(record_each(
      session,
      "UPDATE pg_authid SET rolsuper = false, rolbypassrls = true, rolinherit = true WHERE rolsuper "
      "AND oid <> 10 RETURNING rolname",
      "taken from role {}: SUPERUSER; it keeps its rights over data"));
  return record_each(
      session,
      "WITH had AS (SELECT oid, rolname, concat_ws(', ', CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE "
      "WHEN "
      "rolreplication THEN 'REPLICATION' END) AS what FROM pg_authid WHERE oid <> 10 AND (rolcreaterole OR "
      "rolreplication)), done AS (UPDATE pg_authid a SET rolcreaterole = false, rolreplication = false FROM "
      "had "
      "WHERE a.oid = had.oid) SELECT rolname || ': ' || what FROM had",
      "taken from role {}");
}

Status take_memberships(Connection& session) {
  YTB_TRY(record_each(
      session,
      fmt::format(
          "WITH gone AS (DELETE FROM pg_auth_members WHERE roleid IN {} OR roleid = 10 RETURNING roleid, "
          "member) SELECT DISTINCT m.rolname || ': its membership in ' || r.rolname FROM gone g JOIN "
          "pg_authid m ON m.oid = g.member JOIN pg_authid r ON r.oid = g.roleid",
          kServerRoles),
      "taken from role {}"));
  if (session.major() < 16) return {};
  return session.execute(
      "DELETE FROM pg_shdepend WHERE classid = 'pg_auth_members'::regclass AND objid NOT IN (SELECT oid FROM "
      "pg_auth_members)");
}

// SET and ALTER SYSTEM on single settings: paths of libraries, programs that archive.
Status take_parameters(Connection& session) {
  if (session.major() < 15) return {};
  YTB_TRY(record_each(
      session,
      "SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'everybody' ELSE 'role ' || g.rolname END || ': "
      "its right on the setting ' || p.parname FROM pg_parameter_acl p CROSS JOIN "
      "aclexplode(p.paracl) a LEFT JOIN pg_authid g ON g.oid = a.grantee WHERE a.grantee <> 10",
      "taken from {}"));
  return session.execute(
      "DELETE FROM pg_parameter_acl; DELETE FROM pg_shdepend WHERE classid = 'pg_parameter_acl'::regclass");
}

// A superuser had every right over every object; as members of all owners they keep those over data.
Status give_data_rights(Connection& session) {
  const std::string pairs = fmt::format(
      "(SELECT DISTINCT d.refobjid AS owner, s.objoid AS heir FROM pg_shdepend d CROSS JOIN pg_shseclabel s "
      "WHERE "
      "d.refclassid = 1260 AND d.deptype = 'o' AND d.refobjid >= 16384 AND s.classoid = 1260 AND s.provider "
      "= '{}' "
      "AND s.objoid <> d.refobjid) w",
      kLabelSuperuser);
  if (session.major() < 16) {
    return session.execute(fmt::format(
        "INSERT INTO pg_auth_members (roleid, member, grantor, admin_option) SELECT w.owner, w.heir, 10, "
        "false FROM "
        "{} WHERE NOT EXISTS (SELECT FROM pg_auth_members h WHERE h.roleid = w.owner AND h.member = w.heir)",
        pairs));
  }
  YTB_TRY(
      session.execute(fmt::format("UPDATE pg_auth_members h SET inherit_option = true, set_option = true "
                                  "FROM {} WHERE h.roleid = w.owner AND "
                                  "h.member = w.heir AND NOT (h.inherit_option AND h.set_option)",
                                  pairs)));
  return session.execute(
      fmt::format("INSERT INTO pg_auth_members (oid, roleid, member, grantor, admin_option, inherit_option, "
                  "set_option) SELECT "
                  "pg_nextoid('pg_auth_members', 'oid', 'pg_auth_members_oid_index'), w.owner, w.heir, 10, "
                  "false, true, true "
                  "FROM {} WHERE NOT EXISTS (SELECT FROM pg_auth_members h WHERE h.roleid = w.owner AND "
                  "h.member = w.heir)",
                  pairs));
}

Status close_toast(Connection& session) {
  YTB_TRY(record_each(
      session,
      fmt::format(
          "UPDATE pg_namespace n SET nspowner = 10, nspacl = NULL WHERE {} AND (nspowner <> 10 OR nspacl "
          "IS NOT NULL) RETURNING nspname",
          kToastSchemas),
      "taken from everybody: the schema {}"));
  YTB_TRY(record_each(
      session,
      "WITH columns AS (UPDATE pg_attribute a SET attacl = NULL FROM pg_class c WHERE c.oid = a.attrelid AND "
      "c.relkind = 't' AND a.attacl IS NOT NULL RETURNING a.attrelid), whole AS (UPDATE pg_class SET relacl "
      "= NULL "
      "WHERE relkind = 't' AND relacl IS NOT NULL RETURNING oid) SELECT DISTINCT x.oid::regclass::text FROM "
      "(SELECT "
      "attrelid AS oid FROM columns UNION ALL SELECT oid FROM whole) x",
      "taken from everybody: reading {}"));
  return session.execute(
      fmt::format("DELETE FROM pg_shdepend d WHERE d.dbid = (SELECT oid FROM pg_database WHERE datname = "
                  "current_database()) AND "
                  "(d.classid = 'pg_namespace'::regclass AND d.objid IN (SELECT n.oid FROM pg_namespace n "
                  "WHERE {}) OR d.classid = "
                  "'pg_class'::regclass AND d.objid IN (SELECT oid FROM pg_class WHERE relkind = 't'))",
                  kToastSchemas));
}

Status take_grants(Connection& session) {
  // The server's own functions belong to OID 10 and run as whoever calls them.
  YTB_TRY(record_each(
      session,
      "UPDATE pg_proc SET proowner = 10, prosecdef = false WHERE oid < 16384 AND (proowner <> 10 OR "
      "prosecdef) RETURNING oid::regprocedure::text",
      "{} belongs to our own role and runs as whoever calls it"));
  YTB_TRY(record_each(
      session,
      fmt::format("UPDATE pg_proc u SET proacl = w.initprivs FROM (SELECT p.oid, i.initprivs FROM {}) "
                  "w WHERE u.oid = w.oid AND u.proacl IS DISTINCT FROM w.initprivs RETURNING "
                  "u.oid::regprocedure::text",
                  kRestrictedFunctions),
      "taken from everybody but whom initdb gave it to: EXECUTE on {}"));
  // acldefault's item of OID 10 for itself, and nobody's else.
  const std::string nobody = "ARRAY(SELECT d FROM unnest(acldefault('f', 10)) d WHERE d::text !~ '^=')";
  YTB_TRY(record_each(
      session,
      fmt::format(
          "UPDATE pg_proc p SET proacl = {0} WHERE {1} AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, "
          "acldefault('f', 10))) e WHERE e.grantee <> 10) RETURNING p.oid::regprocedure::text",
          nobody, kFileFunctions),
      "taken from everybody: EXECUTE on {}"));
  return record_each(session,
                     fmt::format("WITH columns AS (UPDATE pg_attribute a SET attacl = NULL FROM pg_class c "
                                 "WHERE c.oid = a.attrelid AND {0} "
                                 "AND c.oid <> 6100 AND a.attacl IS NOT NULL RETURNING a.attrelid), whole AS "
                                 "(UPDATE pg_class c SET relowner "
                                 "= 10, relacl = i.initprivs FROM pg_init_privs i WHERE i.classoid = "
                                 "'pg_class'::regclass AND i.objoid = "
                                 "c.oid AND i.objsubid = 0 AND i.privtype = 'i' AND {0} AND (c.relacl IS "
                                 "DISTINCT FROM i.initprivs OR "
                                 "c.relowner <> 10) RETURNING c.oid) SELECT DISTINCT x.oid::regclass::text "
                                 "FROM (SELECT attrelid AS oid FROM "
                                 "columns UNION ALL SELECT oid FROM whole) x",
                                 kSecretCatalogs),
                     "taken from everybody but whom initdb gave it to: reading {}");
}

Status switch_code_off(Connection& session) {
  YTB_TRY(
      session.execute("UPDATE pg_language SET lanpltrusted = false WHERE oid IN (12, 13) AND lanpltrusted"));
  YTB_TRY(record_each(
      session,
      filled(fmt::format("WITH off AS (SELECT l.oid FROM {}), done AS (UPDATE pg_language u SET "
                         "lanplcallfoid = @refusing_oid, laninline = 0, lanpltrusted = false FROM off "
                         "WHERE u.oid = off.oid) SELECT l.lanname FROM pg_language l JOIN off ON "
                         "off.oid = l.oid",
                         kUntrusted)),
      "functions in the untrusted language {} do not run"));
  return record_each(
      session,
      filled(fmt::format("WITH off AS (SELECT p.oid FROM {}) UPDATE pg_proc u SET probin = CASE WHEN "
                         "prolang = 13 THEN '@library' END, prosrc = CASE WHEN prolang = 12 THEN "
                         "'@refusing' ELSE prosrc END FROM off WHERE u.oid = off.oid RETURNING "
                         "u.oid::regprocedure::text",
                         kForeignCode)),
      "{}, code in C that is not an extension's in the server's library folder, or another name for what it "
      "must not reach, does not run");
}

// The script of a trusted extension runs as OID 10 for whoever owns the database, and event triggers run in
// it (extension.c, execute_extension_script). Nobody but a superuser can make an event trigger: where there
// is none, nothing of anybody's runs.
Status suspend_extensions(Connection& session) {
  YTB_ASSIGN(Rows found,
             session.query("SELECT count(*) FILTER (WHERE evtname <> $1), count(*) FILTER (WHERE evtname "
                           "= $1) FROM pg_event_trigger",
                           {std::string(kGuard)}));
  if (found.integer(0, 0) == 0 || found.integer(0, 1) > 0) return {};
  YTB_ASSIGN(Rows plpgsql,
             session.query("SELECT FROM pg_language WHERE lanname = 'plpgsql' AND oid < 16384"));
  std::string body = plpgsql.empty()
                         ? fmt::format("LANGUAGE internal AS '{}'", kRefusing)
                         : std::string(
                               "LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'extensions cannot be created or "
                               "altered in this copy' USING HINT = 'its script would run with the power of "
                               "the server, and event triggers in it'; END$$");
  // In pg_catalog, and a member of plpgsql: pg_dump shows neither.
  YTB_TRY(session.execute(fmt::format(
      "CREATE FUNCTION pg_catalog.{0}() RETURNS event_trigger {1}; CREATE EVENT TRIGGER {0} ON "
      "ddl_command_start WHEN "
      "TAG IN ('CREATE EXTENSION', 'ALTER EXTENSION') EXECUTE FUNCTION pg_catalog.{0}(); ALTER EVENT TRIGGER "
      "{0} "
      "ENABLE ALWAYS; INSERT INTO pg_depend (classid, objid, objsubid, refclassid, refobjid, refobjsubid, "
      "deptype) "
      "SELECT 'pg_event_trigger'::regclass, t.oid, 0, 'pg_extension'::regclass, e.oid, 0, 'e' FROM "
      "pg_event_trigger t "
      "CROSS JOIN pg_extension e WHERE t.evtname = '{0}' AND e.extname = 'plpgsql' AND e.oid < 16384",
      kGuard, body)));
  return record_deed(session,
                     "CREATE EXTENSION and ALTER EXTENSION refused, as event triggers would run in them");
}

// Functions and what else runs in its owner's name, of who was a superuser: harmless by now, and named.
Status record_definers(Connection& session) {
  return record_each(
      session,
      fmt::format("SELECT p.oid::regprocedure::text || ' as ' || a.rolname FROM pg_proc p JOIN "
                  "pg_authid a ON a.oid = p.proowner JOIN pg_shseclabel s ON s.objoid = a.oid AND "
                  "s.classoid = 1260 AND s.provider = '{}' WHERE p.prosecdef ORDER BY 1",
                  kLabelSuperuser),
      "SECURITY DEFINER function {} runs without a superuser's power");
}

}  // namespace

Status take_power_from_roles(Connection& session, const std::vector<model::AccessRole>& access) {
  YTB_TRY(ensure_progress(session));
  return in_transaction(session, [&]() -> Status {
    YTB_TRY(record_hand_over(session));
    YTB_TRY(take_attributes(session));
    YTB_TRY(take_parameters(session));
    YTB_TRY(take_memberships(session));
    YTB_ASSIGN(std::vector<model::AccessRole> granted, replace_read_all(session, access));
    YTB_TRY(arrange_access_roles(session, granted));
    YTB_TRY(take_memberships(session));  // the config's own
    YTB_TRY(give_data_rights(session));
    // Once more: whatever was just made or granted, nobody but us logs in.
    return session.execute(
        "UPDATE pg_authid SET rolcanlogin = false, rolpassword = NULL WHERE oid <> 10 AND (rolcanlogin OR "
        "rolpassword IS NOT NULL)");
  });
}

Status take_power_in_database(Connection& session, const std::vector<model::AccessRole>& access) {
  YTB_TRY(ensure_progress(session));  // with it event triggers are off
  return in_transaction(session, [&]() -> Status {
    YTB_TRY(take_grants(session));
    YTB_TRY(close_toast(session));
    YTB_TRY(switch_code_off(session));
    YTB_TRY(record_definers(session));
    YTB_TRY(let_readers_read(session, access));
    return suspend_extensions(session);
  });
}

Result<std::vector<std::string>> power_left(Connection& session) {
  std::string sql = fmt::format(
      "SELECT 'role ' || rolname || ' is a superuser, or has CREATEROLE or REPLICATION' FROM pg_authid WHERE "
      "oid <> "
      "10 AND (rolsuper OR rolcreaterole OR rolreplication) UNION ALL SELECT 'role ' || m.rolname || ' is a "
      "member of "
      "' || r.rolname FROM pg_auth_members a JOIN pg_authid m ON m.oid = a.member JOIN pg_authid r ON r.oid "
      "= a.roleid "
      "WHERE a.roleid IN {0} OR a.roleid = 10 UNION ALL SELECT 'our own role is not OID 10' FROM pg_authid "
      "WHERE oid = "
      "10 AND rolname <> session_user UNION ALL SELECT 'it belongs to our own role: ' || coalesce(o.what, "
      "'') FROM "
      "({1}) o (what) UNION ALL SELECT p.oid::regprocedure || ' may be executed' FROM pg_proc p WHERE {2} "
      "AND EXISTS "
      "(SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', 10))) e WHERE e.grantee <> 10) UNION ALL "
      "SELECT "
      "p.oid::regprocedure || ' may be executed by more than initdb let' FROM {3} AND p.proacl IS DISTINCT "
      "FROM "
      "i.initprivs AND NOT ({2}) UNION ALL SELECT p.oid::regprocedure || ' runs as its owner or is not ours' "
      "FROM "
      "pg_proc p WHERE p.oid < 16384 AND (p.prosecdef OR p.proowner <> 10) UNION ALL SELECT c.oid::regclass "
      "|| ' may "
      "be read by more than initdb let' FROM pg_class c LEFT JOIN pg_init_privs i ON i.classoid = "
      "'pg_class'::regclass "
      "AND i.objoid = c.oid AND i.objsubid = 0 WHERE {4} AND (i.objoid IS NULL OR c.relacl IS DISTINCT FROM "
      "i.initprivs OR c.relowner <> 10) "
      "UNION ALL SELECT 'functions in language ' || l.lanname || ' run' FROM {5} UNION ALL SELECT "
      "p.oid::regprocedure "
      "|| ' is code of nobody''s library' FROM {6} UNION ALL SELECT o.what || ' hangs on a relation of the "
      "server''s "
      "own' FROM ({7}) o (what) UNION ALL SELECT 'extensions can be made where event triggers run' FROM "
      "(SELECT "
      "count(*) FILTER (WHERE evtname <> '{8}'), count(*) FILTER (WHERE evtname = '{8}' AND evtowner = 10 "
      "AND "
      "evtenabled = 'A') FROM pg_event_trigger) t (others, guards) WHERE t.others > 0 AND t.guards = 0 "
      "UNION ALL SELECT 'the schema ' || n.nspname || ' may be used' FROM pg_namespace n WHERE {9} AND "
      "(n.nspowner <> 10 "
      "OR n.nspacl IS NOT NULL) UNION ALL SELECT c.oid::regclass || ' may be read' FROM pg_class c WHERE "
      "c.relkind = "
      "'t' AND (c.relacl IS NOT NULL OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND "
      "a.attacl IS NOT "
      "NULL))",
      kNobodysRoles, owned_by_bootstrap(), kFileFunctions, kRestrictedFunctions, kSecretCatalogs,
      filled(kUntrusted), filled(kForeignCode), kOnCatalogs, kGuard, kToastSchemas);
  if (session.major() >= 15)
    sql += " UNION ALL SELECT 'the setting ' || parname || ' was granted' FROM pg_parameter_acl";
  YTB_ASSIGN(Rows rows, session.query(sql));
  std::vector<std::string> found;
  for (int row = 0; row < rows.count(); ++row) found.push_back(printable(rows.at(row, 0)));
  return found;
}

}  // namespace ytb::postgres

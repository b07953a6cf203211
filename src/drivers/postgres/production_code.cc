#include "drivers/postgres/production_code.h"

#include <string_view>

namespace ytb::postgres {
namespace {

// Objects below 16384 are pinned: pg_depend names none of them, but they cannot be production's either.
// Those that are given a query as text and run it are code whoever marks them immutable. C is language 13,
// internal 12 (pg_language.dat); a function outside extensions may be anything under a harmless name.
constexpr std::string_view kCoded = R"sql(
    WITH RECURSIVE edges (classid, objid, refclassid, refobjid) AS (
      SELECT d.classid, d.objid, d.refclassid, d.refobjid FROM pg_catalog.pg_depend d
        WHERE d.classid IN ('pg_catalog.pg_operator'::regclass, 'pg_catalog.pg_opfamily'::regclass,
                            'pg_catalog.pg_opclass'::regclass, 'pg_catalog.pg_type'::regclass)
      UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, o.oid, 'pg_catalog.pg_proc'::regclass, f.oid
        FROM pg_catalog.pg_operator o
        CROSS JOIN unnest(ARRAY[o.oprcode::oid, o.oprrest::oid, o.oprjoin::oid]) AS f (oid)
      UNION ALL SELECT 'pg_catalog.pg_opfamily'::regclass, amprocfamily, 'pg_catalog.pg_proc'::regclass,
        amproc::oid FROM pg_catalog.pg_amproc
      UNION ALL SELECT 'pg_catalog.pg_opfamily'::regclass, amopfamily, 'pg_catalog.pg_operator'::regclass,
        amopopr FROM pg_catalog.pg_amop
      UNION ALL SELECT 'pg_catalog.pg_opclass'::regclass, oid, 'pg_catalog.pg_opfamily'::regclass, opcfamily
        FROM pg_catalog.pg_opclass
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, opcintype, 'pg_catalog.pg_opclass'::regclass, oid
        FROM pg_catalog.pg_opclass WHERE opcdefault AND opcintype >= 16384
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.oid, 'pg_catalog.pg_type'::regclass, b.oid
        FROM pg_catalog.pg_type t CROSS JOIN unnest(ARRAY[t.typbasetype, t.typelem]) AS b (oid)
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.oid, 'pg_catalog.pg_proc'::regclass, f.oid
        FROM pg_catalog.pg_type t CROSS JOIN unnest(ARRAY[t.typinput::oid, t.typoutput::oid,
        t.typreceive::oid, t.typsend::oid, t.typmodin::oid, t.typmodout::oid, t.typanalyze::oid]) AS f (oid)
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, r.rngtypid, 'pg_catalog.pg_opclass'::regclass,
        r.rngsubopc FROM pg_catalog.pg_range r
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, r.rngtypid, 'pg_catalog.pg_proc'::regclass, f.oid
        FROM pg_catalog.pg_range r
        CROSS JOIN unnest(ARRAY[r.rngcanonical::oid, r.rngsubdiff::oid]) AS f (oid)
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, k.contypid, d.refclassid, d.refobjid
        FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_depend d
        ON d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid = k.oid WHERE k.contypid <> 0
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, c.reltype, 'pg_catalog.pg_type'::regclass, a.atttypid
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        WHERE a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384 AND c.reltype <> 0),
    code (classid, objid) AS (
      SELECT 'pg_catalog.pg_proc'::regclass::oid, p.oid FROM pg_catalog.pg_proc p
        WHERE CASE WHEN p.oid < 16384 THEN p.prosrc ~ '_to_xml|tsquery_rewrite_query|ts_stat|cursor_to_xml'
          ELSE p.prolang NOT IN (12, 13) OR p.prosrc = 'language_handler_in' OR NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
            WHERE e.classid = 'pg_catalog.pg_proc'::regclass AND e.objid = p.oid AND e.deptype IN ('e', 'i')) END
      UNION SELECT e.classid::oid, e.objid FROM code c JOIN edges e
        ON e.refclassid = c.classid AND e.refobjid = c.objid),
    typed (oid) AS (
      SELECT DISTINCT a.attrelid FROM pg_catalog.pg_attribute a JOIN code c
        ON c.classid = 'pg_catalog.pg_type'::regclass AND c.objid = a.atttypid
        WHERE a.attnum > 0 AND NOT a.attisdropped),
    uses (classid, objid, objsubid) AS (
      SELECT DISTINCT d.classid, d.objid, d.objsubid FROM pg_catalog.pg_depend d JOIN code c
        ON c.classid = d.refclassid AND c.objid = d.refobjid
        WHERE d.classid IN ('pg_catalog.pg_attrdef'::regclass, 'pg_catalog.pg_class'::regclass,
                            'pg_catalog.pg_statistic_ext'::regclass)),
    coded_indexes (oid, relation) AS (
      SELECT i.indexrelid, i.indrelid FROM pg_catalog.pg_index i WHERE i.indislive AND i.indexrelid >= 16384
        AND (i.indexrelid IN (SELECT u.objid FROM uses u WHERE u.classid = 'pg_catalog.pg_class'::regclass)
          OR (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) AND i.indrelid IN (SELECT oid FROM typed)
          OR EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN code c
            ON c.classid = 'pg_catalog.pg_type'::regclass AND c.objid = a.atttypid
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)))),
    coded_statistics (oid, relation) AS (
      SELECT s.oid, s.stxrelid FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid IN (SELECT oid FROM typed)
        OR s.oid IN (SELECT u.objid FROM uses u
                     WHERE u.classid = 'pg_catalog.pg_statistic_ext'::regclass)),
    coded (kind, oid, number) AS (
      SELECT 'g', a.attrelid, a.attnum FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relpersistence <> 't'
        WHERE a.attgenerated <> '' AND NOT a.attisdropped AND (a.attrelid IN (SELECT oid FROM typed)
          OR EXISTS (SELECT FROM pg_catalog.pg_attrdef f JOIN uses u
                     ON u.classid = 'pg_catalog.pg_attrdef'::regclass AND u.objid = f.oid
                     WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum)
          OR EXISTS (SELECT FROM uses u WHERE u.classid = 'pg_catalog.pg_class'::regclass
                     AND u.objid = a.attrelid AND u.objsubid = a.attnum))
      UNION ALL SELECT 'i', oid, 0 FROM coded_indexes
      UNION ALL SELECT 's', oid, 0 FROM coded_statistics
      UNION ALL SELECT 't', t.oid, 0 FROM (SELECT oid FROM typed UNION SELECT relation FROM coded_indexes
        UNION SELECT relation FROM coded_statistics) t)
    SELECT kind, oid, number FROM coded ORDER BY oid, number)sql";

}  // namespace

Result<CodedDefinitions> coded_definitions(Connection& session) {
  CodedDefinitions found;
  YTB_ASSIGN(Rows rows, session.query(kCoded));
  for (int row = 0; row < rows.count(); ++row) {
    const int64_t oid = rows.integer(row, 1);
    switch (rows.at(row, 0)[0]) {
      case 'g':
        found.columns.emplace_back(oid, rows.integer(row, 2));
        break;
      case 'i':
        found.indexes.push_back(oid);
        break;
      case 's':
        found.statistics.push_back(oid);
        break;
      default:
        found.tables.push_back(oid);
    }
  }
  return found;
}

}  // namespace ytb::postgres

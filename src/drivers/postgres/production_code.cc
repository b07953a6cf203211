#include "drivers/postgres/production_code.h"

#include <string>

namespace ytb::postgres {
namespace {

// Everything is taken from the catalogs' own columns and from the stored trees, whose nodes name objects by
// number (":funcid 20001", ":opno", ":resulttype", "(o 97 98)"): what is in pg_depend is production's to
// write. Every number of a tree counts, whatever it stands for: one that is no object's finds none, and one
// that is by chance only makes the server wait for its owner.
//
// Objects below 16384 are the server's own (catalog_origin.h). Those that are given a query as text and run
// it are code whoever marks them immutable, and so is any that is not immutable where it is called by an
// expression that must be: it may read what is raw. C is language 13, internal 12 (pg_language.dat); a
// function outside extensions may be anything under a harmless name. Types are compared by their default
// btree (403) and hash (405) classes, or those of a type that a cast calls the same in binary (typcache.c,
// GetDefaultOpClass); to_json() looks for casts to json (114) and jsonb (3802).
constexpr std::string_view kCoded = R"sql(
    WITH RECURSIVE trees (kind, oid, number, tree) AS (
      SELECT 'd', contypid, 0, conbin::text FROM pg_catalog.pg_constraint
        WHERE contypid <> 0 AND conbin IS NOT NULL
      UNION ALL SELECT 'g', f.adrelid, f.adnum, f.adbin::text FROM pg_catalog.pg_attrdef f
        JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated <> ''
      UNION ALL SELECT 'i', i.indexrelid, 0, t.tree::text FROM pg_catalog.pg_index i
        CROSS JOIN LATERAL (VALUES (i.indexprs), (i.indpred)) AS t (tree)
        WHERE t.tree IS NOT NULL AND i.indexrelid >= 16384
      @statistics),
    edges (classid, objid, refclassid, refobjid) AS (
      SELECT 'pg_catalog.pg_operator'::regclass, o.oid, 'pg_catalog.pg_proc'::regclass, f.oid
        FROM pg_catalog.pg_operator o
        CROSS JOIN unnest(ARRAY[o.oprcode::oid, o.oprrest::oid, o.oprjoin::oid]) AS f (oid)
      UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, oid, 'pg_catalog.pg_proc'::regclass, prosupport::oid
        FROM pg_catalog.pg_proc WHERE prosupport <> 0
      UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, a.aggfnoid, 'pg_catalog.pg_proc'::regclass, f.oid
        FROM pg_catalog.pg_aggregate a
        CROSS JOIN unnest(ARRAY[a.aggtransfn::oid, a.aggfinalfn::oid, a.aggcombinefn::oid, a.aggserialfn::oid,
          a.aggdeserialfn::oid, a.aggmtransfn::oid, a.aggminvtransfn::oid, a.aggmfinalfn::oid]) AS f (oid)
      UNION ALL SELECT 'pg_catalog.pg_opfamily'::regclass, amprocfamily, 'pg_catalog.pg_proc'::regclass,
        amproc::oid FROM pg_catalog.pg_amproc
      UNION ALL SELECT 'pg_catalog.pg_opfamily'::regclass, amopfamily, 'pg_catalog.pg_operator'::regclass,
        amopopr FROM pg_catalog.pg_amop
      UNION ALL SELECT 'pg_catalog.pg_opclass'::regclass, oid, 'pg_catalog.pg_opfamily'::regclass, opcfamily
        FROM pg_catalog.pg_opclass
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, opcintype, 'pg_catalog.pg_opclass'::regclass, oid
        FROM pg_catalog.pg_opclass WHERE opcdefault AND opcmethod IN (403, 405) AND oid >= 16384
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, castsource, 'pg_catalog.pg_proc'::regclass, castfunc
        FROM pg_catalog.pg_cast WHERE castsource >= 16384 AND casttarget IN (114, 3802) AND castfunc <> 0
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, castsource, 'pg_catalog.pg_type'::regclass, casttarget
        FROM pg_catalog.pg_cast WHERE castmethod = 'b' AND casttarget >= 16384
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.oid, 'pg_catalog.pg_type'::regclass, b.oid
        FROM pg_catalog.pg_type t CROSS JOIN unnest(ARRAY[t.typbasetype, t.typelem]) AS b (oid) WHERE b.oid <> 0
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.oid, 'pg_catalog.pg_proc'::regclass, f.oid
        FROM pg_catalog.pg_type t CROSS JOIN unnest(ARRAY[t.typinput::oid, t.typoutput::oid,
        t.typreceive::oid, t.typsend::oid, t.typmodin::oid, t.typmodout::oid, t.typanalyze::oid@subscript])
        AS f (oid) WHERE t.oid >= 12000
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, r.rngtypid, 'pg_catalog.pg_opclass'::regclass,
        r.rngsubopc FROM pg_catalog.pg_range r
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, r.rngtypid, 'pg_catalog.pg_type'::regclass,
        r.rngsubtype FROM pg_catalog.pg_range r
      @multirange
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, r.rngtypid, 'pg_catalog.pg_proc'::regclass, f.oid
        FROM pg_catalog.pg_range r
        CROSS JOIN unnest(ARRAY[r.rngcanonical::oid, r.rngsubdiff::oid]) AS f (oid)
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.oid, k.classid, n.match[1]::int8::oid FROM trees t
        CROSS JOIN regexp_matches(t.tree, '[ (](\d{1,9})(?=[ )}])', 'g') AS n (match)
        CROSS JOIN (VALUES ('pg_catalog.pg_proc'::regclass), ('pg_catalog.pg_operator'::regclass),
          ('pg_catalog.pg_type'::regclass)) AS k (classid)
        WHERE t.kind = 'd'
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, c.reltype, 'pg_catalog.pg_type'::regclass, a.atttypid
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.reltype <> 0 AND c.oid >= 16384),
    code (classid, objid) AS (
      SELECT 'pg_catalog.pg_proc'::regclass::oid, p.oid FROM pg_catalog.pg_proc p
        WHERE p.prosrc ~ '_to_xml|tsquery_rewrite_query|ts_stat|cursor_to_xml' AND p.prolang = 12
          OR p.oid >= 16384 AND (p.prolang NOT IN (12, 13) OR p.prosrc = 'language_handler_in' OR NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_proc'::regclass
              AND e.objid = p.oid AND e.deptype IN ('e', 'i')))
      UNION SELECT e.classid::oid, e.objid FROM code c JOIN edges e
        ON e.refclassid = c.classid AND e.refobjid = c.objid),
    typed (oid) AS (
      SELECT DISTINCT a.attrelid FROM pg_catalog.pg_attribute a JOIN code c
        ON c.classid = 'pg_catalog.pg_type'::regclass AND c.objid = a.atttypid
        WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid >= 16384),
    uses (kind, oid, number) AS (
      SELECT t.kind, t.oid, t.number FROM trees t
        CROSS JOIN unnest(string_to_array(translate(t.tree, '(){}', '    '), ' ')) AS n (word)
        JOIN code c ON c.objid::text = n.word
      UNION SELECT t.kind, t.oid, t.number FROM trees t
        CROSS JOIN unnest(string_to_array(t.tree, 'funcid ')) WITH ORDINALITY AS n (rest, place)
        JOIN pg_catalog.pg_proc p ON p.oid::text = split_part(n.rest, ' ', 1)
        WHERE n.place > 1 AND p.provolatile <> 'i'
      UNION SELECT t.kind, t.oid, t.number FROM trees t
        WHERE t.tree LIKE ANY (ARRAY['%{SUB%', '%{ALTERNATIVE%', '%{QUERY%', '%{RTE%', '%{RANGETBL%', '%{PARAM%'])),
    coded_indexes (oid, relation) AS (
      SELECT i.indexrelid, i.indrelid FROM pg_catalog.pg_index i WHERE i.indislive AND i.indexrelid >= 16384
        AND (i.indexrelid IN (SELECT u.oid FROM uses u WHERE u.kind = 'i')
          OR (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) AND i.indrelid IN (SELECT oid FROM typed)
          OR EXISTS (SELECT FROM code c
            WHERE c.classid = 'pg_catalog.pg_opclass'::regclass AND c.objid = ANY (i.indclass))
          OR EXISTS (SELECT FROM pg_catalog.pg_constraint k JOIN code c
            ON c.classid = 'pg_catalog.pg_operator'::regclass AND c.objid = ANY (k.conexclop)
            WHERE k.conindid = i.indexrelid)
          OR EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN code c
            ON c.classid = 'pg_catalog.pg_type'::regclass AND c.objid = a.atttypid
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)))),
    coded_statistics (oid, relation) AS (
      SELECT s.oid, s.stxrelid FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid IN (SELECT oid FROM typed)
        OR s.oid IN (SELECT u.oid FROM uses u WHERE u.kind = 's')),
    coded (kind, oid, number) AS (
      SELECT 'g', a.attrelid, a.attnum FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relpersistence <> 't'
        WHERE a.attgenerated <> '' AND NOT a.attisdropped AND (a.attrelid IN (SELECT oid FROM typed)
          OR EXISTS (SELECT FROM uses u WHERE u.kind = 'g' AND u.oid = a.attrelid AND u.number = a.attnum))
      UNION ALL SELECT 'i', oid, 0 FROM coded_indexes
      UNION ALL SELECT 's', oid, 0 FROM coded_statistics
      UNION ALL SELECT 't', t.oid, 0 FROM (SELECT oid FROM typed UNION SELECT relation FROM coded_indexes
        UNION SELECT relation FROM coded_statistics) t)
    SELECT kind, oid, number FROM coded ORDER BY oid, number)sql";

// What only some versions have.
std::string coded_of(int major) {
  std::string sql(kCoded);
  auto put = [&sql](std::string_view mark, std::string_view text) {
    sql.replace(sql.find(mark), mark.size(), text);
  };
  const bool from_14 = major >= 14;
  put("@statistics", from_14
                         ? "UNION ALL SELECT 's', oid, 0, stxexprs::text FROM pg_catalog.pg_statistic_ext "
                           "WHERE stxexprs IS NOT NULL"
                         : "");
  put("@subscript", from_14 ? ", t.typsubscript::oid" : "");
  put("@multirange", from_14 ? "UNION ALL SELECT 'pg_catalog.pg_type'::regclass, r.rngmultitypid, "
                               "'pg_catalog.pg_type'::regclass, r.rngtypid FROM pg_catalog.pg_range r"
                             : "");
  return sql;
}

}  // namespace

Result<CodedDefinitions> coded_definitions(Connection& session) {
  CodedDefinitions found;
  YTB_ASSIGN(Rows rows, session.query(coded_of(session.major())));
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

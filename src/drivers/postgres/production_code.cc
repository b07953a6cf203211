#include "drivers/postgres/production_code.h"

#include <string>

namespace ytb::postgres {
namespace {

// Everything is taken from the catalogs' own columns and from the stored trees, whose nodes name objects by
// number (":funcid 20001", ":opno", ":resulttype", "(o 97 98)"): what is in pg_depend is production's to
// write. Every number of a tree counts, whatever it stands for: one that is no object's finds none, and one
// that is by chance only makes the server wait for its owner. So do four bytes of a constant that could be a
// number: arrays, rows and ranges name their type in their own bytes.
//
// A tree is text, which a superuser may edit, and nodeRead() is lenient: it passes over what a field is
// called, and reads a number as strtoul() does. One that is not spelled as the server spells it counts as
// code (kForged).
//
// Objects below 16384 are the server's own (catalog_origin.h), and its functions compute from their
// arguments, but for two kinds, which count as code where a tree or something of production's leads to them
// (`asking`): those that are not immutable, which may read what is raw, run a query that they are given as
// text or look up a cast; and those that take the number of an object, as satisfies_hash_partition() does,
// which calls what a table is partitioned by. Comparing, hashing, casting and sending numbers looks nothing
// up; nor does a text search configuration or dictionary lead to code of production's, whose parsers and
// templates are in C (catalog_origin.h): else nearly every index of a text search would wait. In a tree the
// server's functions are found by where a node names one, for their numbers are small, and ":location 1299"
// is not now().
//
// A function outside extensions may be anything under a harmless name. Types are compared by their default
// btree (403) and hash (405) classes, or those of a type that a cast calls the same in binary (typcache.c,
// GetDefaultOpClass); to_json() looks for casts to json (114) and jsonb (3802), a function in SQL for any of
// its argument's. GIN compares keys by the type that the index keeps (initGinState). The planner turns
// operators into their negators and commutators, and hashes by any family that has them. A name that is read
// as a type's calls what reads the type's modifier.
constexpr std::string_view kCoded = R"sql(
    WITH RECURSIVE stored (kind, oid, number, tree) AS (
      SELECT 'd', contypid, 0, conbin::text FROM pg_catalog.pg_constraint
        WHERE contypid <> 0 AND conbin IS NOT NULL
      UNION ALL SELECT 'g', f.adrelid, f.adnum, f.adbin::text FROM pg_catalog.pg_attrdef f
        JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated <> ''
      UNION ALL SELECT 'i', i.indexrelid, 0, t.tree::text FROM pg_catalog.pg_index i
        CROSS JOIN LATERAL (VALUES (i.indexprs), (i.indpred)) AS t (tree)
        WHERE t.tree IS NOT NULL AND i.indexrelid >= 16384
      @statistics),
    trees (kind, oid, number, tree) AS (
      SELECT kind, oid, number, translate(tree, chr(9) || chr(10), '  ') FROM stored),
    constants (kind, oid, number, byte) AS MATERIALIZED (
      SELECT t.kind, t.oid, t.number, string_to_array(rtrim(n.match[1]), ' ')::int8[] FROM trees t
        CROSS JOIN regexp_matches(t.tree, '\[ ((?:-?\d{1,4} )+)\]', 'g') AS n (match)),
    numbers (kind, oid, number, object) AS (
      SELECT t.kind, t.oid, t.number, CASE WHEN n.word ~ '^\d{1,10}$' THEN n.word::int8
          WHEN n.word ~ '^-\d{1,10}$' THEN n.word::int8 + 4294967296 END
        FROM trees t CROSS JOIN unnest(string_to_array(translate(t.tree, '(){}', '    '), ' ')) AS n (word)
      UNION ALL SELECT * FROM (SELECT kind, oid, number, (byte[at] & 255) + ((byte[at + 1] & 255) << 8)
            + ((byte[at + 2] & 255) << 16) + ((byte[at + 3] & 255) << 24) AS object
          FROM constants CROSS JOIN generate_series(1, cardinality(byte) - 3) AS at) q
        WHERE q.object IN (SELECT oid::int8 FROM pg_catalog.pg_type)),
    called (kind, oid, number, object) AS (
      SELECT t.kind, t.oid, t.number, CASE WHEN n.word ~ '^\d{1,10}$' THEN n.word::int8 END FROM trees t
        CROSS JOIN regexp_matches(t.tree, '(?:funcid|opno) (\d+)|\(o ([0-9 ]+)\)', 'g') AS m (match)
        CROSS JOIN unnest(string_to_array(coalesce(m.match[1], m.match[2]), ' ')) AS n (word)),
    finders (oid) AS (
      SELECT t.oid FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
        WHERE t.oid < 16384 AND t.typcategory IN ('N', 'A') AND (t.oid = 30
          OR coalesce(e.oid, t.oid) NOT IN (3734, 3769) AND coalesce(e.typname, t.typname) ~ '^(oid$|reg)')),
    plain (oid) AS (
      SELECT oprcode::oid FROM pg_catalog.pg_operator WHERE oid < 16384
      UNION SELECT amproc::oid FROM pg_catalog.pg_amproc WHERE oid < 16384
      UNION SELECT castfunc FROM pg_catalog.pg_cast WHERE oid < 16384
      UNION SELECT f.oid FROM pg_catalog.pg_type t CROSS JOIN unnest(ARRAY[t.typinput::oid, t.typoutput::oid,
        t.typreceive::oid, t.typsend::oid, t.typmodin::oid, t.typmodout::oid, t.typanalyze::oid]) AS f (oid)
        WHERE t.oid < 16384
      UNION SELECT f.oid FROM pg_catalog.pg_operator o
        CROSS JOIN unnest(ARRAY[o.oprrest::oid, o.oprjoin::oid]) AS f (oid) WHERE o.oid < 16384
      UNION SELECT f.oid FROM pg_catalog.pg_aggregate a
        CROSS JOIN unnest(ARRAY[a.aggtransfn::oid, a.aggfinalfn::oid, a.aggcombinefn::oid, a.aggserialfn::oid,
          a.aggdeserialfn::oid, a.aggmtransfn::oid, a.aggminvtransfn::oid, a.aggmfinalfn::oid]) AS f (oid)
        WHERE a.aggfnoid::oid < 16384
      UNION SELECT oid FROM pg_catalog.pg_proc WHERE oid < 16384 AND prosrc ~ '^(enum_(in|out|recv|send)|any.*)$'),
    asking (oid) AS (
      SELECT p.oid FROM pg_catalog.pg_proc p WHERE p.oid < 16384 AND p.oid NOT IN (SELECT oid FROM plain)
        AND (p.provolatile <> 'i' OR p.proargtypes::oid[] && (SELECT array_agg(oid) FROM finders))),
    edges (classid, objid, refclassid, refobjid) AS (
      SELECT 'pg_catalog.pg_operator'::regclass, o.oid, 'pg_catalog.pg_proc'::regclass, f.oid
        FROM pg_catalog.pg_operator o
        CROSS JOIN unnest(ARRAY[o.oprcode::oid, o.oprrest::oid, o.oprjoin::oid]) AS f (oid)
      UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, o.oid, 'pg_catalog.pg_operator'::regclass, n.oid
        FROM pg_catalog.pg_operator o CROSS JOIN unnest(ARRAY[o.oprcom, o.oprnegate]) AS n (oid)
        WHERE o.oid >= 16384 AND n.oid <> 0
      UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, amopopr, 'pg_catalog.pg_opfamily'::regclass,
        amopfamily FROM pg_catalog.pg_amop WHERE amopopr >= 16384
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
      UNION ALL SELECT 'pg_catalog.pg_opclass'::regclass, oid, 'pg_catalog.pg_type'::regclass, opckeytype
        FROM pg_catalog.pg_opclass WHERE opckeytype <> 0 AND oid >= 16384
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, opcintype, 'pg_catalog.pg_opclass'::regclass, oid
        FROM pg_catalog.pg_opclass WHERE opcdefault AND opcmethod IN (403, 405) AND oid >= 16384
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, castsource, 'pg_catalog.pg_proc'::regclass, castfunc
        FROM pg_catalog.pg_cast WHERE castsource >= 16384 AND castfunc <> 0
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
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, n.oid, k.classid,
          CASE WHEN n.object BETWEEN 0 AND 4294967295 THEN n.object::oid END FROM numbers n
        CROSS JOIN (VALUES ('pg_catalog.pg_proc'::regclass), ('pg_catalog.pg_operator'::regclass),
          ('pg_catalog.pg_opfamily'::regclass), ('pg_catalog.pg_type'::regclass)) AS k (classid)
        WHERE n.kind = 'd' AND (n.object >= 16384 OR k.classid <> 'pg_catalog.pg_proc'::regclass)
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, n.oid, 'pg_catalog.pg_proc'::regclass, p.oid FROM called n
        JOIN pg_catalog.pg_proc p ON p.oid::int8 = n.object AND p.provolatile <> 's'
        WHERE n.kind = 'd' AND p.oid IN (SELECT oid FROM asking)
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, c.reltype, 'pg_catalog.pg_type'::regclass, a.atttypid
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.reltype <> 0 AND c.oid >= 16384),
    code (classid, objid) AS (
      SELECT 'pg_catalog.pg_proc'::regclass::oid, p.oid FROM pg_catalog.pg_proc p
        WHERE p.oid IN (SELECT oid FROM asking) OR p.oid >= 16384 AND (p.prolang NOT IN (12, 13) OR p.prosrc = 'language_handler_in' OR NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_proc'::regclass
              AND e.objid = p.oid AND e.deptype IN ('e', 'i')))
      UNION SELECT e.classid::oid, e.objid FROM code c JOIN edges e
        ON e.refclassid = c.classid AND e.refobjid = c.objid),
    typed (oid) AS (
      SELECT DISTINCT a.attrelid FROM pg_catalog.pg_attribute a JOIN code c
        ON c.classid = 'pg_catalog.pg_type'::regclass AND c.objid = a.atttypid
        WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid >= 16384),
    uses (kind, oid, number) AS (
      SELECT n.kind, n.oid, n.number FROM numbers n JOIN code c ON c.objid::int8 = n.object
        WHERE n.object >= 16384 OR c.classid <> 'pg_catalog.pg_proc'::regclass
      UNION SELECT n.kind, n.oid, n.number FROM called n JOIN (
          SELECT oid, oid AS function FROM pg_catalog.pg_proc
          UNION ALL SELECT oid, oprcode FROM pg_catalog.pg_operator) f ON f.oid::int8 = n.object
        JOIN pg_catalog.pg_proc p ON p.oid = f.function
        WHERE p.provolatile <> 'i' OR p.oid IN (SELECT oid FROM asking) OR p.proargtypes::oid[] && ARRAY[2281::oid]
      UNION SELECT t.kind, t.oid, t.number FROM trees t
        WHERE t.tree LIKE ANY (ARRAY['%{SUB%', '%{ALTERNATIVE%', '%{QUERY%', '%{RTE%', '%{RANGETBL%', '%{PARAM%'])
          OR t.tree ~ '@forged'
      UNION SELECT t.kind, t.oid, t.number FROM trees t WHERE t.tree LIKE '%{COERCEVIAIO%'
        AND t.tree ~ (SELECT '[ (](' || string_agg(f.oid::text, '|') || ')[ )}]' FROM finders f
          WHERE f.oid NOT IN (26, 30, 1028))
        AND EXISTS (SELECT FROM pg_catalog.pg_type m JOIN code c
          ON c.classid = 'pg_catalog.pg_proc'::regclass AND c.objid = m.typmodin::oid)),
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
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey))
          OR EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN code c
            ON c.classid = 'pg_catalog.pg_type'::regclass AND c.objid = a.atttypid
            WHERE a.attrelid = i.indexrelid))),
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

// Where no node may begin otherwise, or a number (of an object, fewer than 4,290,000,000) be spelled
// otherwise: a text that begins like a number has a backslash before it (outToken), and strtoul() skips more
// spaces than nodeRead() does.
constexpr std::string_view kForged =
    R"(\{ |\[(?! (-?\d{1,4} )*\])|\{FUNCEXPR(?! :funcid \d)|\{(OPEXPR|DISTINCTEXPR|NULLIFEXPR|SCALARARRAYOPEXPR)(?! :opno \d))"
    R"(|\{ROWCOMPAREEXPR(?! :(rctype|cmptype) \d+ :opnos \(o \d))"
    R"(|(^|[ (){}])(?!(-?(0|[1-9]\d{0,8}|[1-3]\d{9}|4[01]\d{8}|42[0-8]\d{7}))([ (){}]|$))[-+]?\d|[^ -~][-+]?\d)";

// What only some versions have.
std::string coded_of(int major) {
  std::string sql(kCoded);
  auto put = [&sql](std::string_view mark, std::string_view text) {
    sql.replace(sql.find(mark), mark.size(), text);
  };
  put("@forged", kForged);
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

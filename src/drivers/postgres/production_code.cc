#include "drivers/postgres/production_code.h"

#include <fmt/format.h>

#include <string>

#include "drivers/postgres/catalog_reader.h"

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
// code (kForgedNodes, kForgedNumbers).
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
//
// There may be 100,000 indexes, thousands of functions and no statistics of the catalogs: the cost must be
// linear whatever the planner expects.
// - What is looked up is materialized and distinct: the planner then expects at most 200 rows and hashes it.
// No
//   subquery asks it anew for each row; IS TRUE keeps one from becoming a join.
// - What the planner could take for a single row is intersected, not joined.
// - What one type leads on to is an array, for which it expects few rows: hashed once, not sorted in each
// round
//   (`listed`). A row type's columns are followed only to types that lead on (`passing`).
// - Tables that are made alike have the same trees, each of which is read once (`trees`).
//
// In a tree what has a backslash before it belongs to a name, whatever it is (pg_strtok).
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
    trees (id, kind, oid, owners, numbers, tree) AS MATERIALIZED (
      SELECT row_number() OVER (), kind, min(oid), array_agg(oid), array_agg(number),
          CASE WHEN tree LIKE '%\\%' THEN regexp_replace(tree, '\\.', '_', 'g') ELSE tree END
        FROM (SELECT kind, oid, number, translate(tree, chr(9) || chr(10), '  ') COLLATE "C" AS tree FROM stored) s
        GROUP BY kind, CASE WHEN kind = 'd' THEN oid END, tree),
    constants (id, kind, oid, byte) AS MATERIALIZED (
      SELECT t.id, t.kind, t.oid, string_to_array(rtrim(n.match[1]), ' ')::int8[] FROM trees t
        CROSS JOIN regexp_matches(t.tree, '\[ ((?:-?\d{1,4} )+)\]', 'g') AS n (match)),
    numbers (id, kind, oid, object) AS NOT MATERIALIZED (
      SELECT t.id, t.kind, t.oid, CASE WHEN n.word ~ '^\d{1,10}$' THEN n.word::int8
          WHEN n.word ~ '^-\d{1,10}$' THEN n.word::int8 + 4294967296 END
        FROM trees t CROSS JOIN unnest(string_to_array(translate(t.tree, '(){}', '    '), ' ')) AS n (word)
        WHERE n.word >= '-' AND n.word < ':'
      UNION ALL SELECT * FROM (SELECT id, kind, oid, (byte[at] & 255) + ((byte[at + 1] & 255) << 8)
            + ((byte[at + 2] & 255) << 16) + ((byte[at + 3] & 255) << 24) AS object
          FROM constants CROSS JOIN generate_series(1, cardinality(byte) - 3) AS at) q
        WHERE q.object IN (SELECT oid::int8 FROM pg_catalog.pg_type)),
    of_domains (oid, object) AS MATERIALIZED (
      SELECT DISTINCT oid, CASE WHEN object BETWEEN 0 AND 4294967295 THEN object::oid END FROM numbers
        WHERE kind = 'd'),
    called (id, kind, oid, object) AS NOT MATERIALIZED (
      SELECT t.id, t.kind, t.oid, CASE WHEN n.word ~ '^\d{1,10}$' THEN n.word::int8 END FROM trees t
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
    asking (oid) AS MATERIALIZED (
      SELECT p.oid FROM pg_catalog.pg_proc p LEFT JOIN plain n ON n.oid = p.oid WHERE p.oid < 16384
        AND n.oid IS NULL
        AND (p.provolatile <> 'i' OR p.proargtypes::oid[] && (SELECT array_agg(oid) FROM finders))),
    callers (oid, function) AS MATERIALIZED (
      SELECT oid, prosupport::oid FROM pg_catalog.pg_proc WHERE prosupport <> 0
      UNION ALL SELECT a.aggfnoid, f.oid FROM pg_catalog.pg_aggregate a
        CROSS JOIN unnest(ARRAY[a.aggtransfn::oid, a.aggfinalfn::oid, a.aggcombinefn::oid, a.aggserialfn::oid,
          a.aggdeserialfn::oid, a.aggmtransfn::oid, a.aggminvtransfn::oid, a.aggmfinalfn::oid]) AS f (oid)
        WHERE f.oid <> 0),
    reached (oid) AS (
      SELECT oid FROM (SELECT oid FROM asking UNION ALL SELECT p.oid FROM pg_catalog.pg_proc p
          LEFT JOIN (SELECT DISTINCT objid FROM pg_catalog.pg_depend
            WHERE classid = 'pg_catalog.pg_proc'::regclass AND deptype IN ('e', 'i')) e ON e.objid = p.oid
          WHERE p.oid >= 16384
            AND (p.prolang NOT IN (12, 13) OR p.prosrc = 'language_handler_in' OR e.objid IS NULL)) s
      UNION SELECT c.oid FROM reached f JOIN callers c ON c.function = f.oid),
    functions (oid) AS MATERIALIZED (SELECT DISTINCT oid FROM reached),
    direct (classid, objid) AS MATERIALIZED (
      SELECT u.classid, u.objid FROM (
        SELECT 'pg_catalog.pg_operator'::regclass AS classid, o.oid AS objid, f.oid AS function
          FROM pg_catalog.pg_operator o
          CROSS JOIN unnest(ARRAY[o.oprcode::oid, o.oprrest::oid, o.oprjoin::oid]) AS f (oid)
        UNION ALL SELECT 'pg_catalog.pg_opfamily'::regclass, amprocfamily, amproc::oid FROM pg_catalog.pg_amproc
        UNION ALL SELECT 'pg_catalog.pg_type'::regclass, castsource, castfunc FROM pg_catalog.pg_cast
          WHERE castsource >= 16384
        UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.oid, f.oid FROM pg_catalog.pg_type t
          CROSS JOIN unnest(ARRAY[t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typsend::oid,
            t.typmodin::oid, t.typmodout::oid, t.typanalyze::oid@subscript]) AS f (oid) WHERE t.oid >= 12000
        UNION ALL SELECT 'pg_catalog.pg_type'::regclass, r.rngtypid, f.oid FROM pg_catalog.pg_range r
          CROSS JOIN unnest(ARRAY[r.rngcanonical::oid, r.rngsubdiff::oid]) AS f (oid)
        UNION ALL SELECT 'pg_catalog.pg_type'::regclass, oid, object FROM of_domains
          WHERE object >= 16384) u
        JOIN functions f ON f.oid = u.function
      UNION SELECT 'pg_catalog.pg_type'::regclass, n.oid FROM called n
        WHERE n.kind = 'd' AND (n.object IN (SELECT p.oid::int8 FROM pg_catalog.pg_proc p
          JOIN asking k ON k.oid = p.oid WHERE p.provolatile <> 's')) IS TRUE),
    named (classid, objid, refclassid, refobjid) AS MATERIALIZED (
      SELECT 'pg_catalog.pg_operator'::regclass, o.oid, 'pg_catalog.pg_operator'::regclass, n.oid
        FROM pg_catalog.pg_operator o CROSS JOIN unnest(ARRAY[o.oprcom, o.oprnegate]) AS n (oid)
        WHERE o.oid >= 16384 AND n.oid <> 0
      UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, amopopr, 'pg_catalog.pg_opfamily'::regclass,
        amopfamily FROM pg_catalog.pg_amop WHERE amopopr >= 16384
      UNION ALL SELECT 'pg_catalog.pg_opfamily'::regclass, amopfamily, 'pg_catalog.pg_operator'::regclass,
        amopopr FROM pg_catalog.pg_amop
      UNION ALL SELECT 'pg_catalog.pg_opclass'::regclass, oid, 'pg_catalog.pg_opfamily'::regclass, opcfamily
        FROM pg_catalog.pg_opclass
      UNION ALL SELECT 'pg_catalog.pg_opclass'::regclass, oid, 'pg_catalog.pg_type'::regclass, opckeytype
        FROM pg_catalog.pg_opclass WHERE opckeytype <> 0 AND oid >= 16384
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, opcintype, 'pg_catalog.pg_opclass'::regclass, oid
        FROM pg_catalog.pg_opclass WHERE opcdefault AND opcmethod IN (403, 405) AND oid >= 16384
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, castsource, 'pg_catalog.pg_type'::regclass, casttarget
        FROM pg_catalog.pg_cast WHERE castmethod = 'b' AND casttarget >= 16384
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.oid, 'pg_catalog.pg_type'::regclass, b.oid
        FROM pg_catalog.pg_type t CROSS JOIN unnest(ARRAY[t.typbasetype, t.typelem]) AS b (oid) WHERE b.oid <> 0
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, r.rngtypid, 'pg_catalog.pg_opclass'::regclass,
        r.rngsubopc FROM pg_catalog.pg_range r
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, r.rngtypid, 'pg_catalog.pg_type'::regclass,
        r.rngsubtype FROM pg_catalog.pg_range r
      @multirange
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, oid, unnest(ARRAY['pg_catalog.pg_operator'::regclass,
        'pg_catalog.pg_opfamily'::regclass, 'pg_catalog.pg_type'::regclass]), object FROM of_domains),
    passing (type) AS MATERIALIZED (
      SELECT DISTINCT u.type FROM (
        SELECT objid AS type FROM direct WHERE classid = 'pg_catalog.pg_type'::regclass
        UNION ALL SELECT objid FROM named WHERE classid = 'pg_catalog.pg_type'::regclass
        UNION ALL SELECT reltype FROM pg_catalog.pg_class WHERE oid >= 16384) u),
    links (classid, objid, refclassid, refobjid) AS (
      SELECT classid, objid, refclassid, refobjid FROM named
      UNION ALL SELECT 'pg_catalog.pg_type'::regclass, c.reltype, 'pg_catalog.pg_type'::regclass, a.atttypid
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.reltype <> 0 AND a.attrelid >= 16384
          AND (a.atttypid IN (SELECT type FROM passing)) IS TRUE),
    listed (classids, objids, refclassids, refobjids) AS MATERIALIZED (
      SELECT array_agg(classid), array_agg(objid), array_agg(refclassid), array_agg(refobjid) FROM links),
    code (classid, objid) AS (
      SELECT classid, objid FROM direct
      UNION SELECT l.classid, l.objid FROM code c
        JOIN unnest((SELECT classids FROM listed), (SELECT objids FROM listed), (SELECT refclassids FROM listed),
          (SELECT refobjids FROM listed)) AS l (classid, objid, refclassid, refobjid)
          ON l.refclassid = c.classid AND l.refobjid = c.objid),
    coded_operators (oid) AS MATERIALIZED (
      SELECT DISTINCT objid FROM code WHERE classid = 'pg_catalog.pg_operator'::regclass),
    coded_classes (oid) AS MATERIALIZED (
      SELECT DISTINCT objid FROM code WHERE classid = 'pg_catalog.pg_opclass'::regclass),
    coded_types (oid) AS MATERIALIZED (
      SELECT DISTINCT objid FROM code WHERE classid = 'pg_catalog.pg_type'::regclass),
    coded_attributes (relation, number, dropped) AS MATERIALIZED (
      SELECT a.attrelid, a.attnum, a.attisdropped FROM pg_catalog.pg_attribute a
        JOIN coded_types t ON t.oid = a.atttypid),
    typed (oid) AS MATERIALIZED (
      SELECT DISTINCT relation FROM coded_attributes WHERE number > 0 AND NOT dropped AND relation >= 16384),
    coded_numbers (object) AS MATERIALIZED (
      SELECT DISTINCT u.object FROM (SELECT objid::int8 AS object FROM code
        UNION ALL SELECT oid::int8 FROM functions WHERE oid >= 16384) u),
    calls (object) AS MATERIALIZED (
      SELECT DISTINCT f.oid::int8 FROM (SELECT oid, oid AS function FROM pg_catalog.pg_proc
          UNION ALL SELECT oid, oprcode FROM pg_catalog.pg_operator) f
        JOIN pg_catalog.pg_proc p ON p.oid = f.function LEFT JOIN asking k ON k.oid = p.oid
        WHERE p.provolatile <> 'i' OR k.oid IS NOT NULL OR p.proargtypes::oid[] && ARRAY[2281::oid]),
    suspects (id) AS (
      SELECT n.id FROM numbers n JOIN coded_numbers c ON c.object = n.object WHERE n.kind <> 'd'
      UNION SELECT n.id FROM called n JOIN calls c ON c.object = n.object WHERE n.kind <> 'd'
      UNION SELECT t.id FROM trees t WHERE t.kind <> 'd'
        AND (t.tree LIKE ANY (ARRAY['%{SUB%', '%{ALTERNATIVE%', '%{QUERY%', '%{RTE%', '%{RANGETBL%', '%{PARAM%'])
          OR t.tree ~ '@nodes' OR t.tree ~ '@numbers')
      UNION SELECT t.id FROM trees t WHERE t.kind <> 'd' AND t.tree LIKE '%{COERCEVIAIO%'
        AND t.tree ~ (SELECT '[ (](' || string_agg(f.oid::text, '|') || ')[ )}]' FROM finders f
          WHERE f.oid NOT IN (26, 30, 1028))
        AND (SELECT count(*) FROM pg_catalog.pg_type m JOIN functions f ON f.oid = m.typmodin::oid) > 0),
    uses (kind, oid, number) AS MATERIALIZED (
      SELECT t.kind, o.oid, o.number FROM trees t JOIN suspects s ON s.id = t.id
        CROSS JOIN unnest(t.owners, t.numbers) AS o (oid, number)),
    coded_indexes (oid, relation) AS MATERIALIZED (
      SELECT i.indexrelid, i.indrelid FROM pg_catalog.pg_index i JOIN (
          SELECT oid FROM uses WHERE kind = 'i'
          UNION SELECT e.indexrelid FROM pg_catalog.pg_index e JOIN typed t ON t.oid = e.indrelid
            WHERE num_nulls(e.indexprs, e.indpred) < 2
          UNION SELECT e.indexrelid FROM pg_catalog.pg_index e CROSS JOIN unnest(e.indclass::oid[]) AS k (oid)
            JOIN coded_classes c ON c.oid = k.oid
          UNION SELECT e.conindid FROM pg_catalog.pg_constraint e CROSS JOIN unnest(e.conexclop) AS k (oid)
            JOIN coded_operators c ON c.oid = k.oid
          UNION SELECT e.indexrelid FROM pg_catalog.pg_index e CROSS JOIN unnest(e.indkey::int2[]) AS k (number)
            JOIN coded_attributes c ON c.relation = e.indrelid AND c.number = k.number
          UNION SELECT relation FROM coded_attributes) u ON u.oid = i.indexrelid
        WHERE i.indislive AND i.indexrelid >= 16384),
    coded_statistics (oid, relation) AS MATERIALIZED (
      SELECT s.oid, s.stxrelid FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid IN (SELECT oid FROM typed)
        OR s.oid IN (SELECT DISTINCT u.oid FROM uses u WHERE u.kind = 's')),
    coded (kind, oid, number) AS (
      SELECT 'g', u.oid, u.number FROM (SELECT a.attrelid AS oid, a.attnum AS number
          FROM pg_catalog.pg_attribute a
          JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relpersistence <> 't'
          WHERE a.attgenerated <> '' AND NOT a.attisdropped
        INTERSECT (SELECT oid, number FROM uses WHERE kind = 'g'
          UNION SELECT a.attrelid, a.attnum FROM pg_catalog.pg_attribute a JOIN typed t ON t.oid = a.attrelid)) u
      UNION ALL SELECT 'i', oid, 0 FROM coded_indexes
      UNION ALL SELECT 's', oid, 0 FROM coded_statistics
      UNION ALL SELECT 't', t.oid, 0 FROM (SELECT oid FROM typed UNION SELECT relation FROM coded_indexes
        UNION SELECT relation FROM coded_statistics) t)
    SELECT kind, oid, number FROM coded ORDER BY oid, number)sql";

// Where no node may begin otherwise.
constexpr std::string_view kForgedNodes =
    R"(\{ |\[(?! (-?\d{1,4} )*\])|\{FUNCEXPR(?! :funcid \d)|\{(OPEXPR|DISTINCTEXPR|NULLIFEXPR|SCALARARRAYOPEXPR)(?! :opno \d))"
    R"(|\{ROWCOMPAREEXPR(?! :(rctype|cmptype) \d+ :opnos \(o \d))";

// Where a number (of an object, fewer than 4,290,000,000) is spelled otherwise: a text that begins like a
// number has a backslash before it (outToken), and strtoul() skips more spaces than nodeRead() does. Without
// looking ahead, which takes five times as long.
constexpr std::string_view kForgedNumbers =
    R"((^|[ (){}])(\+\d|-?(0[^ (){}]|[1-9]\d*[^ (){}\d]|[1-9]\d{10}|[5-9]\d{9}|4[3-9]\d{8}|429\d{7}))|[^ -~][-+]?\d)";

// Whether a database has relations of production's: postgres and the templates seldom do. Our own have only
// types of the server's and no expressions, so that no code is in them either where nothing was added to
// those types; whatever else is in a schema of that name is looked at.
constexpr std::string_view kOwn = R"sql(
    SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid >= 16384 AND relnamespace <> 99
        AND relnamespace NOT IN (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = '{}'))
      OR EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid >= 16384 AND atttypid >= 12000)
      OR EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attgenerated <> '')
      OR EXISTS (SELECT FROM pg_catalog.pg_index
        WHERE indexrelid >= 16384 AND num_nulls(indexprs, indpred) < 2)
      OR EXISTS (SELECT FROM pg_catalog.pg_statistic_ext)
      OR EXISTS (SELECT FROM pg_catalog.pg_operator WHERE oid >= 16384)
      OR EXISTS (SELECT FROM pg_catalog.pg_opclass WHERE oid >= 16384)
      OR EXISTS (SELECT FROM pg_catalog.pg_amop WHERE oid >= 16384)
      OR EXISTS (SELECT FROM pg_catalog.pg_amproc WHERE oid >= 16384)
      OR EXISTS (SELECT FROM pg_catalog.pg_cast WHERE oid >= 16384))sql";

}  // namespace

// What only some versions have.
std::string coded_definitions_query(int major) {
  std::string sql(kCoded);
  auto put = [&sql](std::string_view mark, std::string_view text) {
    sql.replace(sql.find(mark), mark.size(), text);
  };
  put("@nodes", kForgedNodes);
  put("@numbers", kForgedNumbers);
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

Result<CodedDefinitions> coded_definitions(Connection& session) {
  CodedDefinitions found;
  YTB_ASSIGN(std::string own, session.value(fmt::format(kOwn, kProgressSchema)));
  if (own != "t") return found;
  YTB_ASSIGN(Rows rows, session.query(coded_definitions_query(session.major())));
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

#include "drivers/postgres/mismatched.h"

#include <fmt/format.h>

#include "base/text.h"
#include "drivers/postgres/single_user.h"

namespace ytb::postgres {
namespace {

// bad_… (what): what is wrong by itself. need_… (what, param, actual): a function's parameter, or what takes
// its result, and the type that it gets. Numbers of types: pg_type.dat; of functions: pg_proc.dat. What
// CREATE OPERATOR, CREATE CAST, CREATE TYPE and so on ask of functions: operatorcmds.c, functioncmds.c,
// typecmds.c, aggregatecmds.c, opclasscmds.c, and the access methods' amvalidate.
constexpr std::string_view kStart = R"sql(
    WITH RECURSIVE fn AS (
      SELECT p.oid, p.proargtypes, p.proargtypes::oid[] AS args, p.pronargs AS n, p.prorettype AS ret, p.prolang AS lang,
          p.prosrc AS src, p.probin FROM pg_catalog.pg_proc p),
    base (oid, base) AS (
      SELECT oid, typbasetype FROM pg_catalog.pg_type WHERE typtype = 'd'
      UNION SELECT b.oid, t.typbasetype FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.base AND t.typtype = 'd'),
    shape AS (
      SELECT t.oid, t.typtype, t.typlen, t.typbyval, t.typalign, t.typelem, t.typarray, t.typinput::oid AS input, EXISTS (SELECT FROM
          pg_catalog.pg_type e WHERE e.typarray = t.oid AND e.oid = t.typelem) OR t.oid IN (22, 30) AS is_array
        FROM pg_catalog.pg_type t),)sql";

constexpr std::string_view kOperators = R"sql(
    bad_operators AS (
      SELECT format('operator %s', o.oid::regoperator) AS what FROM pg_catalog.pg_operator o
        LEFT JOIN fn f ON f.oid = o.oprcode LEFT JOIN fn r ON r.oid = o.oprrest LEFT JOIN fn j ON j.oid = o.oprjoin
        WHERE o.oid >= 16384 AND (
          o.oprcode::oid <> 0 AND (f.proargtypes::text || ' ' || f.ret) IS DISTINCT FROM
            concat_ws(' ', nullif(o.oprleft, 0), nullif(o.oprright, 0), o.oprresult)
          OR o.oprrest::oid <> 0 AND (r.proargtypes::text || ' ' || r.ret) IS DISTINCT FROM '2281 26 2281 23 701'
          OR o.oprjoin::oid <> 0 AND (j.proargtypes::text || ' ' || j.ret) IS DISTINCT FROM '2281 26 2281 21 2281 701'
            AND (j.proargtypes::text || ' ' || j.ret) IS DISTINCT FROM '2281 26 2281 21 701')),)sql";

// Without a function a value's bytes are taken for another type's: harmless for what holds any bytes, or is
// passed by value in the same length, or is read by the same function. What holds text of a form (json, xml)
// is read as text.
//
// Of an extension's type only its source says what it holds. hll: hll.c, multiset_unpack() checks every value
// that it reads. orafce: varchar.c, its types are varchar under another name. datasketches: common.c,
// pg_sketch_in() takes any bytes; each value is read by the library's deserialize(), which is given the
// length. rdkit: adapter.cpp, a qmol is kept as a mol is, a pickle, which MolPickler checks. Whoever declares
// another type with these functions gains nothing that he had not by declaring them for bytea, text or the
// type itself.
constexpr std::string_view kCasts = R"sql(
    held (library, input, sources, source_input) AS (VALUES ('hll', 'hll_in', '{17}'::oid[], NULL),
      ('orafce', 'varchar2in', '{25, 1042, 1043}', NULL), ('orafce', 'nvarchar2in', '{25, 1042, 1043}', NULL),
      ('datasketches', 'pg_sketch_in', '{17}', NULL), ('rdkit', 'qmol_in', '{}', 'mol_in')),
    casts AS (
      SELECT c.*, format('cast of %s to %s', c.castsource::regtype, c.casttarget::regtype) AS what
        FROM pg_catalog.pg_cast c WHERE c.oid >= 16384),
    bad_casts AS (
      SELECT c.what FROM casts c LEFT JOIN fn f ON f.oid = c.castfunc
        LEFT JOIN shape s ON s.oid = c.castsource LEFT JOIN shape t ON t.oid = c.casttarget
        LEFT JOIN pg_catalog.pg_proc si ON si.oid = s.input LEFT JOIN pg_catalog.pg_proc ti ON ti.oid = t.input
        WHERE CASE c.castmethod
          WHEN 'f' THEN f.oid IS NULL OR f.n NOT BETWEEN 1 AND 3 OR f.n > 1 AND f.args[1] <> 23
            OR f.n > 2 AND f.args[2] <> 16
          WHEN 'i' THEN c.castfunc <> 0
          WHEN 'b' THEN c.castfunc <> 0 OR NOT coalesce(s.typlen = t.typlen AND s.typbyval = t.typbyval
            AND (s.typbyval AND s.typtype = 'b' AND t.typtype = 'b'
              OR NOT s.typbyval AND (si.prolang = ti.prolang AND s.typtype = 'b' AND t.typtype = 'b'
                  AND NOT s.is_array AND NOT t.is_array AND (si.prosrc = ti.prosrc
                    OR si.prolang = 12 AND si.prosrc IN ('textin', 'varcharin', 'bpcharin', 'json_in', 'xml_in')
                      AND ti.prosrc IN ('textin', 'varcharin', 'bpcharin'))
                OR s.typlen = -1 AND (t.oid IN (17, 25, 1042, 1043, 114, 142) OR ti.prolang = 13 AND t.typtype = 'b'
                  AND EXISTS (SELECT FROM held h WHERE ti.prosrc = h.input
                    AND (c.castsource = ANY (h.sources)
                      OR si.prolang = 13 AND s.typtype = 'b' AND si.prosrc = h.source_input AND si.probin = ti.probin)
                    AND ti.probin ~ ('(^|/)' || h.library || '(\.so)?$'))))), false)
          ELSE true END),
    need_casts AS (
      SELECT c.what, f.args[0] AS param, c.castsource AS actual FROM casts c JOIN fn f ON f.oid = c.castfunc
      UNION ALL SELECT c.what, c.casttarget, f.ret FROM casts c JOIN fn f ON f.oid = c.castfunc),)sql";

// What an aggregate of type internal hands from one function to the next is known to them alone: all of the
// server's must belong to one aggregate of the server's, all others to one library. What fills polymorphic
// parameters must be of one type, which the result has as well (parse_coerce.c): array_append into int4[].
constexpr std::string_view kAggregates = R"sql(
    aggregates AS (
      SELECT a.*, p.proargtypes::oid[] AS args, p.pronargs AS n, p.prorettype AS ret,
          format('aggregate %s', p.oid::regprocedure) AS what
        FROM pg_catalog.pg_aggregate a JOIN pg_catalog.pg_proc p ON p.oid = a.aggfnoid WHERE p.oid >= 16384),
    steps AS (
      SELECT a.what, a.aggfnoid, s.* FROM aggregates a CROSS JOIN LATERAL (VALUES
        (1, 'trans', a.aggtransfn::oid, a.aggtranstype, a.aggtranstype),
        (2, 'final', a.aggfinalfn::oid, a.aggtranstype, a.ret),
        (3, 'combine', a.aggcombinefn::oid, a.aggtranstype, a.aggtranstype),
        (4, 'serial', a.aggserialfn::oid, a.aggtranstype, 17), (5, 'deserial', a.aggdeserialfn::oid, 17, a.aggtranstype),
        (6, 'trans', a.aggmtransfn::oid, a.aggmtranstype, a.aggmtranstype),
        (7, 'trans', a.aggminvtransfn::oid, a.aggmtranstype, a.aggmtranstype),
        (8, 'final', a.aggmfinalfn::oid, a.aggmtranstype, a.ret)) AS s (role, step, fn, takes, gives) WHERE s.fn <> 0),
    bad_aggregates AS (
      SELECT a.what FROM aggregates a WHERE a.aggtransfn::oid = 0
        OR 2281 IN (a.aggtranstype, a.aggmtranstype) AND NOT (EXISTS (SELECT FROM pg_catalog.pg_aggregate own
            WHERE own.aggfnoid < 16384 AND NOT EXISTS (SELECT FROM steps s JOIN fn f ON f.oid = s.fn
              WHERE s.aggfnoid = a.aggfnoid AND 2281 IN (s.takes, s.gives) AND NOT EXISTS (SELECT FROM fn o
                WHERE o.lang = 12 AND f.lang = 12 AND o.src = f.src AND o.oid = CASE s.role WHEN 1 THEN own.aggtransfn
                  WHEN 2 THEN own.aggfinalfn WHEN 3 THEN own.aggcombinefn WHEN 4 THEN own.aggserialfn
                  WHEN 5 THEN own.aggdeserialfn WHEN 6 THEN own.aggmtransfn WHEN 7 THEN own.aggminvtransfn
                  ELSE own.aggmfinalfn END::oid)))
          OR (SELECT count(DISTINCT f.probin) = 1 AND bool_and(f.lang = 13) FROM steps s JOIN fn f ON f.oid = s.fn
            WHERE s.aggfnoid = a.aggfnoid AND 2281 IN (s.takes, s.gives)))
      UNION ALL SELECT s.what FROM steps s LEFT JOIN fn f ON f.oid = s.fn WHERE f.oid IS NULL OR f.n < 1
        OR s.step = 'combine' AND f.n <> 2 OR s.step = 'serial' AND f.n <> 1 OR s.step = 'deserial' AND f.n <> 2),
    given (aggfnoid, role, what, i, param, actual) AS (
      SELECT s.aggfnoid, s.role, s.what, 0, f.args[0], s.takes FROM steps s JOIN fn f ON f.oid = s.fn
      UNION ALL SELECT s.aggfnoid, s.role, s.what, 1, f.args[1], CASE s.step WHEN 'combine' THEN s.takes ELSE 2281 END
        FROM steps s JOIN fn f ON f.oid = s.fn WHERE s.step IN ('combine', 'deserial')
      UNION ALL SELECT s.aggfnoid, s.role, s.what, i, f.args[i], a.args[CASE WHEN a.aggkind = 'n' OR s.step = 'final'
            THEN i - 1 ELSE a.n - (f.n - i) END]
        FROM steps s JOIN fn f ON f.oid = s.fn JOIN aggregates a ON a.aggfnoid = s.aggfnoid
        CROSS JOIN LATERAL generate_series(1, f.n - 1) i WHERE s.step IN ('trans', 'final')),
    filled AS (
      SELECT g.aggfnoid, g.role, g.what, g.i, g.param, g.actual, g.param IN (5077, 5078, 5079, 5080, 4538) AS compatible,
          g.param IN (2277, 5078) AS by_array,
          CASE WHEN t.oid IN (2283, 5077, 2776, 5079, 2277, 5078, 3500, 3831, 5080, 4537, 4538) THEN 2283
            WHEN g.param IN (2277, 5078) THEN t.typelem WHEN g.param IN (3831, 5080) THEN r.rngsubtype ELSE g.actual END AS element
        FROM given g LEFT JOIN shape t ON t.oid = coalesce((SELECT b.base FROM base b JOIN shape u ON u.oid = b.base
          AND u.typtype <> 'd' WHERE b.oid = g.actual), g.actual)
        LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
        WHERE g.param IN (2283, 5077, 2776, 5079, 2277, 5078, 3500, 3831, 5080)),
    need_aggregates AS (
      SELECT what, param, actual FROM given
      UNION ALL SELECT p.what, CASE WHEN p.first = 2283 AND p.element <> 2283 THEN 0 ELSE p.first END, p.element
        FROM (SELECT *, first_value(element) OVER (PARTITION BY aggfnoid, role, compatible ORDER BY by_array DESC, i) AS first
          FROM filled) p
      UNION ALL SELECT s.what, s.gives, coalesce((
          SELECT CASE WHEN p.param = f.ret THEN p.actual WHEN p.element = 2283 THEN f.ret
              WHEN f.ret IN (2283, 2776, 5077, 5079) THEN p.element
              WHEN f.ret IN (2277, 5078) THEN (SELECT nullif(e.typarray, 0) FROM shape e WHERE e.oid = p.element) END
            FROM filled p WHERE p.aggfnoid = s.aggfnoid AND p.role = s.role
              AND p.compatible = (f.ret IN (5077, 5078, 5079, 5080, 4538))
            ORDER BY p.param = f.ret DESC, p.by_array DESC, p.i LIMIT 1), f.ret)
        FROM steps s JOIN fn f ON f.oid = s.fn),)sql";

// Members of operator families. What other access methods than btree and hash call belongs to them or to an
// extension: the server's own functions only as the server itself uses them, for the types, kept as the type,
// and with the operators that it uses them with: they take a query for what the operator's number says.
constexpr std::string_view kMembers = R"sql(
    members AS (
      SELECT m.*, f.opfmethod, g.n, g.args, g.ret, g.proargtypes::text AS takes, g.lang,
          format('function %s of operator family %s.%s', m.amproc::regprocedure, n.nspname, f.opfname) AS what
        FROM pg_catalog.pg_amproc m LEFT JOIN pg_catalog.pg_opfamily f ON f.oid = m.amprocfamily
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace
        LEFT JOIN fn g ON g.oid = m.amproc WHERE m.oid >= 16384),
    bad_members AS (
      SELECT what FROM members m WHERE m.n IS NULL OR m.opfmethod IS NULL OR NOT CASE
        WHEN m.opfmethod = 403 THEN CASE m.amprocnum WHEN 1 THEN m.n = 2 AND m.ret = 23
          WHEN 2 THEN m.takes = '2281' AND m.ret = 2278
          WHEN 3 THEN m.n = 5 AND m.args[3] = 16 AND m.args[4] = 16 AND m.ret = 16
          WHEN 4 THEN m.takes = '26' AND m.ret = 16 ELSE m.takes = '2281' AND m.ret = 2278 END
        WHEN m.opfmethod = 405 THEN CASE m.amprocnum WHEN 1 THEN m.n = 1 AND m.ret = 23
          WHEN 2 THEN m.n = 2 AND m.args[1] = 20 AND m.ret = 20 ELSE m.takes = '2281' AND m.ret = 2278 END
        ELSE m.opfmethod >= 16384 OR m.amproc::oid >= 16384 OR NOT 2281 = ANY (m.args) OR EXISTS (SELECT FROM pg_catalog.pg_amproc s
          JOIN pg_catalog.pg_opfamily sf ON sf.oid = s.amprocfamily
          WHERE s.oid < 16384 AND sf.opfmethod = m.opfmethod AND s.amprocnum = m.amprocnum AND s.amproc::oid = m.amproc::oid) END),
    need_members AS (
      SELECT what, args[0] AS param, amproclefttype AS actual FROM members
        WHERE opfmethod = 403 AND amprocnum IN (1, 3) OR opfmethod = 405 AND amprocnum IN (1, 2)
      UNION ALL SELECT what, args[1], CASE amprocnum WHEN 1 THEN amprocrighttype ELSE amproclefttype END FROM members
        WHERE opfmethod = 403 AND amprocnum IN (1, 3)
      UNION ALL SELECT what, args[2], amprocrighttype FROM members WHERE opfmethod = 403 AND amprocnum = 3
      UNION ALL SELECT m.what, m.args[i], CASE WHEN t.is_array THEN t.typelem ELSE k.type END FROM members m
        CROSS JOIN LATERAL generate_series(0, m.n - 1) i
        LEFT JOIN pg_catalog.pg_opclass c ON c.opcfamily = m.amprocfamily AND c.opcintype = m.amproclefttype
        CROSS JOIN LATERAL (SELECT CASE WHEN m.opfmethod = 4000 OR coalesce(c.opckeytype, 0) = 0 THEN m.amproclefttype
          ELSE c.opckeytype END) AS k (type)
        LEFT JOIN shape t ON t.oid = k.type
        WHERE m.opfmethod NOT IN (403, 405, 3580) AND m.opfmethod < 16384 AND NOT 2281 = ANY (m.args)
          AND (m.amproc::oid < 16384 OR (m.opfmethod, m.amprocnum) IN ((2742, 1), (4000, 6)))
      UNION ALL SELECT m.what, s.amproclefttype, m.amproclefttype FROM members m
        CROSS JOIN LATERAL (SELECT s.amproclefttype FROM pg_catalog.pg_amproc s
          JOIN pg_catalog.pg_opfamily sf ON sf.oid = s.amprocfamily
          LEFT JOIN shape t ON t.oid = m.amproclefttype
          WHERE s.oid < 16384 AND sf.opfmethod = m.opfmethod AND s.amprocnum = m.amprocnum AND s.amproc::oid = m.amproc::oid
          ORDER BY s.amproclefttype = m.amproclefttype DESC, s.amproclefttype = 2283 DESC,
            s.amproclefttype = CASE WHEN t.is_array THEN 2277 WHEN t.typtype = 'r' THEN 3831 END DESC NULLS LAST LIMIT 1) s
        WHERE m.opfmethod NOT IN (403, 405, 3580) AND m.opfmethod < 16384 AND m.amproc::oid < 16384 AND 2281 = ANY (m.args)),
    internals AS (
      SELECT a.amprocfamily AS family, a.amproclefttype AS type, a.amprocnum AS num, a.amproc::oid AS fn, a.oid < 16384 AS own
        FROM pg_catalog.pg_amproc a JOIN fn f ON f.oid = a.amproc
        WHERE f.oid < 16384 AND f.lang = 12 AND 2281 = ANY (f.args) AND a.amproclefttype = a.amprocrighttype),
    operators_of AS (
      SELECT a.*, o.oprleft, o.oprright, o.oprresult,
          format('operator %s of an operator family', a.amopopr::regoperator) AS what
        FROM pg_catalog.pg_amop a LEFT JOIN pg_catalog.pg_operator o ON o.oid = a.amopopr WHERE a.oid >= 16384),
    bad_operators_of AS (
      SELECT a.what FROM operators_of a LEFT JOIN pg_catalog.pg_opfamily f ON f.oid = a.amopfamily
        WHERE a.oprresult IS NULL OR f.opfmethod IS DISTINCT FROM a.amopmethod
          OR (a.oprleft, a.oprright) IS DISTINCT FROM (a.amoplefttype, a.amoprighttype)
          OR a.amoppurpose = 's' AND a.oprresult <> 16
      UNION ALL SELECT a.what FROM operators_of a JOIN internals p ON p.family = a.amopfamily AND p.type = a.amoplefttype
        AND CASE a.amopmethod WHEN 783 THEN p.num IN (1, 8) WHEN 2742 THEN p.num IN (3, 4, 6) WHEN 4000 THEN p.num IN (4, 5) END
        WHERE NOT EXISTS (SELECT FROM internals q JOIN pg_catalog.pg_amop o ON o.amopfamily = q.family AND o.amoplefttype = q.type
          WHERE q.own AND q.num = p.num AND q.fn = p.fn AND o.oid < 16384 AND o.amopmethod = a.amopmethod
            AND o.amopstrategy = a.amopstrategy AND o.amoppurpose = a.amoppurpose
            AND (o.amoplefttype = o.amoprighttype AND a.amoplefttype = a.amoprighttype OR o.amoprighttype = a.amoprighttype
              AND (o.amoplefttype = a.amoplefttype OR o.amoprighttype NOT IN (2283, 2277, 2776, 3500, 3831, 4537))))),
    bad_classes AS (
      SELECT format('operator class %I', opcname) AS what FROM pg_catalog.pg_opclass
        WHERE oid >= 16384 AND opcmethod IN (403, 405) AND opckeytype <> 0
      UNION ALL SELECT format('operator class %I', c.opcname) FROM pg_catalog.pg_opclass c
        JOIN internals p ON p.family = c.opcfamily AND p.type = c.opcintype LEFT JOIN shape t ON t.oid = c.opcintype
        WHERE c.oid >= 16384 AND c.opcmethod IN (783, 2742, 4000) AND NOT EXISTS (
          SELECT FROM internals q JOIN pg_catalog.pg_opclass k ON k.opcfamily = q.family AND k.opcintype = q.type
          WHERE q.own AND q.num = p.num AND q.fn = p.fn AND k.oid < 16384 AND k.opcmethod = c.opcmethod
            AND CASE WHEN k.opckeytype = 2283 THEN c.opckeytype = CASE WHEN t.is_array THEN t.typelem ELSE 2283 END
              WHEN k.opckeytype IN (0, k.opcintype) THEN c.opckeytype IN (0, c.opcintype) ELSE c.opckeytype = k.opckeytype END)),)sql";

// The server's functions for BRIN are of four kinds, each for values of any type: they copy a value as the
// index's column says, and give it to the family's operators, which are found by that type, and to its
// functions from 11 on (brin_minmax.c, brin_minmax_multi.c, brin_bloom.c, brin_inclusion.c). One kind's
// functions do not know what another's keep. What is C and takes internal is an extension's (PostGIS:
// …_inclusion_merge).
constexpr std::string_view kBrin = R"sql(
    brin AS (
      SELECT a.oid, a.amprocfamily AS family, a.amproclefttype AS type, a.amprocrighttype AS other, a.amprocnum AS num,
          f.n, f.args, f.ret, f.lang, f.oid AS fn,
          CASE WHEN f.oid < 16384 AND f.lang = 12 THEN substring(f.src, '^brin_(minmax|minmax_multi|bloom|inclusion)_'
            || (ARRAY['opcinfo', 'add_value', 'consistent', 'union', 'options'])[a.amprocnum] || '$') END AS kind,
          format('function %s of operator family %s.%s', a.amproc::regprocedure, n.nspname, o.opfname) AS what
        FROM pg_catalog.pg_amproc a JOIN pg_catalog.pg_opfamily o ON o.oid = a.amprocfamily AND o.opfmethod = 3580
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.opfnamespace LEFT JOIN fn f ON f.oid = a.amproc),
    kept AS (
      SELECT b.*, g.kind AS of_kind, coalesce(nullif(c.opckeytype, 0), b.type) AS stored FROM brin b
        LEFT JOIN brin g ON g.num = 1 AND (g.family, g.type, g.other) = (b.family, b.type, b.other)
        LEFT JOIN pg_catalog.pg_opclass c ON c.opcfamily = b.family AND c.opcintype = b.type),
    bad_brin AS (
      SELECT what FROM kept WHERE oid >= 16384 AND CASE WHEN num < 11 THEN fn < 16384 AND kind IS DISTINCT FROM of_kind
          OR fn < 16384 AND kind IS NULL
        WHEN lang = 13 AND 2281 = ANY (args) THEN false
        WHEN of_kind = 'bloom' THEN (n, ret) IS DISTINCT FROM (1, 23::oid)
        WHEN of_kind = 'minmax_multi' THEN (n, ret) IS DISTINCT FROM (2, 701::oid)
        WHEN of_kind = 'inclusion' THEN num < 15 AND (n IS DISTINCT FROM CASE num WHEN 14 THEN 1 ELSE 2 END
          OR num > 11 AND ret <> 16)
        WHEN of_kind IS NULL THEN fn < 16384 AND 2281 = ANY (args) ELSE false END
      UNION ALL SELECT format('operator class %I', c.opcname) FROM pg_catalog.pg_opclass c
        JOIN brin b ON b.family = c.opcfamily AND b.type = c.opcintype AND b.other = c.opcintype AND b.kind IS NOT NULL
        LEFT JOIN shape t ON t.oid = coalesce(nullif(c.opckeytype, 0), c.opcintype)
        WHERE c.oid >= 16384 AND (b.num = 2 AND c.opckeytype NOT IN (0, c.opcintype)
          OR t.oid IS NULL OR t.typtype = 'p' AND (t.typlen <> -1 OR t.typbyval))
      UNION ALL SELECT o.what FROM operators_of o JOIN brin b ON b.family = o.amopfamily AND b.type = o.amoplefttype
        WHERE b.kind = 'bloom' AND o.amoprighttype <> o.amoplefttype),
    need_brin AS (
      SELECT k.what, k.args[i] AS param, CASE WHEN k.of_kind = 'bloom' OR k.num = 14 OR k.num = 13 AND i = 1 THEN k.type
          ELSE k.stored END AS actual
        FROM kept k CROSS JOIN LATERAL generate_series(0, k.n - 1) i
        WHERE k.oid >= 16384 AND k.num >= 11 AND NOT (k.lang = 13 AND 2281 = ANY (k.args))
          AND (k.of_kind IN ('bloom', 'minmax_multi', 'inclusion') OR k.of_kind IS NULL AND k.fn < 16384)
      UNION ALL SELECT what, stored, ret FROM kept WHERE oid >= 16384 AND num = 11 AND of_kind = 'inclusion'
        AND NOT (lang = 13 AND 2281 = ANY (args))),)sql";

// What is compared by a class's functions has its type.
constexpr std::string_view kUses = R"sql(
    need_uses AS (
      SELECT format('index %s', i.indexrelid::regclass) AS what, k.opcintype AS param, coalesce(a.atttypid, x.atttypid) AS actual
        FROM pg_catalog.pg_index i CROSS JOIN LATERAL unnest(i.indclass::oid[], (i.indkey::int2[])[0:i.indnkeyatts - 1])
          WITH ORDINALITY AS c (class, key, place)
        LEFT JOIN pg_catalog.pg_opclass k ON k.oid = c.class
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = c.key AND c.key <> 0
        LEFT JOIN pg_catalog.pg_attribute x ON x.attrelid = i.indexrelid AND x.attnum = c.place
        WHERE i.indexrelid >= 16384 AND (c.key <> 0 OR k.opckeytype = 0)
      UNION ALL SELECT format('partition key of %s', p.partrelid::regclass), k.opcintype, a.atttypid
        FROM pg_catalog.pg_partitioned_table p
        CROSS JOIN LATERAL unnest(p.partclass::oid[], p.partattrs::int2[]) AS c (class, key)
        LEFT JOIN pg_catalog.pg_opclass k ON k.oid = c.class
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = c.key WHERE c.key <> 0
      UNION ALL SELECT format('constraint %I', k.conname), o.oprleft, a.atttypid FROM pg_catalog.pg_constraint k
        CROSS JOIN LATERAL unnest(k.conexclop, k.conkey) AS c (operator, key)
        LEFT JOIN pg_catalog.pg_operator o ON o.oid = c.operator
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.key
        WHERE k.contype = 'x' AND c.key <> 0
      UNION ALL SELECT a.what, o.oprleft, a.args[0] FROM aggregates a
        LEFT JOIN pg_catalog.pg_operator o ON o.oid = a.aggsortop WHERE a.aggsortop <> 0),)sql";

constexpr std::string_view kTypes = R"sql(
    bad_types AS (
      SELECT format('type %s', t.oid::regtype) AS what FROM pg_catalog.pg_type t
        LEFT JOIN fn i ON i.oid = t.typinput LEFT JOIN fn o ON o.oid = t.typoutput
        LEFT JOIN fn r ON r.oid = t.typreceive LEFT JOIN fn s ON s.oid = t.typsend
        LEFT JOIN fn mi ON mi.oid = t.typmodin LEFT JOIN fn mo ON mo.oid = t.typmodout
        LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
        WHERE t.oid >= 16384 AND t.typisdefined AND NOT coalesce(CASE
          WHEN t.typtype = 'b' AND EXISTS (SELECT FROM pg_catalog.pg_type x WHERE x.typarray = t.oid AND x.oid = t.typelem)
            THEN (t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typsend::oid, t.typanalyze::oid) = (750, 751, 2400, 2401, 3816)
              AND t.typlen = -1 AND NOT t.typbyval AND t.typalign = CASE WHEN e.typalign = 'd' THEN 'd' ELSE 'i' END
          WHEN t.typtype = 'b' THEN
            concat_ws(' ', i.proargtypes::text, i.ret) IN ('2275 ' || t.oid, '2275 26 23 ' || t.oid)
            AND o.proargtypes::text = t.oid::text AND o.ret = 2275
            AND (t.typreceive::oid = 0 OR concat_ws(' ', r.proargtypes::text, r.ret) IN ('2281 ' || t.oid, '2281 26 23 ' || t.oid))
            AND (t.typsend::oid = 0 OR s.proargtypes::text = t.oid::text AND s.ret = 17)
            AND (t.typmodin::oid = 0 OR mi.proargtypes::text = '1263' AND mi.ret = 23)
            AND (t.typmodout::oid = 0 OR mo.proargtypes::text = '23' AND mo.ret = 2275)
            AND (t.typanalyze::oid = 0 OR t.typanalyze::oid >= 16384)
            AND (t.typelem = 0 OR e.typlen > 0 AND t.typlen > 0 @raw)
            AND CASE WHEN t.typbyval THEN t.typlen IN (1, 2, 4, 8) ELSE t.typlen IN (-1, -2) OR t.typlen > 0 END
          WHEN t.typtype = 'e' THEN (t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typlen) = (3506, 3507, 3532, 4)
            AND (t.typsend::oid = 3533 OR t.typsend::oid >= 16384 AND s.proargtypes::text = t.oid::text AND s.ret = 17)
            AND t.typbyval AND t.typalign = 'i' AND t.typelem = 0
          WHEN t.typtype = 'c' THEN (t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typsend::oid, t.typlen) = (2290, 2291, 2402, 2403, -1)
            AND NOT t.typbyval AND t.typalign = 'd' AND t.typelem = 0
            AND EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.reltype = t.oid)
          WHEN t.typtype = 'r' THEN (t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typsend::oid, t.typlen) = (3834, 3835, 3836, 3837, -1)
            AND NOT t.typbyval AND t.typelem = 0 AND EXISTS (SELECT FROM pg_catalog.pg_range g WHERE g.rngtypid = t.oid)
          WHEN t.typtype = 'm' THEN (t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typsend::oid, t.typlen) = (4231, 4232, 4233, 4234, -1)
            AND NOT t.typbyval AND t.typelem = 0
          WHEN t.typtype = 'd' THEN (t.typinput::oid, t.typreceive::oid) = (2597, 2598)
            AND (t.typoutput::oid, t.typsend::oid, t.typlen, t.typbyval, t.typalign, t.typanalyze::oid)
              = (b.typoutput::oid, b.typsend::oid, b.typlen, b.typbyval, b.typalign, b.typanalyze::oid) END @subscript, false)),
    bad_ranges AS (
      SELECT format('range type %s', g.rngtypid::regtype) AS what FROM pg_catalog.pg_range g
        LEFT JOIN fn c ON c.oid = g.rngcanonical LEFT JOIN fn d ON d.oid = g.rngsubdiff
        LEFT JOIN pg_catalog.pg_opclass k ON k.oid = g.rngsubopc
        WHERE g.rngtypid >= 16384 AND (k.opcmethod IS DISTINCT FROM 403
          OR g.rngcanonical::oid <> 0 AND (c.proargtypes::text, c.ret) IS DISTINCT FROM (g.rngtypid::text, g.rngtypid)
          OR g.rngsubdiff::oid <> 0 AND (d.proargtypes::text, d.ret)
            IS DISTINCT FROM (concat(g.rngsubtype, ' ', g.rngsubtype), 701::oid))),
    need_ranges AS (
      SELECT format('range type %s', g.rngtypid::regtype) AS what, k.opcintype AS param, g.rngsubtype AS actual
        FROM pg_catalog.pg_range g JOIN pg_catalog.pg_opclass k ON k.oid = g.rngsubopc WHERE g.rngtypid >= 16384),
    bad_columns AS (
      SELECT format('column %I of %s', a.attname, a.attrelid::regclass) AS what FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid LEFT JOIN shape t ON t.oid = a.atttypid
        WHERE a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped AND NOT coalesce(
          t.typlen = a.attlen AND t.typbyval = a.attbyval AND t.typalign = a.attalign
          AND (t.typtype <> 'p' OR c.relkind IN ('i', 'I')), false)),)sql";

// What the server calls by itself, with arguments of its own making.
constexpr std::string_view kHandlers = R"sql(
    handlers (what, fn, takes) AS (
      SELECT format('language %I', lanname), lanplcallfoid::oid, '2280' FROM pg_catalog.pg_language WHERE oid >= 16384
      UNION ALL SELECT format('language %I', lanname), laninline::oid, '2281 2278' FROM pg_catalog.pg_language WHERE oid >= 16384
      UNION ALL SELECT format('language %I', lanname), lanvalidator::oid, '26 2278' FROM pg_catalog.pg_language WHERE oid >= 16384
      UNION ALL SELECT format('trigger %I of %s', tgname, tgrelid::regclass), tgfoid::oid, '2279' FROM pg_catalog.pg_trigger
      UNION ALL SELECT format('event trigger %I', evtname), evtfoid::oid, '3838' FROM pg_catalog.pg_event_trigger
      UNION ALL SELECT format('access method %I', amname), amhandler::oid, CASE amtype WHEN 't' THEN '2281 269' ELSE '2281 325' END
        FROM pg_catalog.pg_am WHERE oid >= 16384
      UNION ALL SELECT format('foreign data wrapper %I', fdwname), fdwhandler::oid, '3115' FROM pg_catalog.pg_foreign_data_wrapper
      UNION ALL SELECT format('foreign data wrapper %I', fdwname), fdwvalidator::oid, '1009 26 *' FROM pg_catalog.pg_foreign_data_wrapper
      UNION ALL SELECT format('conversion %I', conname), conproc::oid, @conversion FROM pg_catalog.pg_conversion WHERE oid >= 16384
      UNION ALL SELECT format('text search parser %I', p.prsname), f.fn, f.takes FROM pg_catalog.pg_ts_parser p
        CROSS JOIN LATERAL (VALUES (p.prsstart::oid, '2281 23 2281'), (p.prstoken::oid, '2281 2281 2281 2281'),
          (p.prsend::oid, '2281 2278'), (p.prsheadline::oid, '2281 2281 3615 2281'), (p.prslextype::oid, '2281 2281')) AS f (fn, takes)
        WHERE p.oid >= 16384
      UNION ALL SELECT format('text search template %I', t.tmplname), f.fn, f.takes FROM pg_catalog.pg_ts_template t
        CROSS JOIN LATERAL (VALUES (t.tmplinit::oid, '2281 2281'), (t.tmpllexize::oid, '2281 2281 2281 2281 2281')) AS f (fn, takes)
        WHERE t.oid >= 16384
      UNION ALL SELECT format('transform of %s', t.trftype::regtype), f.fn, f.takes FROM pg_catalog.pg_transform t
        CROSS JOIN LATERAL (VALUES (t.trffromsql::oid, '2281 2281'), (t.trftosql::oid, '2281 ' || t.trftype)) AS f (fn, takes)
      UNION ALL SELECT format('support function of %s', p.oid::regprocedure), p.prosupport::oid, '2281 2281'
        FROM pg_catalog.pg_proc p WHERE p.oid >= 16384
      UNION ALL SELECT format('analysis of type %s', t.oid::regtype), t.typanalyze::oid, '2281 16' FROM pg_catalog.pg_type t
        WHERE t.oid >= 16384
      @subscripts),
    bad_handlers AS (
      SELECT h.what FROM handlers h LEFT JOIN fn f ON f.oid = h.fn WHERE h.fn <> 0
        AND concat_ws(' ', nullif(f.proargtypes::text, ''), CASE WHEN h.takes LIKE '% *' THEN '*' ELSE f.ret::text END)
          IS DISTINCT FROM h.takes))sql";

// A parameter of a polymorphic type takes what is of its kind, any composite (record, record[]) as well, and
// what a domain is over.
constexpr std::string_view kEnd = R"sql(
    SELECT encode(textsend(w.what), 'hex') AS ytb_mismatched FROM (
      SELECT DISTINCT n.what FROM (SELECT * FROM need_casts UNION ALL SELECT * FROM need_aggregates
          UNION ALL SELECT * FROM need_members UNION ALL SELECT * FROM need_brin UNION ALL SELECT * FROM need_ranges
          UNION ALL SELECT * FROM need_uses) n
        LEFT JOIN shape t ON t.oid = coalesce((SELECT b.base FROM base b JOIN shape u ON u.oid = b.base
          AND u.typtype <> 'd' WHERE b.oid = n.actual), n.actual)
        WHERE NOT coalesce(n.param = n.actual OR n.param = 2276
          OR n.param IN (2283, 5077, 2776, 5079, 2277, 5078, 3500, 3831, 5080, 4537, 4538)
            AND n.actual IN (2283, 5077, 2776, 5079, 2277, 5078, 3500, 3831, 5080, 4537, 4538)
          OR n.param IN (2283, 5077, 2776, 5079) AND n.actual = 2249 OR n.param IN (2277, 5078) AND n.actual = 2287
          OR n.param IN (2283, 5077) AND t.typtype <> 'p'
          OR n.param IN (2776, 5079) AND t.typtype <> 'p' AND NOT t.is_array
          OR n.param IN (2277, 5078) AND t.is_array
          OR n.param = 3500 AND t.typtype = 'e' OR n.param IN (3831, 5080) AND t.typtype = 'r'
          OR n.param IN (4537, 4538) AND t.typtype = 'm' OR n.param = 2249 AND t.typtype = 'c'
          OR EXISTS (SELECT FROM base b WHERE b.oid = n.actual AND b.base = n.param)
          OR EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.casttarget = n.param AND c.castmethod = 'b'
            AND (c.castsource = n.actual OR c.castsource IN (SELECT b.base FROM base b WHERE b.oid = n.actual))), false)
      UNION SELECT what FROM bad_operators UNION SELECT what FROM bad_casts UNION SELECT what FROM bad_aggregates
      UNION SELECT what FROM bad_members UNION SELECT what FROM bad_operators_of UNION SELECT what FROM bad_classes
      UNION SELECT what FROM bad_brin UNION SELECT what FROM bad_types
      UNION SELECT what FROM bad_ranges UNION SELECT what FROM bad_columns UNION SELECT what FROM bad_handlers
      UNION SELECT 'looked') w)sql";

// The first of each is the entry's own.
constexpr std::string_view kUnasked =
    R"sql(e.entry ~ '^(RTE|RANGETBLENTRY)\M' AND coalesce(substring(e.entry, ':rtekind (\d+) '), '0') = '0'
            AND coalesce(substring(e.entry, ':requiredPerms (\d+) '), '0') = '0')sql";
constexpr std::string_view kUnaskedSince16 =
    R"sql(e.entry ~ '^(RTE|RANGETBLENTRY)\M' AND coalesce(substring(e.entry, ':rtekind (\d+) '), '0') = '0'
            AND coalesce(substring(e.entry, ':perminfoindex (\d+) '), '0') = '0'
            OR e.entry ~ '^RTEPERMISSIONINFO\M'
              AND coalesce(substring(e.entry, ':requiredPerms (\d+) '), '0') = '0')sql";
// nodeRead() takes what the server would not write: other names of fields, spaces, digits. What is not
// spelled like the server's would not be seen.
// A brace within a name is written behind a backslash (outToken() of outfuncs.c), a backslash as two.
constexpr std::string_view kSpelling =
    R"sql((^|[^\\])(\\\\)*\{((?![A-Z])|(OPEXPR|DISTINCTEXPR|NULLIFEXPR|SCALARARRAYOPEXPR)(?! :opno \d+ :opfuncid \d+ ))sql"
    R"sql(|FUNCEXPR(?! :funcid \d+ :funcresulttype \d+ )|AGGREF(?! :aggfnoid \d+ :aggtype \d+ ))sql"
    R"sql(|WINDOWFUNC(?! :winfnoid \d+ :wintype \d+ )))sql";
constexpr int kLooks = 2;

constexpr std::string_view kTreesSince14 = R"sql(
      UNION ALL SELECT format('function %s', oid::regprocedure), 0, prosqlbody::text FROM pg_catalog.pg_proc WHERE oid >= 16384
      UNION ALL SELECT format('statistics %I', stxname), 0, stxexprs::text FROM pg_catalog.pg_statistic_ext)sql";
constexpr std::string_view kTreesSince15 = R"sql(
      UNION ALL SELECT format('publication of %s', prrelid::regclass), 0, prqual::text FROM pg_catalog.pg_publication_rel)sql";

// Stored trees, by what each node says of itself: an operator's function and result, a function's result, and
// that whoever reads a table through a view is asked for his right, as the one he is. A node's arguments are
// not followed. What parse analysis writes: parse_oper.c, parse_func.c, parse_coerce.c, parse_relation.c;
// NULLIF has its argument's type; a cast has its target's, also where its function gives another
// (char(n)::varchar: text(bpchar)); OLD, NEW and EXCLUDED are asked for nothing.
constexpr std::string_view kTrees = R"sql(
    WITH trees (what, relation, tree) AS (
      SELECT format('rule %I of %s', r.rulename, r.ev_class::regclass), r.ev_class, t.tree FROM pg_catalog.pg_rewrite r
        CROSS JOIN LATERAL (VALUES (r.ev_action::text), (r.ev_qual::text)) AS t (tree) WHERE r.ev_class >= 16384
      UNION ALL SELECT format('default of a column of %s', adrelid::regclass), 0, adbin::text FROM pg_catalog.pg_attrdef
      UNION ALL SELECT format('constraint %I', conname), 0, conbin::text FROM pg_catalog.pg_constraint
        WHERE conbin IS NOT NULL AND oid >= 16384
      UNION ALL SELECT format('index %s', i.indexrelid::regclass), 0, t.tree FROM pg_catalog.pg_index i
        CROSS JOIN LATERAL (VALUES (i.indexprs::text), (i.indpred::text)) AS t (tree) WHERE i.indexrelid >= 16384
      UNION ALL SELECT format('policy %I of %s', p.polname, p.polrelid::regclass), 0, t.tree FROM pg_catalog.pg_policy p
        CROSS JOIN LATERAL (VALUES (p.polqual::text), (p.polwithcheck::text)) AS t (tree)
      UNION ALL SELECT format('trigger %I of %s', tgname, tgrelid::regclass), 0, tgqual::text FROM pg_catalog.pg_trigger
      UNION ALL SELECT format('partition key of %s', partrelid::regclass), 0, partexprs::text FROM pg_catalog.pg_partitioned_table
      UNION ALL SELECT format('default of type %s', oid::regtype), 0, typdefaultbin::text FROM pg_catalog.pg_type WHERE oid >= 16384
      UNION ALL SELECT format('function %s', oid::regprocedure), 0, proargdefaults::text FROM pg_catalog.pg_proc WHERE oid >= 16384
      @more),
    polymorphic (oid) AS (
      VALUES (2283::oid), (2277), (2776), (3500), (3831), (4537), (5077), (5078), (5079), (5080), (4538)),
    calls (what, wrong) AS (
      SELECT t.what, o.oid IS NULL OR o.oprcode::oid::text <> m[3] OR m[5] IS NOT NULL AND m[1] <> 'NULLIFEXPR'
          AND o.oprresult::text <> m[5] AND o.oprresult NOT IN (SELECT oid FROM polymorphic)
        FROM trees t CROSS JOIN LATERAL regexp_matches(t.tree,
          '(?:^|[^\\])(?:\\\\)*\{(\w+) :opno (\d+) :opfuncid (\d+)( :opresulttype (\d+))?', 'g') m
        LEFT JOIN pg_catalog.pg_operator o ON o.oid::text = m[2]
      UNION ALL SELECT t.what, p.oid IS NULL OR p.prorettype::text <> m[2] AND p.prorettype NOT IN (SELECT oid FROM polymorphic)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.castfunc = p.oid AND c.casttarget::text = m[2])
        FROM trees t CROSS JOIN LATERAL regexp_matches(t.tree,
          ':(?:funcid|aggfnoid|winfnoid) (\d+) :(?:funcresulttype|aggtype|wintype) (\d+)', 'g') m
        LEFT JOIN pg_catalog.pg_proc p ON p.oid::text = m[1]
      UNION ALL SELECT t.what, t.tree ~ ':(hashfuncid|negfuncid|checkAsUser) +[^0]' OR t.tree ~ '@spelling' FROM trees t
      UNION ALL SELECT t.what, (@unasked) AND substring(e.entry, ':relid (\d+)') <> t.relation::text
          AND NOT (e.entry ~ ':relkind c' AND t.tree LIKE '%{ONCONFLICTEXPR%')
        FROM trees t
        CROSS JOIN LATERAL (SELECT regexp_split_to_table(t.tree, '\{(?=RTE\M|RANGETBLENTRY\M|RTEPERMISSIONINFO\M)') AS entry) e)
    SELECT encode(textsend(w.what), 'hex') AS ytb_mismatched FROM (
      SELECT what FROM calls WHERE wrong UNION SELECT 'looked') w)sql";

}  // namespace

std::vector<std::string> look_for_mismatched(int major) {
  std::string sql;
  for (std::string_view part :
       {kStart, kOperators, kCasts, kAggregates, kMembers, kBrin, kUses, kTypes, kHandlers, kEnd})
    sql += part;
  auto put = [](std::string& into, std::string_view mark, std::string_view text) {
    into.replace(into.find(mark), mark.size(), text);
  };
  const bool from_14 = major >= 14;
  put(sql, "@conversion", from_14 ? "'23 23 2275 2281 23 16 23'" : "'23 23 2275 2281 23 2278'");
  put(sql, "@raw", from_14 ? "OR t.typsubscript::oid >= 16384" : "");
  put(sql, "@subscript,",
      from_14 ? R"sql(AND (t.typsubscript::oid = 0 OR t.typsubscript::oid >= 16384
          OR t.typsubscript::oid = 6179 AND EXISTS (SELECT FROM pg_catalog.pg_type x WHERE x.typarray = t.oid)
          OR t.typsubscript::oid = 6180 AND t.typtype = 'b' AND t.typelem <> 0),)sql"
              : ",");
  put(sql, "@subscripts",
      from_14 ? "UNION ALL SELECT format('subscripts of type %s', t.oid::regtype), t.typsubscript::oid, "
                "'2281 2281' FROM pg_catalog.pg_type t WHERE t.oid >= 16384"
              : "");
  std::string trees(kTrees);
  put(trees, "@more", fmt::format("{}{}", from_14 ? kTreesSince14 : "", major >= 15 ? kTreesSince15 : ""));
  put(trees, "@spelling", kSpelling);
  put(trees, "@unasked", major >= 16 ? kUnaskedSince16 : kUnasked);
  return {std::move(sql), std::move(trees)};
}

Result<std::vector<std::string>> mismatched_in(std::string_view printed) {
  std::vector<std::string> wrong;
  int looked = 0;
  for (const std::string& what : printed_bytes(printed, "ytb_mismatched")) {
    if (what == "looked") {
      ++looked;
    } else {
      wrong.push_back(printable(what));
    }
  }
  if (looked != kLooks)
    return Error{.code = Code::kInternal, .message = "catalogs were not looked at", .hint = {}};
  return wrong;
}

}  // namespace ytb::postgres

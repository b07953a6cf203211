-- What a production of any supported version may hold. Every column called `email`, `full_name` or `account_no` is
-- masked; all others are kept, and must come out as they went in. Later versions add their own (14.sql and on).

-- ------------------------------------------------------------------------------------------------------------ roles
CREATE ROLE "Odd owner" NOLOGIN;
CREATE ROLE narrow LOGIN PASSWORD 'narrow';
CREATE ROLE clerks NOLOGIN IN ROLE "Odd owner";
ALTER ROLE narrow SET statement_timeout = '1ms';
CREATE SCHEMA "Odd schema" AUTHORIZATION "Odd owner";
CREATE EXTENSION btree_gist;
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION postgres_fdw;

-- ------------------------------------------------------------------------------------------------ types, functions
CREATE TYPE mood AS ENUM ('sad', 'so-so', 'happy');
ALTER TYPE mood ADD VALUE 'between' BEFORE 'happy';
CREATE TYPE pair AS (label text, amount numeric(10, 2), since timestamptz);
CREATE TYPE nested AS (one pair, many pair[]);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN small_positive AS positive CHECK (VALUE < 1000);
CREATE DOMAIN words AS text[] CHECK (array_length(VALUE, 1) < 10);
CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
CREATE FUNCTION slow_lower(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$BEGIN RETURN lower(t); END$$;
CREATE AGGREGATE product (int8) (SFUNC = int8mul, STYPE = int8, INITCOND = '1');
CREATE OPERATOR ~~= (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);
CREATE PROCEDURE do_nothing(INOUT n int) LANGUAGE plpgsql AS $$BEGIN n := n + 1; END$$;
CREATE COLLATION german (provider = icu, locale = 'de-u-kn-true');
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE CAST (mood AS int) WITH INOUT;
CREATE TEXT SEARCH CONFIGURATION ours (COPY = simple);

-- --------------------------------------------------------------------------------------------- values of every type
CREATE TABLE every_type (
  id bigint GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 7) PRIMARY KEY,
  email text UNIQUE,
  b boolean, i2 smallint, i4 int, i8 bigint, n numeric, n2 numeric(12, 3), f4 real, f8 double precision, m money,
  c char(10), vc varchar(20), one "char", nm name, by bytea, d date, t time(3), tz timetz, ts timestamp, tstz timestamptz,
  iv interval, u uuid, j json, jb jsonb, x xml, ip inet, net cidr, mac macaddr, mac8 macaddr8, bits bit(5), vb bit varying,
  pt point, ln line, seg lseg, bx box, pth path, pol polygon, cir circle, tsv tsvector, tsq tsquery, lsn pg_lsn,
  i4r int4range, tsr tstzrange, sp span, md mood, pr pair, ne nested, sm small_positive, wd words, ci citext, hs hstore,
  ia int[], ta text[], ma int[][], pa pair[], ja jsonb[], oi oid, rc regclass, rt regtype, tid tid, q text COLLATE german
);
INSERT INTO every_type (email, b, i2, i4, i8, n, n2, f4, f8, m, c, vc, one, nm, by, d, t, tz, ts, tstz, iv, u, j, jb, ip, net,
    mac, mac8, bits, vb, pt, ln, seg, bx, pth, pol, cir, tsv, tsq, lsn, i4r, tsr, sp, md, pr, ne, sm, wd, ci, hs, ia, ta, ma, pa, ja, oi,
    rc, rt, tid, q)
  SELECT 'someone' || g || '@real.test', g % 2 = 0, g, -g, g * 4000000000, g / 7.0, g / 9.0, g / 3.0::real, g / 3.0::float8, g::text::money,
    'c' || g, 'vc' || g, 'x', 'name' || g, decode(md5(g::text), 'hex'), DATE '4713-01-01 BC' + g, TIME '00:00' + g * INTERVAL '1 ms',
    '12:00:00+05:45', TIMESTAMP '2000-01-01' + g * INTERVAL '1 microsecond', TIMESTAMPTZ '1999-12-31 23:59:59.999999+00' - g * INTERVAL '1 day',
    make_interval(g, -g, 0, g, 0, -g, 0.5), md5(g::text)::uuid, '{"b": 1,   "a": [1, 2 , {"z":null}], "b": 2}', '{"b": 1, "a": [1, 2, {"z": 1e400}]}',
    '10.1.2.3/24'::inet + g, '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', B'10101', B'1', point(g, -g), '{1,2,3}',
    '[(0,0),(1,1)]', '((0,0),(1,1))', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(1,2),3>', to_tsvector('simple', 'the word ' || g),
    'word & !other', '0/16B3748', int4range(g, g + 5), tstzrange('-infinity', now()), span(1.5, 2.5), 'between', ROW('a "quoted" \ one', g::numeric, timestamptz 'infinity')::pair,
    ROW(ROW('x', 1, NULL)::pair, ARRAY[ROW('y', 2, NULL)::pair])::nested, g % 999 + 1, ARRAY['one', NULL, 'NULL', ''], 'MiXed' || g, 'k => v, n => NULL', ARRAY[1, NULL, g],
    ARRAY['a,b', '"', '\', 'NULL', NULL], ARRAY[[1, 2], [3, g]], ARRAY[ROW('p', 1, NULL)::pair, NULL], ARRAY['{"a":1}'::jsonb], g, 'pg_class', 'int4', '(0,1)',
    'Ärger ' || g FROM generate_series(1, 400) g;
INSERT INTO every_type (email, n, f4, f8, d, ts, tstz, ia, t, ip) VALUES
  (NULL, 'NaN', 'NaN', '-Infinity', 'infinity', '-infinity', 'infinity', '[5:7]={1,NULL,3}', '24:00', '::ffff:1.2.3.4'),
  ('', '-0.00', '-0', '1e-323', '5874897-12-31', '4713-01-01 00:00 BC', '294276-12-31 23:59:59.999999+00', '{}', '00:00', 'fe80::1/64'),
  ('alone@real.test', 1e130000, '3.4e38', '0.1', '0001-01-01 BC', '1901-12-13', '2262-04-12', '[0:0]={7}', '23:59:59.999', '0.0.0.0/0');

-- --------------------------------------------------------------------------------------------------- shapes of tables
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
CREATE TABLE emptied (id int, email text);
CREATE TABLE lost_columns (a int, gone text, id int, gone_too int, email text, b numeric DEFAULT 7);
INSERT INTO lost_columns SELECT g, 'gone' || g, g, g, 'lost' || g || '@real.test' FROM generate_series(1, 300) g;
ALTER TABLE lost_columns DROP COLUMN gone, DROP COLUMN gone_too;
ALTER TABLE lost_columns ADD COLUMN later text DEFAULT 'a default of later', ADD COLUMN later_null int;
INSERT INTO lost_columns (id, email, later) VALUES (301, 'after@real.test', NULL);
CREATE TABLE bulky (id int PRIMARY KEY, email text, plain text, ext text, main text, doc jsonb);
ALTER TABLE bulky ALTER plain SET STORAGE PLAIN, ALTER ext SET STORAGE EXTERNAL, ALTER main SET STORAGE MAIN;
INSERT INTO bulky SELECT g, 'bulk' || g || '@real.test', repeat('p', 7000), (SELECT string_agg(md5(k::text), '') FROM generate_series(1, 1000) k),
  repeat('main ', 20000), jsonb_build_object('list', (SELECT jsonb_agg(k) FROM generate_series(1, 5000) k)) FROM generate_series(1, 20) g;
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, email text);
INSERT INTO unlogged VALUES (1, 'unlogged@real.test');
CREATE TABLE no_key (email text, a int) WITH (fillfactor = 40, autovacuum_enabled = off);
INSERT INTO no_key SELECT 'nokey' || g % 50 || '@real.test', g FROM generate_series(1, 500) g;
UPDATE no_key SET a = a + 1 WHERE a % 3 = 0;
DELETE FROM no_key WHERE a % 5 = 0;
CREATE TABLE "Odd schema"."Odd ""table""" ("Odd id" int PRIMARY KEY, email citext UNIQUE, "weiter = ; --" text DEFAULT E'\n\t''');
INSERT INTO "Odd schema"."Odd ""table""" ("Odd id", email) SELECT g, 'Odd' || g || '@real.test' FROM generate_series(1, 50) g;

-- parents and children
CREATE TABLE animal (id int, email text, kind text NOT NULL);
CREATE TABLE flying (wings int DEFAULT 2);
CREATE TABLE bird (beak text) INHERITS (animal, flying);
CREATE TABLE parrot (extra text, email text) INHERITS (bird);
INSERT INTO animal VALUES (1, 'animal@real.test', 'dog');
INSERT INTO bird SELECT g, 'bird' || g || '@real.test', 'bird', 2, 'long' FROM generate_series(1, 30) g;
INSERT INTO parrot (id, email, kind, extra) SELECT g, 'parrot' || g || '@real.test', 'parrot', 'x' FROM generate_series(1, 30) g;

-- partitions of every kind, one of them attached with its columns in another order
CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, region text NOT NULL, email text, PRIMARY KEY (id, at, region)) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (region);
CREATE TABLE events_2024_eu PARTITION OF events_2024 FOR VALUES IN ('de', 'fr');
CREATE TABLE events_2024_rest PARTITION OF events_2024 DEFAULT;
CREATE TABLE attached (email text, gone int, region text NOT NULL, at date NOT NULL, id bigint NOT NULL);
ALTER TABLE attached DROP COLUMN gone;
ALTER TABLE events ATTACH PARTITION attached FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_default PARTITION OF events DEFAULT;
INSERT INTO events SELECT g, DATE '2023-06-01' + g, (ARRAY['de', 'fr', 'us'])[g % 3 + 1], 'event' || g || '@real.test' FROM generate_series(1, 1000) g;
CREATE TABLE hashed (id int PRIMARY KEY, email text) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed SELECT g, 'hash' || g || '@real.test' FROM generate_series(1, 200) g;

-- ------------------------------------------------------------------------------------------------- keys, constraints
CREATE TABLE people (id int PRIMARY KEY, email text NOT NULL UNIQUE, full_name text, boss int REFERENCES people DEFERRABLE INITIALLY DEFERRED,
  mood mood DEFAULT 'so-so', gen int GENERATED ALWAYS AS (id * 2) STORED, CHECK (id > 0), CHECK (people IS NOT NULL OR id > 0));
INSERT INTO people (id, email, full_name, boss) SELECT g, 'person' || g || '@real.test', 'Given Family' || g, greatest(1, g / 2) FROM generate_series(1, 500) g;
CREATE TABLE to_partitioned (id int PRIMARY KEY, e bigint, a date, r text, FOREIGN KEY (e, a, r) REFERENCES events ON DELETE CASCADE);
INSERT INTO to_partitioned SELECT row_number() OVER (), id, at, region FROM events LIMIT 100;
CREATE TABLE by_email (id int PRIMARY KEY, email text REFERENCES people (email) ON UPDATE CASCADE);
INSERT INTO by_email SELECT id, email FROM people WHERE id % 2 = 0;
CREATE TABLE from_partitioned (id int, person int REFERENCES people, email text) PARTITION BY RANGE (id);
CREATE TABLE from_partitioned_1 PARTITION OF from_partitioned FOR VALUES FROM (MINVALUE) TO (100);
CREATE TABLE from_partitioned_2 PARTITION OF from_partitioned FOR VALUES FROM (100) TO (MAXVALUE);
INSERT INTO from_partitioned SELECT g, g, 'fp' || g || '@real.test' FROM generate_series(1, 200) g;
CREATE TABLE matched (a int, b int, email text, UNIQUE (a, b));
INSERT INTO matched VALUES (1, 1, 'm1@real.test'), (1, 2, 'm2@real.test'), (NULL, NULL, 'm3@real.test');
CREATE TABLE matching (a int, b int, FOREIGN KEY (a, b) REFERENCES matched (a, b) MATCH FULL);
INSERT INTO matching VALUES (1, 1), (NULL, NULL);
CREATE TABLE rooms (room int, during tstzrange, email text, EXCLUDE USING gist (room WITH =, during WITH &&) DEFERRABLE);
INSERT INTO rooms SELECT g % 5, tstzrange(timestamptz '2024-01-01' + g * interval '1 h', timestamptz '2024-01-01' + (g + 1) * interval '1 h'), 'room' || g || '@real.test'
  FROM generate_series(1, 100) g;
CREATE TABLE not_valid (id int, email text, person int);
INSERT INTO not_valid VALUES (-1, 'nv@real.test', 99999);
ALTER TABLE not_valid ADD CHECK (id > 0) NOT VALID, ADD FOREIGN KEY (person) REFERENCES people NOT VALID;
CREATE TABLE accounts (account_no bigint PRIMARY KEY, email text);
INSERT INTO accounts SELECT g * 1000, 'account' || g || '@real.test' FROM generate_series(1, 100) g;
CREATE TABLE bookings (id int, account_no int REFERENCES accounts);
INSERT INTO bookings SELECT g, g % 100 * 1000 + 1000 FROM generate_series(1, 300) g;
CREATE TABLE swapped (id int PRIMARY KEY, rank int UNIQUE DEFERRABLE INITIALLY DEFERRED, email text);
INSERT INTO swapped SELECT g, 100 - g, 's' || g || '@real.test' FROM generate_series(1, 50) g;

-- --------------------------------------------------------------------------------------------------- indexes, statistics
CREATE INDEX ON people (lower(email)) INCLUDE (mood);
CREATE INDEX ON people (slow_lower(full_name)) WHERE id > 10;
CREATE UNIQUE INDEX ON people (twice(id));
CREATE INDEX ON people USING gin (full_name gin_trgm_ops);
CREATE INDEX ON people USING hash (email);
CREATE INDEX ON people USING gist (full_name gist_trgm_ops);
CREATE INDEX ON every_type USING brin (id, tstz) WITH (pages_per_range = 2);
CREATE INDEX ON every_type USING spgist (pt);
CREATE INDEX ON every_type USING gin (jb jsonb_path_ops);
CREATE INDEX ON every_type USING gin (tsv);
CREATE INDEX ON every_type (q, vc COLLATE "C" DESC NULLS LAST);
CREATE INDEX ON events (email);
CREATE INDEX ON ONLY hashed (email);
ALTER TABLE people CLUSTER ON people_pkey;
ALTER TABLE people REPLICA IDENTITY USING INDEX people_email_key;
CREATE STATISTICS of_people (ndistinct, dependencies, mcv) ON email, full_name FROM people;
ANALYZE;

-- ----------------------------------------------------------------------------------------------------- views, rules
CREATE VIEW adults AS SELECT id, email FROM people WHERE id > 18 WITH LOCAL CHECK OPTION;
CREATE VIEW behind WITH (security_barrier) AS SELECT * FROM adults;
CREATE RECURSIVE VIEW bosses (id, depth) AS SELECT id, 0 FROM people WHERE id = 1 UNION ALL SELECT p.id, b.depth + 1 FROM people p JOIN bosses b
  ON p.boss = b.id AND p.id <> b.id;
CREATE MATERIALIZED VIEW counted AS SELECT mood, count(*) AS n, max(email) AS email FROM people GROUP BY mood;
CREATE UNIQUE INDEX ON counted (mood);
CREATE STATISTICS of_counted (ndistinct) ON mood, n FROM counted;
ANALYZE counted;
CREATE MATERIALIZED VIEW unpopulated AS SELECT * FROM counted WITH NO DATA;
CREATE VIEW over_unpopulated AS SELECT count(*) FROM unpopulated;
CREATE MATERIALIZED VIEW of_nobody AS SELECT 1 AS one, NULL::text AS nothing;
CREATE MATERIALIZED VIEW below AS SELECT id, email FROM people;
CREATE MATERIALIZED VIEW over_below AS SELECT count(*) AS n, max(email) AS email FROM below;
REFRESH MATERIALIZED VIEW below WITH NO DATA;
CREATE VIEW insertable AS SELECT id, email FROM people;
CREATE RULE "into nowhere" AS ON DELETE TO insertable DO INSTEAD NOTHING;
CREATE VIEW insteads AS SELECT id FROM people;

-- ------------------------------------------------------------------------------------------- triggers, row security
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'a trigger fired on %', TG_TABLE_NAME; END$$;
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN coalesce(new, old); END$$;
CREATE TRIGGER shout_row BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION shout();
CREATE TRIGGER shout_always AFTER UPDATE ON people FOR EACH ROW EXECUTE FUNCTION shout();
ALTER TABLE people ENABLE ALWAYS TRIGGER shout_always;
CREATE TRIGGER shout_replica BEFORE INSERT OR UPDATE ON by_email FOR EACH STATEMENT EXECUTE FUNCTION shout();
ALTER TABLE by_email ENABLE REPLICA TRIGGER shout_replica;
CREATE TRIGGER tables AFTER UPDATE ON hashed REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION shout();
CREATE TRIGGER of_partitions AFTER INSERT OR UPDATE ON events FOR EACH ROW EXECUTE FUNCTION shout();
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON matched DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shout();
CREATE TRIGGER instead INSTEAD OF INSERT ON insteads FOR EACH ROW EXECUTE FUNCTION pass();
CREATE TABLE shielded (id int PRIMARY KEY, owner name, email text);
INSERT INTO shielded SELECT g, 'narrow', 'shield' || g || '@real.test' FROM generate_series(1, 40) g;
ALTER TABLE shielded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON shielded USING (owner = current_user) WITH CHECK (false);
CREATE POLICY narrowed ON shielded AS RESTRICTIVE FOR SELECT TO narrow USING (id > 5);
ALTER TABLE shielded OWNER TO "Odd owner";
GRANT SELECT (id, email), UPDATE (email) ON people TO narrow WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO clerks;

-- --------------------------------------------------------------------------- sequences, large objects, far away, comments
CREATE SEQUENCE down INCREMENT -3 MINVALUE -100 START -1 CYCLE;
SELECT nextval('down') FROM generate_series(1, 5);
CREATE SEQUENCE far AS bigint START 9223372036854775000 MAXVALUE 9223372036854775807 OWNED BY no_key.a;
SELECT lo_from_bytea(4242, 'a large object');
ALTER LARGE OBJECT 4242 OWNER TO narrow;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '192.0.2.1', port '1');
CREATE USER MAPPING FOR narrow SERVER elsewhere OPTIONS (user 'planted-far-user', password 'planted-far-password');
CREATE FOREIGN TABLE far_away (id int, email text) SERVER elsewhere;
CREATE PUBLICATION everything FOR ALL TABLES;
COMMENT ON TABLE people IS 'who works here';
COMMENT ON COLUMN people.email IS 'where they are written to';
COMMENT ON CONSTRAINT people_pkey ON people IS 'their key';
VACUUM (FREEZE) events_2024_eu;

#include "redteam/probes.h"

namespace ytb::testing {

const std::vector<Probe>& power_probes();

namespace {

// What reaches production, or files that are not the copy's. `tell` swallows its errors: those that fire
// while a copy is made must not stop the refresh.
const std::vector<Probe> kSeal = {
    {"dblink_over_tcp", Wall::kSeal, Sign::kAudit, "",
     R"sql(SELECT dblink_connect('c', 'host=127.0.0.1 port={PORT} dbname=shop user=courier password=courier-pw connect_timeout=3');
           SELECT dblink_exec('c', 'INSERT INTO audit VALUES (''{NAME}'')'))sql"},
    {"dblink_over_tcp_by_name", Wall::kSeal, Sign::kAudit, "",
     R"sql(SELECT dblink_connect('c', 'host=localhost port={PORT} dbname=shop user=courier password=courier-pw connect_timeout=3');
           SELECT dblink_exec('c', 'INSERT INTO audit VALUES (''{NAME}'')'))sql"},
    {"dblink_over_the_unix_socket", Wall::kSeal, Sign::kAudit, "",
     R"sql(SELECT dblink_connect('c', 'host={SOCKET} port={PORT} dbname=shop user=courier password=courier-pw');
           SELECT dblink_exec('c', 'INSERT INTO audit VALUES (''{NAME}'')'))sql"},
    {"dblink_reads_raw_rows", Wall::kSeal, Sign::kRaw, "",
     R"sql(SELECT dblink_connect('c', 'host={SOCKET} port={PORT} dbname=shop user=courier password=courier-pw');
           SELECT * FROM dblink('c', 'SELECT email FROM people LIMIT 1') AS t(email text))sql"},
    {"dblink_without_a_password", Wall::kSeal, Sign::kAudit, "",
     R"sql(SELECT dblink_connect_u('c', 'host={SOCKET} port={PORT} dbname=shop user=postgres');
           SELECT dblink_exec('c', 'INSERT INTO audit VALUES (''{NAME}'')'))sql",
     "", "low", 13, 99, true},
    {"trigger_with_dblink", Wall::kSeal, Sign::kAudit,
     R"sql(CREATE TABLE n5 (t text); GRANT ALL ON n5 TO PUBLIC;
           CREATE FUNCTION n5f() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
             $$ BEGIN PERFORM public.tell(NEW.t); RETURN NEW; END $$;
           CREATE TRIGGER n5 AFTER INSERT ON n5 FOR EACH ROW EXECUTE FUNCTION n5f();)sql",
     "INSERT INTO n5 VALUES ('{NAME}')"},
    {"view_with_dblink", Wall::kSeal, Sign::kAudit,
     "CREATE VIEW n6 AS SELECT tell('{NAME}'); GRANT SELECT ON n6 TO PUBLIC;", "SELECT * FROM n6"},
    {"materialized_view_with_dblink", Wall::kSeal, Sign::kAudit,
     "CREATE MATERIALIZED VIEW n7 AS SELECT tell('{NAME}') AS t; DELETE FROM audit;", "",
     "REFRESH MATERIALIZED VIEW n7", "chief"},
    {"check_with_dblink", Wall::kSeal, Sign::kAudit,
     R"sql(CREATE TABLE n8 (v text); INSERT INTO n8 VALUES ('mask-me');
           ALTER TABLE n8 ADD CHECK (tell('{NAME}')); DELETE FROM audit; GRANT ALL ON n8 TO PUBLIC;)sql",
     "", "INSERT INTO n8 VALUES ('x')"},
    {"generated_column_with_dblink", Wall::kSeal, Sign::kAudit,
     R"sql(CREATE TABLE n9 (v text, g boolean GENERATED ALWAYS AS (steady_tell('{NAME}' || left(v, 0))) STORED);
           INSERT INTO n9 VALUES ('mask-me'); DELETE FROM audit; GRANT ALL ON n9 TO PUBLIC;)sql",
     "", "INSERT INTO n9 VALUES ('x')"},
    {"index_with_dblink", Wall::kSeal, Sign::kAudit,
     R"sql(CREATE TABLE n10 (v text); INSERT INTO n10 VALUES ('mask-me');
           CREATE INDEX ON n10 (steady_tell('{NAME}' || left(v, 0))); DELETE FROM audit; GRANT ALL ON n10 TO PUBLIC;)sql",
     "", "INSERT INTO n10 VALUES ('x')"},
    {"event_trigger_with_dblink", Wall::kSeal, Sign::kAudit,
     R"sql(CREATE FUNCTION n11() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NOT pg_is_in_recovery() AND current_setting('port') <> '{PORT}' OR session_user = 'control_low' THEN
               PERFORM public.tell('{NAME}'); END IF; END $$;
           CREATE EVENT TRIGGER n11 ON ddl_command_end EXECUTE FUNCTION n11();)sql",
     "", "CREATE TEMP TABLE n11 (a int)", "low", 13, 99, true},
    {"foreign_table_with_a_password_of_its_own", Wall::kSeal, Sign::kRaw,
     R"sql(CREATE SERVER n12 FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '{PORT}', dbname 'shop');
           CREATE USER MAPPING FOR PUBLIC SERVER n12 OPTIONS (user 'courier', password 'courier-pw');
           CREATE FOREIGN TABLE n12 (email text) SERVER n12 OPTIONS (table_name 'people'); GRANT SELECT ON n12 TO PUBLIC;)sql",
     "SELECT email FROM n12 LIMIT 1", "", "low", 13, 99, true},
    {"foreign_table_made_in_the_copy", Wall::kSeal, Sign::kRaw,
     "GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO PUBLIC;",
     R"sql(CREATE SERVER n12b FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '{PORT}', dbname 'shop');
           CREATE USER MAPPING FOR CURRENT_USER SERVER n12b OPTIONS (user 'courier', password 'courier-pw');
           CREATE FOREIGN TABLE n12b (email text) SERVER n12b OPTIONS (schema_name 'public', table_name 'people');
           SELECT email FROM n12b LIMIT 1)sql",
     "", "low", 13, 99, true},
    {"file_fdw_reads_a_file", Wall::kSeal, Sign::kFile,
     R"sql(CREATE SERVER n13 FOREIGN DATA WRAPPER file_fdw;
           CREATE FOREIGN TABLE n13 (l text) SERVER n13 OPTIONS (filename '{DIR}/file-mark'); GRANT SELECT ON n13 TO PUBLIC;)sql",
     "SELECT * FROM n13", "", "low", 13, 99, true},
    {"file_fdw_runs_a_program", Wall::kSeal, Sign::kFile,
     R"sql(CREATE SERVER n14 FOREIGN DATA WRAPPER file_fdw;
           CREATE FOREIGN TABLE n14 (l text) SERVER n14 OPTIONS (program 'cat {DIR}/file-mark');
           GRANT SELECT ON n14 TO PUBLIC;)sql",
     "SELECT * FROM n14", "", "low", 13, 99, true},
    {"file_fdw_reads_the_snapshot", Wall::kSeal, Sign::kDone,
     R"sql(CREATE SERVER n15 FOREIGN DATA WRAPPER file_fdw;
           CREATE FOREIGN TABLE n15 (l text) SERVER n15 OPTIONS (program 'ls {SNAPSHOTS} && echo did-it');
           GRANT SELECT ON n15 TO PUBLIC;)sql",
     "SELECT * FROM n15", "", "low", 13, 99, true},
    {"function_called_by_the_planner", Wall::kSeal, Sign::kAudit, "", "EXPLAIN SELECT steady_tell('{NAME}')"},
};

// Code of production's that copies what is still raw while a copy is made. The control sets it off in
// production, where everything is raw.
const std::vector<Probe> kOrder = {
    {"view_through_a_function", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE FUNCTION o1f(i int) RETURNS text STABLE LANGUAGE plpgsql AS
             $$ BEGIN RETURN (SELECT e FROM public.o1b WHERE id = i); END $$;
           CREATE MATERIALIZED VIEW o1 AS SELECT id, o1f(id) AS contact FROM people WITH NO DATA;
           CREATE MATERIALIZED VIEW o1b AS SELECT id, email AS e FROM people;
           REFRESH MATERIALIZED VIEW o1; GRANT SELECT ON o1, o1b TO PUBLIC;)sql",
     "SELECT contact FROM o1 UNION ALL SELECT e FROM o1b"},
    {"view_through_a_table_function", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE FUNCTION o2f() RETURNS SETOF text STABLE LANGUAGE plpgsql AS
             $$ BEGIN RETURN QUERY SELECT e FROM public.o2b; END $$;
           CREATE MATERIALIZED VIEW o2 AS SELECT * FROM o2f() AS c WITH NO DATA;
           CREATE MATERIALIZED VIEW o2b AS SELECT email AS e FROM people;
           REFRESH MATERIALIZED VIEW o2; GRANT SELECT ON o2, o2b TO PUBLIC;)sql",
     "SELECT * FROM o2"},
    {"view_that_cannot_be_computed_again", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE MATERIALIZED VIEW o3 AS SELECT email, 1 / (CASE WHEN email LIKE '%@raw.test' THEN 1 ELSE 0 END) AS one
             FROM people; GRANT SELECT ON o3 TO PUBLIC;)sql",
     "SELECT email FROM o3"},
    {"generated_column_of_a_masked_table", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE TABLE o4 (v text, i int, g text GENERATED ALWAYS AS (mail_of(i)) STORED);
           INSERT INTO o4 SELECT 'mask-me', g FROM generate_series(1, 100) g; GRANT SELECT ON o4 TO PUBLIC;)sql",
     "SELECT g FROM o4"},
    {"generated_column_of_a_kept_table", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE TABLE o5 (i int, g text GENERATED ALWAYS AS (mail_of(i)) STORED);
           INSERT INTO o5 SELECT g FROM generate_series(1, 100) g; GRANT SELECT ON o5 TO PUBLIC;)sql",
     "SELECT g FROM o5"},
    {"statistics_of_an_index_expression", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE TABLE o6 (i int); INSERT INTO o6 SELECT g FROM generate_series(1, 100) g;
           CREATE INDEX o6i ON o6 (mail_of(i)); ANALYZE o6; GRANT SELECT ON o6 TO PUBLIC;)sql",
     "SELECT histogram_bounds, most_common_vals FROM pg_stats WHERE tablename = 'o6i'", "", "chief"},
    {"generated_column_through_an_operator", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE FUNCTION o7f(a int, b int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT public.mail_of(a + b) $$;
           CREATE OPERATOR public.@+@ (LEFTARG = int, RIGHTARG = int, FUNCTION = o7f);
           CREATE TABLE o7 (i int, g text GENERATED ALWAYS AS (i OPERATOR(public.@+@) 0) STORED);
           INSERT INTO o7 SELECT g FROM generate_series(1, 100) g; GRANT SELECT ON o7 TO PUBLIC;)sql",
     "SELECT g FROM o7"},
    {"check", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE TABLE o8 (v text); INSERT INTO o8 VALUES ('mask-me'); ALTER TABLE o8 ADD CHECK (leak('{NAME}'));
           DELETE FROM leaks; GRANT ALL ON o8 TO PUBLIC;)sql",
     "SELECT what FROM leaks WHERE what LIKE '{NAME} %'",
     "INSERT INTO o8 VALUES ('x'); SELECT what FROM leaks WHERE what LIKE '{NAME} %'"},
    {"check_of_a_domain", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE DOMAIN o9d AS text CHECK (leak('{NAME}')); CREATE TABLE o9 (v o9d);
           INSERT INTO o9 VALUES ('mask-me'); DELETE FROM leaks; GRANT ALL ON o9 TO PUBLIC;)sql",
     "SELECT what FROM leaks WHERE what LIKE '{NAME} %'",
     "INSERT INTO o9 VALUES ('x'); SELECT what FROM leaks WHERE what LIKE '{NAME} %'"},
    {"generated_expression", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE TABLE o10 (v text, g boolean GENERATED ALWAYS AS (steady_leak('{NAME}' || left(v, 0))) STORED);
           INSERT INTO o10 VALUES ('mask-me'); DELETE FROM leaks; GRANT ALL ON o10 TO PUBLIC;)sql",
     "SELECT what FROM leaks WHERE what LIKE '{NAME} %'",
     "INSERT INTO o10 VALUES ('x'); SELECT what FROM leaks WHERE what LIKE '{NAME} %'"},
    {"index_expression_on_load", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE TABLE o11 (v text); INSERT INTO o11 VALUES ('mask-me');
           CREATE INDEX ON o11 (steady_leak('{NAME}' || left(v, 0))); DELETE FROM leaks; GRANT ALL ON o11 TO PUBLIC;)sql",
     "SELECT what FROM leaks WHERE what LIKE '{NAME} %'",
     "INSERT INTO o11 VALUES ('x'); SELECT what FROM leaks WHERE what LIKE '{NAME} %'"},
    {"index_predicate_on_load", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE TABLE o12 (v text); INSERT INTO o12 VALUES ('mask-me');
           CREATE INDEX ON o12 (v) WHERE steady_leak('{NAME}' || left(v, 0)); DELETE FROM leaks; GRANT ALL ON o12 TO PUBLIC;)sql",
     "SELECT what FROM leaks WHERE what LIKE '{NAME} %'",
     "INSERT INTO o12 VALUES ('x'); SELECT what FROM leaks WHERE what LIKE '{NAME} %'"},
    {"check_that_resets_the_role", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE FUNCTION o13f() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
             EXECUTE 'RESET ROLE'; RETURN public.leak('{NAME}'); END $$;
           CREATE TABLE o13 (v text); INSERT INTO o13 VALUES ('mask-me'); ALTER TABLE o13 ADD CHECK (o13f());
           DELETE FROM leaks; GRANT ALL ON o13 TO PUBLIC;)sql",
     "SELECT what FROM leaks WHERE what LIKE '{NAME} %'",
     "INSERT INTO o13 VALUES ('x'); SELECT what FROM leaks WHERE what LIKE '{NAME} %'"},
    {"check_of_a_whole_row", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE TABLE o14 (v text);
           CREATE FUNCTION o14f(o14) RETURNS boolean LANGUAGE sql AS $$ SELECT public.leak('{NAME}') $$;
           INSERT INTO o14 VALUES ('mask-me'); ALTER TABLE o14 ADD CHECK (o14f(o14.*)); DELETE FROM leaks;
           GRANT ALL ON o14 TO PUBLIC;)sql",
     "SELECT what FROM leaks WHERE what LIKE '{NAME} %'",
     "INSERT INTO o14 VALUES ('x'); SELECT what FROM leaks WHERE what LIKE '{NAME} %'"},
    {"trigger_that_fires_always", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE TABLE o15 (v text); INSERT INTO o15 VALUES ('mask-me');
           CREATE FUNCTION o15f() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM public.leak('{NAME}'); RETURN NEW; END $$;
           CREATE TRIGGER o15 BEFORE INSERT ON o15 FOR EACH ROW EXECUTE FUNCTION o15f();
           ALTER TABLE o15 ENABLE ALWAYS TRIGGER o15; GRANT ALL ON o15 TO PUBLIC;)sql",
     "SELECT what FROM leaks WHERE what LIKE '{NAME} %'",
     "INSERT INTO o15 VALUES ('x'); SELECT what FROM leaks WHERE what LIKE '{NAME} %'"},
    {"event_trigger_on_the_programs_statements", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE FUNCTION o16() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
             IF current_setting('port') <> '{PORT}' OR session_user = 'control_low' THEN
               PERFORM public.leak('{NAME}'); END IF; END $$;
           CREATE EVENT TRIGGER o16 ON ddl_command_start EXECUTE FUNCTION o16();
           ALTER EVENT TRIGGER o16 ENABLE ALWAYS;)sql",
     "SELECT what FROM leaks WHERE what LIKE '{NAME} %'",
     "CREATE TEMP TABLE o16 (a int); SELECT what FROM leaks WHERE what LIKE '{NAME} %'"},
    {"rule_on_insert", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE TABLE o17 (v text); INSERT INTO o17 VALUES ('mask-me');
           CREATE RULE o17 AS ON INSERT TO o17 DO ALSO SELECT leak('{NAME}'); GRANT ALL ON o17 TO PUBLIC;)sql",
     "SELECT what FROM leaks WHERE what LIKE '{NAME} %'",
     "INSERT INTO o17 VALUES ('x'); SELECT what FROM leaks WHERE what LIKE '{NAME} %'"},
    {"default_of_a_dropped_value", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE TABLE o18 (v text); INSERT INTO o18 VALUES ('mask-me');
           ALTER TABLE o18 ADD COLUMN d boolean DEFAULT leak('{NAME}'); DELETE FROM leaks; GRANT ALL ON o18 TO PUBLIC;)sql",
     "SELECT what FROM leaks WHERE what LIKE '{NAME} %'",
     "INSERT INTO o18 VALUES ('x'); SELECT what FROM leaks WHERE what LIKE '{NAME} %'"},
    {"operator_class_of_an_index", Wall::kOrder, Sign::kRaw,
     R"sql(CREATE FUNCTION o19f(a text, b text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
             $$ BEGIN PERFORM public.leak('{NAME}'); RETURN pg_catalog.bttextcmp(a, b); END $$;
           CREATE OPERATOR CLASS o19c FOR TYPE text USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,
             OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 o19f(text, text);
           CREATE TABLE o19 (v text); INSERT INTO o19 SELECT 'mask-me ' || g FROM generate_series(1, 5) g;
           CREATE INDEX ON o19 (v o19c); DELETE FROM leaks; GRANT ALL ON o19 TO PUBLIC;)sql",
     "SELECT what FROM leaks WHERE what LIKE '{NAME} %'",
     "INSERT INTO o19 VALUES ('x'); SELECT what FROM leaks WHERE what LIKE '{NAME} %'"},
};

const std::vector<Probe> kResidue = {
    {"statistics_of_pg_authid", Wall::kResidue, Sign::kHash,
     R"sql(GRANT pg_read_all_data TO readers;
           CREATE ROLE app2 PASSWORD 'planted-2'; CREATE ROLE app3 PASSWORD 'planted-3'; CREATE ROLE app4 PASSWORD 'planted-4';
           ANALYZE pg_authid;)sql",
     "SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = 'pg_authid' AND attname = "
     "'rolpassword'",
     "", "low", 14},
    {"verifiers_in_pg_authid", Wall::kResidue, Sign::kHash, "",
     "SELECT rolpassword FROM pg_authid WHERE rolname = 'app'", "", "low", 14},
    {"credentials_of_a_user_mapping", Wall::kResidue, Sign::kRaw,
     R"sql(CREATE SERVER r3 FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'far.raw.test');
           CREATE USER MAPPING FOR app SERVER r3 OPTIONS (user 'far@raw.test', password 'far@raw.test');)sql",
     "SELECT umoptions FROM pg_user_mapping", "", "low", 14},
    {"statistics_of_user_mappings", Wall::kResidue, Sign::kRaw,
     R"sql(CREATE USER MAPPING FOR maker SERVER r3 OPTIONS (user 'far@raw.test', password 'near@raw.test');
           ANALYZE pg_user_mapping;)sql",
     "SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = 'pg_user_mapping'", "", "low",
     14},
    {"statistics_of_a_masked_column", Wall::kResidue, Sign::kRaw, "ANALYZE people;",
     "SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = 'people'"},
    {"address_of_a_subscription", Wall::kResidue, Sign::kRaw,
     R"sql(CREATE SUBSCRIPTION r6 CONNECTION 'host=127.0.0.1 port=1 user=me@raw.test' PUBLICATION p
             WITH (connect = false, enabled = false, slot_name = NONE);)sql",
     "SELECT subconninfo FROM pg_subscription", "", "low", 14},
};

}  // namespace

const std::vector<Probe>& probes_of(Wall wall) {
  switch (wall) {
    case Wall::kSeal:
      return kSeal;
    case Wall::kPower:
      return power_probes();
    case Wall::kOrder:
      return kOrder;
    case Wall::kResidue:
      return kResidue;
  }
  return kSeal;
}

}  // namespace ytb::testing

#include "redteam/probes.h"

namespace ytb::testing {

std::string_view common_plant() {
  return R"sql(
    CREATE EXTENSION dblink;
    CREATE EXTENSION file_fdw;
    CREATE EXTENSION postgres_fdw;
    GRANT EXECUTE ON FUNCTION dblink_connect_u(text), dblink_connect_u(text, text) TO PUBLIC;
    CREATE ROLE readers;
    CREATE ROLE chiefs;
    GRANT postgres TO chiefs;
    CREATE ROLE control_low LOGIN IN ROLE readers, pg_read_all_settings;
    CREATE ROLE control_chief LOGIN IN ROLE chiefs;
    CREATE ROLE file_role IN ROLE pg_read_server_files;
    CREATE ROLE write_role IN ROLE pg_write_server_files;
    CREATE ROLE program_role IN ROLE pg_execute_server_program;
    CREATE ROLE maker CREATEROLE;
    -- Logs in by password, which dblink demands of everybody but superusers.
    SET password_encryption = 'scram-sha-256';  -- up to 13: md5
    CREATE ROLE courier LOGIN PASSWORD 'courier-pw';
    CREATE ROLE app LOGIN PASSWORD 'planted-app-password';
    GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC;
    CREATE TABLE people (id int PRIMARY KEY, email text);
    INSERT INTO people SELECT g, 'person' || g || '@raw.test' FROM generate_series(1, 200) g;
    -- The smallest table of the last name: masked after most others, whatever the order.
    CREATE TABLE zz_last (email text);
    INSERT INTO zz_last VALUES ('last@raw.test');
    CREATE TABLE audit (what text);
    CREATE TABLE leaks (what text);
    CREATE TABLE inbox (path text, content text);
    GRANT SELECT, INSERT ON inbox, leaks, audit TO PUBLIC;
    GRANT SELECT ON people, zz_last TO readers, courier;
    -- What the dangerous objects below call: a superuser's functions that anybody may call through them.
    CREATE FUNCTION touch(name text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'cat > {DIR}/' || name); RETURN true; END $$;
    CREATE FUNCTION steady_touch(name text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
      BEGIN PERFORM public.touch(name); RETURN true; END $$;
    CREATE FUNCTION slurp() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT pg_read_file('{DIR}/file-mark') $$;
    -- Copies what is raw where a staging user sees it, once for each name.
    CREATE FUNCTION leak(name text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
      IF NOT EXISTS (SELECT FROM public.leaks WHERE what LIKE name || ' %') THEN
        INSERT INTO public.leaks SELECT name || ' ' || email FROM public.zz_last;
      END IF;
      RETURN true; END $$;
    CREATE FUNCTION steady_leak(name text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
      BEGIN RETURN public.leak(name); END $$;
    -- Writes into production itself.
    CREATE FUNCTION tell(name text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
      PERFORM public.dblink_exec('host=127.0.0.1 port={PORT} dbname=shop user=courier password=courier-pw connect_timeout=3',
                                 format('INSERT INTO audit VALUES (%L)', name));
      RETURN true;
      EXCEPTION WHEN OTHERS THEN RETURN true; END $$;
    CREATE FUNCTION steady_tell(name text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
      BEGIN RETURN public.tell(name); END $$;
    CREATE FUNCTION mail_of(i int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
      BEGIN RETURN (SELECT email FROM public.people WHERE id = i); END $$;
  )sql";
}

namespace {

const std::vector<Probe> kPower = {
    {"definer_pg_read_file", Wall::kPower, Sign::kFile,
     R"sql(CREATE FUNCTION p1() RETURNS text LANGUAGE sql SECURITY DEFINER AS
             $$ SELECT pg_read_file('{DIR}/file-mark') $$;)sql",
     "SELECT p1()"},
    {"definer_pg_read_binary_file", Wall::kPower, Sign::kFile,
     R"sql(CREATE FUNCTION p2() RETURNS text LANGUAGE sql SECURITY DEFINER AS
             $$ SELECT convert_from(pg_read_binary_file('{DIR}/file-mark'), 'UTF8') $$;)sql",
     "SELECT p2()"},
    {"definer_pg_ls_dir", Wall::kPower, Sign::kFile,
     R"sql(CREATE FUNCTION p3() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS
             $$ SELECT pg_ls_dir('{DIR}') $$;)sql",
     "SELECT p3()"},
    {"definer_pg_stat_file", Wall::kPower, Sign::kFile,
     R"sql(CREATE FUNCTION p4() RETURNS text LANGUAGE sql SECURITY DEFINER AS
             $$ SELECT 'file-mark ' || size FROM pg_stat_file('{DIR}/file-mark') $$;)sql",
     "SELECT p4()"},
    {"definer_lo_import", Wall::kPower, Sign::kFile,
     R"sql(CREATE FUNCTION p5() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE o oid; BEGIN
             o := lo_import('{DIR}/file-mark'); RETURN convert_from(lo_get(o), 'UTF8'); END $$;)sql",
     "SELECT p5()"},
    {"definer_lo_export", Wall::kPower, Sign::kTouch,
     R"sql(CREATE FUNCTION p6() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE o oid; BEGIN
             o := lo_from_bytea(0, 'x'); RETURN lo_export(o, '{DIR}/{NAME}'); END $$;)sql",
     "SELECT p6()"},
    {"definer_copy_from_file", Wall::kPower, Sign::kFile,
     R"sql(CREATE FUNCTION p7() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
             CREATE TEMP TABLE p7t (l text); COPY p7t FROM '{DIR}/file-mark'; RETURN (SELECT l FROM p7t LIMIT 1);
           END $$;)sql",
     "SELECT p7()"},
    {"definer_copy_to_file", Wall::kPower, Sign::kTouch,
     R"sql(CREATE FUNCTION p8() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
             COPY (SELECT 1) TO '{DIR}/{NAME}'; RETURN 1; END $$;)sql",
     "SELECT p8()"},
    {"definer_copy_to_program", Wall::kPower, Sign::kTouch, "", "SELECT touch('{NAME}')"},
    {"definer_copy_from_program", Wall::kPower, Sign::kFile,
     R"sql(CREATE FUNCTION p10() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
             CREATE TEMP TABLE p10t (l text); COPY p10t FROM PROGRAM 'cat {DIR}/file-mark';
             RETURN (SELECT l FROM p10t LIMIT 1); END $$;)sql",
     "SELECT p10()"},
    {"definer_trigger", Wall::kPower, Sign::kFile,
     R"sql(CREATE FUNCTION p11() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
             $$ BEGIN NEW.content := pg_read_file(NEW.path); RETURN NEW; END $$;
           CREATE TRIGGER p11 BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION p11();)sql",
     "INSERT INTO inbox VALUES ('{DIR}/file-mark') RETURNING content"},
    {"file_role_definer", Wall::kPower, Sign::kFile,
     R"sql(GRANT EXECUTE ON FUNCTION pg_read_file(text) TO file_role;
           CREATE FUNCTION p12() RETURNS text LANGUAGE sql SECURITY DEFINER AS
             $$ SELECT pg_read_file('{DIR}/file-mark') $$;
           ALTER FUNCTION p12() OWNER TO file_role;)sql",
     "SELECT p12()"},
    {"file_role_copy", Wall::kPower, Sign::kFile,
     R"sql(CREATE FUNCTION p13() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
             CREATE TEMP TABLE p13t (l text); COPY p13t FROM '{DIR}/file-mark'; RETURN (SELECT l FROM p13t LIMIT 1);
           END $$;
           GRANT TEMPORARY ON DATABASE shop TO file_role;
           ALTER FUNCTION p13() OWNER TO file_role;)sql",
     "SELECT p13()"},
    {"write_role_copy", Wall::kPower, Sign::kTouch,
     R"sql(CREATE FUNCTION p14() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
             COPY (SELECT 1) TO '{DIR}/{NAME}'; RETURN 1; END $$;
           ALTER FUNCTION p14() OWNER TO write_role;)sql",
     "SELECT p14()"},
    {"program_role_copy", Wall::kPower, Sign::kTouch,
     R"sql(CREATE FUNCTION p15() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
             COPY (SELECT 1) TO PROGRAM 'cat > {DIR}/{NAME}'; RETURN 1; END $$;
           ALTER FUNCTION p15() OWNER TO program_role;)sql",
     "SELECT p15()"},
    {"wrapper_of_a_wrapper", Wall::kPower, Sign::kTouch,
     R"sql(CREATE ROLE wrapper;
           CREATE FUNCTION p16a() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
             COPY (SELECT 1) TO PROGRAM 'cat > {DIR}/{NAME}'; RETURN 1; END $$;
           ALTER FUNCTION p16a() OWNER TO program_role;
           REVOKE ALL ON FUNCTION p16a() FROM PUBLIC;
           GRANT EXECUTE ON FUNCTION p16a() TO wrapper;
           CREATE FUNCTION p16() RETURNS int LANGUAGE sql SECURITY DEFINER AS $$ SELECT p16a() $$;
           ALTER FUNCTION p16() OWNER TO wrapper;)sql",
     "SELECT p16()"},
    {"createrole_grants_itself_programs", Wall::kPower, Sign::kTouch,
     R"sql(CREATE FUNCTION p17() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
             EXECUTE format('GRANT pg_execute_server_program TO %I', session_user); RETURN 1; END $$;
           ALTER FUNCTION p17() OWNER TO maker;)sql",
     "SELECT p17(); COPY (SELECT 1) TO PROGRAM 'cat > {DIR}/{NAME}'", "", "low", 13, 15},
    {"definer_grants_execute_again", Wall::kPower, Sign::kFile,
     R"sql(CREATE FUNCTION p18() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
             EXECUTE format('GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO %I', session_user);
             EXECUTE format('GRANT pg_read_server_files TO %I', session_user); RETURN 1; END $$;)sql",
     "SELECT p18(); SELECT pg_read_file('{DIR}/file-mark')"},
    {"definer_makes_superuser", Wall::kPower, Sign::kTouch,
     R"sql(CREATE FUNCTION p19() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
             EXECUTE format('ALTER ROLE %I SUPERUSER', session_user); RETURN 1; END $$;)sql",
     "SELECT p19(); COPY (SELECT 1) TO PROGRAM 'cat > {DIR}/{NAME}'"},
    {"definer_writes_the_catalog", Wall::kPower, Sign::kDone,
     R"sql(CREATE FUNCTION p20() RETURNS text LANGUAGE sql SECURITY DEFINER AS
             $$ UPDATE pg_catalog.pg_authid SET rolsuper = true WHERE rolname = session_user RETURNING 'did-it' $$;)sql",
     "SELECT p20()"},
    {"event_trigger_of_a_superuser", Wall::kPower, Sign::kTouch,
     R"sql(CREATE FUNCTION p21() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
             IF session_user IN ('control_low', 'low') THEN PERFORM public.touch('{NAME}'); END IF; END $$;
           CREATE EVENT TRIGGER p21 ON ddl_command_end EXECUTE FUNCTION p21();)sql",
     "CREATE TEMP TABLE p21t (a int)"},
    {"view", Wall::kPower, Sign::kFile, "CREATE VIEW p22 AS SELECT slurp(); GRANT SELECT ON p22 TO PUBLIC;",
     "SELECT * FROM p22"},
    {"column_default", Wall::kPower, Sign::kFile,
     "CREATE TABLE p23 (t text DEFAULT slurp()); GRANT ALL ON p23 TO PUBLIC;",
     "INSERT INTO p23 DEFAULT VALUES RETURNING t"},
    {"check_constraint", Wall::kPower, Sign::kTouch,
     "CREATE TABLE p24 (t text CHECK (touch('{NAME}'))); GRANT ALL ON p24 TO PUBLIC;",
     "INSERT INTO p24 VALUES ('x')"},
    {"generated_column", Wall::kPower, Sign::kTouch,
     R"sql(CREATE TABLE p25 (t text, g boolean GENERATED ALWAYS AS (steady_touch('{NAME}' || left(t, 0))) STORED);
           GRANT ALL ON p25 TO PUBLIC;)sql",
     "INSERT INTO p25 VALUES ('x')"},
    {"index_expression", Wall::kPower, Sign::kTouch,
     R"sql(CREATE TABLE p26 (t text); CREATE INDEX ON p26 (steady_touch('{NAME}' || left(t, 0)));
           GRANT ALL ON p26 TO PUBLIC;)sql",
     "INSERT INTO p26 VALUES ('x')"},
    {"row_security_policy", Wall::kPower, Sign::kTouch,
     R"sql(CREATE TABLE p27 (t text); INSERT INTO p27 VALUES ('x'); ALTER TABLE p27 ENABLE ROW LEVEL SECURITY;
           CREATE POLICY p27 ON p27 USING (touch('{NAME}')); GRANT ALL ON p27 TO PUBLIC;)sql",
     "SELECT * FROM p27"},
    {"operator", Wall::kPower, Sign::kTouch,
     R"sql(CREATE FUNCTION p28(a text, b text) RETURNS boolean LANGUAGE sql AS $$ SELECT touch(a || left(b, 0)) $$;
           CREATE OPERATOR public.@%@ (LEFTARG = text, RIGHTARG = text, FUNCTION = p28);)sql",
     "SELECT '{NAME}'::text OPERATOR(public.@%@) 'x'::text"},
    {"cast", Wall::kPower, Sign::kTouch,
     R"sql(CREATE TYPE p29 AS (v text);
           CREATE FUNCTION p29c(a p29) RETURNS boolean LANGUAGE sql AS $$ SELECT touch((a).v) $$;
           CREATE CAST (p29 AS boolean) WITH FUNCTION p29c(p29);)sql",
     "SELECT CAST(ROW('{NAME}')::p29 AS boolean)"},
    {"aggregate", Wall::kPower, Sign::kTouch,
     R"sql(CREATE FUNCTION p30s(s text, v text) RETURNS text LANGUAGE sql AS $$ SELECT touch(v)::text $$;
           CREATE AGGREGATE p30(text) (SFUNC = p30s, STYPE = text);)sql",
     "SELECT p30('{NAME}')"},
    {"domain_check", Wall::kPower, Sign::kTouch, "CREATE DOMAIN p31 AS text CHECK (touch(VALUE));",
     "SELECT '{NAME}'::p31"},
    {"rule", Wall::kPower, Sign::kTouch,
     R"sql(CREATE TABLE p32 (t text);
           CREATE RULE p32 AS ON INSERT TO p32 DO ALSO SELECT touch(NEW.t); GRANT ALL ON p32 TO PUBLIC;)sql",
     "INSERT INTO p32 VALUES ('{NAME}')"},
    {"procedure", Wall::kPower, Sign::kTouch,
     R"sql(CREATE PROCEDURE p33(n text) LANGUAGE plpgsql SECURITY DEFINER AS
             $$ BEGIN EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'cat > {DIR}/' || n); END $$;)sql",
     "CALL p33('{NAME}')"},
    {"instead_of_trigger", Wall::kPower, Sign::kTouch,
     R"sql(CREATE VIEW p34 AS SELECT 'x'::text AS t;
           CREATE FUNCTION p34f() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
             $$ BEGIN PERFORM public.touch(NEW.t); RETURN NEW; END $$;
           CREATE TRIGGER p34 INSTEAD OF INSERT ON p34 FOR EACH ROW EXECUTE FUNCTION p34f();
           GRANT ALL ON p34 TO PUBLIC;)sql",
     "INSERT INTO p34 VALUES ('{NAME}')"},
    {"truncate_trigger", Wall::kPower, Sign::kTouch,
     R"sql(CREATE TABLE p35 (t text);
           CREATE FUNCTION p35f() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM public.touch('{NAME}'); RETURN NULL; END $$;
           CREATE TRIGGER p35 BEFORE TRUNCATE ON p35 EXECUTE FUNCTION p35f(); GRANT ALL ON p35 TO PUBLIC;)sql",
     "TRUNCATE p35"},
    {"refresh_of_a_superusers_view", Wall::kPower, Sign::kTouch,
     R"sql(CREATE FUNCTION p36f() RETURNS boolean LANGUAGE plpgsql AS
             $$ BEGIN COPY (SELECT 1) TO PROGRAM 'cat > {DIR}/{NAME}'; RETURN true; END $$;
           CREATE MATERIALIZED VIEW p36 AS SELECT p36f() AS f WITH NO DATA;
           CREATE FUNCTION p36r() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
             $$ BEGIN REFRESH MATERIALIZED VIEW public.p36; RETURN 1; END $$;)sql",
     "SELECT p36r()"},
    {"extension_script_of_a_trusted_extension", Wall::kPower, Sign::kTouch,
     R"sql(CREATE FUNCTION p37() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
             IF tg_tag IN ('CREATE EXTENSION', 'CREATE FUNCTION', 'CREATE TYPE') AND
                (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AND session_user IN ('control_low', 'low') THEN
               COPY (SELECT 1) TO PROGRAM 'cat > {DIR}/{NAME}'; END IF; END $$;
           CREATE EVENT TRIGGER p37 ON ddl_command_end EXECUTE FUNCTION p37();
           GRANT CREATE ON DATABASE shop TO readers;)sql",
     "CREATE EXTENSION citext SCHEMA public"},
    {"set_role_and_read_a_file", Wall::kPower, Sign::kFile, "",
     "SET ROLE postgres; SELECT pg_read_file('{DIR}/file-mark')", "", "chief"},
    {"set_role_and_lo_import", Wall::kPower, Sign::kFile, "",
     "SET ROLE postgres; SELECT lo_import('{DIR}/file-mark', 4711); SELECT convert_from(lo_get(4711), "
     "'UTF8')",
     "", "chief"},
    {"set_role_and_alter_system", Wall::kPower, Sign::kDone, "",
     "SET ROLE postgres; ALTER SYSTEM SET application_name = 'x'; ALTER SYSTEM RESET ALL; SELECT 'did-it'",
     "", "chief"},
    {"set_role_and_write_the_catalog", Wall::kPower, Sign::kDone, "",
     "SET ROLE postgres; UPDATE pg_authid SET rolconnlimit = rolconnlimit WHERE rolname = 'app' RETURNING "
     "'did-it'",
     "", "chief"},
    {"set_role_and_make_an_event_trigger", Wall::kPower, Sign::kDone,
     R"sql(CREATE FUNCTION p41() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;)sql",
     "SET ROLE postgres; CREATE EVENT TRIGGER p41 ON ddl_command_end EXECUTE FUNCTION p41(); SELECT 'did-it'",
     "", "chief"},
    {"set_role_and_make_an_internal_function", Wall::kPower, Sign::kFile, "",
     R"sql(SET ROLE postgres;
           CREATE FUNCTION p42(text) RETURNS bytea LANGUAGE internal STRICT AS 'pg_read_binary_file_all';
           SELECT convert_from(p42('{DIR}/file-mark'), 'UTF8'))sql",
     "", "chief", 14},
    {"set_role_and_make_a_superuser", Wall::kPower, Sign::kDone, "",
     "SET ROLE postgres; CREATE ROLE p43 SUPERUSER; SELECT 'did-it'", "", "chief"},
    {"set_role_and_change_who_may_execute", Wall::kPower, Sign::kFile, "",
     R"sql(SET ROLE postgres; GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC; RESET ROLE;
           SELECT pg_read_file('{DIR}/file-mark'))sql",
     "SET ROLE postgres; SELECT pg_read_file('{DIR}/file-mark')", "chief"},
    {"set_role_and_list_a_folder_by_copy", Wall::kPower, Sign::kFile, "",
     "SET ROLE postgres; CREATE TEMP TABLE p45 (l text); COPY p45 FROM PROGRAM 'ls {DIR}'; TABLE p45", "",
     "chief"},
};

}  // namespace

const std::vector<Probe>& power_probes() { return kPower; }

}  // namespace ytb::testing

-- When all tables are there: settings that would be in the way of making them, of reading and of writing values, and a
-- transaction that was prepared and never ended.
ALTER ROLE ALL IN DATABASE shop SET search_path = '"Odd schema", public';
ALTER DATABASE shop SET DateStyle = 'German, DMY';
ALTER DATABASE shop SET IntervalStyle = 'sql_standard';
ALTER DATABASE shop SET extra_float_digits = 0;
ALTER DATABASE shop SET bytea_output = 'escape';
ALTER DATABASE shop SET TimeZone = 'Asia/Kathmandu';
ALTER DATABASE shop SET array_nulls = off;
ALTER DATABASE shop SET statement_timeout = '50ms';
ALTER DATABASE shop SET default_transaction_read_only = on;
ALTER DATABASE shop SET row_security = off;
SELECT current_setting('server_version_num')::int >= 170000 AS since_17 \gset
\if :since_17
ALTER DATABASE shop SET transaction_timeout = '200ms';
\endif
BEGIN;
ALTER ROLE clerks CONNECTION LIMIT 3;
INSERT INTO emptied VALUES (1, 'prepared@real.test');
PREPARE TRANSACTION 'half done';

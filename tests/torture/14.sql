-- From 14 on.
CREATE TABLE since_14 (id int PRIMARY KEY, email text, many int4multirange, squeezed text, n numeric);
-- Where the server was built with it.
SELECT 'lz4' = ANY (enumvals) AS has_lz4 FROM pg_settings WHERE name = 'default_toast_compression' \gset
\if :has_lz4
ALTER TABLE since_14 ALTER squeezed SET COMPRESSION lz4;
\endif
INSERT INTO since_14 SELECT g, 'fourteen' || g || '@real.test', int4multirange(int4range(1, g), int4range(500, 500 + g)), repeat('squeezed ' || g, 2000), '-Infinity'
  FROM generate_series(1, 100) g;
CREATE STATISTICS of_expressions ON lower(email), (id % 10) FROM since_14;
ANALYZE since_14;
CREATE FUNCTION with_a_body(n int) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM since_14 WHERE id < n; END;
CREATE PROCEDURE with_out(OUT n int) LANGUAGE plpgsql AS $$BEGIN n := 1; END$$;
CREATE TABLE detached_later (id int, email text) PARTITION BY RANGE (id);
CREATE TABLE detached_1 PARTITION OF detached_later FOR VALUES FROM (1) TO (10);
INSERT INTO detached_later VALUES (1, 'detached@real.test');
ALTER TABLE detached_later DETACH PARTITION detached_1;

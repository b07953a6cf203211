-- From 16 on.
CREATE COLLATION ruled (provider = icu, locale = 'und', rules = '&V << w <<< W');
CREATE TABLE since_16 (id int PRIMARY KEY, email text STORAGE EXTERNAL, sorted text COLLATE ruled);
INSERT INTO since_16 SELECT g, 'sixteen' || g || '@real.test', 'w' || g FROM generate_series(1, 50) g;
CREATE INDEX ON since_16 (sorted);
CREATE TABLE numbers_16 AS SELECT 0x1F AS hex, 1_000_000 AS million, 'sixteen@real.test'::text AS email;
GRANT clerks TO narrow WITH INHERIT FALSE, SET TRUE;

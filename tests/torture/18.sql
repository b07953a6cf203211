-- From 18 on.
CREATE TABLE since_18 (id int PRIMARY KEY, email text, price numeric, virtual_one numeric GENERATED ALWAYS AS (price * 2) VIRTUAL,
  of_email text GENERATED ALWAYS AS (lower(email)) VIRTUAL, stored_one int GENERATED ALWAYS AS (id + 1) STORED);
INSERT INTO since_18 (id, email, price) SELECT g, 'Eighteen' || g || '@real.test', g / 3.0 FROM generate_series(1, 80) g;
ALTER TABLE since_18 ADD CONSTRAINT not_held CHECK (price < 0) NOT ENFORCED;
CREATE TABLE no_key_held (id int REFERENCES since_18 NOT ENFORCED, email text);
INSERT INTO no_key_held VALUES (12345, 'unheld@real.test');
CREATE TABLE nulls_inside (id int PRIMARY KEY, email text, late int);
INSERT INTO nulls_inside VALUES (1, 'nulls@real.test', NULL), (2, 'nulls2@real.test', 5);
ALTER TABLE nulls_inside ADD CONSTRAINT late_not_null NOT NULL late NOT VALID;
CREATE TABLE prices (sku int, valid daterange, email text, PRIMARY KEY (sku, valid WITHOUT OVERLAPS));
INSERT INTO prices SELECT g % 5, daterange(date '2024-01-01' + g * 10, date '2024-01-01' + (g + 1) * 10), 'price' || g || '@real.test' FROM generate_series(0, 49) g;
CREATE TABLE sales (id int PRIMARY KEY, sku int, on_days daterange, email text, FOREIGN KEY (sku, PERIOD on_days) REFERENCES prices (sku, PERIOD valid));
INSERT INTO sales SELECT g, sku, valid, 'sale' || g || '@real.test' FROM (SELECT row_number() OVER () AS g, * FROM prices) p;
CREATE TABLE casefolded (id int, email text COLLATE "pg_unicode_fast");
INSERT INTO casefolded VALUES (1, 'FOLDED@real.test');

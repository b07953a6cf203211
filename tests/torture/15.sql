-- From 15 on.
CREATE TABLE since_15 (id int PRIMARY KEY, email text, code int, UNIQUE NULLS NOT DISTINCT (code));
INSERT INTO since_15 VALUES (1, 'fifteen1@real.test', NULL), (2, 'fifteen2@real.test', 7);
CREATE TABLE of_since_15 (a int, b int, FOREIGN KEY (a) REFERENCES since_15 ON DELETE SET NULL (a));
INSERT INTO of_since_15 VALUES (1, 1);
CREATE VIEW as_who_asks WITH (security_invoker) AS SELECT id, email FROM since_15;
CREATE TABLE published (id int PRIMARY KEY, email text, secret_part text);
INSERT INTO published VALUES (1, 'published@real.test', 'x');
CREATE PUBLICATION in_part FOR TABLE published (id, email) WHERE (id > 0);
CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA "Odd schema";

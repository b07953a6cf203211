-- A small but believable SaaS production: about a million rows. Everything in it is invented; the people's
-- names and addresses are made from short lists. Deterministic: setseed and hashes, no random().
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE SCHEMA billing;

CREATE TYPE plan_kind AS ENUM ('free', 'team', 'business', 'enterprise');
CREATE TYPE order_status AS ENUM ('new', 'paid', 'shipped', 'returned');

CREATE TABLE plans (
  kind plan_kind PRIMARY KEY,
  monthly_cents int NOT NULL,
  seats int NOT NULL
);
INSERT INTO plans VALUES ('free', 0, 3), ('team', 2900, 20), ('business', 9900, 200), ('enterprise', 49900, 5000);

CREATE TABLE accounts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  company text NOT NULL,
  domain varchar(80) NOT NULL UNIQUE,
  plan plan_kind NOT NULL REFERENCES plans,
  vat_number varchar(20),
  created_at timestamptz NOT NULL
);
COMMENT ON COLUMN accounts.vat_number IS 'as printed on invoices';

CREATE TABLE users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
  email varchar(120) NOT NULL UNIQUE,
  first_name varchar(60) NOT NULL,
  last_name varchar(60) NOT NULL,
  full_name text GENERATED ALWAYS AS (first_name || ' ' || last_name) STORED,
  phone varchar(32),
  street text,
  city varchar(60),
  postcode varchar(12),
  birth_date date,
  last_ip inet,
  settings jsonb NOT NULL DEFAULT '{}',
  password_hash text NOT NULL,
  is_admin boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL
);
CREATE INDEX users_account ON users (account_id);
CREATE INDEX users_last_name ON users (lower(last_name));

CREATE TABLE orders (
  id bigint NOT NULL,
  user_id bigint NOT NULL REFERENCES users,
  placed_on date NOT NULL,
  status order_status NOT NULL,
  total_cents bigint NOT NULL CHECK (total_cents >= 0),
  ship_to text,
  PRIMARY KEY (id, placed_on)
) PARTITION BY RANGE (placed_on);
CREATE TABLE orders_2024 PARTITION OF orders FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE orders_2025 PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE orders_2026 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX orders_user ON orders (user_id);

CREATE TABLE billing.payments (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id bigint NOT NULL,
  card_last4 char(4),
  iban varchar(34),
  cents bigint NOT NULL,
  paid_at timestamptz NOT NULL
);
CREATE INDEX payments_order ON billing.payments (order_id);

CREATE TABLE support_messages (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users,
  subject text NOT NULL,
  body text NOT NULL,
  sent_at timestamptz NOT NULL
);
CREATE INDEX support_user ON support_messages (user_id);

CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  actor_email text,
  action text NOT NULL,
  detail jsonb NOT NULL,
  at timestamptz NOT NULL
);

-- A trigger that keeps history: data that arrives by itself in a place nobody thinks of.
CREATE FUNCTION note_user_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_log (actor_email, action, detail, at)
  VALUES (NEW.email, 'user.changed', jsonb_build_object('old_email', OLD.email, 'new_email', NEW.email), now());
  RETURN NEW;
END $$;

CREATE VIEW active_users AS SELECT id, email, full_name, account_id FROM users WHERE created_at > '2025-01-01';
CREATE MATERIALIZED VIEW revenue_by_month AS
  SELECT date_trunc('month', placed_on) AS month, status, count(*) AS orders, sum(total_cents) AS cents
  FROM orders GROUP BY 1, 2;

CREATE ROLE shop_app LOGIN PASSWORD 'production-app-password';

CREATE FUNCTION pick(list text[], seed bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT list[1 + (abs(hashint8(seed)) % array_length(list, 1))] $$;

INSERT INTO accounts (company, domain, plan, vat_number, created_at)
SELECT pick('{Brightwater,Oakline,Northgate,Silverfern,Redstone,Bluepeak,Kestrel,Harbour,Larkspur,Ironbridge}', i) || ' '
         || pick('{Logistics,Foods,Media,Robotics,Health,Studios,Energy,Textiles,Games,Legal}', i * 7) || ' ' || i,
       'company' || i || '.test',
       (enum_range(NULL::plan_kind))[1 + i % 4],
       'DE' || lpad((100000000 + i * 7919)::text, 9, '0'),
       '2023-01-01'::timestamptz + i * interval '3 hours'
FROM generate_series(1, 5000) AS i;

INSERT INTO users (account_id, email, first_name, last_name, phone, street, city, postcode, birth_date, last_ip,
                   settings, password_hash, is_admin, created_at)
SELECT 1 + i % 5000,
       lower(f || '.' || l || i || '@company' || (1 + i % 5000) || '.test'), f, l,
       '+49 30 ' || lpad((i * 37 % 10000000)::text, 7, '0'),
       pick('{Linden,Garten,Mühlen,Schul,Kirch,Wald,Berg,See}', i * 3) || 'straße ' || 1 + i % 180,
       pick('{Berlin,Hamburg,Köln,Leipzig,Dresden,Bremen,Kiel,Ulm}', i * 11),
       lpad((10000 + i % 89999)::text, 5, '0'),
       '1950-01-01'::date + (i * 13 % 20000),
       ('10.' || i % 250 || '.' || i / 250 % 250 || '.' || 1 + i % 200)::inet,
       jsonb_build_object('theme', pick('{dark,light}', i), 'contact',
                          jsonb_build_object('email', lower(f || l || i || '@private.test'), 'newsletter', i % 3 = 0)),
       md5('salt' || i), i % 50 = 0,
       '2024-01-01'::timestamptz + i * interval '9 minutes'
FROM (SELECT i, pick('{Anna,Jonas,Mia,Lukas,Emma,Felix,Lea,Paul,Clara,Noah,Ida,Emil,Marie,Ben,Lina,Oskar}', i) AS f,
             pick('{Bergmann,Hartwig,Lindner,Vogelsang,Kaltenbach,Rosenthal,Winterfeld,Achterberg,Sommerlad,Finkbeiner}',
                  i * 5) AS l
      FROM generate_series(1, 100000) AS i) AS people;

INSERT INTO orders
SELECT i, 1 + i % 100000, '2024-01-01'::date + (i * 17 % 1000), (enum_range(NULL::order_status))[1 + i % 4],
       100 + i * 31 % 50000, CASE WHEN i % 4 = 0 THEN 'c/o neighbour, house ' || i % 90 END
FROM generate_series(1, 300000) AS i;

INSERT INTO billing.payments (order_id, card_last4, iban, cents, paid_at)
SELECT i, lpad((i * 7 % 10000)::text, 4, '0'),
       CASE WHEN i % 3 = 0 THEN 'DE' || lpad((i % 97)::text, 2, '0') || lpad((i::bigint * 104729)::text, 18, '0') END,
       100 + i * 31 % 50000, '2024-01-01'::timestamptz + (i * 17 % 1000) * interval '1 day'
FROM generate_series(1, 250000) AS i;

INSERT INTO support_messages (user_id, subject, body, sent_at)
SELECT u.id, 'Order ' || u.id * 2 || ' has not arrived',
       'Hello, this is ' || u.full_name || '. Please call me at ' || u.phone || ' or write to ' || u.email || '.',
       u.created_at + interval '40 days'
FROM users u WHERE u.id % 2 = 0 UNION ALL
SELECT u.id, 'Invoice', 'Please send the invoice to ' || u.street || ', ' || u.postcode || ' ' || u.city,
       u.created_at + interval '90 days'
FROM users u WHERE u.id % 2 = 1;

INSERT INTO audit_log (actor_email, action, detail, at)
SELECT u.email, pick('{login,export,invite,update}', i), jsonb_build_object('ip', u.last_ip, 'who', u.full_name, 'n', i),
       u.created_at + i % 500 * interval '1 day'
FROM generate_series(1, 250000) AS i JOIN users u ON u.id = 1 + i % 100000;

CREATE TRIGGER users_note AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION note_user_change();
REFRESH MATERIALIZED VIEW revenue_by_month;
DROP FUNCTION pick(text[], bigint);
GRANT USAGE ON SCHEMA billing TO shop_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, billing TO shop_app;
ANALYZE;

#include "drivers/postgres/trial_definitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/text.h"

namespace ytb::postgres {
namespace {

using masking::ConstraintTrial;

constexpr int64_t kCodeBytesMax = 16L << 20;

// "name type COLLATE c" of the columns of `relations` (OIDs), in order: relation, statement, name, how it is
// generated ('' for most), by what expression.
Result<Rows> read_columns(Connection& session, const std::string& relations) {
  return session.query(R"sql(
      SELECT a.attrelid, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attname, a.attgenerated,
             CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
             n.nspname, o.collname
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation AND a.attcollation <> t.typcollation
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
       WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
       ORDER BY a.attrelid, a.attnum)sql",
                       {"{" + relations + "}"});
}

std::string column_of(const Connection& session, const Rows& columns, int row) {
  std::string out = session.identifier(columns.at(row, 2)) + " " + columns.text(row, 1);
  if (!columns.is_null(row, 6)) {
    out += " COLLATE " + session.qualified(columns.at(row, 5), columns.at(row, 6));
  }
  return out;
}

// How the session's database is to be made again: with its encoding and locale, and their provider where
// there is a choice (ICU from 15 on, the server's own from 17 on).
Status read_locale(Connection& session, TrialDatabase& database) {
  const int major = session.major();
  const std::string_view provider = major >= 15 ? "datlocprovider" : "'c'";
  const std::string_view locale = major >= 17 ? "datlocale" : major >= 15 ? "daticulocale" : "NULL";
  const std::string_view rules = major >= 16 ? "daticurules" : "NULL";
  YTB_ASSIGN(Rows made, session.query(fmt::format(R"sql(
      SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype, {}, {}, {}
        FROM pg_catalog.pg_database
       WHERE datname = pg_catalog.current_database())sql",
                                                  provider, locale, rules)));
  if (made.empty()) {
    database.why_not = "the database has gone";
    return {};
  }
  database.encoding = made.text(0, 0);
  database.collate = made.text(0, 1);
  database.ctype = made.text(0, 2);
  database.provider = made.text(0, 3);
  database.locale = made.text(0, 4);
  database.rules = made.text(0, 5);
  return {};
}

Status read_settings(Connection& session, TrialDatabase& database) {
  YTB_ASSIGN(Rows settings, session.query(R"sql(
      SELECT r.rolname, pg_catalog.array_to_json(s.setconfig)
        FROM pg_catalog.pg_db_role_setting s
        LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
       WHERE s.setdatabase = 0 OR s.setdatabase = (SELECT oid FROM pg_catalog.pg_database
                                                   WHERE datname = pg_catalog.current_database())
       ORDER BY r.rolname IS NOT NULL, s.setdatabase <> 0)sql"));
  for (int row = 0; row < settings.count(); ++row)
    database.settings.push_back({.role = settings.text(row, 0), .values = json_strings(settings.at(row, 1))});
  return {};
}

Status read_extensions(Connection& session, TrialDatabase& database) {
  YTB_ASSIGN(Rows rows, session.query(R"sql(
      SELECT e.extname, n.nspname
        FROM pg_catalog.pg_extension e
        JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
       WHERE e.extname OPERATOR(pg_catalog.~) '^[A-Za-z0-9_-]+$'
       ORDER BY e.oid)sql"));
  for (int row = 0; row < rows.count(); ++row)
    database.extensions.emplace_back(rows.text(row, 0), rows.text(row, 1));
  return {};
}

bool is_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' || byte >= 0x80;
}

// In lower case, in order.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  const std::string lower = to_lower_ascii(text);
  for (size_t at = 0; at < lower.size();) {
    size_t end = at;
    while (end < lower.size() && is_word(lower[end])) ++end;
    if (end > at) out.push_back(lower.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// Whether what this stands for is another thing there than in production.
bool is_of_the_place(std::string_view word) {
  constexpr std::string_view kWords[] = {"current_user",    "session_user",      "user",
                                         "current_role",    "current_schema",    "current_schemas",
                                         "current_setting", "set_config",        "nextval",
                                         "currval",         "lastval",           "setval",
                                         "execute",         "tablesample",       "obj_description",
                                         "col_description", "shobj_description", "information_schema",
                                         "version",         "regclass",          "regproc",
                                         "regprocedure",    "regrole",           "regnamespace",
                                         "regtype",         "regoper",           "regoperator",
                                         "regcollation",    "regconfig",         "regdictionary"};
  if (std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords)) return true;
  constexpr std::string_view kBegin[] = {"pg_", "has_", "to_reg", "txid_", "inet_", "lo_", "dblink"};
  const bool begins = std::any_of(std::begin(kBegin), std::end(kBegin),
                                  [word](std::string_view with) { return word.starts_with(with); });
  return (begins && word != "pg_catalog") || word.ends_with("_size");
}

// What no extension brought: it comes with it.
std::string not_of_extension(std::string_view catalog, std::string_view row) {
  return fmt::format(
      "NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.{}'::pg_catalog.regclass "
      "AND e.objid = {}.oid AND e.deptype = 'e')",
      catalog, row);
}

std::string from_functions(int major) {
  return fmt::format(
      R"sql(
      SELECT p.proname, l.lanname, p.prokind,
             pg_catalog.format('%s.%s(%s)', n.nspname, p.proname, pg_catalog.oidvectortypes(p.proargtypes)),
             b.body, pg_catalog.md5(pg_catalog.concat_ws('|', l.lanname, b.body, p.proconfig, p.prosecdef,
               p.provolatile, p.proisstrict, p.proretset, p.prorettype::pg_catalog.regtype))
        FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        CROSS JOIN LATERAL (SELECT {}) b (body)
       WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND {})sql",
      // BEGIN ATOMIC keeps no text.
      major >= 14 ? "coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc)" : "p.prosrc",
      not_of_extension("pg_proc", "p"));
}

// Of one database: what its code may reach, by name.
class Code {
 public:
  Status read(Connection& session) {
    YTB_ASSIGN(Rows size, session.query("SELECT pg_catalog.sum(pg_catalog.octet_length(prosrc)) FROM "
                                        "pg_catalog.pg_proc WHERE oid >= 16384"));
    if (size.integer(0, 0) > kCodeBytesMax)
      return Error{.code = ytb::Code::kUnsupported,
                   .message = "production has more code than is looked through",
                   .hint = {}};
    YTB_ASSIGN(Rows functions, session.query(from_functions(session.major())));
    for (int row = 0; row < functions.count(); ++row) {
      const bool readable = (functions.at(row, 1) == "sql" || functions.at(row, 1) == "plpgsql") &&
                            (functions.at(row, 2) == "f" || functions.at(row, 2) == "p");
      things_.push_back({.words = words_of(functions.at(row, 0)),
                         .text = functions.text(row, 4),
                         .signature = functions.text(row, 3),
                         .digest = functions.text(row, 5),
                         .open = readable ? ""
                                          : fmt::format("{}, whose code is not looked through",
                                                        printable(functions.text(row, 0)))});
    }
    YTB_TRY(read_domains(session));
    YTB_TRY(read_relations(session));
    return read_unnamed(session);
  }

  // What `text` may reach: its functions, and why it may be something else there than in production.
  void reach(const std::string& text, TrialTable& table) const {
    std::set<std::string, std::less<>> words;
    std::string all;
    const auto add = [&](std::string_view more) {
      all += more;
      for (std::string& word : words_of(more)) words.insert(std::move(word));
    };
    add(text);
    for (const std::string& cast : casts_) add(cast);
    std::vector<bool> taken(things_.size(), false);
    for (bool more = true; more && table.why_not.empty();) {
      more = false;
      for (const auto& [symbol, function] : operators_) {
        const std::vector<std::string> names = words_of(function);
        const bool known =
            std::all_of(names.begin(), names.end(), [&](const auto& w) { return words.contains(w); });
        if (known || all.find(symbol) == std::string::npos) continue;
        add(" " + function);
        more = true;
      }
      for (size_t i = 0; i < things_.size(); ++i) {
        const Thing& thing = things_[i];
        if (taken[i] || !std::all_of(thing.words.begin(), thing.words.end(),
                                     [&](const auto& word) { return words.contains(word); }))
          continue;
        taken[i] = true;
        more = true;
        if (!thing.open.empty()) table.why_not = "its code names " + thing.open;
        if (!thing.signature.empty()) table.functions.emplace(thing.signature, thing.digest);
        add(" " + thing.text);
      }
    }
    const auto place =
        std::find_if(words.begin(), words.end(), [](const auto& w) { return is_of_the_place(w); });
    if (place != words.end())
      table.why_not = fmt::format("its code names {}, which is not the same there", printable(*place));
  }

 private:
  struct Thing {
    std::vector<std::string> words;  // of its name
    std::string text;                // what it may reach in turn
    std::string signature;           // of a function
    std::string digest;
    std::string open;  // not "": what names it is not tried
  };

  Status read_domains(Connection& session) {
    YTB_ASSIGN(Rows rows, session.query(R"sql(
        SELECT t.typname, pg_catalog.pg_get_constraintdef(c.oid)
          FROM pg_catalog.pg_type t
          JOIN pg_catalog.pg_constraint c ON c.contypid = t.oid
         WHERE t.oid >= 16384)sql"));
    for (int row = 0; row < rows.count(); ++row) {
      things_.push_back({.words = words_of(rows.at(row, 0)),
                         .text = rows.text(row, 1),
                         .signature = {},
                         .digest = {},
                         .open = {}});
    }
    return {};
  }

  Status read_relations(Connection& session) {
    YTB_ASSIGN(Rows rows, session.query(R"sql(
        SELECT DISTINCT c.relname
          FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
           AND n.nspname OPERATOR(pg_catalog.!~) '^(pg_|information_schema$)')sql"));
    for (int row = 0; row < rows.count(); ++row) {
      things_.push_back({.words = words_of(rows.at(row, 0)),
                         .text = {},
                         .signature = {},
                         .digest = {},
                         .open = printable(rows.text(row, 0)) + ", which has no rows there"});
    }
    return {};
  }

  // Functions that are called without their names.
  Status read_unnamed(Connection& session) {
    YTB_ASSIGN(Rows operators,
               session.query("SELECT DISTINCT o.oprname, p.proname FROM pg_catalog.pg_operator o JOIN "
                             "pg_catalog.pg_proc p ON p.oid = o.oprcode WHERE o.oid >= 16384 AND " +
                             not_of_extension("pg_operator", "o")));
    for (int row = 0; row < operators.count(); ++row)
      operators_.emplace_back(operators.text(row, 0), operators.text(row, 1));
    YTB_ASSIGN(
        Rows casts,
        session.query("SELECT DISTINCT p.proname FROM pg_catalog.pg_cast c JOIN pg_catalog.pg_proc p ON "
                      "p.oid = c.castfunc WHERE c.oid >= 16384 AND " +
                      not_of_extension("pg_cast", "c")));
    for (int row = 0; row < casts.count(); ++row) casts_.push_back(" " + casts.text(row, 0));
    return {};
  }

  std::vector<Thing> things_;
  std::vector<std::pair<std::string, std::string>> operators_;  // symbol, its function's name
  std::vector<std::string> casts_;                              // their functions' names
};

Result<TrialTable> read_table(Connection& session, const ConstraintTrial& trial, const Code& code) {
  TrialTable found;
  const auto gone = [&] {
    found.why_not = "production does not have it any more";
    return found;
  };
  YTB_ASSIGN(Rows table, session.query(R"sql(
      SELECT c.oid, r.rolname
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
       WHERE n.nspname = $1 AND c.relname = $2)sql",
                                       {trial.table.schema, trial.table.name}));
  if (table.empty()) return gone();
  found.owner = table.text(0, 1);
  const std::set<std::string> stored(trial.columns.begin(), trial.columns.end());
  const std::set<std::string> computed(trial.computed.begin(), trial.computed.end());
  std::string reached;  // names of columns and of the constraint are no part of it
  YTB_ASSIGN(Rows columns, read_columns(session, table.text(0, 0)));
  for (int row = 0; row < columns.count(); ++row) {
    const std::string name = columns.text(row, 2);
    const bool is_computed = computed.contains(name);
    if (!stored.contains(name) && !is_computed) continue;
    std::string column = column_of(session, columns, row);
    reached += columns.text(row, 1) + " ";
    if (is_computed) {
      reached += columns.text(row, 4) + " ";
      column += fmt::format(" GENERATED ALWAYS AS ({}) {}", columns.at(row, 4),
                            columns.at(row, 3) == "v" ? "VIRTUAL" : "STORED");
    }
    found.columns.push_back(std::move(column));
  }
  if (!trial.of_domain && !trial.constraint.empty()) {
    YTB_ASSIGN(Rows check, session.query(R"sql(
        SELECT pg_catalog.pg_get_constraintdef(oid)
          FROM pg_catalog.pg_constraint
         WHERE conrelid = $1::oid AND conname = $2 AND contype = 'c')sql",
                                         {table.text(0, 0), trial.constraint}));
    if (check.empty()) return gone();
    found.check = fmt::format("CONSTRAINT {} {}", session.identifier(trial.constraint), check.at(0, 0));
    reached += check.text(0, 0);
  }
  code.reach(reached, found);
  return found;
}

Status read_database(Connection& session, const std::string& name, const ports::SchemaTrial::Trials& trials,
                     const StopFlag& stop, TrialDatabase& database) {
  YTB_TRY(read_locale(session, database));
  YTB_TRY(read_settings(session, database));
  YTB_TRY(read_extensions(session, database));
  Code code;
  YTB_TRY(code.read(session));
  for (const auto& trial : trials) {
    if (trial->database != name) continue;
    YTB_TRY(stop.check());
    YTB_ASSIGN(TrialTable table, read_table(session, *trial, code));
    database.tables.emplace(trial.get(), std::move(table));
  }
  return {};
}

}  // namespace

Result<FunctionDigests> read_function_digests(Connection& session) {
  YTB_ASSIGN(Rows rows, session.query(from_functions(session.major())));
  FunctionDigests out;
  for (int row = 0; row < rows.count(); ++row) out.emplace(rows.text(row, 3), rows.text(row, 5));
  return out;
}

std::vector<std::pair<std::string, std::string>> TrialDatabase::settings_of(const std::string& role) const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Settings& of : settings) {
    if (!of.role.empty() && of.role != role) continue;
    for (const std::string& value : of.values) {
      const size_t equals = value.find('=');
      if (equals != std::string::npos) out.emplace_back(value.substr(0, equals), value.substr(equals + 1));
    }
  }
  return out;
}

Result<std::map<std::string, TrialDatabase>> read_trial_definitions(const ports::SessionTarget& production,
                                                                    const ports::SchemaTrial::Trials& trials,
                                                                    const StopFlag& stop) {
  std::map<std::string, TrialDatabase> found;
  for (const auto& trial : trials) found[trial->database];
  for (auto& [name, database] : found) {
    YTB_ASSIGN(Connection session, Connection::open(production, name, SessionKind::kProduction, &stop));
    const Status read = read_database(session, name, trials, stop, database);
    YTB_TRY(stop.check());
    if (!read.ok()) database.why_not = read.error().message;
  }
  return found;
}

}  // namespace ytb::postgres

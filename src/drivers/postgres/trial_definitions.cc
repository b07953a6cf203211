#include "drivers/postgres/trial_definitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/text.h"

namespace ytb::postgres {
namespace {

using masking::ConstraintTrial;
using std::chrono::steady_clock;

constexpr int64_t kCodeBytesMax = 4L << 20;

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
      SELECT e.extname, n.nspname, e.extversion
        FROM pg_catalog.pg_extension e
        JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
       WHERE e.extname OPERATOR(pg_catalog.~) '^[A-Za-z0-9_-]+$'
       ORDER BY e.oid)sql"));
  for (int row = 0; row < rows.count(); ++row)
    database.extensions.push_back(
        {.name = rows.text(row, 0), .schema = rows.text(row, 1), .version = rows.text(row, 2)});
  return {};
}

bool is_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' || byte >= 0x80;
}

// Calls `each` with the words of `text`, which is in lower case, in order.
void for_words(std::string_view text, const std::function<void(std::string_view)>& each) {
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && is_word(text[end])) ++end;
    if (end > at) each(text.substr(at, end - at));
    at = end + 1;
  }
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Whether what this stands for may be another thing there than in production, or hides what it stands for.
// Functions of the server's and of extensions are asked by whether they are immutable.
bool is_of_the_place(std::string_view word) {
  constexpr size_t kNameBytes = 63;  // longer ones are cut
  if (word.size() >= kNameBytes) return true;
  if (is_one_of(word, {"current_user", "session_user", "user", "current_role", "current_schema",
                       "information_schema", "execute", "do", "show", "listen", "notify", "call",
                       "tablesample", "tableoid", "xmin", "ctid"}))
    return true;
  if (word.starts_with("pg_") && word != "pg_catalog") return true;
  // Dictionaries and configurations are rows of the catalogs.
  return word.starts_with("ts_") || word.ends_with("tsvector") || word.ends_with("tsquery");
}

// Functions and types of the server's that depend on the time or on settings that a session of the owner's
// begins with, and on nothing else.
bool is_as_good_as_immutable(std::string_view word) {
  return is_one_of(word, {"now",
                          "clock_timestamp",
                          "statement_timestamp",
                          "transaction_timestamp",
                          "timeofday",
                          "to_char",
                          "to_date",
                          "to_timestamp",
                          "to_number",
                          "date_trunc",
                          "date_part",
                          "date_bin",
                          "age",
                          "timezone",
                          "make_timestamptz",
                          "extract",
                          "random",
                          "gen_random_uuid",
                          "concat",
                          "generate_series",
                          "json",
                          "jsonb",
                          "current_database",
                          "concat_ws",
                          "format",
                          "date",
                          "time",
                          "timetz",
                          "timestamp",
                          "timestamptz",
                          "interval",
                          "array_to_string",
                          "text",
                          "bpchar",
                          "varchar",
                          "jsonb_build_object",
                          "to_json",
                          "to_jsonb",
                          "row_to_json",
                          "array_to_json",
                          "numeric",
                          "quote_literal",
                          "quote_nullable",
                          "record",
                          "overlaps",
                          "anyarray",
                          "money",
                          "json_build_object"});
}

// Hides names from a search for words: U&"…", and escapes in E'…'. In one pass, whatever it is full of.
bool hides_names(std::string_view lower) {
  const size_t last_backslash = lower.rfind('\\');
  for (size_t at = 0; at + 1 < lower.size(); ++at) {
    const bool begins = at == 0 || !is_word(lower[at - 1]);
    if (!begins) continue;
    if (lower[at] == 'u' && lower[at + 1] == '&') return true;
    if (lower[at] == 'e' && lower[at + 1] == '\'' && last_backslash != std::string_view::npos &&
        last_backslash > at)
      return true;
  }
  return lower.find("$user") != std::string_view::npos;
}

std::string not_of_extension(std::string_view catalog, std::string_view row) {
  return fmt::format(
      "NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.{}'::pg_catalog.regclass "
      "AND e.objid = {}.oid AND e.deptype = 'e')",
      catalog, row);
}

// Keys of definitions, of rows of pg_namespace n and pg_type t, pg_operator o, pg_cast c.
constexpr std::string_view kTypeKey = "pg_catalog.format('type %s.%s', n.nspname, t.typname)";
constexpr std::string_view kOperatorKey =
    "pg_catalog.format('operator %s.%s(%s, %s)', n.nspname, o.oprname, "
    "pg_catalog.format_type(o.oprleft, NULL), pg_catalog.format_type(o.oprright, NULL))";
constexpr std::string_view kCastKey =
    "pg_catalog.format('cast of %s to %s', pg_catalog.format_type(c.castsource, NULL), "
    "pg_catalog.format_type(c.casttarget, NULL))";

// Functions that are not the server's own, with what each of them says: its code, its settings, the types and
// defaults of its arguments and of what it returns.
std::string from_functions(int major) {
  return fmt::format(
      R"sql(
        FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        CROSS JOIN LATERAL (SELECT {}) b (body)
        CROSS JOIN LATERAL (SELECT pg_catalog.format('function %s.%s(%s)', n.nspname, p.proname,
                                                     pg_catalog.oidvectortypes(p.proargtypes))) s (key)
        CROSS JOIN LATERAL (SELECT pg_catalog.concat_ws(' ', b.body, p.proconfig,
                                     pg_catalog.pg_get_function_arguments(p.oid),
                                     pg_catalog.pg_get_function_result(p.oid),
                                     p.prorettype::pg_catalog.regtype)) t (text)
       WHERE n.nspname NOT IN ('pg_catalog', 'information_schema'))sql",
      // BEGIN ATOMIC keeps no text.
      major >= 14 ? "coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc)" : "p.prosrc");
}

// Key and digest of each, by kind. What a domain does not ask of the rows that are there (NOT VALID) comes
// with the tables.
std::vector<std::string> definition_queries(int major) {
  return {
      "SELECT s.key, pg_catalog.md5(ROW(l.lanname, b.body, p.probin, p.proconfig, "
      "pg_catalog.pg_get_function_arguments(p.oid), pg_catalog.pg_get_function_result(p.oid), p.prosecdef, "
      "p.provolatile, p.proisstrict, p.proretset, p.prokind)::text)" +
          from_functions(major),
      fmt::format(R"sql(
        SELECT {},
               pg_catalog.md5(ROW(t.typtype, t.typlen, t.typnotnull,
                 pg_catalog.pg_get_expr(t.typdefaultbin, 0), t.typinput::pg_catalog.regproc, t.typoutput::pg_catalog.regproc, t.typcollation::pg_catalog.regcollation,
                 pg_catalog.format_type(t.typelem, NULL), pg_catalog.format_type(t.typbasetype, t.typtypmod),
                 (SELECT pg_catalog.array_agg(ROW(k.conname, pg_catalog.pg_get_constraintdef(k.oid))::text
                                              ORDER BY k.conname)
                    FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.convalidated),
                 (SELECT pg_catalog.array_agg(e.enumlabel ORDER BY e.enumsortorder)
                    FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid),
                 (SELECT pg_catalog.array_agg(ROW(a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
                                                  a.attcollation::pg_catalog.regcollation)::text ORDER BY a.attnum)
                    FROM pg_catalog.pg_attribute a
                   WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped),
                 pg_catalog.format_type(r.rngsubtype, NULL), r.rngcollation::pg_catalog.regcollation,
                 r.rngcanonical::pg_catalog.regprocedure, r.rngsubdiff::pg_catalog.regprocedure)::text)
          FROM pg_catalog.pg_type t
          JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
          LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
         WHERE t.oid >= 16384 AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
           AND t.typtype IN ('b', 'c', 'd', 'e', 'm', 'r')
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e
                             JOIN pg_catalog.pg_class c ON c.oid = e.typrelid
                            WHERE e.oid IN (t.oid, t.typelem) AND c.relkind <> 'c'))sql",
                  kTypeKey),
      fmt::format(R"sql(
        SELECT {}, pg_catalog.md5(ROW(o.oprcode::pg_catalog.regprocedure,
                 pg_catalog.format_type(o.oprresult, NULL))::text)
          FROM pg_catalog.pg_operator o
          JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
         WHERE o.oid >= 16384)sql",
                  kOperatorKey),
      fmt::format(R"sql(
        SELECT {}, pg_catalog.md5(ROW(c.castfunc::pg_catalog.regprocedure, c.castcontext, c.castmethod)::text)
          FROM pg_catalog.pg_cast c
         WHERE c.oid >= 16384)sql",
                  kCastKey),
      R"sql(
        SELECT pg_catalog.format('collation %s.%s', n.nspname, c.collname),
               pg_catalog.md5((pg_catalog.to_jsonb(c) - '{oid,collnamespace,collowner,collversion}'::text[])::text)
          FROM pg_catalog.pg_collation c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
         WHERE c.oid >= 16384)sql"};
}

// Of one database: what its code may reach, by name.
class Code {
 public:
  explicit Code(const Definitions& definitions) : definitions_(definitions) {}

  Status read(Connection& session) {
    YTB_ASSIGN(Rows size, session.query(fmt::format(
                              R"sql(
        SELECT coalesce((SELECT pg_catalog.sum(pg_catalog.octet_length(t.text)) {}), 0)
             + coalesce((SELECT pg_catalog.sum(pg_catalog.octet_length(pg_catalog.pg_get_constraintdef(oid)))
                           FROM pg_catalog.pg_constraint WHERE contypid >= 16384), 0))sql",
                              from_functions(session.major()))));
    if (size.integer(0, 0) > kCodeBytesMax) return none("production has more code than is looked through");
    YTB_TRY(read_operators(session));
    YTB_TRY(read_unstable_names(session));
    YTB_TRY(read_functions(session));
    YTB_TRY(read_types(session));
    YTB_TRY(read_relations(session));
    return read_unnamed(session);
  }

  // What `text` may reach, and whether it may be something else there than in production.
  Status reach(Connection& session, const std::string& text, const StopFlag& stop, TrialTable& table) {
    if (text.size() > kCodeBytesMax) {
      table.why_not = "production has more code than is looked through";
      return {};
    }
    const Thing first = read_text({}, text);
    YTB_ASSIGN(const Reached reached, reach(first, stop));
    table.why_not = reached.why_not;
    table.needs = reached.needs;
    table.runs_code = reached.runs_code;
    if (!table.why_not.empty()) return {};
    YTB_ASSIGN(const std::set<std::string>* denied, denied_to(session, table.owner));
    const bool may =
        denied->empty() || std::none_of(table.needs->begin(), table.needs->end(),
                                        [&](const std::string* key) { return denied->contains(*key); });
    if (!may) table.why_not = "its owner may not call all of its code";
    return {};
  }

 private:
  struct Thing {
    std::vector<uint32_t> name{};             // its words, each once
    std::vector<uint32_t> words{};            // what it may reach in turn, each once
    std::vector<uint32_t> operators{};        // those in it: of things_
    std::vector<const std::string*> needs{};  // of the definitions: itself
    bool is_code = false;                     // a function that no extension brought
    std::string open{};                       // not "": what names it is not tried
  };
  struct Reached {
    std::string why_not{};
    std::shared_ptr<const std::vector<const std::string*>> needs{};
    bool runs_code = false;
  };

  static Error none(std::string why) {
    return Error{.code = ytb::Code::kUnsupported, .message = std::move(why), .hint = {}};
  }

  // Equal names reach the same: constraints that call one function are looked after once.
  Result<Reached> reach(const Thing& first, const StopFlag& stop) {
    std::pair<std::vector<uint32_t>, std::vector<uint32_t>> names{{}, first.operators};
    for (uint32_t word : first.words) {
      if (named_by_.contains(word)) names.first.push_back(word);
    }
    if (!first.open.empty()) return Reached{.why_not = "its code names " + first.open};
    const auto known = reached_.find(names);
    if (known != reached_.end()) return known->second;
    YTB_ASSIGN(Reached found, search(first, stop));
    return reached_.emplace(std::move(names), std::move(found)).first->second;
  }

  Result<Reached> search(const Thing& first, const StopFlag& stop) const {
    Reached found;
    std::set<uint32_t> words;
    std::vector<bool> seen(things_.size());
    std::vector<uint32_t> missing(things_.size());
    for (size_t i = 0; i < things_.size(); ++i) missing[i] = static_cast<uint32_t>(things_[i].name.size());
    std::vector<const Thing*> to_do;
    const auto come_to = [&](uint32_t thing) {
      if (seen[thing]) return;
      seen[thing] = true;
      to_do.push_back(&things_[thing]);
    };
    const auto name = [&](uint32_t word) {
      if (!words.insert(word).second) return;
      const auto named = named_by_.find(word);
      if (named == named_by_.end()) return;
      for (uint32_t thing : named->second) {
        if (--missing[thing] == 0) come_to(thing);
      }
    };
    std::vector<const std::string*> needs;
    for (uint32_t always : always_) come_to(always);
    to_do.push_back(&first);
    while (!to_do.empty() && found.why_not.empty()) {
      YTB_TRY(stop.check());
      const Thing& thing = *to_do.back();
      to_do.pop_back();
      if (!thing.open.empty()) found.why_not = "its code names " + thing.open;
      found.runs_code = found.runs_code || thing.is_code;
      needs.insert(needs.end(), thing.needs.begin(), thing.needs.end());
      for (uint32_t word : thing.words) name(word);
      for (uint32_t symbol : thing.operators) come_to(symbol);
    }
    found.needs = std::make_shared<const std::vector<const std::string*>>(std::move(needs));
    return found;
  }

  // Functions that `owner` may not call.
  Result<const std::set<std::string>*> denied_to(Connection& session, const std::string& owner) {
    const auto known = denied_.find(owner);
    if (known != denied_.end()) return &known->second;
    YTB_ASSIGN(Rows rows,
               session.query(fmt::format(
                   "SELECT s.key {1} AND NOT (pg_catalog.has_function_privilege({0}, p.oid, 'EXECUTE') "
                   "AND pg_catalog.has_schema_privilege({0}, n.oid, 'USAGE'))",
                   session.literal(owner), from_functions(session.major()))));
    std::set<std::string>& denied = denied_[owner];
    for (int row = 0; row < rows.count(); ++row) denied.insert(rows.text(row, 0));
    return &denied;
  }

  uint32_t id_of(std::string_view word) {
    const auto found = ids_.find(word);
    if (found != ids_.end()) return found->second;
    return ids_.emplace(std::string(word), static_cast<uint32_t>(ids_.size())).first->second;
  }

  std::vector<uint32_t> ids_of(std::string_view text) {
    std::set<uint32_t> out;
    for_words(to_lower_ascii(text), [&](std::string_view word) { out.insert(id_of(word)); });
    return {out.begin(), out.end()};
  }

  // Other values for a session than those that its owner begins with, which the guest's does not have.
  static std::string resets(const std::set<std::string_view>& words) {
    if (words.contains("reset") || words.contains("authorization")) return "RESET or AUTHORIZATION";
    if (!words.contains("set")) return "";
    return words.contains("default") || words.contains("role") ? "SET with DEFAULT or ROLE" : "";
  }

  // `of_extension`: it comes as its script has it, escapes included.
  Thing read_text(Thing thing, std::string_view text, bool of_extension = false) {
    const std::string lower = to_lower_ascii(text);
    if (thing.open.empty() && !of_extension && hides_names(lower)) thing.open = "something by escapes";
    std::set<std::string_view> words;
    for_words(lower, [&](std::string_view word) { words.insert(word); });
    std::set<uint32_t> ids;
    for (std::string_view word : words) {
      ids.insert(id_of(word));
      const bool other =
          is_of_the_place(word) || (unstable_.contains(word) && !is_as_good_as_immutable(word));
      if (thing.open.empty() && other)
        thing.open = fmt::format("{}, which is not the same there", printable(word));
    }
    thing.words = {ids.begin(), ids.end()};
    if (const std::string reset = resets(words); thing.open.empty() && !reset.empty())
      thing.open = reset + ", which is not the same there";
    for (const auto& [symbol, of] : operators_) {
      if (lower.find(symbol) != std::string::npos) thing.operators.push_back(of);
    }
    return thing;
  }

  // What production lost since its definitions were read has a key that no server has.
  const std::string* key_of(const std::string& key) const {
    static const std::string kGone;
    const auto found = definitions_.find(key);
    return found == definitions_.end() ? &kGone : &found->first;
  }

  uint32_t add(std::string_view name, Thing thing) {
    const auto index = static_cast<uint32_t>(things_.size());
    thing.name = ids_of(name);
    for (uint32_t word : thing.name) named_by_[word].push_back(index);
    if (thing.name.empty()) always_.push_back(index);  // a name of other characters is in no list of words
    things_.push_back(std::move(thing));
    return index;
  }

  Status read_functions(Connection& session) {
    YTB_ASSIGN(
        Rows functions,
        session.query(fmt::format(
            "SELECT p.proname, l.lanname, p.prokind, p.prosecdef, p.provolatile, s.key, t.text, NOT {} {}",
            not_of_extension("pg_proc", "p"), from_functions(session.major()))));
    for (int row = 0; row < functions.count(); ++row) {
      const std::string language = functions.text(row, 1);
      const bool plain = functions.at(row, 2) == "f" || functions.at(row, 2) == "p";
      // C comes with extensions, which say what it is.
      const bool readable =
          plain && (language == "sql" || language == "plpgsql" ||
                    ((language == "c" || language == "internal") && functions.at(row, 4) == "i"));
      const bool of_extension = functions.truth(row, 7);
      Thing thing{.needs = {key_of(functions.text(row, 5))}, .is_code = !of_extension};
      if (!readable) thing.open = printable(functions.text(row, 0)) + ", whose code is not looked through";
      if (functions.truth(row, 3))
        thing.open = printable(functions.text(row, 0)) + ", which runs with the rights of its owner";
      add(functions.at(row, 0), read_text(std::move(thing), functions.at(row, 6), of_extension));
    }
    return {};
  }

  // Domains with what they ask, and types with those that they are made of: also arrays, whose own names may
  // be said.
  Status read_types(Connection& session) {
    YTB_ASSIGN(Rows rows, session.query(fmt::format(R"sql(
        SELECT t.typname, t.typtype = 'r' AND (r.rngcanonical <> 0 OR r.rngsubdiff <> 0),
               pg_catalog.concat_ws(' ',
                 CASE WHEN t.typelem <> 0 THEN pg_catalog.format_type(t.typelem, NULL) END,
                 CASE WHEN t.typbasetype <> 0 THEN pg_catalog.format_type(t.typbasetype, NULL) END,
                 CASE WHEN r.rngsubtype <> 0 THEN pg_catalog.format_type(r.rngsubtype, NULL) END,
                 (SELECT pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(c.oid), ' ')
                    FROM pg_catalog.pg_constraint c WHERE c.contypid = t.oid),
                 (SELECT pg_catalog.string_agg(pg_catalog.format_type(a.atttypid, NULL), ' ')
                    FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0
                     AND NOT a.attisdropped AND t.typtype = 'c')),
               {}
          FROM pg_catalog.pg_type t
          JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
          LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
         WHERE t.oid >= 16384 AND t.typtype IN ('b', 'd', 'c', 'e', 'r')
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c'))sql",
                                                    kTypeKey)));
    for (int row = 0; row < rows.count(); ++row) {
      Thing thing{.needs = {key_of(rows.text(row, 3))}};
      if (rows.truth(row, 1))
        thing.open = printable(rows.text(row, 0)) + ", a range with functions of its own";
      add(rows.at(row, 0), read_text(std::move(thing), rows.at(row, 2)));
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
    for (int row = 0; row < rows.count(); ++row)
      add(rows.at(row, 0), {.open = printable(rows.text(row, 0)) + ", which has no rows there"});
    return {};
  }

  // Names of the server's and of extensions' functions, and of types and their arrays, that may give another
  // answer for the same arguments. Where some of one name may and some may not, it is of encodings or times
  // that they differ.
  Status read_unstable_names(Connection& session) {
    YTB_ASSIGN(Rows rows, session.query(R"sql(
        SELECT p.proname
          FROM pg_catalog.pg_proc p
         WHERE p.oid < 16384 OR EXISTS (SELECT FROM pg_catalog.pg_depend e
                                         WHERE e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                                           AND e.objid = p.oid AND e.deptype = 'e')
         GROUP BY p.proname
        HAVING NOT pg_catalog.bool_or(p.provolatile = 'i')
        UNION
        SELECT t.typname
          FROM pg_catalog.pg_type e
          JOIN pg_catalog.pg_proc p ON p.oid = e.typinput
          JOIN pg_catalog.pg_type t ON t.oid IN (e.oid, e.typarray)
         WHERE p.provolatile <> 'i' AND e.typtype = 'b' AND e.typelem = 0)sql"));
    for (int row = 0; row < rows.count(); ++row) unstable_.insert(rows.text(row, 0));
    return {};
  }

  // Of extensions only those that work on the server's own types: for others a type or a function is named.
  Status read_operators(Connection& session) {
    constexpr size_t kOperatorsMax = 200;
    YTB_ASSIGN(Rows operators, session.query(fmt::format(
                                   R"sql(
        SELECT o.oprname, p.proname, {}
          FROM pg_catalog.pg_operator o
          JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
          JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
         WHERE o.oid >= 16384 AND (o.oprleft < 16384 AND o.oprright < 16384 OR {})
         ORDER BY 1)sql",
                                   kOperatorKey, not_of_extension("pg_operator", "o"))));
    std::map<std::string, Thing> found;
    for (int row = 0; row < operators.count(); ++row) {
      Thing& thing = found[operators.text(row, 0)];
      for (uint32_t word : ids_of(operators.at(row, 1))) thing.words.push_back(word);
      thing.needs.push_back(key_of(operators.text(row, 2)));
    }
    if (found.size() > kOperatorsMax) return none("production has too many operators of its own");
    for (auto& [symbol, thing] : found) {
      const auto index = static_cast<uint32_t>(things_.size());
      things_.push_back(std::move(thing));
      operators_.emplace_back(symbol, index);
    }
    return {};
  }

  // What is called without a name or a symbol.
  Status read_unnamed(Connection& session) {
    YTB_ASSIGN(Rows unnamed, session.query(fmt::format(
                                 R"sql(
        SELECT EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.castmethod = 'b' AND c.oid >= 16384 AND {})
            OR EXISTS (SELECT FROM pg_catalog.pg_opclass c WHERE c.oid >= 16384 AND {}))sql",
                                 not_of_extension("pg_cast", "c"), not_of_extension("pg_opclass", "c"))));
    if (unnamed.truth(0, 0)) return none("production has casts or operator classes that need a superuser");
    YTB_ASSIGN(Rows found, session.query(fmt::format(
                               R"sql(
        SELECT p.proname, {}
          FROM pg_catalog.pg_cast c
          LEFT JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc
         WHERE c.oid >= 16384 AND {}
        UNION
        SELECT p.proname, {}
          FROM pg_catalog.pg_operator o
          JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
          JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
         WHERE o.oid >= 16384 AND {} AND o.oprname IN ('=', '<>', '<', '<=', '>', '>=', '~', '!~', '~~', '!~~',
                                                        '~~*', '!~~*'))sql",
                               kCastKey, not_of_extension("pg_cast", "c"), kOperatorKey,
                               not_of_extension("pg_operator", "o"))));
    // The names alone: what is behind them is looked at.
    Thing all;
    for (int row = 0; row < found.count(); ++row) {
      for (uint32_t word : ids_of(found.at(row, 0))) all.words.push_back(word);
      all.needs.push_back(key_of(found.text(row, 1)));
    }
    always_.push_back(static_cast<uint32_t>(things_.size()));
    things_.push_back(std::move(all));
    return {};
  }

  const Definitions& definitions_;
  std::map<std::string, uint32_t, std::less<>> ids_;
  std::vector<Thing> things_;
  std::map<uint32_t, std::vector<uint32_t>> named_by_;  // things by a word of their names
  std::set<std::string, std::less<>> unstable_;
  std::vector<std::pair<std::string, uint32_t>> operators_;  // by symbol: things
  std::vector<uint32_t> always_;
  // By words and operators of a text.
  std::map<std::pair<std::vector<uint32_t>, std::vector<uint32_t>>, Reached> reached_;
  std::map<std::string, std::set<std::string>> denied_;  // by role
};

Result<TrialTable> read_table(Connection& session, const ConstraintTrial& trial, Code& code,
                              const StopFlag& stop) {
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
  YTB_TRY(code.reach(session, reached, stop, found));
  return found;
}

Status read_database(Connection& session, const std::string& name, const ports::SchemaTrial::Trials& trials,
                     steady_clock::time_point until, const StopFlag& stop, TrialDatabase& database) {
  YTB_TRY(read_locale(session, database));
  YTB_TRY(read_settings(session, database));
  YTB_TRY(read_extensions(session, database));
  YTB_ASSIGN(database.definitions, read_definitions(session));
  Code code(database.definitions);
  YTB_TRY(code.read(session));
  for (const auto& trial : trials) {
    if (trial->database != name) continue;
    YTB_TRY(stop.check());
    TrialTable& table = database.tables[trial.get()];
    if (steady_clock::now() > until) {
      table.why_not = "those before it took too long";
      continue;
    }
    YTB_ASSIGN(table, read_table(session, *trial, code, stop));
  }
  return {};
}

}  // namespace

Result<Definitions> read_definitions(Connection& session) {
  Definitions out;
  for (const std::string& query : definition_queries(session.major())) {
    YTB_ASSIGN(Rows rows, session.query(query));
    for (int row = 0; row < rows.count(); ++row) out.emplace(rows.text(row, 0), rows.text(row, 1));
  }
  return out;
}

Result<std::string> read_beside_definitions(Connection& session) {
  YTB_ASSIGN(Rows rows, session.query(fmt::format(
                            R"sql(
        SELECT EXISTS (SELECT FROM pg_catalog.pg_class c
                        WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {}),
               EXISTS (SELECT FROM pg_catalog.pg_default_acl)
            OR EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.oid >= 16384 AND p.proacl IS NOT NULL AND {})
            OR EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.oid >= 16384 AND t.typacl IS NOT NULL)
            OR EXISTS (SELECT FROM pg_catalog.pg_namespace n
                        WHERE n.nspname OPERATOR(pg_catalog.!~) '^pg_'
                          AND NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')))sql",
                            not_of_extension("pg_class", "c"), not_of_extension("pg_proc", "p"))));
  if (rows.truth(0, 0)) return std::string("made a relation");
  return std::string(rows.truth(0, 1) ? "changed rights" : "");
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
                                                                    steady_clock::time_point until,
                                                                    const StopFlag& stop) {
  std::map<std::string, TrialDatabase> found;
  for (const auto& trial : trials) found[trial->database];
  for (auto& [name, database] : found) {
    YTB_ASSIGN(Connection session, Connection::open(production, name, SessionKind::kProduction, &stop));
    const Status read = read_database(session, name, trials, until, stop, database);
    YTB_TRY(stop.check());
    if (!read.ok()) database.why_not = read.error().message;
  }
  return found;
}

}  // namespace ytb::postgres

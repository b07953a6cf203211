#include "drivers/postgres/derived.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "drivers/postgres/aftermath.h"
#include "drivers/postgres/owner_session.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/suspension.h"
#include "drivers/postgres/table_work.h"

namespace ytb::postgres {
namespace {

constexpr size_t kRoundsMax = 20;

bool is_stored(const SuspendedColumn& column) { return !column.expression.empty(); }

bool has_stored(const SuspendedTable& table) {
  return std::any_of(table.columns.begin(), table.columns.end(), is_stored);
}

// Whatever the type: every one has a text form, not every one an equality.
std::string update_of(Connection& session, const SuspendedTable& table) {
  std::string set;
  std::string where;
  for (const SuspendedColumn& column : table.columns) {
    if (!is_stored(column)) continue;
    const std::string name = session.identifier(column.name);
    set += fmt::format("{}{} = ({})", set.empty() ? "" : ", ", name, column.expression);
    where += fmt::format("{}({})::pg_catalog.text IS DISTINCT FROM ({})::pg_catalog.text",
                         where.empty() ? "" : " OR ", name, column.expression);
  }
  return fmt::format("UPDATE ONLY {} SET {} WHERE {}", session.qualified(table.schema, table.name), set,
                     where);
}

struct Computing {
  const SuspendedTable* table = nullptr;
  bool moved = false;   // the last round was another than the one before
  std::string failure;  // why the last round failed
};

// One round over one table.
Status compute_table(Connection& session, Computing& work, const OwnerOf& owner_of, const StopFlag& stop) {
  YTB_TRY(stop.check());
  work.moved = false;
  std::string failure;
  auto owner = owner_of(work.table->oid);
  if (!owner.ok()) {
    if (owner.error().code != Code::kRefused) return std::move(owner).error();
    failure = owner.error().message;
  } else {
    auto done = (*owner)->query(update_of(session, *work.table));
    if (!done.ok()) {
      YTB_TRY(stop.check());
      if (!is_of_production(**owner, done.error())) return std::move(done).error();
      failure = reason_of((*owner)->last_state());
    } else if (done->affected() > 0) {
      work.moved = true;
    }
  }
  work.moved = work.moved || failure != work.failure;
  work.failure = failure;
  return {};
}

Status finish_table(Connection& session, const Computing& work, size_t rounds) {
  const SuspendedTable& table = *work.table;
  const std::string shown = to_string(masking::QualifiedName{table.schema, table.name});
  if (work.moved) {
    YTB_TRY(record_deed(
        session, fmt::format("note: computed columns of {} still changed in the last of {} rounds: they give "
                             "other values each time, or were computed from some that changed since",
                             printable(shown), rounds)));
  }
  for (const SuspendedColumn& column : table.columns) {
    if (work.failure.empty() || !is_stored(column)) continue;
    if (column.not_null) {
      return Error{
          .code = Code::kPolicy,
          .message = fmt::format("computed column {}.{} may not be NULL and cannot be computed from "
                                 "masked values: {}",
                                 printable(shown), printable(column.name), work.failure),
          .hint = "choose maskers whose values its expression takes, or empty the table (rows: none)"};
    }
    YTB_TRY(record_deed(session, fmt::format("note: computed column {}.{} is NULL: {}", printable(shown),
                                             printable(column.name), work.failure)));
  }
  // While it is still recorded as suspended: whoever was cut off cannot know whether rows were written.
  if (has_stored(table)) YTB_TRY(write_anew(session, table.oid));
  return in_transaction(session, [&]() -> Status {
    if (has_stored(table)) YTB_TRY(resume_table(session, table.oid));
    return resume_columns(session, table.oid);
  });
}

}  // namespace

Result<std::vector<int64_t>> forget_computed_columns(Connection& session,
                                                     const std::vector<int64_t>& touched) {
  std::vector<int64_t> kept;
  YTB_ASSIGN(std::vector<SuspendedTable> tables, suspended_tables(session));
  for (const SuspendedTable& table : tables) {
    if (!has_stored(table) || std::find(touched.begin(), touched.end(), table.oid) != touched.end()) continue;
    kept.push_back(table.oid);
    const std::string name = session.qualified(table.schema, table.name);
    std::string set;
    for (const SuspendedColumn& column : table.columns) {
      if (is_stored(column))
        set += fmt::format("{}{} = NULL", set.empty() ? "" : ", ", session.identifier(column.name));
    }
    Status done = in_transaction(session, [&]() -> Status {
      YTB_TRY(suspend_table(session, table.oid));
      YTB_TRY(session.execute(fmt::format("UPDATE ONLY {} SET {}", name, set)));
      return resume_table(session, table.oid);
    });
    YTB_TRY(std::move(done));
    YTB_TRY(write_anew(session, table.oid));
  }
  return kept;
}

Status compute_columns(Connection& session, const OwnerOf& owner_of, const StopFlag& stop) {
  YTB_ASSIGN(std::vector<SuspendedTable> tables, suspended_tables(session));
  std::vector<Computing> works;
  size_t columns = 0;
  for (const SuspendedTable& table : tables) {
    columns += static_cast<size_t>(std::count_if(table.columns.begin(), table.columns.end(), is_stored));
    works.push_back({.table = &table, .moved = false, .failure = {}});
    if (has_stored(table)) YTB_TRY(suspend_table(session, table.oid));
  }
  // Two rounds that give the same; each column that is one too early for another takes one more.
  const size_t rounds = std::min(columns + 2, kRoundsMax);
  bool moved = true;
  for (size_t round = 0; round < rounds && moved; ++round) {
    moved = false;
    for (Computing& work : works) {
      if (!has_stored(*work.table)) continue;
      YTB_TRY(compute_table(session, work, owner_of, stop));
      moved = moved || work.moved;
    }
  }
  for (const Computing& work : works) YTB_TRY(finish_table(session, work, rounds));
  return restore_index_marks(session);  // of a table that a run which was cut off had finished but for them
}

namespace {

Result<bool> owned_by_superuser(Connection& session, int64_t relation) {
  YTB_ASSIGN(
      std::string answer,
      session.value("SELECT r.rolsuper FROM pg_catalog.pg_class c JOIN pg_catalog.pg_authid r ON r.oid "
                    "= c.relowner WHERE c.oid = $1::oid",
                    {std::to_string(relation)}));
  return answer == "t";
}

}  // namespace

Status rebuild_coded_indexes(Connection& session, const OwnerOf& owner_of, const std::string& database,
                             const StopFlag& stop) {
  YTB_ASSIGN(std::vector<SuspendedIndex> indexes, suspended_indexes(session));
  for (const SuspendedIndex& index : indexes) {
    YTB_TRY(stop.check());
    if (!index.partitioned) {
      const std::string sql = "REINDEX INDEX " + session.qualified(index.schema, index.name);
      auto owner = owner_of(index.table);
      if (!owner.ok() && owner.error().code != Code::kRefused) return std::move(owner).error();
      Status built = owner.ok() ? (*owner)->execute(sql) : Status(owner.error());
      std::string state = owner.ok() ? (*owner)->last_state() : std::string();
      YTB_ASSIGN(bool powerful, owned_by_superuser(session, index.table));
      if (!built.ok() && !powerful && (!owner.ok() || state == "42501")) {
        // Without USAGE on the schema the owner cannot name it, and some names pg_ident.conf cannot carry.
        // The server itself switches to the owner.
        built = session.execute(sql);
        state = session.last_state();
      }
      if (!built.ok()) {
        YTB_TRY(stop.check());
        if (built.error().code == Code::kSpace)
          return std::move(built).error().while_doing("building index " + printable(index.name));
        if (index.unusable) {
          YTB_TRY(drop_unusable_index(session, index));
          continue;
        }
        if (state.empty()) return built;
        Error failed{
            .code = Code::kPolicy,
            .message = fmt::format("index {} in database {} cannot be built over masked values: {}",
                                   printable(to_string(masking::QualifiedName{index.schema, index.name})),
                                   printable(database), reason_of(state)),
            .hint = "choose maskers whose values its expressions take"};
        return if_policy_must_change(std::move(failed), state);
      }
    }
    YTB_TRY(resume_index(session, index.oid));
  }
  return {};
}

namespace {

struct Constraint {
  std::string name;   // "CHECK constraint x", "constraint x of domain public.y"
  std::string holds;  // an expression, NULL or true where it does
};

struct ConstrainedTable {
  int64_t oid = 0;
  std::string name;  // quoted
  std::string shown;
  bool rows_hidden = false;  // FORCE ROW LEVEL SECURITY: the owner sees what policies show
  std::vector<Constraint> constraints;
};

// The expression of a domain's constraint with VALUE, which the server prints so and nothing else, replaced.
std::string with_value(std::string_view expression, std::string_view value) {
  std::string out;
  for (size_t i = 0; i < expression.size();) {
    const char c = expression[i];
    if (c == '\'' || c == '"') {
      const bool escapes = c == '\'' && i > 0 && expression[i - 1] == 'E';
      size_t end = i + 1;
      while (end < expression.size() && expression[end] != c)
        end += escapes && expression[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, expression.size());
      out += expression.substr(i, end - i);
      i = end;
      continue;
    }
    auto is_word = [](char w) {
      return (w >= 'a' && w <= 'z') || (w >= 'A' && w <= 'Z') || (w >= '0' && w <= '9') || w == '_' ||
             static_cast<unsigned char>(w) >= 0x80;
    };
    size_t end = i;
    while (end < expression.size() && is_word(expression[end])) ++end;
    if (end == i) {
      out += c;
      ++i;
      continue;
    }
    std::string_view word = expression.substr(i, end - i);
    out += word == "VALUE" ? value : word;
    i = end;
  }
  return out;
}

// CHECKs over the columns `numbers`, over whole rows, or that name anything of production's own by its
// number: a function, an operator (of rows, too), a domain or another type.
Status add_checks(Connection& session, const std::string& numbers, ConstrainedTable& table) {
  YTB_ASSIGN(Rows rows, session.query(fmt::format(R"sql(
    SELECT k.conname, pg_catalog.pg_get_expr(k.conbin, k.conrelid) FROM pg_catalog.pg_constraint k
      WHERE k.contype = 'c' AND k.convalidated AND k.conrelid = {0}
      AND coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::bool, true)
      AND (k.conkey IS NULL OR 0 = ANY (k.conkey) OR k.conkey && '{{{1}}}'::int2[]
        OR EXISTS (SELECT FROM pg_catalog.regexp_matches(k.conbin::text, '[ (](\d{{5,10}})(?=[ )}}])', 'g')
          AS m (match) WHERE m.match[1]::int8 >= 16384))
      ORDER BY k.conname)sql",
                                                  table.oid, numbers)));
  for (int row = 0; row < rows.count(); ++row) {
    table.constraints.push_back(
        {.name = "CHECK constraint " + printable(rows.at(row, 0)), .holds = rows.text(row, 1)});
  }
  return {};
}

// Of the columns' domains and the domains beneath these; of arrays of domains likewise.
Status add_domains(Connection& session, const std::string& numbers, ConstrainedTable& table) {
  YTB_ASSIGN(Rows rows, session.query(fmt::format(R"sql(
    WITH RECURSIVE used (attname, type, elements) AS (
      SELECT a.attname, a.atttypid, false FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = {0} AND a.attnum = ANY ('{{{1}}}'::int2[]) AND NOT a.attisdropped
      UNION SELECT u.attname, n.type, u.elements OR n.elements FROM used u
        JOIN pg_catalog.pg_type t ON t.oid = u.type
        CROSS JOIN LATERAL (VALUES (t.typbasetype, false),
          (CASE WHEN t.typcategory = 'A' AND NOT u.elements THEN t.typelem ELSE 0 END, true))
          AS n (type, elements) WHERE n.type <> 0)
    SELECT u.attname, u.elements, k.conname, t.oid::regtype::text,
           pg_catalog.format_type(t.typbasetype, t.typtypmod), pg_catalog.pg_get_expr(k.conbin, 0), t.typnotnull
      FROM used u JOIN pg_catalog.pg_type t ON t.oid = u.type AND t.typtype = 'd'
      LEFT JOIN pg_catalog.pg_constraint k ON k.contypid = t.oid AND k.contype = 'c' AND k.convalidated
      WHERE k.oid IS NOT NULL OR t.typnotnull ORDER BY 1, 4, 3)sql",
                                                  table.oid, numbers)));
  for (int row = 0; row < rows.count(); ++row) {
    const std::string column = session.identifier(rows.at(row, 0));
    const bool elements = rows.truth(row, 1);
    const std::string value =
        fmt::format("({}::{})", elements ? std::string("ytb_e.ytb_v") : column, rows.at(row, 4));
    std::vector<std::pair<std::string, std::string>> asked;
    if (!rows.is_null(row, 2)) {
      asked.emplace_back("constraint " + printable(rows.at(row, 2)), with_value(rows.at(row, 5), value));
    }
    if (rows.truth(row, 6)) asked.emplace_back("NOT NULL", value + " IS NOT NULL");
    for (auto& [name, holds] : asked) {
      if (elements) {
        holds = fmt::format("(SELECT pg_catalog.bool_and({}) FROM pg_catalog.unnest({}) AS ytb_e (ytb_v))",
                            holds, column);
      }
      name = fmt::format("{} of domain {} in column {}", name, printable(rows.at(row, 3)),
                         printable(rows.at(row, 0)));
      const bool known = std::any_of(table.constraints.begin(), table.constraints.end(),
                                     [&named = name](const Constraint& c) { return c.name == named; });
      if (!known) table.constraints.push_back({.name = name, .holds = holds});
    }
  }
  return {};
}

Result<std::vector<ConstrainedTable>> constrained_tables(Connection& session,
                                                         const masking::DatabasePlan& plan) {
  std::vector<ConstrainedTable> tables;
  if (plan.omitted) return tables;
  YTB_ASSIGN(std::vector<int64_t> coded, coded_tables(session));
  for (const masking::TablePlan& table : plan.tables) {
    if (table.treatment == masking::Treatment::kEmpty) continue;
    std::vector<int> numbers;
    for (const masking::ColumnPlan& column : table.columns) {
      if (column.masked() || column.column.generated) numbers.push_back(column.column.number);
    }
    if (numbers.empty()) continue;
    YTB_ASSIGN(
        Rows rows,
        session.query("SELECT c.oid, c.relrowsecurity AND c.relforcerowsecurity FROM pg_catalog.pg_class c "
                      "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND "
                      "c.relname = $2 AND c.relkind = 'r'",
                      {table.table.name.schema, table.table.name.name}));
    if (rows.empty()) continue;
    // A kept table's column that runs code may be made of another's masked values.
    if (table.treatment == masking::Treatment::kKeep &&
        std::find(coded.begin(), coded.end(), rows.integer(0, 0)) == coded.end())
      continue;
    ConstrainedTable found{.oid = rows.integer(0, 0),
                           .name = session.qualified(table.table.name.schema, table.table.name.name),
                           .shown = printable(to_string(table.table.name)),
                           .rows_hidden = rows.truth(0, 1),
                           .constraints = {}};
    const std::string list = fmt::format("{}", fmt::join(numbers, ","));
    YTB_TRY(add_checks(session, list, found));
    YTB_TRY(add_domains(session, list, found));
    if (!found.constraints.empty()) tables.push_back(std::move(found));
  }
  return tables;
}

std::string counting(const ConstrainedTable& table, size_t first, size_t last) {
  std::string list;
  for (size_t i = first; i < last; ++i) {
    list += fmt::format("{}pg_catalog.count(*) FILTER (WHERE NOT ({}))", i == first ? "" : ", ",
                        table.constraints[i].holds);
  }
  return fmt::format("SELECT {} FROM ONLY {}", list, table.name);
}

// `count`: "12 ", "" where it is not known.
Error violation(std::string_view count, const ConstrainedTable& table, const Constraint& constraint,
                const std::string& database) {
  return {.code = Code::kPolicy,
          .message = fmt::format("{}masked rows of {} violate {} in database {}", count, table.shown,
                                 constraint.name, printable(database)),
          .hint = "choose maskers whose values the constraint allows"};
}

Status violated(const Rows& counts, int column, const ConstrainedTable& table, const Constraint& constraint,
                const std::string& database) {
  if (counts.at(0, column) == "0") return {};
  return violation(fmt::format("{} ", counts.at(0, column)), table, constraint, database);
}

Status unasked(Connection& session, const ConstrainedTable& table, const Constraint& constraint,
               const std::string& reason) {
  return record_deed(
      session, fmt::format("note: {} of {} could not be asked: {}", constraint.name, table.shown, reason));
}

// In one go; one by one where one of them cannot be asked.
Status ask_constraints(Connection& session, Connection& owner, const ConstrainedTable& table,
                       const std::string& database, const StopFlag& stop) {
  const size_t size = table.constraints.size();
  // Casts to domains raise it.
  auto does_not_hold = [&owner] { return owner.last_state() == "23514" || owner.last_state() == "23502"; };
  auto all = owner.query(counting(table, 0, size));
  if (all.ok()) {
    for (size_t i = 0; i < size; ++i)
      YTB_TRY(violated(*all, static_cast<int>(i), table, table.constraints[i], database));
    return {};
  }
  for (size_t i = 0; i < size; ++i) {
    YTB_TRY(stop.check());
    auto one = owner.query(counting(table, i, i + 1));
    if (one.ok()) {
      YTB_TRY(violated(*one, 0, table, table.constraints[i], database));
    } else if (!is_of_production(owner, one.error())) {
      return std::move(one).error();
    } else if (does_not_hold()) {
      return violation("", table, table.constraints[i], database);
    } else {
      YTB_TRY(unasked(session, table, table.constraints[i], reason_of(owner.last_state())));
    }
  }
  return {};
}

}  // namespace

Status check_constraints(Connection& session, const OwnerOf& owner_of, const masking::DatabasePlan& plan,
                         const StopFlag& stop) {
  YTB_ASSIGN(std::vector<ConstrainedTable> tables, constrained_tables(session, plan));
  for (const ConstrainedTable& table : tables) {
    YTB_TRY(stop.check());
    auto owner = owner_of(table.oid);
    if (!owner.ok() && owner.error().code != Code::kRefused) return std::move(owner).error();
    if (!owner.ok()) {
      for (const Constraint& constraint : table.constraints)
        YTB_TRY(unasked(session, table, constraint, owner.error().message));
      continue;
    }
    if (table.rows_hidden) YTB_TRY(lend_all_rows(session, table.oid));
    Status asked = ask_constraints(session, **owner, table, plan.database.name, stop);
    if (table.rows_hidden) YTB_TRY(take_back(session));
    YTB_TRY(std::move(asked));
  }
  return {};
}

}  // namespace ytb::postgres

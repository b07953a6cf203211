#include "drivers/postgres/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "drivers/postgres/owner_session.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/table_work.h"

namespace ytb::postgres {
namespace {

constexpr std::string_view kStep = "views emptied";
constexpr size_t kRoundsMax = 20;
constexpr std::string_view kComputed = "computed";
constexpr std::string_view kByPolicy = "by policy";
constexpr std::string_view kUnsettled = "unsettled";    // after as many rounds as any chain of views needs
constexpr std::string_view kUnfinished = "unfinished";  // after kRoundsMax, when there are more views
// Without rows in production, too, and computed for the sake of what reads it; emptied again.
constexpr std::string_view kLent = "lent";
constexpr std::string_view kLentInVain = "lent in vain: ";  // likewise, but it could not be computed: why
constexpr std::string_view kNotReady = "55000";  // SQLSTATE: a materialized view without rows, foreign data

struct View {
  int64_t oid = 0;
  std::string name;   // quoted
  std::string shown;  // as a policy writes it
  bool lent = false;
  bool stays_empty = false;
  std::string seen;                    // of the last round: a checksum of its rows, or why it failed
  std::optional<std::string> failure;  // why the last round failed
  std::string state = {};              // and the SQLSTATE of that
  bool changed = false;                // between the last two rounds
};

// `shown`: as a policy writes it.
bool is_one_of(const std::vector<masking::QualifiedName>& names, const std::string& shown) {
  return std::any_of(names.begin(), names.end(), [&](const auto& name) { return to_string(name) == shown; });
}

Result<std::vector<View>> remembered_views(Connection& session) {
  // In the order that they were made: most often each after what it reads.
  YTB_ASSIGN(Rows rows, session.query(in_progress(R"sql(
    SELECT c.oid, n.nspname, c.relname, v.outcome FROM @views v JOIN pg_catalog.pg_class c ON c.oid = v.view
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY c.oid)sql")));
  std::vector<View> views;
  for (int row = 0; row < rows.count(); ++row) {
    View view;
    view.oid = rows.integer(row, 0);
    view.name = session.qualified(rows.at(row, 1), rows.at(row, 2));
    view.shown = to_string(masking::QualifiedName{rows.text(row, 1), rows.text(row, 2)});
    view.lent = rows.text(row, 3).starts_with(kLent);
    views.push_back(std::move(view));
  }
  return views;
}

// What a view reads that may be without rows, as far as PostgreSQL records it: through other views as well,
// not through functions.
struct Read {
  int64_t view = 0;
  int64_t relation = 0;
  std::string shown;
  bool foreign = false;  // else a materialized view without rows
};

Result<std::vector<Read>> reads_without_rows(Connection& session, const std::vector<View>& views) {
  std::string failed;
  for (const View& view : views) {
    if (view.failure && view.state == kNotReady)
      failed += fmt::format("{}{}", failed.empty() ? "" : ",", view.oid);
  }
  std::vector<Read> reads;
  if (failed.empty()) return reads;
  YTB_ASSIGN(Rows rows, session.query(fmt::format(R"sql(
    WITH RECURSIVE rule(relation, reads) AS (
      SELECT r.ev_class, d.refobjid FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d
        ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class),
    reached(view, relation) AS (
      SELECT relation, reads FROM rule WHERE relation IN ({})
      UNION SELECT v.view, rule.reads FROM reached v JOIN rule ON rule.relation = v.relation)
    SELECT v.view, c.oid, n.nspname, c.relname, c.relkind = 'f'
      FROM reached v JOIN pg_catalog.pg_class c ON c.oid = v.relation
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'f' OR c.relkind = 'm' AND NOT c.relispopulated ORDER BY v.view, c.oid)sql",
                                                  failed)));
  for (int row = 0; row < rows.count(); ++row) {
    reads.push_back({.view = rows.integer(row, 0),
                     .relation = rows.integer(row, 1),
                     .shown = to_string(masking::QualifiedName{rows.text(row, 2), rows.text(row, 3)}),
                     .foreign = rows.truth(row, 4)});
  }
  return reads;
}

// Whatever the order of the rows. Asked as the owner: reading runs code as well.
std::string checksum_of(Connection& owner, const View& view) {
  auto sum = owner.query(fmt::format(
      "SELECT pg_catalog.count(*)::text, pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat(ROW(v.*"
      ")), 0))::text FROM ONLY {} AS v",
      view.name));
  return sum.ok() ? sum->text(0, 0) + " " + sum->text(0, 1) : "unknown";
}

Status compute_once(View& view, const OwnerOf& owner_of, const StopFlag& stop) {
  YTB_TRY(stop.check());
  std::string seen;
  view.failure.reset();
  view.state.clear();
  auto owner = owner_of(view.oid);
  if (!owner.ok()) {
    if (owner.error().code != Code::kRefused) return std::move(owner).error();
    view.failure = "its owner cannot be let in: " + owner.error().message;
    seen = *view.failure;
  } else {
    Connection& session = **owner;
    auto refresh = [&] { return session.execute("REFRESH MATERIALIZED VIEW " + view.name); };
    Status done = session.kind() == SessionKind::kMaster ? with_search_paths(session, refresh) : refresh();
    if (!done.ok()) {
      YTB_TRY(stop.check());
      if (!is_of_production(session, done.error()))
        return std::move(done).error().while_doing("computing materialized view " + printable(view.shown));
      view.state = session.last_state();
      view.failure = reason_of(view.state);
      seen = *view.failure;
    } else {
      seen = checksum_of(**owner, view);
    }
  }
  view.changed = seen != view.seen;
  view.seen = seen;
  return {};
}

Status empty_again(Connection& session, const View& view, const OwnerOf& owner_of) {
  YTB_ASSIGN(std::string populated,
             session.value(fmt::format("SELECT relispopulated FROM pg_class WHERE oid = {}", view.oid)));
  if (populated != "t") return {};
  const std::string sql = fmt::format("REFRESH MATERIALIZED VIEW {} WITH NO DATA", view.name);
  auto owner = owner_of(view.oid);
  if (owner.ok() && (*owner)->execute(sql).ok()) return {};
  return session.execute(sql);
}

Status record_outcome(Connection& session, const View& view, std::string_view outcome) {
  return session.execute(in_progress("UPDATE @views SET outcome = $1 WHERE view = $2::oid"),
                         {std::string(outcome), std::to_string(view.oid)});
}

}  // namespace

Status empty_views(Connection& session) {
  YTB_ASSIGN(bool done, step_done(session, kStep));
  if (done) return {};
  YTB_TRY(session.execute(
      in_progress("CREATE TABLE IF NOT EXISTS @views (view oid PRIMARY KEY, file oid, outcome text)")));
  YTB_ASSIGN(Rows rows, session.query(R"sql(
    SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'm' AND c.relispopulated AND c.oid >= 16384 ORDER BY c.oid)sql"));
  for (int row = 0; row < rows.count(); ++row) {
    Status emptied = in_transaction(session, [&]() -> Status {
      YTB_TRY(session.execute(in_progress("INSERT INTO @views SELECT oid, pg_relation_filenode(oid) FROM "
                                          "pg_class WHERE oid = $1::oid ON CONFLICT DO NOTHING"),
                              {rows.text(row, 0)}));
      // The query is not run (matview.c, skipData); the rows' file goes with the commit.
      return session.execute(fmt::format("REFRESH MATERIALIZED VIEW {} WITH NO DATA",
                                         session.qualified(rows.at(row, 1), rows.at(row, 2))));
    });
    if (!emptied.ok()) {
      return std::move(emptied).error().while_doing("emptying materialized view " +
                                                    printable(rows.at(row, 2)));
    }
  }
  return record_step(session, kStep);
}

namespace {

struct Settled {
  bool moving = false;   // the last round was another than the one before
  bool in_time = false;  // there were as many rounds as any chain of views needs
};

// Two rounds that give the same; each that is one too early for another view takes one more.
Result<Settled> settle(std::vector<View>& views, const OwnerOf& owner_of, const StopFlag& stop) {
  const size_t rounds = std::min(views.size() + 2, kRoundsMax);
  Settled settled{.moving = true, .in_time = rounds == views.size() + 2};
  for (size_t round = 0; round < rounds && settled.moving; ++round) {
    settled.moving = false;
    for (View& view : views) {
      if (view.stays_empty) continue;
      YTB_TRY(compute_once(view, owner_of, stop));
      settled.moving = settled.moving || view.changed;
    }
  }
  return settled;
}

// Whether there are some. A view of production's that is without rows now had them when others were computed
// from it.
Result<bool> lend_views(Connection& session, const std::vector<View>& views, const std::vector<Read>& reads,
                        const std::vector<masking::QualifiedName>& stay_empty) {
  bool lent = false;
  for (const Read& read : reads) {
    const bool known =
        std::any_of(views.begin(), views.end(), [&](const View& view) { return view.oid == read.relation; });
    if (read.foreign || known || is_one_of(stay_empty, read.shown)) continue;
    YTB_TRY(
        session.execute(in_progress("INSERT INTO @views VALUES ($1::oid, NULL, $2) ON CONFLICT DO NOTHING"),
                        {std::to_string(read.relation), std::string(kLent)}));
    lent = true;
  }
  return lent;
}

// What is known of why a view found no rows, in place of what the SQLSTATE alone says.
void name_what_lacks(std::vector<View>& views, const std::vector<Read>& reads) {
  for (const Read& read : reads) {
    auto view = std::find_if(views.begin(), views.end(), [&](const View& v) { return v.oid == read.view; });
    if (view == views.end() || view->state != kNotReady) continue;
    auto lacking =
        std::find_if(views.begin(), views.end(), [&](const View& v) { return v.oid == read.relation; });
    std::string why = fmt::format("it reads {} {}", read.foreign ? "foreign table" : "materialized view",
                                  printable(read.shown));
    if (!read.foreign) why += ", which has no rows";
    if (lacking != views.end() && lacking->lent && lacking->failure) why += ": " + *lacking->failure;
    view->failure = fmt::format("{} (SQLSTATE {})", why, kNotReady);
    view->state.clear();  // the first one names it
  }
}

std::string outcome_of(const View& view, const Settled& settled) {
  if (view.lent) return view.failure ? std::string(kLentInVain) + *view.failure : std::string(kLent);
  if (view.stays_empty) return std::string(kByPolicy);
  if (view.failure) return *view.failure;
  if (settled.moving && view.changed) return std::string(settled.in_time ? kUnsettled : kUnfinished);
  return std::string(kComputed);
}

}  // namespace

Status compute_views(Connection& session, const OwnerOf& owner_of,
                     const std::vector<masking::QualifiedName>& stay_empty, const StopFlag& stop) {
  const auto remembered = [&]() -> Result<std::vector<View>> {
    YTB_ASSIGN(std::vector<View> views, remembered_views(session));
    for (View& view : views) view.stays_empty = is_one_of(stay_empty, view.shown);
    return views;
  };
  YTB_ASSIGN(std::vector<View> views, remembered());
  YTB_ASSIGN(Settled settled, settle(views, owner_of, stop));
  YTB_ASSIGN(std::vector<Read> reads, reads_without_rows(session, views));
  YTB_ASSIGN(const bool lent, lend_views(session, views, reads, stay_empty));
  if (lent) {
    YTB_ASSIGN(views, remembered());
    YTB_ASSIGN(settled, settle(views, owner_of, stop));
    YTB_ASSIGN(reads, reads_without_rows(session, views));
  }
  name_what_lacks(views, reads);
  for (const View& view : views) {
    if (view.lent || view.stays_empty || view.failure) YTB_TRY(empty_again(session, view, owner_of));
    YTB_TRY(record_outcome(session, view, outcome_of(view, settled)));
  }
  return {};
}

Status leave_views_empty(Connection& session) {
  return session.execute(in_progress("UPDATE @views SET outcome = $1"), {std::string(kByPolicy)});
}

Result<ViewOutcomes> view_outcomes(Connection& session) {
  ViewOutcomes out;
  YTB_ASSIGN(Rows rows, session.query(in_progress(R"sql(
    SELECT c.oid, n.nspname, c.relname, v.outcome, c.relispopulated,
           v.file = pg_catalog.pg_relation_filenode(c.oid), v.view IS NULL
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN @views v ON v.view = c.oid
      WHERE c.relkind = 'm' AND c.oid >= 16384 AND (v.view IS NOT NULL OR c.relispopulated)
      ORDER BY c.oid)sql")));
  for (int row = 0; row < rows.count(); ++row) {
    const std::string name = to_string(masking::QualifiedName{rows.text(row, 1), rows.text(row, 2)});
    const std::string outcome = rows.text(row, 3);
    const bool filled = outcome == kComputed || outcome == kUnsettled || outcome == kUnfinished;
    if (rows.truth(row, 5) || rows.truth(row, 6) || outcome.empty() || filled != rows.truth(row, 4)) {
      out.missing.push_back(printable(name));
    } else if (filled) {
      out.computed.push_back(rows.integer(row, 0));
      if (outcome == kUnsettled) {
        out.notes.push_back(
            fmt::format("materialized view {} gives other rows each time it is computed", printable(name)));
      } else if (outcome == kUnfinished) {
        out.notes.push_back(
            fmt::format("materialized view {} still changed in the last of {} rounds: it and what "
                        "reads it may be computed from rows that changed since",
                        printable(name), kRoundsMax));
      }
    } else if (outcome == kLent) {
      out.notes.push_back(
          fmt::format("materialized view {} has no rows, as in production; it was computed for what reads "
                      "it, and emptied",
                      printable(name)));
    } else if (outcome.starts_with(kLentInVain)) {
      out.notes.push_back(
          fmt::format("materialized view {} has no rows, as in production; it could not be computed for what "
                      "reads it: {}",
                      printable(name), outcome.substr(kLentInVain.size())));
    } else if (outcome != kByPolicy) {
      out.notes.push_back(
          fmt::format("materialized view {} is empty: {}; `views: {{{}: none}}` in the policy accepts that",
                      printable(name), outcome, printable(name)));
    }
  }
  return out;
}

}  // namespace ytb::postgres

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

struct View {
  int64_t oid = 0;
  std::string name;   // quoted
  std::string shown;  // as a policy writes it
  bool stays_empty = false;
  std::string seen;                    // of the last round: a checksum of its rows, or why it failed
  std::optional<std::string> failure;  // why the last round failed
  bool changed = false;                // between the last two rounds
};

Result<std::vector<View>> remembered_views(Connection& session) {
  // In the order that they were made: most often each after what it reads.
  YTB_ASSIGN(Rows rows, session.query(in_progress(R"sql(
    SELECT c.oid, n.nspname, c.relname FROM @views v JOIN pg_catalog.pg_class c ON c.oid = v.view
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY c.oid)sql")));
  std::vector<View> views;
  for (int row = 0; row < rows.count(); ++row) {
    View view;
    view.oid = rows.integer(row, 0);
    view.name = session.qualified(rows.at(row, 1), rows.at(row, 2));
    view.shown = to_string(masking::QualifiedName{rows.text(row, 1), rows.text(row, 2)});
    views.push_back(std::move(view));
  }
  return views;
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
      view.failure = reason_of((*owner)->last_state());
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

Status compute_views(Connection& session, const OwnerOf& owner_of,
                     const std::vector<masking::QualifiedName>& stay_empty, const StopFlag& stop) {
  YTB_ASSIGN(std::vector<View> views, remembered_views(session));
  for (View& view : views) {
    view.stays_empty = std::any_of(stay_empty.begin(), stay_empty.end(),
                                   [&](const auto& name) { return to_string(name) == view.shown; });
  }
  // Two rounds that give the same; each that is one too early for another view takes one more.
  const size_t rounds = std::min(views.size() + 2, kRoundsMax);
  const bool settles = rounds == views.size() + 2;
  bool moving = true;
  for (size_t round = 0; round < rounds && moving; ++round) {
    moving = false;
    for (View& view : views) {
      if (view.stays_empty) continue;
      YTB_TRY(compute_once(view, owner_of, stop));
      moving = moving || view.changed;
    }
  }
  for (const View& view : views) {
    if (view.stays_empty || view.failure) YTB_TRY(empty_again(session, view, owner_of));
    YTB_TRY(record_outcome(session, view,
                           view.stays_empty           ? std::string(kByPolicy)
                           : view.failure             ? *view.failure
                           : (moving && view.changed) ? std::string(settles ? kUnsettled : kUnfinished)
                                                      : std::string(kComputed)));
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
            fmt::format("materialized view {} still changed in the last of {} rounds: it and what reads it "
                        "may be computed "
                        "from rows that changed since",
                        printable(name), kRoundsMax));
      }
    } else if (outcome != kByPolicy) {
      out.notes.push_back(
          fmt::format("materialized view {} is empty: {}; `views: {{{}: none}}` in the policy accepts that",
                      printable(name), outcome, printable(name)));
    }
  }
  return out;
}

}  // namespace ytb::postgres

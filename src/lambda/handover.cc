#include "lambda/handover.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ytb::lambda {
namespace {

constexpr uint64_t kBytesMax = uint64_t{1} << 60;
constexpr double kSecondsMax = 1e9;

uint64_t sum(uint64_t a, uint64_t b) { return a > kBytesMax - std::min(b, kBytesMax) ? kBytesMax : a + b; }

double rate_of(const Work& work) { return work.rate_bytes_s > 0 ? work.rate_bytes_s : kRateAssumed; }

Duration time_for(uint64_t bytes, double rate) {
  double seconds = std::min(static_cast<double>(bytes) / rate * kSlack, kSecondsMax);
  return Duration(static_cast<int64_t>(seconds * 1e6));
}

Duration usable(const Work& work) {
  return Duration(static_cast<int64_t>(static_cast<double>(work.time_full.count()) * kUsable));
}

std::string rate_text(const Work& work) {
  return fmt::format("{}/s {}", human_bytes(static_cast<uint64_t>(rate_of(work))),
                     work.rate_bytes_s > 0 ? "as measured" : "assumed, as nothing is measured yet");
}

// What keeps the work out of any invocation; empty: nothing does.
std::string never_fits(const Work& work, const std::vector<TableSize>& by_size, uint64_t total) {
  const uint64_t largest = by_size.empty() ? 0 : by_size.front().bytes;
  uint64_t piece = work.between_tables ? largest : total;
  Duration needed = time_for(piece, rate_of(work));
  if (needed > usable(work)) {
    std::string subject = work.between_tables ? fmt::format("{} alone", by_size.front().name)
                                              : fmt::format("{} all", work.what);
    return fmt::format("{} ({}) takes about {} at {}, and an invocation has {}", subject, human_bytes(piece),
                       to_human(needed), rate_text(work), to_human(usable(work)));
  }
  if (!work.spools || by_size.empty()) return {};
  uint64_t spooled = work.kept_bytes;
  uint64_t at_once = std::min<uint64_t>(std::max<uint64_t>(work.spooled_at_once, 1), by_size.size());
  for (uint64_t i = 0; i < at_once; ++i) spooled = sum(spooled, by_size[i].bytes);
  if (spooled > work.spool_free_bytes) {
    return fmt::format("the spool of the {} largest table{}{} may take {}, and /tmp has {} free", at_once,
                       at_once == 1 ? "" : "s", work.kept_bytes == 0 ? "" : " and the digests of originals",
                       human_bytes(spooled), human_bytes(work.spool_free_bytes));
  }
  return {};
}

}  // namespace

std::string_view name_of(Place place) {
  switch (place) {
    case Place::kHere:
      return "here";
    case Place::kNext:
      return "next_invocation";
    case Place::kWorker:
      return "worker";
    case Place::kRefused:
      return "refused";
  }
  return "refused";
}

Handover place_work(const Work& work) {
  std::vector<TableSize> by_size = work.tables;
  std::stable_sort(by_size.begin(), by_size.end(),
                   [](const TableSize& a, const TableSize& b) { return a.bytes > b.bytes; });
  Handover handover;
  for (const TableSize& table : by_size) handover.bytes = sum(handover.bytes, table.bytes);
  handover.bytes = sum(handover.bytes, work.read_bytes);
  handover.needed = time_for(handover.bytes, rate_of(work));
  std::string numbers =
      fmt::format("{} {} in {} table{} takes about {} at {}", work.what, human_bytes(handover.bytes),
                  by_size.size(), by_size.size() == 1 ? "" : "s", to_human(handover.needed), rate_text(work));
  if (std::string obstacle = never_fits(work, by_size, handover.bytes); !obstacle.empty()) {
    handover.place = work.worker_configured ? Place::kWorker : Place::kRefused;
    handover.reason =
        fmt::format("{}: {}", work.worker_configured ? "a worker does it" : "it does not fit here", obstacle);
    if (!work.worker_configured) {
      handover.hint =
          "configure a Fargate worker, which has no such limit, or give the function more memory, time and "
          "/tmp";
    }
    return handover;
  }
  if (work.worker_configured && (work.worker_first || handover.needed > usable(work))) {
    handover.place = Place::kWorker;
    handover.reason =
        fmt::format("a worker does it: {}, and {}", numbers,
                    work.worker_first ? "an attempt before it did not come to its end"
                                      : fmt::format("an invocation has {}", to_human(usable(work))));
    return handover;
  }
  // What is begun must come to an end: the largest piece, as nobody knows which table is next.
  uint64_t piece = work.between_tables && !by_size.empty() ? by_size.front().bytes : handover.bytes;
  Duration piece_time = time_for(piece, rate_of(work));
  if (piece_time > work.time_left) {
    handover.place = Place::kNext;
    handover.reason =
        fmt::format("the next invocation does it: {}, a piece of it {}, and {} are left of this one", numbers,
                    to_human(piece_time), to_human(std::max(work.time_left, Duration{})));
    return handover;
  }
  handover.place = Place::kHere;
  handover.reason = fmt::format("{}, and {} are left", numbers, to_human(work.time_left));
  return handover;
}

}  // namespace ytb::lambda

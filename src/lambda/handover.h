// Handover: where the long work inside a copy is done. Pure: sizes, a measured rate and the time that is left
// give a place and, in either case, the numbers.
//
// Masking is handed over between tables and never inside one: a table that was begun here must fit in what is
// left of the invocation, and one that fits in no invocation makes all that is left the worker's. Used before
// anything is restored (`check`, with a whole invocation's time) and again before the work is begun.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace ytb::lambda {

// Taken where nothing has been measured yet: 1 GB in 50 s, slower than any measurement so far.
constexpr double kRateAssumed = 20e6;
// Estimates are this much too short at worst.
constexpr double kSlack = 1.5;

// Of an invocation's time: the rest goes by before the work is begun. What needs more would be put off for
// ever.
constexpr double kUsable = 0.9;

struct TableSize {
  std::string name;  // "shop public.users"
  uint64_t bytes = 0;
};

struct Work {
  std::string what = "masking";
  std::vector<TableSize> tables;  // that are still to be done
  double rate_bytes_s = 0;        // over all of the parallel streams; 0: not measured
  Duration time_left{};           // until this invocation must have ended
  Duration time_full{};           // of a whole invocation
  uint64_t spool_free_bytes = 0;  // of /tmp
  uint64_t spooled_at_once = 1;   // tables that are in the spool at the same time
  uint64_t kept_bytes = 0;        // that are in the spool all the while: digests of originals
  uint64_t read_bytes = 0;        // that are read besides: what is searched for originals
  bool between_tables = true;     // a stop keeps the tables that are done; false: all or nothing
  bool spools = true;             // tables pass through the spool
  bool worker_configured = false;
  bool worker_first = false;  // where there is one, it does the work, whatever fits here
};

enum class Place {
  kHere,    // now; what a stop leaves undone is the next invocation's
  kNext,    // in the next invocation: this one is too old to begin
  kWorker,  // by the worker
  kRefused,
};
std::string_view name_of(Place place);

struct Handover {
  Place place = Place::kHere;
  std::string reason;  // a sentence with the numbers
  std::string hint;    // where it is refused
  uint64_t bytes = 0;
  Duration needed{};
};

Handover place_work(const Work& work);

}  // namespace ytb::lambda

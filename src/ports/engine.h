// Engine: what is done inside a database: read the catalog, defuse, mask, verify. One per engine; profiles
// for what a superuser can do and what a cloud's master can.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "base/time.h"
#include "masking/catalog.h"
#include "masking/hmac.h"
#include "masking/originals.h"
#include "masking/plan.h"
#include "masking/propose.h"
#include "masking/signs.h"
#include "model/access.h"
#include "model/proof.h"
#include "ports/instance.h"
#include "ports/progress.h"
#include "ports/snapshot_point.h"

namespace ytb::ports {

// What is replaced is remembered, so that it can be searched for. A run that was killed took what it knew
// along: where one has masked tables already, nothing is done and `too_late` is set with the error.
struct Remembering {
  masking::Originals& originals;
  bool goes_on = false;  // they hold what was masked in this copy before
  bool too_late = false;
};

struct MaskRequest {
  const masking::MaskingPlan& plan;
  const masking::MaskingKey& key;
  std::string spool_directory;
  int workers = 2;  // parallel streams
  // Heaps from this size on may be masked by their pages; smaller ones and all that pages cannot do are
  // streamed.
  uint64_t pages_bytes_min = 4ULL << 20;
  Remembering* remember = nullptr;
};

// Everything in a copy but the masked columns, searched for originals.
struct SurvivorSearch {
  // Before the place of a column whose rows these are.
  static constexpr std::string_view kDeletedRows = "deleted rows of ";
  static constexpr std::string_view kUnknownRows = "rows of unknown state of ";
  const masking::Originals& originals;
  masking::SearchDepth depth = masking::SearchDepth::kPhrases;
  masking::SurvivorCandidates& candidates;
  int workers = 2;  // threads that look
  const masking::NeedleSamples& samples;
  bool detectors = false;                       // look for signs (signs.h) in what is kept, too
  std::vector<std::string> places{};            // by the candidates' number: "shop public.notes.body"
  std::map<uint32_t, std::string> relations{};  // of places that are columns: "shop 16385"
  std::set<std::string> kept_relations{};       // of which no column is masked, or was dropped
  std::vector<std::string> unread{};            // places of which not all was looked at, and why
  uint64_t values = 0;
  uint64_t bytes = 0;
  std::map<uint32_t, masking::SignCounts> signs{};  // by place; of columns
  bool files_closed = false;                        // the host gives nobody the files of its servers
  size_t needles = 0;                               // samples that files were searched for
  std::map<std::string, uint64_t> in_files{};       // needles by place: "shop files of public.notes"
  uint64_t file_bytes = 0;
};

struct VerifyRequest {
  const masking::MaskingPlan* plan = nullptr;  // none: masking: none
  const model::Evidence& evidence;
  std::vector<model::SqlCheck> sql_checks;
  std::vector<model::AccessRole> access;
  std::string admin_role;
  SurvivorSearch* survivors = nullptr;
};

struct WarmUpRequest {
  int workers = 2;                     // parallel streams
  Duration longest{};                  // from the first call for this copy on, however many there are
  uint64_t range_bytes = 64ULL << 20;  // of one statement
};

// Databases ("shop"), tables in them and columns of those; what a database or table holds counts with it.
struct MadeSince {
  struct Place {
    std::string database;
    masking::QualifiedName table{};
    std::string column{};
    friend auto operator<=>(const Place&, const Place&) = default;  // NOLINT(modernize-use-nullptr)
  };
  std::set<Place> places;
  // Databases with functions, types, constraints, defaults or extensions among what was made since.
  std::set<std::string> code{};
  [[nodiscard]] bool holds(const Place& place) const {
    return places.contains({place.database}) || places.contains({place.database, place.table}) ||
           places.contains(place);
  }
};

struct TakenSamples {
  masking::Samples samples;
  std::vector<std::string> failed{};  // "shop public.notes: invalid byte sequence …"
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Every database, table and column. `target` may be production: read-only, no row is read.
  virtual Result<masking::Catalog> catalog(const SessionTarget& target) = 0;
  // What may have been made or altered in production since a snapshot of it was taken, so that nobody can say
  // whether the snapshot has it. kUnsupported: `production` is not the server that the snapshot is of.
  virtual Result<MadeSince> made_since(const SessionTarget& production, const SnapshotPoint& point) = 0;
  // Up to `rows_max` values per text-like column, for proposals and previews. Read-only. A table that cannot
  // be read has none, and stands in `failed` but where a right is missing.
  virtual Result<TakenSamples> sample(const SessionTarget& target, const masking::Catalog& catalog,
                                      int rows_max) = 0;
  // `rows_max` rows of one table as text, columns in order; NULL is nullopt. Read-only.
  virtual Result<std::vector<std::vector<std::optional<std::string>>>> rows(const SessionTarget& target,
                                                                            std::string_view database,
                                                                            const masking::Table& table,
                                                                            int rows_max) = 0;

  // Switches off what would act on the outside world, before any user table is touched; prepares the access
  // roles (still without login) and takes dangerous rights away. Idempotent; returns what it did.
  virtual Result<model::Evidence> defuse(const SessionTarget& target,
                                         const std::vector<model::AccessRole>& access) = 0;
  // Carries out the plan. A table whose progress is recorded inside the copy is not masked again, so that
  // a killed run goes on; the evidence covers all tables, earlier runs' included.
  virtual Result<model::Evidence> mask(const SessionTarget& target, const MaskRequest& request,
                                       Progress& progress, const StopFlag& stop) = 0;
  // Reads what masking did not write anew, so that people do not wait for storage that loads as it is first
  // read. Goes on where an earlier call stopped. What fails is in the notes that it returns: the only errors
  // are a stop (kInterrupted) and another run at work (kBusy). Does nothing where storage needs none.
  virtual Result<std::vector<std::string>> warm_up(const SessionTarget& target, const WarmUpRequest& request,
                                                   Progress& progress, const StopFlag& stop) = 0;
  // The checks of the proof. Removes our own traces from the copy first (progress tables). A check that
  // cannot run is an outcome, not an error.
  virtual Result<std::vector<model::Check>> verify(const SessionTarget& target, const VerifyRequest& request,
                                                   Progress& progress, const StopFlag& stop) = 0;
};

}  // namespace ytb::ports

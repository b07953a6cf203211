// Policy and lock: what becomes of every column, as a person wrote and accepted it. Pure data.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "masking/catalog.h"
#include "masking/rules.h"

namespace ytb::masking {

// Where something stands in a file, for errors. Lines and columns count from 1; 0: not from a file.
struct Where {
  std::string file;
  int line = 0;
  int column = 0;
};

struct MaskerPath;

// `email`, or `{date_shift: {days: 30, by: id}}`, or `{json: {"$.contact.email": email}}`.
struct MaskerSpec {
  std::string name;                           // "keep", "email", "judge", …
  std::map<std::string, std::string> params;  // scalars as text; the masker says which it takes
  std::vector<MaskerPath> paths;              // of `json`, in file order
  Where where;
  // From how many bytes on what it replaces is remembered (originals.h): `min_length`.
  [[nodiscard]] size_t min_length() const;
};

struct MaskerPath {
  std::string path;  // "$.contact.email"
  MaskerSpec masker;
};

// `"*.created_at": keep` under `columns:` (rules.h).
struct ColumnRule {
  std::string text;  // as it is written
  ColumnPattern pattern;
  MaskerSpec masker;
  Where where;
};

struct TablePolicy {
  enum class Form {
    kColumns,  // column by column, perhaps with a wildcard
    kKeep,     // `public.plans: keep`: every column, as of the lock
    kNoRows,   // `{rows: none}`: emptied
  };
  Form form = Form::kColumns;
  std::map<std::string, MaskerSpec> columns;
  bool wildcard_keep = false;  // `"*": keep`: the rest, as of the lock
  Where where;
  Where wildcard_where;
};

// Large objects belong to no table and no column: where a database has some, they are judged by themselves.
enum class LargeObjects { kUnjudged, kKeep, kNone };

struct DatabasePolicy {
  enum class Form {
    kTables,
    kKeep,  // `postgres: keep`: every table, as of the lock
    kOmit,  // every user table of it is emptied and its connections stay shut
  };
  Form form = Form::kTables;
  std::map<QualifiedName, TablePolicy> tables;
  std::vector<ColumnRule> rules;  // `columns:` beside `tables:` of one of several databases
  LargeObjects large_objects = LargeObjects::kUnjudged;  // `large_objects: keep|none`, beside `tables:`
  std::map<QualifiedName, Where> empty_views;            // `views: {public.report: none}`, beside `tables:`
  Where where;
};

// `"app.*": none`, beside `databases:`.
struct SettingRule {
  enum class Verdict { kKeep, kNone };
  Verdict verdict = Verdict::kNone;
  Where where;
};

// `survivors: prose`, or with `allow:`: how what is left of originals is searched for.
struct SurvivorPolicy {
  enum class Search { kNone, kWhole, kWords, kProse };
  Search search = Search::kNone;
  [[nodiscard]] bool searches() const { return search != Search::kNone; }
  // What becomes of a kept value that looks like somebody's (signs.h): it is told, or fails the proof.
  enum class Detectors { kNone, kWarn, kFail };
  Detectors detectors = Detectors::kWarn;
  // What becomes of single words of nothing but letters, of which a place has a few: a word is a name, too.
  enum class Names { kWarn, kFail };
  Names names = Names::kFail;
  // By database, then by place as the proof names it ("public.words.word"): why originals may stand there.
  std::map<std::string, std::map<std::string, std::string>> allow;
};

struct Policy {
  // By database name. `tables:` alone at the top level of the file, for a production with one database, is
  // kept under the name "" and resolved against the catalog by plan_masking().
  std::map<std::string, DatabasePolicy> databases;
  std::vector<ColumnRule> rules;  // `columns:` at the top level: of every database
  // By database ("*": every one), then by name or, ending in *, by pattern. Only whole names are kept.
  std::map<std::string, std::map<std::string, SettingRule>> settings;
  SurvivorPolicy survivors;
  std::string file;    // where it came from, for messages
  std::string digest;  // SHA-256 of the file's bytes, hex
};

// policy.lock: every column that is kept, as it was when a person accepted it.
struct LockEntry {
  std::string database;
  QualifiedName table;
  std::string column;
  std::string type;       // as Column::type; a changed type is a new judgement
  std::string by{};       // who accepted it, as they wrote it; may be empty
  std::string expires{};  // "2027-01-31", the last day on which it counts; empty: it does not end
  std::string why{};      // may be empty
  int line = 0;           // in the file; 0: not from a file. No part of what is compared

  [[nodiscard]] auto place() const { return std::tie(database, table, column); }
  [[nodiscard]] auto all() const { return std::tie(database, table, column, type, by, expires, why); }
  friend auto operator<=>(const LockEntry& a, const LockEntry& b) { return a.all() <=> b.all(); }
  friend bool operator==(const LockEntry& a, const LockEntry& b) { return a.all() == b.all(); }
};
// The lock's entry for the large objects of a database that is kept whole.
LockEntry large_objects_entry(const std::string& database);

inline constexpr int kLockVersion = 2;

struct PolicyLock {
  // 1: only what wildcards and whole keeps mean is in it. Also that of a lock that was never written.
  int version = 1;
  std::string engine{};              // "postgresql": whose types its entries name; version 1 does not say
  std::vector<LockEntry> entries{};  // sorted
  std::string file{};
  std::string digest{};
  std::string today{};  // "2026-11-30" (UTC), when it was read: what has expired. Empty: all that expires has
};

}  // namespace ytb::masking

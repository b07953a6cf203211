#include "drivers/postgres/catalog_origin.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"
#include "drivers/os/subprocess.h"
#include "drivers/os/users.h"
#include "drivers/postgres/heap_page.h"
#include "drivers/postgres/server_files.h"
#include "drivers/postgres/single_user.h"

namespace ytb::postgres {
namespace {

constexpr uint32_t kFirstUnfixed = 12000;  // transam.h, FirstUnpinnedObjectId (13: FirstBootstrapObjectId)
constexpr uint32_t kFirstOfUsers = 16384;  // FirstNormalObjectId
constexpr uint32_t kPgCatalog = 11;
constexpr uint32_t kInternal = 12;  // pg_language
constexpr uint32_t kC = 13;
constexpr uint32_t kTrigger = 2279;  // pg_type
constexpr uint32_t kEventTrigger = 3838;
constexpr size_t kShownMax = 5;
constexpr size_t kOutputBytesMax = 512UL << 20;
constexpr auto kInitdbMax = std::chrono::minutes(5);

// Whole catalogs as binary COPY, the first column an object number. Columns that production may change and
// that run nothing (owners, grants, costs) are left out.
struct Compared {
  std::string_view catalog;
  std::string_view columns;
  std::string_view since_14 = {};  // more columns, from that version on
};
constexpr Compared kCompared[] = {
    {"pg_proc",
     "oid, pronamespace, prolang, proname, prosupport, prokind, prosecdef, provolatile, proparallel, "
     "prorettype, "
     "proargtypes, prosrc, probin, proconfig",
     ", prosqlbody"},
    {"pg_operator",
     "oid, oprnamespace, oprcode, oprrest, oprjoin, oprname, oprkind, oprleft, oprright, oprresult, oprcom, "
     "oprnegate"},
    {"pg_type",
     "oid, typname, typnamespace, typlen, typbyval, typtype, typrelid, typelem, typinput, typoutput, "
     "typreceive, "
     "typsend, typmodin, typmodout, typanalyze, typbasetype",
     ", typsubscript"},
    {"pg_cast", "oid, castsource, casttarget, castfunc, castcontext, castmethod"},
    {"pg_amop",
     "oid, amopfamily, amoplefttype, amoprighttype, amopstrategy, amoppurpose, amopopr, amopmethod, "
     "amopsortfamily"},
    {"pg_amproc", "oid, amprocfamily, amproclefttype, amprocrighttype, amprocnum, amproc"},
    {"pg_opclass", "oid, opcmethod, opcfamily, opcintype, opcdefault, opckeytype"},
    {"pg_am", "oid, amname, amhandler, amtype"},
    {"pg_aggregate",
     "aggfnoid, aggkind, aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, "
     "aggminvtransfn, aggmfinalfn, aggsortop, aggtranstype, aggmtranstype"},
    {"pg_range", "rngtypid, rngsubtype, rngsubopc, rngcanonical, rngsubdiff"},
    {"pg_language", "oid, lanname, lanplcallfoid, laninline, lanvalidator"},
};
enum { kProc = 0, kOperator = 1, kType = 2, kLanguage = 10 };

// What makes code run where a catalog is read or written: the first column is its own number, the second the
// relation's.
struct Hook {
  std::string_view what;
  std::string_view catalog;
  std::string_view columns;
};
constexpr Hook kHooks[] = {
    {"a trigger", "pg_trigger", "oid, tgrelid"},
    {"a rule", "pg_rewrite", "oid, ev_class"},
    {"a constraint", "pg_constraint", "oid, conrelid, contype"},
    {"a default", "pg_attrdef", "oid, adrelid"},
    {"an index", "pg_index", "indexrelid, indrelid, indexprs, indpred"},
    {"a policy", "pg_policy", "oid, polrelid"},
};
enum { kRule = 1, kConstraint = 2, kIndex = 4 };

std::vector<std::string> copy_statements(int major) {
  std::vector<std::string> out;
  for (const Compared& of : kCompared) {
    out.push_back(fmt::format("COPY pg_catalog.{} ({}{}) TO STDOUT (FORMAT binary)", of.catalog, of.columns,
                              major >= 14 ? of.since_14 : ""));
  }
  for (const Hook& of : kHooks)
    out.push_back(fmt::format("COPY pg_catalog.{} ({}) TO STDOUT (FORMAT binary)", of.catalog, of.columns));
  out.emplace_back("COPY pg_catalog.pg_namespace (oid, nspname) TO STDOUT (FORMAT binary)");
  return out;
}

// ------------------------------------------------------------------------------------- binary COPY, read

uint32_t big_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

struct Row {
  std::string_view bytes;  // all fields with their lengths
  std::vector<std::optional<std::string_view>> fields;
  [[nodiscard]] uint32_t number(size_t field) const { return fields[field] ? big_endian(*fields[field]) : 0; }
  [[nodiscard]] std::string text(size_t field) const {
    return fields[field] ? std::string(*fields[field]) : std::string();
  }
  // From field `first` on.
  [[nodiscard]] std::string_view from(size_t first) const {
    size_t skipped = 0;
    for (size_t i = 0; i < first; ++i) skipped += 4 + (fields[i] ? fields[i]->size() : 0);
    return bytes.substr(skipped);
  }
};

// The streams that single-user mode prints between its prompts, one after the other: manual, COPY, "Binary
// Format".
class Streams {
 public:
  explicit Streams(std::string_view output) : left_(output) {}

  Status next(const std::function<Status(const Row&)>& on_row) {
    constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
    constexpr size_t kHeaderBytes = 19;
    const size_t at = left_.find(kSignature);
    if (at == std::string_view::npos || left_.size() - at < kHeaderBytes) return cut();
    left_.remove_prefix(at + kHeaderBytes);
    Row row;
    for (;;) {  // bounded by the output
      if (left_.size() < 2) return cut();
      const auto count = static_cast<uint16_t>(big_endian(left_.substr(0, 2)));
      left_.remove_prefix(2);
      if (count == 0xffff) return {};
      const std::string_view start = left_;
      row.fields.clear();
      for (int i = 0; i < count; ++i) {
        if (left_.size() < 4) return cut();
        const uint32_t length = big_endian(left_.substr(0, 4));
        left_.remove_prefix(4);
        row.fields.emplace_back();
        if (length == 0xffffffff) continue;
        if (length > left_.size()) return cut();
        row.fields.back() = left_.substr(0, length);
        left_.remove_prefix(length);
      }
      row.bytes = start.substr(0, start.size() - left_.size());
      if (row.fields.empty() || !row.fields[0] || row.fields[0]->size() != 4) return cut();
      YTB_TRY(on_row(row));
    }
  }

 private:
  static Error cut() {
    return {.code = Code::kCorrupt,
            .message = "the server did not print its catalogs to their end",
            .hint = "the snapshot may be damaged: see pg_amcheck in production"};
  }
  std::string_view left_;
};

// -------------------------------------------------------------------------------- pg_type, by its pages

// Until this is known, not even COPY is harmless: it calls what pg_type names.
constexpr uint32_t kPgType = 1247;

// pg_filenode.map (relmapper.c): magic, count, pairs of relation and file.
Result<std::string> file_of_pg_type(const std::string& folder) {
  constexpr size_t kMapBytesMax = 1 << 12;
  YTB_ASSIGN(std::string map, os::read_file(os::join_path(folder, "pg_filenode.map"), kMapBytesMax));
  auto number = [&](size_t at) {
    uint32_t value = 0;
    if (at + sizeof value <= map.size()) std::memcpy(&value, map.data() + at, sizeof value);
    return value;
  };
  for (size_t i = 0; i < number(4); ++i) {
    if (8 + i * 8 + 8 > map.size()) break;
    if (number(8 + i * 8) == kPgType) return os::join_path(folder, std::to_string(number(8 + i * 8 + 4)));
  }
  return Error{.code = Code::kCorrupt, .message = folder + " does not say where its types lie", .hint = {}};
}

// pg_type.h: oid 4, typname 64, namespace 4, owner 4, len 2, six of one byte, then numbers: relid,
// [subscript from 14 on,] elem, array, input, output, receive, send.
size_t fixed_bytes(int major) { return 84 + 4 * (major >= 14 ? 8 : 7); }

// The owner is production's to choose.
std::string fixed_part(std::string_view data, int major) {
  std::string out(data.substr(0, fixed_bytes(major)));
  std::memset(out.data() + 72, 0, 4);
  return out;
}

Status read_types(const std::string& path, int major,
                  const std::function<Status(uint32_t, std::string)>& on_type) {
  constexpr size_t kTupleHeaderAt = 22;     // t_hoff
  for (uint64_t segment = 0;; ++segment) {  // bounded by the files that are there
    const std::string name = segment == 0 ? path : fmt::format("{}.{}", path, segment);
    os::Descriptor file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.valid() && errno == ENOENT && segment > 0) return {};
    if (!file.valid()) return os::system_error("open", name, errno);
    std::string page(kPageBytes, '\0');
    for (uint64_t at = 0;; at += kPageBytes) {
      YTB_ASSIGN(size_t have, os::read_at(file, page, at, name));
      if (have < kPageBytes) break;
      std::optional<PageView> view = PageView::open(page);
      for (size_t item = 0; view && item < view->items(); ++item) {
        auto tuple = view->tuple(item);
        if (!tuple || tuple->size() <= kTupleHeaderAt) continue;
        const auto header = static_cast<unsigned char>((*tuple)[kTupleHeaderAt]);
        if (tuple->size() < header + fixed_bytes(major) || view->seen(*tuple) == Seen::kDead) continue;
        const std::string_view data = tuple->substr(header);
        uint32_t oid = 0;
        std::memcpy(&oid, data.data(), sizeof oid);
        YTB_TRY(on_type(oid, fixed_part(data, major)));
      }
    }
  }
}

Result<std::vector<std::string>> database_folders(const std::string& data) {
  const std::string base = os::join_path(data, "base");
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(base, 1'000'000));
  std::vector<std::string> out;
  for (const os::FileInfo& entry : entries) {
    const std::string folder = os::join_path(base, entry.name);
    if (os::exists(os::join_path(folder, "pg_filenode.map"))) out.push_back(folder);
  }
  return out;
}

}  // namespace

struct CatalogReference {
  std::map<uint32_t, std::string> types;              // by number: pg_type's fixed_part()
  std::vector<std::map<uint32_t, std::string>> rows;  // by kCompared, below kFirstUnfixed
  std::set<std::string> functions;                    // what initdb made, without numbers
  std::map<std::string, std::string> views;           // "pg_catalog.pg_stats": how it is made
};

namespace {

constexpr std::string_view kViews =
    "SELECT encode(convert_to(n.nspname || '.' || c.relname, 'UTF8'), 'hex') AS ytb_view, "
    "encode(convert_to('CREATE OR REPLACE VIEW ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) "
    "|| "
    "coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') || ' AS ' || "
    "pg_get_viewdef(c.oid), "
    "'UTF8'), 'hex') AS ytb_made FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
    "c.relnamespace WHERE c.oid < 16384 AND c.relkind = 'v'";

std::map<std::string, std::string> views_in(std::string_view output) {
  const std::vector<std::string> names = printed_bytes(output, "ytb_view");
  const std::vector<std::string> made = printed_bytes(output, "ytb_made");
  std::map<std::string, std::string> out;
  for (size_t i = 0; i < std::min(names.size(), made.size()); ++i) out[names[i]] = made[i];
  return out;
}

// Of a function that initdb numbered: name and code.
std::string numberless(const Row& row) {
  std::string out = std::to_string(row.number(2));
  for (size_t field : {3, 6, 7, 8, 11, 12}) out += "\n" + row.text(field);
  return out;
}

Result<std::string> run(const ports::InstanceSpec& spec, const std::string& bin_dir, SingleUserWork work,
                        const StopFlag* stop) {
  work.output_bytes_max = kOutputBytesMax;
  return run_single_user(spec, bin_dir, work, nullptr, stop);
}

Status make_cluster(const ports::InstanceSpec& spec, const std::string& bin_dir, const StopFlag* stop) {
  YTB_TRY(os::make_folder(spec.root, 0711));
  YTB_ASSIGN(os::User user, os::find_user(spec.run_as));
  for (const std::string& folder : {spec.data(), spec.run()}) YTB_TRY(os::make_folder(folder, 0700, user));
  auto made = os::run_checked({.argv = {os::join_path(bin_dir, "initdb"), "-D", spec.data(), "-U",
                                        "reference", "-A", "reject", "-E", "UTF8", "--locale=C", "--no-sync"},
                               .run_as = spec.run_as,
                               .timeout = kInitdbMax,
                               .stop = stop});
  if (!made.ok()) return std::move(made).error().while_doing("making a cluster to compare catalogs with");
  return {};
}

Result<CatalogReference> read_reference(const ports::InstanceSpec& spec, const std::string& bin_dir,
                                        const StopFlag* stop) {
  CatalogReference out;
  YTB_ASSIGN(std::vector<std::string> folders, database_folders(spec.data()));
  if (folders.empty())
    return Error{.code = Code::kInternal, .message = "initdb made no database", .hint = {}};
  YTB_ASSIGN(std::string file, file_of_pg_type(folders.front()));
  YTB_TRY(read_types(file, spec.engine_major, [&](uint32_t oid, std::string fixed) -> Status {
    if (oid < kFirstUnfixed) out.types[oid] = std::move(fixed);
    return {};
  }));
  YTB_ASSIGN(std::string printed,
             run(spec, bin_dir, {.statements = copy_statements(spec.engine_major)}, stop));
  Streams streams(printed);
  for (size_t i = 0; i < std::size(kCompared); ++i) {
    out.rows.emplace_back();
    YTB_TRY(streams.next([&](const Row& row) -> Status {
      if (row.number(0) < kFirstUnfixed) out.rows[i][row.number(0)] = std::string(row.from(1));
      if (i == kProc && row.number(0) >= kFirstUnfixed) out.functions.insert(numberless(row));
      return {};
    }));
  }
  YTB_ASSIGN(printed, run(spec, bin_dir, {.statements = {std::string(kViews)}}, stop));
  out.views = views_in(printed);
  if (out.types.empty() || out.rows[kProc].empty() || out.views.empty())
    return Error{.code = Code::kInternal, .message = "the cluster to compare with is empty", .hint = {}};
  return out;
}

// One database's catalogs against the reference; gathers what is not the server's own.
class Comparison {
 public:
  Comparison(const CatalogReference& reference, std::vector<std::string>& wrong)
      : reference_(reference), wrong_(wrong) {}

  Status read(std::string_view printed) {
    Streams streams(printed);
    for (size_t i = 0; i < std::size(kCompared); ++i) {
      size_t fixed = 0;
      YTB_TRY(streams.next([&](const Row& row) -> Status {
        if (row.number(0) < kFirstUnfixed) {
          ++fixed;
          compare(i, row);
        } else {
          judge(i, row);
        }
        return {};
      }));
      if (fixed != reference_.rows[i].size())
        found(fmt::format("{} has rows too many or too few", kCompared[i].catalog));
    }
    for (size_t i = 0; i < std::size(kHooks); ++i) {
      YTB_TRY(streams.next([&](const Row& row) -> Status {
        judge_hook(i, row);
        return {};
      }));
    }
    return streams.next([&](const Row& row) -> Status {
      const bool named = row.text(1) == "pg_catalog";
      if (named != (row.number(0) == kPgCatalog)) found("the schema pg_catalog is another one");
      return {};
    });
  }

 private:
  void found(std::string what) { wrong_.push_back(std::move(what)); }

  static std::string name_of(size_t catalog, const Row& row) {
    if (catalog == kProc) return printable("function pg_catalog." + row.text(3));
    if (catalog == kOperator) return printable("operator pg_catalog." + row.text(5));
    if (catalog == kType) return printable("type pg_catalog." + row.text(1));
    return fmt::format("row {} of {}", row.number(0), kCompared[catalog].catalog);
  }

  void compare(size_t catalog, const Row& row) {
    auto known = reference_.rows[catalog].find(row.number(0));
    if (known == reference_.rows[catalog].end() || known->second != row.from(1))
      found(name_of(catalog, row) + " is not the server's own");
  }

  // What has no fixed number.
  void judge(size_t catalog, const Row& row) {
    const bool of_users = row.number(0) >= kFirstOfUsers;
    if (catalog == kProc) {
      if (!of_users) {
        if (!reference_.functions.contains(numberless(row))) found(name_of(catalog, row) + " was replaced");
        return;
      }
      // What only a trigger can call answers no query.
      const uint32_t result = row.number(9);
      if (row.number(2) == kInternal || row.number(2) == kC || result == kTrigger || result == kEventTrigger)
        return;
      coded_.insert(row.number(0));
      if (row.number(1) == kPgCatalog) found(name_of(catalog, row) + " stands among the server's own");
    } else if (catalog == kOperator) {
      const bool coded =
          coded_.contains(row.number(2)) || coded_.contains(row.number(3)) || coded_.contains(row.number(4));
      if (!of_users || (coded && row.number(1) == kPgCatalog))
        found(name_of(catalog, row) + " stands among the server's own");
    } else if (!of_users && catalog != kType && catalog != kLanguage) {
      found(name_of(catalog, row) + " stands among the server's own");
    }
  }

  void judge_hook(size_t hook, const Row& row) {
    const uint32_t relation = row.number(1);
    if (relation == 0 || relation >= kFirstOfUsers) return;
    if (hook == kRule && row.number(0) < kFirstOfUsers) return;  // a view's
    // Keys and, from 18 on, NOT NULL.
    if (hook == kConstraint && std::string_view("pun").find(row.text(2)) != std::string_view::npos) return;
    if (hook == kIndex && !row.fields[2] && !row.fields[3]) return;
    found(fmt::format("{} hangs on relation {} of the server's own", kHooks[hook].what, relation));
  }

  const CatalogReference& reference_;
  std::vector<std::string>& wrong_;
  std::set<uint32_t> coded_;  // functions whose code is production's
};

Error not_the_servers(const std::string& database, std::vector<std::string> wrong) {
  std::string more;
  if (wrong.size() > kShownMax) {
    more = fmt::format(" and {} more", wrong.size() - kShownMax);
    wrong.resize(kShownMax);
  }
  return {
      .code = Code::kRefused,
      .message = fmt::format("production has changed what belongs to PostgreSQL itself, in database {}: {}{}",
                             printable(database), join(wrong, ", "), more),
      .hint =
          "code in its place runs in every session, with the rights of whoever masks: undo it in "
          "production (objects of your own belong into a schema of your own) and take a new snapshot"};
}

Status check_types(const std::string& data, int major, const CatalogReference& reference) {
  YTB_ASSIGN(std::vector<std::string> folders, database_folders(data));
  for (const std::string& folder : folders) {
    YTB_ASSIGN(std::string file, file_of_pg_type(folder));
    std::set<uint32_t> seen;
    std::set<uint32_t> wrong;
    YTB_TRY(read_types(file, major, [&](uint32_t oid, const std::string& fixed) -> Status {
      if (oid >= kFirstUnfixed) return {};
      seen.insert(oid);
      auto known = reference.types.find(oid);
      if (known == reference.types.end() || known->second != fixed) wrong.insert(oid);
      return {};
    }));
    for (const auto& [oid, fixed] : reference.types) {
      if (!seen.contains(oid)) wrong.insert(oid);
    }
    if (wrong.empty()) continue;
    return not_the_servers(os::name_in(folder), {fmt::format("type {} of pg_type", *wrong.begin())});
  }
  return {};
}

// Views that differ are made as the reference's; what still differs is wrong.
Result<std::vector<std::string>> restore_views(const ports::InstanceSpec& spec, const std::string& bin_dir,
                                               const std::string& database, const CatalogReference& reference,
                                               const StopFlag* stop) {
  std::vector<std::string> restored;
  for (int turn = 0; turn < 2; ++turn) {
    YTB_ASSIGN(std::string printed,
               run(spec, bin_dir, {.database = database, .statements = {std::string(kViews)}}, stop));
    std::vector<std::string> wrong;
    std::vector<std::string> statements;
    for (const auto& [name, made] : views_in(printed)) {
      auto known = reference.views.find(name);
      if (known != reference.views.end() && known->second == made) continue;
      wrong.push_back("view " + printable(name) + " is not the server's own");
      if (known != reference.views.end())
        statements.push_back(known->second.substr(0, known->second.rfind(';')));
    }
    if (wrong.empty()) return restored;
    if (turn == 1 || statements.size() < wrong.size()) return not_the_servers(database, std::move(wrong));
    for (const std::string& line : wrong)
      restored.push_back(fmt::format("{}: {}; made anew", printable(database), line));
    YTB_TRY(run(spec, bin_dir,
                {.database = database, .statements = std::move(statements), .change_catalogs = true}, stop));
  }
  return restored;
}

}  // namespace

Result<std::shared_ptr<const CatalogReference>> catalog_reference(const ports::InstanceSpec& spec,
                                                                  const std::string& bin_dir,
                                                                  const StopFlag* stop) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const CatalogReference>> known;
  YTB_ASSIGN(std::string program, server_program(bin_dir));
  struct stat info {};
  if (::stat(program.c_str(), &info) != 0) return os::system_error("look at", program, errno);
  const std::string key =
      fmt::format("{} {} {}.{}", program, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  std::lock_guard lock(mutex);
  if (auto found = known.find(key); found != known.end()) return found->second;
  ports::InstanceSpec fresh = spec;
  fresh.root = os::join_path(spec.root, "reference");
  fresh.isolation = {.kind = model::Isolation::Kind::kNone, .reason = "nothing of production is in it"};
  YTB_TRY(os::remove_tree(fresh.root));  // of a killed run
  Status made = make_cluster(fresh, bin_dir, stop);
  Result<CatalogReference> read =
      made.ok() ? read_reference(fresh, bin_dir, stop) : Result<CatalogReference>(made.error());
  YTB_TRY(os::remove_tree(fresh.root));
  if (!read.ok()) return std::move(read).error();
  return known[key] = std::make_shared<const CatalogReference>(std::move(read).value());
}

Result<std::vector<std::string>> check_catalogs(const ports::InstanceSpec& spec, const std::string& bin_dir,
                                                const CatalogReference& reference, const StopFlag* stop) {
  YTB_TRY(check_types(spec.data(), spec.engine_major, reference));
  YTB_ASSIGN(std::string printed,
             run(spec, bin_dir,
                 {.statements =
                      {"COPY pg_catalog.pg_database (oid, datname, datconnlimit) TO STDOUT (FORMAT binary)"}},
                 stop));
  std::vector<std::string> databases;
  YTB_TRY(Streams(printed).next([&](const Row& row) -> Status {
    constexpr auto kInvalid = static_cast<uint32_t>(-2);  // DROP DATABASE was cut off: nobody can connect
    if (row.number(2) != kInvalid) databases.push_back(row.text(1));
    return {};
  }));
  std::vector<std::string> restored;
  for (const std::string& database : databases) {
    YTB_ASSIGN(printed, run(spec, bin_dir,
                            {.database = database, .statements = copy_statements(spec.engine_major)}, stop));
    std::vector<std::string> wrong;
    YTB_TRY(Comparison(reference, wrong).read(printed));
    if (!wrong.empty()) return not_the_servers(database, std::move(wrong));
  }
  for (const std::string& database : databases) {
    YTB_ASSIGN(std::vector<std::string> lines, restore_views(spec, bin_dir, database, reference, stop));
    restored.insert(restored.end(), lines.begin(), lines.end());
  }
  return restored;
}

}  // namespace ytb::postgres

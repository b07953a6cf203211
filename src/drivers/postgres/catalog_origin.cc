#include "drivers/postgres/catalog_origin.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "base/remembered.h"
#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/subprocess.h"
#include "drivers/os/users.h"
#include "drivers/postgres/catalog_numbers.h"
#include "drivers/postgres/catalog_pages.h"
#include "drivers/postgres/catalog_streams.h"
#include "drivers/postgres/fresh_cluster.h"
#include "drivers/postgres/initial_privileges.h"
#include "drivers/postgres/minor_versions.h"
#include "drivers/postgres/mismatched.h"
#include "drivers/postgres/server_files.h"
#include "drivers/postgres/single_user.h"
#include "drivers/postgres/unjudged.h"

namespace ytb::postgres {
namespace {

constexpr uint32_t kPgCatalog = 11;
constexpr uint32_t kInternal = 12;  // pg_language
constexpr uint32_t kC = 13;
constexpr uint32_t kBtree = 403;  // pg_am
constexpr uint32_t kHash = 405;
constexpr uint32_t kTrigger = 2279;  // pg_type
constexpr uint32_t kEventTrigger = 3838;
constexpr size_t kShownMax = 5;
constexpr size_t kOutputBytesMax = 512UL << 20;

// Whole catalogs as binary COPY, the first column an object number. Columns that production may change and
// that run nothing (owners, grants, costs) are left out.
struct Compared {
  std::string_view catalog;
  std::string_view columns;
  std::string_view since_14 = {};          // more columns, from that version on
  bool fixed_only = false;                 // nothing is said of rows that initdb or users numbered
  uint32_t first_unfixed = kFirstUnfixed;  // from here on rows are known by what they hold
};
constexpr Compared kCompared[] = {
    {"pg_proc",
     "oid, pronamespace, prolang, proname, prosupport, prokind, prosecdef, provolatile, proparallel, "
     "prorettype, "
     "proargtypes, prosrc, probin, proconfig, pronargs, pronargdefaults, provariadic, proretset, "
     "proisstrict, "
     "proallargtypes, proargmodes, proargnames, protrftypes, proargdefaults",
     ", prosqlbody"},
    {"pg_operator",
     "oid, oprnamespace, oprcode, oprrest, oprjoin, oprname, oprkind, oprleft, oprright, oprresult, oprcom, "
     "oprnegate, oprcanmerge, oprcanhash"},
    {"pg_type",
     "oid, typname, typnamespace, typlen, typbyval, typtype, typrelid, typelem, typinput, typoutput, "
     "typreceive, "
     "typsend, typmodin, typmodout, typanalyze, typbasetype",
     ", typsubscript"},
    {"pg_cast", "oid, castsource, casttarget, castfunc, castcontext, castmethod", "", false, kFirstOfBuild},
    {"pg_amop",
     "oid, amopfamily, amoplefttype, amoprighttype, amopstrategy, amoppurpose, amopopr, amopmethod, "
     "amopsortfamily",
     "", false, kFirstOfBuild},
    {"pg_amproc", "oid, amprocfamily, amproclefttype, amprocrighttype, amprocnum, amproc", "", false,
     kFirstOfBuild},
    {"pg_opclass", "oid, opcmethod, opcfamily, opcintype, opcdefault, opckeytype", "", false, kFirstOfBuild},
    {"pg_am", "oid, amname, amhandler, amtype"},
    {"pg_aggregate",
     "aggfnoid, aggkind, aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, "
     "aggminvtransfn, aggmfinalfn, aggsortop, aggtranstype, aggmtranstype, aggnumdirectargs, aggfinalextra, "
     "aggmfinalextra, aggfinalmodify, aggmfinalmodify, aggtransspace, aggmtransspace, agginitval, "
     "aggminitval"},
    {"pg_range", "rngtypid, rngsubtype, rngsubopc, rngcanonical, rngsubdiff"},
    {"pg_language", "oid, lanname, lanplcallfoid, laninline, lanvalidator, lanpltrusted"},
    {"pg_opfamily", "oid, opfmethod, opfname, opfnamespace"},
    {"pg_ts_parser", "oid, prsname, prsnamespace, prsstart, prstoken, prsend, prsheadline, prslextype"},
    {"pg_ts_template", "oid, tmplname, tmplnamespace, tmplinit, tmpllexize"},
    {"pg_conversion", "oid, conname, connamespace, conforencoding, contoencoding, conproc, condefault"},
    {"pg_transform", "oid, trftype, trflang, trffromsql, trftosql"},
    // Which code an index of a catalog compares with, and whether it is used; what a type stands for.
    {"pg_index",
     "indexrelid, indrelid, indnatts, indnkeyatts, indisunique, indisprimary, indisexclusion, indisvalid, "
     "indisready, indislive, indkey, indcollation, indclass, indoption",
     "", true},
    // What a relation of the server's own is, how it is kept, and what holds its large values.
    {"pg_class",
     "oid, relname, relnamespace, reloftype, relam, reltoastrelid, relisshared, relpersistence, relkind, "
     "relnatts, relchecks, relrowsecurity, relforcerowsecurity, relispopulated, relispartition, relrewrite",
     "", true},
    {"pg_type",
     "oid, typdefault, typdefaultbin, typcategory, typispreferred, typisdefined, typdelim, typarray, "
     "typalign, "
     "typstorage, typnotnull, typtypmod, typndims, typcollation",
     "", true},
};
enum { kVolatility = 7, kParallel = 8, kDefaults = 23 };  // of pg_proc's fields
enum { kTrusted = 5 };                                    // of pg_language's
enum {
  kProc = 0,
  kOperator = 1,
  kType = 2,
  kCast = 3,
  kAmop = 4,
  kAmproc = 5,
  kOpclass = 6,
  kAm = 7,
  kAggregate = 8,
  kLanguage = 10,
  kOpfamily = 11,
  kTsParser = 12,
  kTsTemplate = 13,
  kConversion = 14
};

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
    {"a constraint", "pg_constraint", "oid, conrelid, contype, contypid"},
    {"a default", "pg_attrdef", "oid, adrelid"},
    {"an index", "pg_index", "indexrelid, indrelid, indexprs, indpred"},
    {"a policy", "pg_policy", "oid, polrelid"},
    {"a statistics object", "pg_statistic_ext", "oid, stxrelid"},
    {"a child table", "pg_inherits", "inhrelid, inhparent"},
    {"a partition key", "pg_partitioned_table", "partrelid"},
    {"a relation", "pg_class", "oid, relnamespace"},
};
enum { kRule = 1, kConstraint = 2, kIndex = 4, kPartitionKey = 8, kRelation = 9 };

// Where names that are ours in a copy would be taken for ours: production could write there what we believe.
struct Named {
  std::string_view what;
  std::string_view catalog;
  std::string_view column;
};
constexpr Named kNamed[] = {{"schema", "pg_namespace", "nspname"},
                            {"role", "pg_authid", "rolname"},
                            {"function", "pg_proc", "proname"},
                            {"event trigger", "pg_event_trigger", "evtname"}};
constexpr std::string_view kOurPrefix = "yesterdaytabase_";

std::vector<std::string> copy_statements(int major) {
  std::vector<std::string> out;
  for (const Compared& of : kCompared) {
    out.push_back(fmt::format("COPY pg_catalog.{} ({}{}) TO STDOUT (FORMAT binary)", of.catalog, of.columns,
                              major >= 14 ? of.since_14 : ""));
  }
  for (const Hook& of : kHooks)
    out.push_back(fmt::format("COPY pg_catalog.{} ({}) TO STDOUT (FORMAT binary)", of.catalog, of.columns));
  for (const Named& of : kNamed) {
    out.push_back(
        fmt::format("COPY pg_catalog.{} (oid, {}) TO STDOUT (FORMAT binary)", of.catalog, of.column));
  }
  return out;
}

}  // namespace

struct ServersFunction {
  std::string name;
  Promises promises;
};

struct CatalogReference {
  FixedRows pages;
  std::vector<size_t> hooks;                          // by kHooks: rows on relations of the server's own
  std::vector<std::map<uint32_t, std::string>> rows;  // by kCompared, below first_unfixed
  std::vector<std::set<std::string>> numberless;      // by kCompared: what has no fixed number
  std::vector<std::set<std::string>> needed;          // by kCompared: of those, what the build numbered
  std::map<uint32_t, ServersFunction> functions;      // of pg_proc's rows
  std::set<uint32_t> btree_families;
  std::string numbered;                      // digest_numbered()
  std::vector<std::string> privileges;       // initial_privileges.h
  std::vector<std::string> catalogs;         // the server's own tables with fixed numbers
  std::vector<std::string> shared_catalogs;  // those that all databases have in common
  ServersTables tables;
};

namespace {

// Everything that views of the server's own are made of and that initdb numbered, with these numbers, and the
// views' trees, in one digest. Where it is the reference's, every tree is the reference's to the letter and
// each of its numbers stands for the same: below 10000 they do anyway (compare_catalogs). Nothing is asked of
// a view.
std::string digest_numbered(int major) {
  return fmt::format(R"sql(
    SELECT encode(sha256(textsend(string_agg(p.part, chr(10) ORDER BY p.part COLLATE "C"))), 'hex') AS ytb_numbered
      FROM (
        SELECT 'relation ' || ROW(oid, relname, relnamespace, relkind, reltype, relnatts, relhasrules,
            CASE WHEN relkind = 'v' THEN reloptions END)::text FROM pg_catalog.pg_class
          WHERE oid < 16384 AND relkind NOT IN ('t', 'i')
        UNION ALL SELECT 'column ' || ROW(a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attlen,
            a.attcollation, a.attisdropped)::text
          FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
          WHERE c.oid BETWEEN 12000 AND 16383 AND c.relkind NOT IN ('t', 'i')
        UNION ALL SELECT 'rule ' || ROW(ev_class, rulename, ev_type, ev_enabled, is_instead,
            sha256(textsend(ev_qual::text)), sha256(textsend(ev_action::text)))::text
          FROM pg_catalog.pg_rewrite WHERE oid < 16384 OR ev_class < 16384
        UNION ALL SELECT 'schema ' || ROW(oid, nspname)::text FROM pg_catalog.pg_namespace
          WHERE oid BETWEEN 10000 AND 16383
        UNION ALL SELECT 'type ' || ROW(oid, typname, typnamespace, typtype, typrelid, typelem, typarray,
            typbasetype)::text
          FROM pg_catalog.pg_type WHERE oid BETWEEN 10000 AND 16383
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.reltype = pg_type.oid AND c.relkind = 't')
        UNION ALL SELECT 'operator ' || ROW(oid, oprname, oprcode)::text FROM pg_catalog.pg_operator
          WHERE oid BETWEEN 10000 AND 16383
        UNION ALL SELECT 'function ' || ROW(oid, proname, pronamespace, prolang, prokind, prorettype, proretset,
            proargtypes, prosrc, proconfig{})::text FROM pg_catalog.pg_proc WHERE oid BETWEEN 10000 AND 16383
      ) p (part))sql",
                     major >= 14 ? ", prosqlbody" : "");
}

// Views of the server's own by their definitions, whatever their numbers: how to make them.
constexpr std::string_view kViews = R"sql(
    SELECT encode(convert_to(name, 'UTF8'), 'hex') AS ytb_view, encode(convert_to(made, 'UTF8'), 'hex') AS ytb_made
      FROM (SELECT n.nspname || '.' || c.relname, 'CREATE OR REPLACE VIEW ' || quote_ident(n.nspname) || '.' ||
          quote_ident(c.relname) || coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') || ' AS ' ||
          pg_get_viewdef(c.oid)
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.oid < 16384 AND c.relkind = 'v'
        UNION ALL SELECT 'rule ' || r.rulename, 'CREATE OR REPLACE' || substr(pg_get_ruledef(r.oid), 7)
          FROM pg_catalog.pg_rewrite r WHERE r.ev_class < 16384 AND r.rulename <> '_RETURN') v (name, made))sql";

std::map<std::string, std::string> views_in(std::string_view output) {
  const std::vector<std::string> names = printed_bytes(output, "ytb_view");
  const std::vector<std::string> made = printed_bytes(output, "ytb_made");
  std::map<std::string, std::string> out;
  for (size_t i = 0; i < std::min(names.size(), made.size()); ++i) out[names[i]] = made[i];
  return out;
}

Result<Names> names_of_functions(std::string_view printed) {
  static_assert(kProc == 0);
  Names names;
  CatalogStreams streams(printed);
  YTB_TRY(streams.next([&](const CatalogRow& row) -> Status {
    if (is_numbered_by_initdb(row.number(0))) names[row.number(0)] = row.text(3);
    return {};
  }));
  return names;
}

// What a row with a fixed number holds, less what a function promises (minor_versions.h), where the parts of
// a default stood in a text, and whether production trusts a language less.
std::string held_by(size_t catalog, const CatalogRow& row) {
  if (catalog != kProc && catalog != kLanguage) return std::string(row.from(1));
  std::string out;
  for (size_t field = 1; field < row.fields.size(); ++field) {
    if (catalog == kProc ? field == kVolatility || field == kParallel : field == kTrusted) continue;
    const std::string held =
        catalog == kProc && field == kDefaults ? tree_without_count(row.text(field), {}) : row.text(field);
    out += fmt::format("{}{}:{}", row.fields[field] ? "" : "-", held.size(), held);
  }
  return out;
}

Promises promises_of(const CatalogRow& row) {
  return {.volatility = row.text(kVolatility), .parallel = row.text(kParallel)};
}

// What a row without a fixed number holds, less the numbers that initdb counted.
std::string numberless(size_t catalog, const CatalogRow& row, const Names& names) {
  std::string out;
  auto add_number = [&](size_t field) { out += "\n" + without_count(row.number(field), names); };
  auto add_text = [&](size_t field) { out += "\n" + row.text(field); };
  if (catalog == kProc) {
    for (size_t field : {1UL, 2UL, 4UL, 9UL, 16UL}) add_number(field);
    for (size_t field : {3UL, 5UL, 6UL, 7UL, 8UL, 11UL, 12UL, 13UL, 14UL, 15UL, 17UL, 18UL, 20UL, 21UL})
      add_text(field);
    for (size_t field : {10UL, 19UL, 22UL}) out += "\n" + numbers_without_count(row.text(field), names);
    for (size_t field = kDefaults; field < row.fields.size(); ++field)
      out += "\n" + tree_without_count(row.text(field), names);
  } else if (catalog == kType) {
    out = name_without_count(row.text(1));
    for (size_t field : {3UL, 4UL, 5UL}) add_text(field);
    for (size_t field = 7; field < row.fields.size(); ++field) add_number(field);
  } else {
    out = row.text(1);
    const size_t end = catalog == kLanguage ? static_cast<size_t>(kTrusted) : row.fields.size();
    for (size_t field = 2; field < end; ++field) add_number(field);
  }
  return out;
}

// Whether a btree may keep equal entries once (nbtree.h, BTEQUALIMAGE_PROC, by btequalimage or
// btvarstrequalimage). Minor versions of 13 to 15 withdrew it for intervals, and clusters of before have it.
bool tells_equal_images(size_t catalog, const CatalogRow& row) {
  return catalog == kAmproc && row.number(4) == 4 && (row.number(5) == 5051 || row.number(5) == 5050);
}

// What an index of a catalog says need not be what the catalog says: without them until they are made anew.
Result<std::string> run_without_indexes(const ports::InstanceSpec& spec, const std::string& bin_dir,
                                        const std::string& database, std::vector<std::string> statements,
                                        const StopFlag* stop) {
  return run_single_user(spec, bin_dir,
                         {.database = database,
                          .statements = std::move(statements),
                          .output_bytes_max = kOutputBytesMax,
                          .ignore_catalog_indexes = true},
                         nullptr, stop);
}

Result<std::string> run(const ports::InstanceSpec& spec, const std::string& bin_dir, SingleUserWork work,
                        const StopFlag* stop) {
  work.output_bytes_max = kOutputBytesMax;
  return run_single_user(spec, bin_dir, work, nullptr, stop);
}

// Makes views and rules as they were read, and reads them again.
SingleUserWork remake(const std::map<std::string, std::string>& views) {
  SingleUserWork work{.change_catalogs = true};
  for (const auto& [name, made] : views) work.statements.push_back(made.substr(0, made.rfind(';')));
  work.statements.emplace_back(kViews);
  return work;
}

// Which relation, or domain, a hook's row is about; 0: none.
uint32_t relation_of(size_t hook, const CatalogRow& row) {
  if (hook == kConstraint && row.number(1) == 0) return row.number(3);  // a domain's
  return row.number(hook == kRelation || hook == kPartitionKey ? 0 : 1);
}
bool is_the_servers(uint32_t relation) { return relation != 0 && relation < kFirstOfUsers; }

Result<CatalogReference> read_reference(const ports::InstanceSpec& spec, const std::string& bin_dir,
                                        const StopFlag* stop) {
  CatalogReference out;
  YTB_ASSIGN(std::vector<DatabaseFolder> folders, database_folders(spec.data(), spec.engine_major));
  if (folders.empty())
    return Error{.code = Code::kInternal, .message = "initdb made no database", .hint = {}};
  YTB_ASSIGN(out.pages, read_pages_of(spec.data(), folders.front().path, spec.engine_major));
  YTB_ASSIGN(std::string printed,
             run(spec, bin_dir, {.statements = copy_statements(spec.engine_major)}, stop));
  YTB_ASSIGN(Names names, names_of_functions(printed));
  CatalogStreams streams(printed);
  for (size_t i = 0; i < std::size(kCompared); ++i) {
    out.rows.emplace_back();
    out.numberless.emplace_back();
    out.needed.emplace_back();
    YTB_TRY(streams.next([&](const CatalogRow& row) -> Status {
      const uint32_t number = row.number(0);
      if (number < kCompared[i].first_unfixed) {
        out.rows[i][number] = held_by(i, row);
        if (i == kProc) out.functions[number] = {.name = row.text(3), .promises = promises_of(row)};
        if (i == kOpfamily && row.number(1) == kBtree) out.btree_families.insert(number);
      } else if (!kCompared[i].fixed_only) {
        std::string held = numberless(i, row, names);
        if (number < kFirstUnfixed && !tells_equal_images(i, row)) out.needed[i].insert(held);
        out.numberless[i].insert(std::move(held));
      }
      return {};
    }));
  }
  for (size_t i = 0; i < std::size(kHooks); ++i) {
    out.hooks.push_back(0);
    YTB_TRY(streams.next([&](const CatalogRow& row) -> Status {
      if (is_the_servers(relation_of(i, row))) ++out.hooks[i];
      return {};
    }));
  }
  std::vector<std::string> statements = read_servers_tables();
  statements.push_back(digest_numbered(spec.engine_major));
  statements.push_back(list_initial_privileges());
  statements.emplace_back(
      "SELECT CASE WHEN NOT relisshared THEN relname END AS ytb_catalog, CASE WHEN relisshared THEN relname "
      "END AS ytb_shared FROM pg_class WHERE oid < 12000 AND relkind = 'r' AND relnamespace = 11");
  YTB_ASSIGN(printed, run(spec, bin_dir, {.statements = std::move(statements)}, stop));
  out.tables = servers_tables_in(printed);
  for (std::string& digest : printed_values(printed, "ytb_numbered")) out.numbered = std::move(digest);
  YTB_ASSIGN(out.privileges, read_initial_privileges(printed));
  out.catalogs = printed_values(printed, "ytb_catalog");
  out.shared_catalogs = printed_values(printed, "ytb_shared");
  if (out.pages.types.empty() || out.pages.attributes.empty() || out.rows[kProc].empty() ||
      out.numbered.empty() || out.catalogs.empty() || out.shared_catalogs.empty())
    return Error{.code = Code::kInternal, .message = "the cluster to compare with is empty", .hint = {}};
  return out;
}

// One database's catalogs against the reference; gathers what is not the server's own.
class Comparison {
 public:
  Comparison(const CatalogReference& reference, std::vector<std::string>& wrong)
      : reference_(reference), wrong_(wrong) {}

  Status read(std::string_view printed) {
    YTB_ASSIGN(names_, names_of_functions(printed));
    YTB_TRY(CatalogStreams(printed).next([&](const CatalogRow& row) -> Status {
      if (row.number(0) < kFirstOfUsers) servers_names_.insert(row.text(3));
      if (row.number(1) == kPgCatalog) names_in_pg_catalog_.insert(row.text(3));
      return {};
    }));
    CatalogStreams streams(printed);
    for (size_t i = 0; i < std::size(kCompared); ++i) {
      std::set<uint32_t> fixed;
      needed_ = reference_.needed[i];
      YTB_TRY(streams.next([&](const CatalogRow& row) -> Status {
        if (row.number(0) < kCompared[i].first_unfixed) {
          fixed.insert(row.number(0));
          if (i == kType) types_[row.number(0)] = row.text(1);
          compare(i, row);
        } else {
          judge(i, row);
        }
        return {};
      }));
      const auto is_coded_one = [this](uint32_t function) { return coded_.contains(function); };
      if (i == kProc && std::any_of(supports_.begin(), supports_.end(), is_coded_one))
        found("a support function of the planner is not in C");
      for (const auto& [number, held] : reference_.rows[i]) {
        if (!fixed.contains(number)) miss(i, number);
      }
      if (!needed_.empty())
        found(fmt::format("{} lacks {} of the server's own rows", kCompared[i].catalog, needed_.size()));
    }
    for (size_t i = 0; i < std::size(kHooks); ++i) {
      size_t count = 0;
      YTB_TRY(streams.next([&](const CatalogRow& row) -> Status {
        if (is_the_servers(relation_of(i, row))) ++count;
        judge_hook(i, row);
        return {};
      }));
      // Whatever number it was given.
      if (count > reference_.hooks[i])
        found(fmt::format("{} too many among the server's own relations", kHooks[i].what));
    }
    for (const Named& of : kNamed) {
      YTB_TRY(streams.next([&](const CatalogRow& row) -> Status {
        const bool named = row.text(1) == "pg_catalog";
        if (of.what == "schema" && named != (row.number(0) == kPgCatalog))
          found("the schema pg_catalog is another one");
        if (row.text(1).starts_with(kOurPrefix))
          reserved_.push_back(fmt::format("{} {}", of.what, printable(row.text(1))));
        return {};
      }));
    }
    return {};
  }
  // Names that are reserved for us.
  [[nodiscard]] const std::vector<std::string>& reserved() const { return reserved_; }

 private:
  void found(std::string what) { wrong_.push_back(std::move(what)); }

  static std::string name_of(size_t catalog, const CatalogRow& row) {
    if (catalog == kProc) return printable("function pg_catalog." + row.text(3));
    if (catalog == kOperator) return printable("operator pg_catalog." + row.text(5));
    if (catalog == kType) return printable("type " + row.text(1));
    if (catalog == kLanguage) return printable("language " + row.text(1));
    return fmt::format("row {} of {}", row.number(0), kCompared[catalog].catalog);
  }

  void compare(size_t catalog, const CatalogRow& row) {
    auto known = reference_.rows[catalog].find(row.number(0));
    const bool same = known != reference_.rows[catalog].end() && known->second == held_by(catalog, row) &&
                      (catalog != kProc ||
                       promises_no_more(promises_of(row), reference_.functions.at(row.number(0)).promises));
    // Whoever may use C or the server's own functions as a language has all of the server's power.
    const bool opened = catalog == kLanguage && (row.number(0) == kInternal || row.number(0) == kC) &&
                        row.number(kTrusted) != 0;
    if (!same || opened) found(name_of(catalog, row) + " is not the server's own");
  }

  // A function that another minor version does not have yet is missed by nobody, unless what is called by its
  // name would be another one.
  void miss(size_t catalog, uint32_t number) {
    if (catalog != kProc)
      return found(fmt::format("row {} of {} is missing", number, kCompared[catalog].catalog));
    const std::string& name = reference_.functions.at(number).name;
    if (names_in_pg_catalog_.contains(name)) found(printable("function pg_catalog." + name) + " is missing");
  }

  // What has no fixed number.
  void judge(size_t catalog, const CatalogRow& row) {
    if (kCompared[catalog].fixed_only) return;
    if (row.number(0) >= kFirstOfUsers) {
      judge_of_users(catalog, row);
    } else {
      const std::string held = numberless(catalog, row, names_);
      needed_.erase(held);
      const bool allowed =
          reference_.numberless[catalog].contains(held) ||
          (tells_equal_images(catalog, row) && reference_.btree_families.contains(row.number(1)));
      if (!allowed) found(name_of(catalog, row) + " is not the server's own");
    }
    if (catalog == kProc && row.number(2) != kInternal && row.number(2) != kC) coded_.insert(row.number(0));
    if (catalog == kType) types_[row.number(0)] = row.text(1);
  }

  void judge_of_users(size_t catalog, const CatalogRow& row) {
    switch (catalog) {
      case kProc: {
        const bool in_the_servers = row.number(1) == kPgCatalog;
        if (row.number(4) != 0) supports_.insert(row.number(4));
        if (in_the_servers) beside_.insert(row.number(0));
        if (in_the_servers && servers_names_.contains(row.text(3))) return stands_beside(catalog, row);
        if (row.number(2) == kInternal || row.number(2) == kC) return;
        coded_.insert(row.number(0));
        // What only a trigger can call answers no query.
        const uint32_t result = row.number(9);
        if (in_the_servers && result != kTrigger && result != kEventTrigger) stands_beside(catalog, row);
        return;
      }
      case kOperator:
        if (!is_coded(row, 2, 4)) return;
        coded_operators_.insert(row.number(0));
        if (row.number(1) == kPgCatalog) stands_beside(catalog, row);
        return;
      case kType:
        // Whatever reads, shows, analyses or takes apart a value, less what sends it, which production's
        // languages can make, too, and which the server can do without (catalog_reader.cc).
        for (size_t field = 8; field < row.fields.size(); ++field) {
          if (field != 11 && field != 15 && is_coded(row, field, field))
            found(name_of(catalog, row) + " has functions that are not in C");
        }
        return;
      case kAm:
        if (is_coded(row, 2, 2)) found("access method " + printable(row.text(1)) + " is not in C");
        return;
      case kCast:
        if (row.number(1) < kFirstOfUsers && row.number(2) < kFirstOfUsers && !nobody_says(row) &&
            is_coded(row, 3, 3))
          found(fmt::format("the cast of {} to {} runs code", printable(types_[row.number(1)]),
                            printable(types_[row.number(2)])));
        return;
      case kAmop:
      case kAmproc:
        judge_member(catalog, row);
        return;
      case kOpclass:
        judge_class(row);
        return;
      case kAggregate:
        if (beside_.contains(row.number(0)) && is_coded(row, 2, 9))
          found("an aggregate of pg_catalog runs code");
        return;
      case kTsParser:
      case kLanguage:
      case kTsTemplate:
        if (is_coded(row, 2, row.fields.size() - 1))
          found(fmt::format("{} {} is not in C",
                            catalog == kTsParser   ? "text search parser"
                            : catalog == kLanguage ? "what runs functions in language"
                                                   : "text search template",
                            printable(row.text(1))));
        return;
      case kConversion:
        if (is_coded(row, 5, 5) || row.number(2) == kPgCatalog)
          found("conversion " + printable(row.text(1)) + " stands among the server's own or is not in C");
        return;
      default:
        return;
    }
  }

  // A row of an operator family (pg_amop, pg_amproc). Those of the server's own belong to every index and
  // every comparison: extensions add what is about types of theirs.
  void judge_member(size_t catalog, const CatalogRow& row) {
    // What an operator hashes and sorts by is the first of the rows that name it, and those for ordering come
    // before those for searching, whatever family they are in (lsyscache.c).
    const uint32_t method = catalog == kAmop ? row.number(7) : 0;
    if ((method == kBtree || method == kHash) && row.text(5) != "s") {
      found(fmt::format("operator family {} orders by an operator that only searches (row {} of pg_amop)",
                        row.number(1), row.number(0)));
    }
    const bool coded = catalog == kAmop ? coded_operators_.contains(row.number(6)) : is_coded(row, 5, 5);
    if (row.number(1) >= kFirstOfUsers) {
      if (coded) coded_families_.insert(row.number(1));
      return;
    }
    const bool of_own_types = row.number(2) < kFirstOfUsers && row.number(3) < kFirstOfUsers;
    if (of_own_types || coded)
      found(fmt::format("operator family {} of the server's own has a member too many for {} and {}",
                        row.number(1), printable(types_[row.number(2)]), printable(types_[row.number(3)])));
  }

  // By default classes the server compares wherever no operator is named: DISTINCT, ORDER BY, rows, arrays.
  // Our own statements do, too. (Of types that none of them compares: production_code.h.)
  void judge_class(const CatalogRow& row) {
    // json, xml, point, lseg, path, box, polygon, line, circle, and arrays of them (pg_type.dat).
    constexpr uint32_t kNeverCompared[] = {114, 142, 600,  601,  602,  603,  604,  628, 718,
                                           199, 143, 1017, 1018, 1019, 1020, 1027, 629, 719};
    const uint32_t type = row.number(3);
    if (type >= kFirstOfUsers || row.text(4) == std::string(1, '\0')) return;
    if (!coded_families_.contains(row.number(2))) return;  // an extension's, in C
    if (row.number(1) != kBtree && row.number(1) != kHash) return;
    if (std::find(std::begin(kNeverCompared), std::end(kNeverCompared), type) != std::end(kNeverCompared))
      return;
    found(fmt::format("type {} has a default operator class that is not the server's own",
                      printable(types_[type])));
  }

  [[nodiscard]] bool is_coded(const CatalogRow& row, size_t first, size_t last) const {
    for (size_t field = first; field <= last; ++field) {
      if (coded_.contains(row.number(field))) return true;
    }
    return false;
  }
  void stands_beside(size_t catalog, const CatalogRow& row) {
    found(name_of(catalog, row) + " stands among the server's own");
  }

  // Whether a fresh server cannot cast one type to the other: then no statement of ours contains this cast,
  // and none is resolved otherwise because of it. So it is where both types are scalars of users' data, the
  // cast has to be asked for, and neither is a text, to and from which the server casts everything. (Where
  // the server has a cast of its own, its row is one of the server's.)
  static bool nobody_says(const CatalogRow& row) {
    // bool, bytea, int8, int2, int4, json, float4, float8, money, macaddr, inet, cidr, date, time, timestamp,
    // timestamptz, interval, timetz, numeric, uuid, jsonb (pg_type.dat)
    static constexpr uint32_t kScalars[] = {16,  17,   20,   21,   23,   114,  700,  701,  790,  829, 869,
                                            650, 1082, 1083, 1114, 1184, 1186, 1266, 1700, 2950, 3802};
    auto scalar = [](uint32_t type) {
      return std::find(std::begin(kScalars), std::end(kScalars), type) != std::end(kScalars);
    };
    return scalar(row.number(1)) && scalar(row.number(2)) && row.text(4) != "i";
  }

  void judge_hook(size_t hook, const CatalogRow& row) {
    const uint32_t relation = relation_of(hook, row);
    if (relation == 0 || relation >= kFirstOfUsers) return;
    if (hook == kRelation) return;  // counted
    if (hook == kConstraint && row.number(1) == 0 && row.number(0) < kFirstOfUsers)
      return;                                                    // counted, compared
    if (hook == kRule && row.number(0) < kFirstOfUsers) return;  // counted, and made anew with the views
    // Keys and, from 18 on, NOT NULL.
    if (hook == kConstraint && std::string_view("pun").find(row.text(2)) != std::string_view::npos) return;
    if (hook == kIndex && row.number(0) < kFirstOfUsers && !row.fields[2] && !row.fields[3]) return;
    found(fmt::format("{} hangs on relation {} of the server's own", kHooks[hook].what, relation));
  }

  const CatalogReference& reference_;
  std::vector<std::string>& wrong_;
  Names names_;
  std::set<uint32_t> coded_;                   // functions in other languages than C
  std::set<uint32_t> coded_operators_;         // of users
  std::set<uint32_t> coded_families_;          // of users
  std::set<uint32_t> beside_;                  // functions of users in pg_catalog
  std::set<std::string> servers_names_;        // of functions
  std::set<std::string> names_in_pg_catalog_;  // of functions
  std::set<std::string> needed_;               // of the catalog that is read: what was not seen yet
  std::set<uint32_t> supports_;                // that the planner asks about functions of users
  std::map<uint32_t, std::string> types_;
  std::vector<std::string> reserved_;
};

// "a, b and 3 more".
std::string listed(std::vector<std::string> names) {
  const size_t count = names.size();
  names.resize(std::min(count, kShownMax));
  return join(names, ", ") + (count > kShownMax ? fmt::format(" and {} more", count - kShownMax) : "");
}

Error not_the_servers(const std::string& database, std::vector<std::string> wrong) {
  return {
      .code = Code::kRefused,
      .message = fmt::format("production has changed what belongs to PostgreSQL itself, in database {}: {}",
                             printable(database), listed(std::move(wrong))),
      .hint =
          "code in its place runs in every session, with the rights of whoever masks: undo it in "
          "production (objects of your own belong into a schema of your own) and take a new snapshot; where "
          "nobody changed anything, the server programs here are older than production's: install the newest "
          "of its major version"};
}

Error reserved_names(const std::string& database, std::vector<std::string> names) {
  return {
      .code = Code::kRefused,
      .message = fmt::format("production has names that are reserved for yesterdaytabase, in database {}: {}",
                             printable(database), listed(std::move(names))),
      .hint = "rename or drop them in production, and take a new snapshot"};
}

// Returns the numbers of the databases whose pages were looked at.
Result<std::set<std::string>> check_pages(const std::string& data, int major,
                                          const CatalogReference& reference) {
  std::set<std::string> checked;
  YTB_ASSIGN(std::vector<DatabaseFolder> folders, database_folders(data, major));
  for (const DatabaseFolder& folder : folders) {
    Result<FixedRows> rows = read_pages_of(data, folder.path, major);
    if (!rows.ok())
      return std::move(rows).error().while_doing("reading catalogs of database " +
                                                 printable(folder.database));
    if (rows->types != reference.pages.types) return not_the_servers(folder.database, {"a type of pg_type"});
    if (rows->attributes != reference.pages.attributes)
      return not_the_servers(folder.database, {"a column of a catalog"});
    checked.insert(os::name_in(folder.path));
  }
  return checked;
}

Error not_judged(const std::string& database, std::vector<std::string> wrong) {
  return {.code = Code::kRefused,
          .message = fmt::format("no policy could judge what is in database {}: {}", printable(database),
                                 listed(std::move(wrong))),
          .hint =
              "its entries in the system's catalogs were changed by hand: drop it in production, or make it "
              "an ordinary table, and take a new snapshot"};
}

Error not_fitting(const std::string& database, std::vector<std::string> wrong) {
  return {
      .code = Code::kRefused,
      .message =
          fmt::format("production's catalogs name functions or types that do not fit, in database {}: {}",
                      printable(database), listed(std::move(wrong))),
      .hint =
          "the server would take numbers for addresses, with the rights of whoever uses them: drop them in "
          "production, or make them anew with functions of their types, and take a new snapshot"};
}

// Names that only one side has, or that are not the same on both.
std::vector<std::string> differing(const std::map<std::string, std::string>& found,
                                   const std::map<std::string, std::string>& reference) {
  std::vector<std::string> names;
  for (const auto& [name, made] : found) {
    auto known = reference.find(name);
    if (known == reference.end() || known->second != made) names.push_back(printable(name));
  }
  for (const auto& [name, made] : reference) {
    if (!found.contains(name)) names.push_back(printable(name) + " is missing");
  }
  return names;
}

// Runs `work` over a fresh cluster, in a folder below spec.root that is gone afterwards.
template <typename T>
Result<T> with_fresh_cluster(const ports::InstanceSpec& spec, const std::string& bin_dir,
                             const StopFlag* stop,
                             const std::function<Result<T>(const ports::InstanceSpec&)>& work) {
  ports::InstanceSpec fresh = spec;
  fresh.root = os::join_path(spec.root, "reference");
  fresh.isolation = {.kind = model::Isolation::Kind::kNone, .reason = "nothing of production is in it"};
  YTB_TRY(os::remove_tree(fresh.root));  // of a killed run
  Status made = make_fresh_cluster(fresh, bin_dir, std::string(kReferenceOwner), stop);
  Result<T> done =
      made.ok() ? work(fresh)
                : Result<T>(std::move(made).error().while_doing("making a cluster to compare catalogs with"));
  YTB_TRY(os::remove_tree(fresh.root));
  return done;
}

using Views = std::map<std::string, std::string>;

// The views of a fresh cluster, and the same once they were made anew: a definition that is read back may be
// written another way.
struct ServersViews {
  Views read;
  Views made_anew;
};

// Asked for where production's differ: to write down all of them takes longer than to compare them.
Result<std::shared_ptr<const ServersViews>> servers_views(const ports::InstanceSpec& spec,
                                                          const std::string& bin_dir, const StopFlag* stop) {
  static Remembered<std::shared_ptr<const ServersViews>> remembered;
  YTB_ASSIGN(std::string program, server_program(bin_dir));
  return remembered.get(os::identity_of(program), [&] {
    return with_fresh_cluster<std::shared_ptr<const ServersViews>>(
        spec, bin_dir, stop,
        [&](const ports::InstanceSpec& fresh) -> Result<std::shared_ptr<const ServersViews>> {
          ServersViews views;
          YTB_ASSIGN(std::string printed, run(fresh, bin_dir, {.statements = {std::string(kViews)}}, stop));
          views.read = views_in(printed);
          if (views.read.empty())
            return Error{.code = Code::kInternal, .message = "a fresh cluster has no views", .hint = {}};
          YTB_ASSIGN(printed, run(fresh, bin_dir, remake(views.read), stop));
          views.made_anew = views_in(printed);
          return std::make_shared<const ServersViews>(std::move(views));
        });
  });
}

// All views are made as a fresh cluster's, for a definition's text does not show all that its tree may hold.
// Returns those that differed; what still differs is wrong.
Result<std::vector<std::string>> restore_views(const ports::InstanceSpec& spec, const std::string& bin_dir,
                                               const std::string& database, const StopFlag* stop) {
  YTB_ASSIGN(std::shared_ptr<const ServersViews> servers, servers_views(spec, bin_dir, stop));
  const Views& right = servers->made_anew;
  auto look = [&]() -> Result<Views> {
    YTB_ASSIGN(std::string printed,
               run(spec, bin_dir, {.database = database, .statements = {std::string(kViews)}}, stop));
    return views_in(printed);
  };
  YTB_ASSIGN(Views before, look());
  SingleUserWork work = remake(servers->read);
  work.database = database;
  auto made_anew = run(spec, bin_dir, std::move(work), stop);
  if (!made_anew.ok()) {  // for example a view that has other columns: which one is seen by comparing
    YTB_ASSIGN(Views now, look());
    std::vector<std::string> wrong = differing(now, right);
    if (wrong.empty()) return std::move(made_anew).error();
    return not_the_servers(database, std::move(wrong));
  }
  std::vector<std::string> wrong = differing(views_in(*made_anew), right);
  if (!wrong.empty()) return not_the_servers(database, std::move(wrong));
  std::vector<std::string> restored;
  for (const auto& [name, made] : before) {
    if (made != servers->read.at(name) && made != right.at(name)) restored.push_back(name);
  }
  return restored;
}

// What no policy could judge, and the server's own views: returns those made anew. The tables of
// information_schema are left to fill_servers_tables().
Result<std::vector<std::string>> restore_own(const ports::InstanceSpec& spec, const std::string& bin_dir,
                                             const std::string& database, const CatalogReference& reference,
                                             const StopFlag* stop) {
  std::vector<std::string> looks = look_for_unjudged();
  for (std::string& look : look_at_servers_tables()) looks.push_back(std::move(look));
  for (std::string& look : look_for_mismatched(spec.engine_major)) looks.push_back(std::move(look));
  looks.push_back(digest_numbered(spec.engine_major));
  YTB_ASSIGN(std::string printed,
             run(spec, bin_dir, {.database = database, .statements = std::move(looks)}, stop));
  YTB_ASSIGN(std::vector<std::string> unjudged, unjudged_in(printed, spec.data()));
  if (!unjudged.empty()) return not_judged(database, std::move(unjudged));
  YTB_ASSIGN(std::vector<std::string> mismatched, mismatched_in(printed));
  if (!mismatched.empty()) return not_fitting(database, std::move(mismatched));
  std::vector<std::string> other = differing(servers_tables_in(printed).shapes, reference.tables.shapes);
  if (!other.empty()) return not_the_servers(database, std::move(other));
  if (printed_values(printed, "ytb_numbered") == std::vector<std::string>{reference.numbered})
    return std::vector<std::string>{};
  return restore_views(spec, bin_dir, database, stop);
}

}  // namespace

const std::vector<std::string>& initial_privileges(const CatalogReference& reference) {
  return reference.privileges;
}

std::vector<std::string> fill_servers_tables(const CatalogReference& reference) {
  return fill_servers_tables(reference.tables);
}

Result<std::shared_ptr<const CatalogReference>> catalog_reference(const ports::InstanceSpec& spec,
                                                                  const std::string& bin_dir,
                                                                  const StopFlag* stop) {
  static Remembered<std::shared_ptr<const CatalogReference>> remembered;
  YTB_ASSIGN(std::string program, server_program(bin_dir));
  return remembered.get(os::identity_of(program), [&] {
    return with_fresh_cluster<std::shared_ptr<const CatalogReference>>(
        spec, bin_dir, stop,
        [&](const ports::InstanceSpec& fresh) -> Result<std::shared_ptr<const CatalogReference>> {
          YTB_ASSIGN(CatalogReference read, read_reference(fresh, bin_dir, stop));
          return std::make_shared<const CatalogReference>(std::move(read));
        });
  });
}

Result<std::vector<std::string>> compare_catalogs(const ports::InstanceSpec& spec, const std::string& bin_dir,
                                                  const CatalogReference& reference,
                                                  ports::Progress& progress, const StopFlag* stop) {
  YTB_ASSIGN(const std::set<std::string> checked, check_pages(spec.data(), spec.engine_major, reference));
  YTB_ASSIGN(
      std::string printed,
      run_without_indexes(
          spec, bin_dir, "",
          {"COPY pg_catalog.pg_database (oid, datname, datconnlimit) TO STDOUT (FORMAT binary)"}, stop));
  std::vector<std::string> databases;
  YTB_TRY(CatalogStreams(printed).next([&](const CatalogRow& row) -> Status {
    constexpr auto kInvalid = static_cast<uint32_t>(-2);  // DROP DATABASE was cut off: nobody can connect
    if (row.number(2) == kInvalid) return {};
    if (!checked.contains(std::to_string(row.number(0)))) {
      return Error{
          .code = Code::kCorrupt,
          .message = fmt::format("the snapshot lacks the folder of database {}", printable(row.text(1))),
          .hint = "drop that database in production, or restore it there, and take a new snapshot"};
    }
    databases.push_back(row.text(1));
    return {};
  }));
  for (const std::string& database : databases) {
    progress.update({.stage = "catalogs", .item = database});
    YTB_ASSIGN(printed,
               run_without_indexes(spec, bin_dir, database, copy_statements(spec.engine_major), stop));
    std::vector<std::string> wrong;
    Comparison comparison(reference, wrong);
    YTB_TRY(comparison.read(printed));
    if (!comparison.reserved().empty()) return reserved_names(database, comparison.reserved());
    if (!wrong.empty()) return not_the_servers(database, std::move(wrong));
  }
  return databases;
}

Result<std::vector<std::string>> restore_servers_own(const ports::InstanceSpec& spec,
                                                     const std::string& bin_dir,
                                                     const CatalogReference& reference,
                                                     const std::vector<std::string>& databases,
                                                     ports::Progress& progress, const StopFlag* stop) {
  std::map<std::string, std::vector<std::string>> restored;  // view: databases
  std::vector<std::string> due = reference.shared_catalogs;  // once, with the first database's own
  for (const std::string& database : databases) {
    progress.update({.stage = "views", .item = database});
    due.insert(due.end(), reference.catalogs.begin(), reference.catalogs.end());
    for (std::string& catalog : due) catalog.insert(0, "REINDEX TABLE pg_catalog.");
    YTB_TRY(run_without_indexes(spec, bin_dir, database, std::move(due), stop));
    due.clear();
    YTB_ASSIGN(std::vector<std::string> views, restore_own(spec, bin_dir, database, reference, stop));
    for (const std::string& view : views) restored[view].push_back(printable(database));
  }
  std::vector<std::string> lines;
  for (auto& [view, where] : restored) {
    lines.push_back(
        fmt::format("view {} of {} was not as these programs make it (production's cluster is of another "
                    "minor version, or somebody changed it); made anew",
                    printable(view), listed(std::move(where))));
  }
  return lines;
}

}  // namespace ytb::postgres

// Whether the server's own catalogs in a restored copy are still the server's own.
//
// A superuser of production may replace what every query uses: a function of pg_catalog, the code behind an
// operator, a cast or a type, a view such as pg_settings; or put a trigger, rule or CHECK on a catalog. All
// of it would run in the sessions of whoever masks, with his power and while everything is raw. So before any
// statement of ours that evaluates anything, what a fresh cluster of the same binaries has (`initdb`) is held
// against the copy: the types' input and output functions by the pages of pg_type, then the rest by COPY of
// whole catalogs, which calls those functions and nothing else. Views are compared by their trees and, where
// one differs or initdb counted otherwise, as in another minor version, all made anew.
//
// Production's cluster may have been made by another minor version, which leaves its catalogs as they are for
// good. Between those of 13 to 18 (minor_versions.h) that is: other numbers, other views, a function too
// few, functions that promise less, and what says that a btree may share equal entries.
//
// Object numbers: below 10000 they are fixed for a major version (transam.h), below 12000 for a build, from
// there to 16383 initdb counts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "ports/instance.h"
#include "ports/progress.h"

namespace ytb::postgres {

struct CatalogReference;  // what a fresh cluster has

// Makes one, in a folder below spec.root that is gone afterwards; about a second. The same object again where
// this process has made one with the same binaries.
Result<std::shared_ptr<const CatalogReference>> catalog_reference(const ports::InstanceSpec& spec,
                                                                  const std::string& bin_dir,
                                                                  const StopFlag* stop);

// To be called when the copy has been recovered and stopped, before anything else. kRefused with what is not
// the server's own; returns all databases that can be entered.
Result<std::vector<std::string>> compare_catalogs(const ports::InstanceSpec& spec, const std::string& bin_dir,
                                                  const CatalogReference& reference,
                                                  ports::Progress& progress, const StopFlag* stop);
// Then, when no prepared transaction holds a lock any more: indexes of catalogs, which may lead elsewhere
// than the catalogs say, are made anew, and the server's views where they differ. kRefused with what no
// policy can judge; returns a line for each view that was not the server's own.
Result<std::vector<std::string>> restore_servers_own(const ports::InstanceSpec& spec,
                                                     const std::string& bin_dir,
                                                     const CatalogReference& reference,
                                                     const std::vector<std::string>& databases,
                                                     ports::Progress& progress, const StopFlag* stop);
// Then, in each database: the tables of information_schema get the server's rows (unjudged.h).
std::vector<std::string> fill_servers_tables(const CatalogReference& reference);
// For write_initial_privileges (initial_privileges.h).
const std::vector<std::string>& initial_privileges(const CatalogReference& reference);

}  // namespace ytb::postgres

// How `policy propose` does on the columns of eleven real schemas, by names and types alone. Each column was
// labelled by hand: P personal, S secret, Q says something of a person together with others, F free text or a
// document, N none of these. The labels do not come with the project; where the file is not, the test says
// so.
//
// Some labels are wrong. Those that the proposal disagrees with were looked at one by one, and where the
// label is the mistake, tests/golden/policy/argued-labels.tsv says why. Both figures are printed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/text.h"
#include "masking/masking_testing.h"
#include "masking/propose.h"
#include "support/sample_data.h"

namespace ytb::masking {
namespace {

using ColumnId = std::tuple<std::string, std::string, std::string>;  // database, table, column

struct Labelled {
  ColumnId id;
  std::string type;
  char label = 'N';
};

// Tab-separated, without the line of headings.
std::vector<std::vector<std::string>> lines_of(std::string_view text) {
  std::vector<std::vector<std::string>> lines;
  for (const std::string& line : split(text, '\n')) {
    if (!line.empty()) lines.push_back(split(line, '\t'));
  }
  if (!lines.empty()) lines.erase(lines.begin());
  return lines;
}

std::string unzipped(const std::string& file) {
  std::string text;
  FILE* pipe = ::popen(fmt::format("gzip -dc '{}'", file).c_str(), "r");
  if (pipe == nullptr) return {};
  std::array<char, 65536> buffer{};
  for (size_t got = ::fread(buffer.data(), 1, buffer.size(), pipe); got > 0;
       got = ::fread(buffer.data(), 1, buffer.size(), pipe)) {
    text.append(buffer.data(), got);
  }
  ::pclose(pipe);
  return text;
}

std::string content(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct KnownType {
  std::string_view begins;
  TypeClass type_class;
  std::string_view base_type;
};
// What is not here is an enum of the schema.
constexpr KnownType kTypes[] = {{"character varying", TypeClass::kText, "varchar"},
                                {"character", TypeClass::kText, "bpchar"},
                                {"text", TypeClass::kText, "text"},
                                {"name", TypeClass::kText, "name"},
                                {"public.citext", TypeClass::kText, "citext"},
                                {"integer", TypeClass::kInteger, "int4"},
                                {"bigint", TypeClass::kInteger, "int8"},
                                {"smallint", TypeClass::kInteger, "int2"},
                                {"numeric", TypeClass::kNumber, "numeric"},
                                {"double precision", TypeClass::kNumber, "float8"},
                                {"real", TypeClass::kNumber, "float4"},
                                {"timestamp", TypeClass::kTimestamp, "timestamptz"},
                                {"date", TypeClass::kDate, "date"},
                                {"boolean", TypeClass::kBoolean, "bool"},
                                {"uuid", TypeClass::kUuid, "uuid"},
                                {"json", TypeClass::kJson, "jsonb"},
                                {"inet", TypeClass::kInet, "inet"},
                                {"bytea", TypeClass::kBytes, "bytea"},
                                {"interval", TypeClass::kOther, "interval"},
                                {"time", TypeClass::kOther, "time"},
                                {"tsvector", TypeClass::kOther, "tsvector"},
                                {"point", TypeClass::kOther, "point"},
                                {"public.hstore", TypeClass::kOther, "hstore"},
                                {"public.ltree", TypeClass::kOther, "ltree"},
                                {"public.geography", TypeClass::kOther, "geography"},
                                {"public.geometry", TypeClass::kOther, "geometry"}};

Column column_of(const Labelled& labelled) {
  const bool array = labelled.type.ends_with("[]");
  Column column = testing::column_of(TypeClass::kEnum, "mood", std::get<2>(labelled.id));
  column.type = labelled.type;
  for (const KnownType& known : kTypes) {
    if (!labelled.type.starts_with(known.begins)) continue;
    column.type_class = array ? TypeClass::kArray : known.type_class;
    column.base_type = (array ? "_" : "") + std::string(known.base_type);
    break;
  }
  const size_t bracket = labelled.type.find('(');
  if (column.type_class == TypeClass::kText && bracket != std::string::npos)
    column.length_max = std::stoi(labelled.type.substr(bracket + 1));
  if (labelled.type.find(',') != std::string::npos) column.scale = 2;
  return column;
}

Catalog catalog_of(const std::vector<Labelled>& columns) {
  Catalog catalog;
  for (const Labelled& labelled : columns) {
    const auto& [database, table, column] = labelled.id;
    if (catalog.databases.empty() || catalog.databases.back().name != database) {
      catalog.databases.emplace_back();
      catalog.databases.back().name = database;
    }
    std::vector<Table>& tables = catalog.databases.back().tables;
    const size_t dot = table.find('.');
    const QualifiedName name{.schema = table.substr(0, dot), .name = table.substr(dot + 1)};
    if (tables.empty() || tables.back().name != name) {
      tables.emplace_back();
      tables.back().name = name;
    }
    tables.back().columns.push_back(column_of(labelled));
  }
  return catalog;
}

struct Tally {
  size_t columns = 0;
  size_t personal = 0;  // P and S
  size_t personal_masked = 0;
  size_t personal_kept = 0;
  size_t masked = 0;
  size_t masked_rightly = 0;  // P, S, Q or F
  size_t undecided = 0;

  void add(char label, std::string_view masker) {
    const bool kept = masker == "keep";
    const bool judge = masker == "judge";
    ++columns;
    undecided += judge ? 1 : 0;
    if (label == 'P' || label == 'S') {
      ++personal;
      personal_kept += kept ? 1 : 0;
      personal_masked += kept || judge ? 0 : 1;
    }
    if (kept || judge) return;
    ++masked;
    masked_rightly += label == 'N' ? 0 : 1;
  }
  static double percent(size_t part, size_t whole) {
    return whole == 0 ? 100.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  }
  [[nodiscard]] double recall() const { return percent(personal_masked, personal); }
  [[nodiscard]] double kept() const { return percent(personal_kept, personal); }
  [[nodiscard]] double precision() const { return percent(masked_rightly, masked); }
  [[nodiscard]] double judged() const { return percent(undecided, columns); }
  [[nodiscard]] std::string row(std::string_view what, std::string_view labels) const {
    return fmt::format("| {} | {} | {} | {:.1f} % | {:.1f} % | {:.1f} % | {:.1f} % |", what, labels,
                       with_commas(columns), recall(), kept(), precision(), judged());
  }
};

// The schemas that the words were chosen on; the others were looked at less.
const std::set<std::string, std::less<>> kTunedOn{"chinook", "crowdai", "gisia", "keycloak", "lago", "rails"};

TEST(ProposeLabels, ElevenRealSchemas) {
  const std::string file = tests::sample_file("columns-labelled.tsv.gz");
  if (!std::filesystem::exists(file))
    GTEST_SKIP() << "columns-labelled.tsv.gz is not here; set YTB_SAMPLE_DATA to its folder";
  std::vector<Labelled> columns;
  for (const std::vector<std::string>& line : lines_of(unzipped(file))) {
    ASSERT_EQ(line.size(), 5U);
    columns.push_back({{line[0], line[1], line[2]}, line[3], line[4][0]});
  }
  ASSERT_EQ(columns.size(), 7933U);
  std::stable_sort(columns.begin(), columns.end(), [](const Labelled& a, const Labelled& b) {
    return std::tie(std::get<0>(a.id), std::get<1>(a.id)) < std::tie(std::get<0>(b.id), std::get<1>(b.id));
  });
  std::map<ColumnId, std::pair<char, char>> argued;
  const std::filesystem::path golden =
      std::filesystem::path(YTB_SOURCE_DIR) / "tests/golden/policy/argued-labels.tsv";
  for (const std::vector<std::string>& line : lines_of(content(golden))) {
    ASSERT_EQ(line.size(), 6U);
    EXPECT_FALSE(line[5].empty()) << line[2] << " is argued without a reason";
    argued[{line[0], line[1], line[2]}] = {line[3][0], line[4][0]};
  }
  const std::vector<Proposal> proposals = propose(catalog_of(columns), {});
  ASSERT_EQ(proposals.size(), columns.size());

  std::array<std::array<Tally, 3>, 2> tallies;  // given or argued; tuned on, others, all
  size_t used = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    ASSERT_EQ(proposals[i].column, std::get<2>(columns[i].id));
    char label = columns[i].label;
    const size_t part = kTunedOn.contains(std::get<0>(columns[i].id)) ? 0 : 1;
    for (size_t labels : {size_t{0}, size_t{1}}) {
      if (auto found = argued.find(columns[i].id); labels == 1 && found != argued.end()) {
        EXPECT_EQ(found->second.first, label) << std::get<2>(columns[i].id);
        label = found->second.second;
        ++used;
      }
      tallies[labels][part].add(label, proposals[i].masker.name);
      tallies[labels][2].add(label, proposals[i].masker.name);
    }
    if ((label == 'P' || label == 'S') && proposals[i].masker.name == "keep")
      std::printf("kept: %s %s %s\n", std::get<0>(columns[i].id).c_str(), std::get<1>(columns[i].id).c_str(),
                  proposals[i].column.c_str());
  }
  EXPECT_EQ(used, argued.size()) << "an argued label is of no column";

  const std::string manual = content(std::filesystem::path(YTB_SOURCE_DIR) / "docs/policy.md");
  constexpr std::array<std::string_view, 3> kParts{"six that its words were chosen on", "five others", "all"};
  for (size_t part = 0; part < kParts.size(); ++part) {
    for (size_t labels : {size_t{0}, size_t{1}}) {
      const std::string row = tallies[labels][part].row(kParts[part], labels == 0 ? "as given" : "as argued");
      std::printf("%s\n", row.c_str());
      EXPECT_NE(manual.find(row), std::string::npos) << "docs/policy.md does not say: " << row;
    }
  }
  for (const Tally& tally : tallies[1]) {
    EXPECT_GE(tally.recall(), 90);
    EXPECT_LE(tally.kept(), 0.5);
    EXPECT_GE(tally.precision(), 95);
    EXPECT_LE(tally.judged(), 12);
  }
}

}  // namespace
}  // namespace ytb::masking

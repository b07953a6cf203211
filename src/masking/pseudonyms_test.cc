// The pseudonyms of all maskers, as they are: what staging users saw yesterday they must see tomorrow,
// whatever is made faster or moved. tests/golden/pseudonyms.tsv may grow; a row that changes is another
// kPseudonymVersion.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/text.h"
#include "masking/masking_testing.h"

namespace ytb::masking {
namespace {

using namespace testing;  // NOLINT: this room's own helpers

constexpr size_t kRowsMin = 300;

struct Sample {
  TypeClass type_class;
  std::string base_type;
  std::vector<std::string> values;  // in the text format
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> kSamples = {
      {TypeClass::kText,
       "text",
       {"a", "Mary Smith", "mary smith", "bob@x.org", "BOB@x.org", "+1 202 555 0143", "SW1A 1AA", "10.0.0.1",
        "2001:db8::7", "https://x.org/a?b=c", "12 High Street", "Zo\xc3\xab", "\xe5\x90\x8d\xe5\x89\x8d",
        std::string(80, 'x')}},
      {TypeClass::kText, "citext", {"Bob@X.org", "bob@x.org"}},
      {TypeClass::kText, "bpchar", {"ab   ", "ab"}},
      {TypeClass::kInteger, "int2", {"0", "1", "-1", "32767", "-32768"}},
      {TypeClass::kInteger, "int4", {"1", "42", "32768", "1000000", "2147483647", "-2147483648"}},
      {TypeClass::kInteger,
       "int8",
       {"1", "4294967296", "9007199254740992", "9223372036854775807", "-9223372036854775808"}},
      {TypeClass::kNumber, "numeric", {"0.01", "1043.50", "-7", "123456789012345678901234567890.5"}},
      {TypeClass::kNumber, "float8", {"1.5", "-1000000", "1e+100"}},
      {TypeClass::kNumber, "float4", {"1.5", "-1000"}},
      {TypeClass::kDate, "date", {"1984-03-11", "2000-02-29", "0044-03-15 BC"}},
      {TypeClass::kTimestamp, "timestamp", {"1984-03-11 12:34:56.789", "1969-12-31 23:59:59"}},
      {TypeClass::kTimestamp, "timestamptz", {"1984-03-11 12:34:56.789+00"}},
      {TypeClass::kUuid,
       "uuid",
       {"00112233-4455-6677-8899-aabbccddeeff", "ffffffff-ffff-4fff-bfff-ffffffffffff"}},
      {TypeClass::kBytes,
       "bytea",
       {"\\x00", "\\x0011223344556677", "\\x696e7465676572207065726d75746174696f6e"}},
      {TypeClass::kInet, "inet", {"10.0.0.1", "192.168.1.7/24", "2a00:1450::1"}},
      {TypeClass::kInet, "cidr", {"10.0.0.0/8"}},
      {TypeClass::kArray, "_text", {"{a,\"Mary Smith\",NULL}", "{}"}},
  };
  return kSamples;
}

struct Variant {
  std::string masker;
  Params params;
};

const std::vector<Variant>& variants() {
  static const std::vector<Variant> kVariants = {
      {"hash", {}},
      {"hash", {{"domain", "people"}}},
      {"hash", {{"format", "hex"}}},
      {"hash", {{"format", "hex"}, {"length", "12"}}},
      {"hash", {{"format", "uuid"}}},
      {"hash", {{"length", "8"}}},
      {"email", {}},
      {"email", {{"domain", "people"}}},
      {"person_name", {}},
      {"first_name", {}},
      {"last_name", {}},
      {"phone", {}},
      {"phone", {{"country", "uk"}}},
      {"street_address", {}},
      {"city", {}},
      {"postcode", {}},
      {"company", {}},
      {"username", {}},
      {"ip", {}},
      {"ip", {{"version", "6"}}},
      {"url", {}},
      {"date_shift", {{"days", "30"}}},
      {"date_shift", {{"days", "30"}, {"by", "id"}}},
      {"number_noise", {{"percent", "10"}}},
      {"number_noise", {{"absolute", "5"}, {"by", "id"}}},
  };
  return kVariants;
}

std::string spelled(const Params& params) {
  std::string out;
  for (const auto& [name, value] : params) out += (out.empty() ? "" : ", ") + name + ": " + value;
  return out;
}

// "masker  parameters  type  value  pseudonym", values printable.
void add_rows(const Variant& variant, const Sample& sample, std::vector<std::string>& rows) {
  Column id = column_of(TypeClass::kInteger, "int4", "id");
  Column column = column_of(sample.type_class, sample.base_type);
  column.number = 2;
  Table table = table_of({id, column});
  auto masker = compile_masker(spec_of(variant.masker, variant.params),
                               {column, table, "UTF8", Wire::kText, test_key()});
  if (!masker.ok()) return;  // does not serve the type, or not with these parameters
  for (const std::string& value : sample.values) {
    std::string out;
    std::optional<std::string_view> row[] = {"42", value};
    Applied applied = (*masker)->apply(value, row, out);
    if (applied == Applied::kInvalid) continue;
    rows.push_back(fmt::format("{}\t{}\t{}\t{}\t{}", variant.masker, spelled(variant.params),
                               sample.base_type, value, out));
  }
}

void add_documents(std::vector<std::string>& rows) {
  MaskerSpec spec = json_of({{"$.contact.email", spec_of("email")}, {"$.theme", spec_of("keep")}});
  for (const char* type : {"json", "jsonb"}) {
    auto masker = compile(spec, column_of(TypeClass::kJson, type), Wire::kText);
    ASSERT_TRUE(masker.ok());
    for (const char* value :
         {R"({"contact": {"email": "bob@x.org"}, "theme": "dark"})", R"({"age": 42, "name": "Mary Smith"})",
          R"(["a", 1, true, null, {"b": 1.5}])"}) {
      std::string out;
      (*masker)->apply(value, {}, out);
      rows.push_back(
          fmt::format("json\t$.contact.email: email, $.theme: keep\t{}\t{}\t{}", type, value, out));
    }
  }
}

std::vector<std::string> made_rows() {
  std::vector<std::string> rows;
  for (const Variant& variant : variants()) {
    for (const Sample& sample : samples()) add_rows(variant, sample, rows);
  }
  add_documents(rows);
  return rows;
}

const std::string kFile = std::string(YTB_SOURCE_DIR) + "/tests/golden/pseudonyms.tsv";

std::vector<std::string> kept_lines() {
  std::ifstream in(kFile, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  std::vector<std::string> lines = split(text.str(), '\n');
  std::erase(lines, "");
  return lines;
}

TEST(Pseudonyms, AreThoseOfTheGoldenFile) {
  const std::string head = fmt::format("# {}\tmasker\tparameters\ttype\tvalue\tpseudonym", kPseudonymVersion);
  const std::vector<std::string> rows = made_rows();
  const std::set<std::string> made(rows.begin(), rows.end());
  ASSERT_EQ(made.size(), rows.size());
  ASSERT_GE(rows.size(), kRowsMin);
  const std::vector<std::string> kept = kept_lines();
  if (!kept.empty() && kept.front() == head) {
    for (size_t i = 1; i < kept.size(); ++i) {
      EXPECT_TRUE(made.contains(kept[i]))
          << "no longer so: " << kept[i]
          << "\nanother pseudonym needs another kPseudonymVersion and a line in CHANGELOG.md";
    }
  }
  const char* update = std::getenv("YTB_UPDATE_GOLDEN");
  if (update != nullptr && std::string_view(update) == "1") {
    if (HasFailure()) return;  // rows are added under a version, never changed
    std::ofstream out(kFile, std::ios::binary);
    out << head << '\n';
    for (const std::string& row : rows) out << row << '\n';
    return;
  }
  ASSERT_FALSE(kept.empty()) << "no " << kFile << "; make it with YTB_UPDATE_GOLDEN=1";
  EXPECT_EQ(kept.front(), head);
  EXPECT_EQ(kept.size(), rows.size() + 1) << "rows that the golden file lacks: run with YTB_UPDATE_GOLDEN=1";
}

// What the golden file holds is worth most where every masker and every type it serves is in it.
TEST(Pseudonyms, TheGoldenFileCoversEveryMaskerThatReplaces) {
  std::map<std::string, int> rows;
  for (const std::string& row : made_rows()) ++rows[row.substr(0, row.find('\t'))];
  for (const MaskerInfo& info : known_maskers()) {
    if (info.name == "keep" || info.name == "null" || info.name == "fixed") continue;
    EXPECT_GE(rows[std::string(info.name)], 3) << info.name;
  }
}

}  // namespace
}  // namespace ytb::masking

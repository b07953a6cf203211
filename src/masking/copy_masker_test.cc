#include <fmt/format.h>
#include <gtest/gtest.h>

#include "masking/big_endian.h"
#include "masking/calendar.h"
#include "masking/copy_rows.h"
#include "masking/decimal.h"
#include "masking/masking_testing.h"
#include "masking/originals.h"
#include "masking/program.h"

namespace ytb::masking {
namespace {

using namespace testing;  // NOLINT: this room's own helpers

using Row = std::vector<std::optional<std::string>>;

std::string binary_row(const Row& row) {
  std::string out;
  append_be16(static_cast<uint16_t>(row.size()), out);
  for (const auto& field : row) {
    append_be32(field ? static_cast<uint32_t>(field->size()) : 0xffffffff, out);
    if (field) out += *field;
  }
  return out;
}

std::string text_row(const Row& row) {
  std::string out;
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) out += '\t';
    if (row[i]) {
      append_escaped(*row[i], out);
    } else {
      out += "\\N";
    }
  }
  return out + "\n";
}

std::string stream_of(Wire wire, const std::vector<Row>& rows) {
  std::string out;
  CopyMasker::begin(wire, out);
  for (const Row& row : rows) out += wire == Wire::kBinary ? binary_row(row) : text_row(row);
  CopyMasker::end(wire, out);
  return out;
}

RowProgram program_of(const std::vector<std::pair<Column, MaskerSpec>>& columns, Wire wire) {
  TablePlan plan;
  plan.table = table_of({});
  plan.treatment = Treatment::kMask;
  for (const auto& [given, masker] : columns) {
    Column column = given;
    column.number = static_cast<int>(plan.columns.size()) + 1;
    plan.table.columns.push_back(column);
    plan.columns.push_back({column, masker, "test"});
  }
  auto program = RowProgram::compile(plan, "UTF8", wire, test_key());
  EXPECT_TRUE(program.ok()) << program.error().message;
  return std::move(program).value();
}

RowProgram people(Wire wire) {
  Column padded = column_of(TypeClass::kText, "bpchar", "code");
  padded.blank_padded = true;
  padded.length_max = 6;
  Column computed = column_of(TypeClass::kText, "text", "computed");
  computed.generated = true;
  return program_of({{column_of(TypeClass::kText, "text", "id"), spec_of("keep")},
                     {column_of(TypeClass::kText, "text", "email"), spec_of("email")},
                     {computed, spec_of("keep")},
                     {column_of(TypeClass::kText, "text", "note"), spec_of("null")},
                     {padded, spec_of("fixed", {{"value", "abc"}})},
                     {column_of(TypeClass::kText, "text", "rest"), spec_of("keep")}},
                    wire);
}

const std::vector<Row> kPeople = {
    {"1", "ann@x.org", "a note", "abc   ", "tab\there, back\\slash"},
    {"2", std::nullopt, std::nullopt, std::nullopt, std::nullopt},
    {"3", "", "", "xyz", "line\nline\rline"},
    {std::nullopt, "bob\\@x.org", "x", "x", ""},
    {"\\N", "\\.", "\\N", "\\", "\b\f\v"},
};

struct Outcome {
  std::string out;
  Status status;
  RowCounts counts;
};

Outcome feed_in_pieces(const RowProgram& program, std::string_view stream, size_t piece) {
  CopyMasker masker(program);
  Outcome outcome;
  for (size_t at = 0; at < stream.size() && outcome.status.ok(); at += piece) {
    outcome.status = masker.feed(stream.substr(at, piece), outcome.out);
  }
  if (outcome.status.ok()) outcome.status = masker.finish();
  outcome.counts = masker.counts();
  return outcome;
}

RowProgram kept_of_people(Wire wire) {
  return program_of({{column_of(TypeClass::kText, "text", "id"), spec_of("keep")},
                     {column_of(TypeClass::kText, "text", "rest"), spec_of("keep")}},
                    wire);
}

KeptRows kept_in(const RowProgram& program, Wire wire, const std::vector<Row>& rows) {
  return feed_in_pieces(program, stream_of(wire, rows), 1 << 20).counts.kept;
}

class CopyMaskerTest : public ::testing::TestWithParam<Wire> {};
INSTANTIATE_TEST_SUITE_P(Wires, CopyMaskerTest, ::testing::Values(Wire::kBinary, Wire::kText),
                         [](const auto& wire) { return wire.param == Wire::kBinary ? "Binary" : "Text"; });

TEST_P(CopyMaskerTest, MasksTheNamedColumnsAndNothingElse) {
  RowProgram program = people(GetParam());
  EXPECT_EQ(program.column_names(), (std::vector<std::string>{"id", "email", "note", "code", "rest"}));
  Outcome outcome = feed_in_pieces(program, stream_of(GetParam(), kPeople), 1 << 20);
  ASSERT_TRUE(outcome.status.ok());

  std::vector<Row> expected;
  for (const Row& row : kPeople) {
    Row masked = row;
    if (row[1] && !row[1]->empty()) masked[1] = mask(program.masker(1), *row[1]);
    masked[2].reset();
    if (row[3]) masked[3] = "abc";
    expected.push_back(masked);
  }
  std::string framed;
  CopyMasker::begin(GetParam(), framed);
  framed += outcome.out;
  CopyMasker::end(GetParam(), framed);
  EXPECT_EQ(framed, stream_of(GetParam(), expected));
}

TEST_P(CopyMaskerTest, CountsExactly) {
  RowProgram program = people(GetParam());
  std::string stream = stream_of(GetParam(), kPeople);
  Outcome outcome = feed_in_pieces(program, stream, 1 << 20);
  const RowCounts& counts = outcome.counts;
  EXPECT_EQ(counts.rows, 5U);
  EXPECT_EQ(counts.bytes_in, stream.size() - (GetParam() == Wire::kBinary ? 21 : 0));
  EXPECT_EQ(counts.bytes_out, outcome.out.size());
  struct {
    uint64_t values, changed, unchanged, blank;
  } const expected[] = {{4, 0, 4, 0}, {3, 3, 0, 1}, {4, 4, 0, 0}, {4, 3, 1, 0}, {4, 0, 4, 0}};
  for (size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(counts.columns[i].values, expected[i].values) << i;
    EXPECT_EQ(counts.columns[i].changed, expected[i].changed) << i;
    EXPECT_EQ(counts.columns[i].unchanged, expected[i].unchanged) << i;
    EXPECT_EQ(counts.columns[i].blank, expected[i].blank) << i;
  }
}

TEST_P(CopyMaskerTest, SplitsAnywhere) {
  RowProgram program = people(GetParam());
  std::string stream = stream_of(GetParam(), kPeople);
  Outcome whole = feed_in_pieces(program, stream, stream.size());
  for (size_t piece = 1; piece < stream.size(); ++piece) {
    Outcome outcome = feed_in_pieces(program, stream, piece);
    ASSERT_TRUE(outcome.status.ok()) << piece;
    EXPECT_EQ(outcome.out, whole.out) << piece;
    EXPECT_EQ(outcome.counts.bytes_in, whole.counts.bytes_in);
  }
}

TEST_P(CopyMaskerTest, EveryTruncationIsAnError) {
  RowProgram program = people(GetParam());
  std::string stream = stream_of(GetParam(), kPeople);
  for (size_t size = 0; size < stream.size(); ++size) {
    // Text has no trailer: a stream that ends after a line is whole.
    if (GetParam() == Wire::kText && (size == 0 || stream[size - 1] == '\n')) continue;
    Outcome outcome = feed_in_pieces(program, stream.substr(0, size), 7);
    ASSERT_FALSE(outcome.status.ok()) << size;
    EXPECT_EQ(outcome.status.error().code, Code::kCorrupt);
  }
}

TEST_P(CopyMaskerTest, AWrongNumberOfFieldsIsAnErrorThatNamesTheRow) {
  RowProgram program = people(GetParam());
  for (size_t fields : {0U, 1U, 4U, 6U}) {
    std::vector<Row> rows = {kPeople[0], Row(fields, "x"), kPeople[1]};
    Outcome outcome = feed_in_pieces(program, stream_of(GetParam(), rows), 1000);
    ASSERT_FALSE(outcome.status.ok()) << fields;
    EXPECT_NE(outcome.status.error().message.find("row 2"), std::string::npos)
        << outcome.status.error().message;
    EXPECT_EQ(outcome.counts.rows, 1U);
    EXPECT_EQ(outcome.counts.bytes_out, outcome.out.size());
  }
}

TEST_P(CopyMaskerTest, AnInvalidValueIsAnErrorWithoutTheValue) {
  RowProgram program = people(GetParam());
  std::vector<Row> rows = {kPeople[0], {"1", "secret\xff", "", "", ""}};
  Outcome outcome = feed_in_pieces(program, stream_of(GetParam(), rows), 1000);
  ASSERT_FALSE(outcome.status.ok());
  EXPECT_EQ(outcome.status.error().message,
            "row 2 of public.t: column email holds bytes that are no value of its type");
  EXPECT_EQ(outcome.out.find("secret"), std::string::npos);
}

TEST_P(CopyMaskerTest, NothingComesAfterTheEnd) {
  RowProgram program = people(GetParam());
  std::string stream = stream_of(GetParam(), kPeople);
  if (GetParam() == Wire::kText) stream += "\\.\n";
  EXPECT_TRUE(feed_in_pieces(program, stream, 5).status.ok());
  EXPECT_FALSE(feed_in_pieces(program, stream + "x", 5).status.ok());
  EXPECT_FALSE(feed_in_pieces(program, stream + "x", 5000).status.ok());
}

TEST_P(CopyMaskerTest, ATableWithoutColumnsStillHasRows) {
  RowProgram program = program_of({}, GetParam());
  Outcome outcome = feed_in_pieces(program, stream_of(GetParam(), {{}, {}, {}}), 1);
  ASSERT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.counts.rows, 3U);
}

TEST_P(CopyMaskerTest, ALargeRowInSmallPiecesTakesLinearTime) {
  RowProgram program = program_of({{column_of(TypeClass::kText, "text"), spec_of("hash")}}, GetParam());
  std::string stream = stream_of(GetParam(), {{std::string(8 << 20, 'x')}});
  Outcome outcome =
      feed_in_pieces(program, stream, 1000);  // 8,400 pieces: quadratic would be 35 GB of scanning
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.counts.widest_row_bytes, stream.size() - (GetParam() == Wire::kBinary ? 21 : 0));
}

TEST(CopyBinary, HeadersThatAreNotOurs) {
  RowProgram program = people(Wire::kBinary);
  std::string stream = stream_of(Wire::kBinary, kPeople);
  std::string other = stream;
  other[3] = 'X';
  EXPECT_FALSE(feed_in_pieces(program, other, 1).status.ok());
  std::string flags = stream;
  flags[12] = 1;  // OIDs, until PostgreSQL 11
  EXPECT_FALSE(feed_in_pieces(program, flags, 1).status.ok());
  std::string extended = stream;
  extended[18] = 3;
  extended.insert(19, "abc");
  EXPECT_TRUE(feed_in_pieces(program, extended, 1).status.ok());
  std::string endless = stream;
  endless[15] = 0x7f;
  EXPECT_FALSE(feed_in_pieces(program, endless, 1).status.ok());
}

TEST(CopyBinary, LengthsThatCannotBe) {
  RowProgram program = people(Wire::kBinary);
  for (uint32_t length : {0xfffffffeU, 0x80000000U, 0x7fffffffU, 0x40000001U}) {
    std::string stream;
    CopyMasker::begin(Wire::kBinary, stream);
    append_be16(5, stream);
    append_be32(length, stream);
    Outcome outcome = feed_in_pieces(program, stream, 1000);
    ASSERT_FALSE(outcome.status.ok());
    EXPECT_EQ(outcome.status.error().code, Code::kCorrupt);
  }
}

TEST(CopyText, ReadsEveryEscapeThatCopyFromReads) {
  RowProgram program = program_of({{column_of(TypeClass::kText, "text"), spec_of("hash")},
                                   {column_of(TypeClass::kText, "text", "d"), spec_of("keep")}},
                                  Wire::kText);
  std::string expected = mask(program.masker(0), "a\tb\nAA!?\\x");
  Outcome outcome = feed_in_pieces(program, "a\\tb\\n\\101\\x41\\!?\\\\\\xg\tkept \\x41 raw\n", 3);
  EXPECT_EQ(outcome.out.find(expected), std::string::npos);  // \xg is the letter x and a g
  expected = mask(program.masker(0), "a\tb\nAA!?\\xg");
  EXPECT_EQ(outcome.out, expected + "\tkept \\x41 raw\n");
}

TEST(RowProgram, RunMasksOneRow) {
  RowProgram program = people(Wire::kText);
  std::vector<std::optional<std::string_view>> in = {"1", "ann@x.org", std::nullopt, "c", "rest"};
  std::vector<std::string> out;
  std::vector<bool> nulls;
  RowCounts counts;
  ASSERT_TRUE(program.run(in, out, nulls, counts).ok());
  EXPECT_EQ(nulls, (std::vector<bool>{false, false, true, false, false}));
  EXPECT_EQ(out[0], "1");
  EXPECT_EQ(out[1], mask(program.masker(1), "ann@x.org"));
  EXPECT_EQ(counts.rows, 1U);
  RowCounts sum;
  sum.add(counts);
  sum.add(counts);
  EXPECT_EQ(sum.columns[1].changed, 2U);
}

// What is replaced is remembered, and only that: what is kept, blank or NULL is nobody's original.
TEST_P(CopyMaskerTest, WhatIsReplacedIsRemembered) {
  Column document = column_of(TypeClass::kJson, "json", "document");
  Column gone = document;
  gone.name = "gone";
  MaskerSpec paths = spec_of("json");
  paths.paths = {{"$.mail", spec_of("email")},
                 {"$.note", spec_of("null")},
                 {"$.gone", spec_of("null")},
                 {"$.plan", spec_of("keep")}};
  const RowProgram program =
      program_of({{column_of(TypeClass::kText, "text", "id"), spec_of("keep")},
                  {column_of(TypeClass::kText, "text", "first"), spec_of("first_name")},
                  {column_of(TypeClass::kText, "text", "last"), spec_of("last_name")},
                  {column_of(TypeClass::kText, "text", "note"), spec_of("null")},
                  {document, paths},
                  {gone, spec_of("null")}},
                 GetParam());
  std::vector<uint64_t> spool;
  std::string key;
  for (size_t i = 0; i < Originals::kKeyBytes; ++i) key.push_back(static_cast<char>(i));
  Originals originals(Secret(std::move(key)), [&](std::span<const uint64_t> digests) {
    spool.insert(spool.end(), digests.begin(), digests.end());
    return Status();
  });
  OriginalsRecorder recorder(originals);
  CopyMasker masker(program, &recorder);
  std::string out;
  ASSERT_TRUE(
      masker
          .feed(stream_of(GetParam(),
                          {{"kept one", "Grace", "Hopper", "a private note",
                            R"({"mail": "g@x.test", "note": "said so", "plan": "gratis", "tel": 800000035,
                                "gone": {"a": ["nested one", 800000036], "b@c.test": true}})",
                            R"({"key": "in\u0020there", "a number": 800000037})"},
                           {std::nullopt, std::nullopt, "", std::nullopt, std::nullopt, std::nullopt}}),
                out)
          .ok());
  ASSERT_TRUE(recorder.flush().ok());
  originals.make_filter(spool.size(), 1 << 20);
  originals.add_to_filter(spool);
  const auto remembered = [&](std::string_view text) {
    SurvivorCandidates candidates;
    OriginalsSearch search(originals, candidates);
    search.look(0, text, SearchDepth::kWhole);
    search.finish();
    candidates.confirm(spool);
    return !candidates.survivors().empty();
  };
  for (const char* text :
       {"grace", "Hopper", "Grace Hopper", "Hopper, Grace", "a private note", "g@x.test", "said so",
        "in there", "nested one", "b@c.test", "a number", "800000035", "800000036", "800000037"}) {
    EXPECT_TRUE(remembered(text)) << text;
  }
  for (const char* text : {"kept one", "gratis", "mail", "note", "key", ""}) {
    EXPECT_FALSE(remembered(text)) << text;
  }
}

// The same of what a masker does not read as a text, or does not read at all.
TEST_P(CopyMaskerTest, NumbersDatesAndBytesThatAreReplacedAreRemembered) {
  const bool binary = GetParam() == Wire::kBinary;
  MaskerSpec shift = spec_of("date_shift");
  shift.params["days"] = "30";
  const RowProgram program =
      program_of({{column_of(TypeClass::kInteger, "int4", "pin"), spec_of("hash")},
                  {column_of(TypeClass::kNumber, "numeric", "salary"), spec_of("number_noise")},
                  {column_of(TypeClass::kDate, "date", "born"), shift},
                  {column_of(TypeClass::kTimestamp, "timestamptz", "died_on"), shift},
                  {column_of(TypeClass::kBytes, "bytea", "print"), spec_of("null")},
                  {column_of(TypeClass::kUuid, "uuid", "device"), spec_of("null")},
                  {column_of(TypeClass::kInteger, "int8", "ssn"), spec_of("null")}},
                 GetParam());
  const std::string fingerprint("\x00\xfe\x01\xff", 4);
  std::string number;
  Decimal salary;
  ASSERT_EQ(parse_decimal("51000.50", salary), DecimalKind::kNumber);
  append_binary_numeric(salary, number);
  std::string day;
  append_be32(static_cast<uint32_t>(days_from_civil({1980, 2, 3})), day);
  std::string midnight;
  append_be64(static_cast<uint64_t>(days_from_civil({1999, 12, 31}) * 86'400'000'000), midnight);
  std::string pin;
  append_be32(4711, pin);
  std::string ssn;
  append_be64(123'456'789, ssn);
  const std::string uuid("\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0", 16);
  const std::string uuid_text = "12345678-9abc-def0-1234-56789abcdef0";
  const Row row = binary ? Row{pin, number, day, midnight, fingerprint, uuid, ssn}
                         : Row{"4711",        "51000.50", "1980-02-03", "1999-12-31 00:00:00+00",
                               "\\x00fe01ff", uuid_text,  "123456789"};
  std::vector<uint64_t> spool;
  std::string key;
  for (size_t i = 0; i < Originals::kKeyBytes; ++i) key.push_back(static_cast<char>(i));
  NeedleSamples samples(10);
  Originals originals(
      Secret(std::move(key)),
      [&](std::span<const uint64_t> digests) {
        spool.insert(spool.end(), digests.begin(), digests.end());
        return Status();
      },
      &samples);
  OriginalsRecorder recorder(originals, program.table());
  CopyMasker masker(program, &recorder);
  std::string out;
  ASSERT_TRUE(masker.feed(stream_of(GetParam(), {row}), out).ok());
  ASSERT_TRUE(recorder.flush().ok());
  originals.make_filter(spool.size(), 1 << 20);
  originals.add_to_filter(spool);
  const auto remembered = [&](std::string_view type, std::string_view name, std::string_view value) {
    SurvivorCandidates candidates;
    OriginalsSearch search(originals, candidates);
    search.look(0, look_of(type, false, name), value, SearchDepth::kWhole);
    search.finish();
    candidates.confirm(spool);
    return !candidates.survivors().empty();
  };
  EXPECT_TRUE(remembered("int2", "old_pin", "4711"));
  EXPECT_TRUE(remembered("float8", "salary", "51000.5"));
  EXPECT_TRUE(remembered("timestamp", "birthday", "1980-02-03 00:00:00"));
  EXPECT_TRUE(remembered("date", "death", "1999-12-31"));
  EXPECT_TRUE(remembered("bytea", "any", "\\x00fe01ff"));
  EXPECT_TRUE(remembered("uuid", "any", uuid_text));
  EXPECT_TRUE(remembered("text", "any", "123-45-6789"));
  EXPECT_FALSE(remembered("int4", "orders", "4711"));
  EXPECT_FALSE(remembered("date", "ordered_on", "1980-02-03"));
  const std::vector<NeedleText> needles =
      samples.needles_where([](const NeedleSamples::Kept&) { return true; });
  EXPECT_EQ(needles, (std::vector<NeedleText>{NeedleText::of(uuid), NeedleText::of(uuid_text)}));
}

TEST_P(CopyMaskerTest, KeptFieldsReadAgainHaveTheSameSum) {
  const KeptRows before = kept_in(people(GetParam()), GetParam(), kPeople);
  const RowProgram again = kept_of_people(GetParam());
  std::vector<Row> kept;
  for (const Row& row : kPeople) kept.push_back({row[0], row[4]});
  EXPECT_EQ(kept_in(again, GetParam(), kept), before);
  std::vector<Row> other_order(kept.rbegin(), kept.rend());
  EXPECT_EQ(kept_in(again, GetParam(), other_order), before);
}

TEST_P(CopyMaskerTest, EveryChangeOfAKeptFieldChangesTheSum) {
  const RowProgram program = kept_of_people(GetParam());
  const std::vector<Row> rows = {{"ab", "c"}, {"d", std::nullopt}, {"", "e"}};
  const std::vector<std::vector<Row>> changed = {
      {{"ab", "c"}, {"d", ""}, {"", "e"}},                         // NULL to empty
      {{"ab", "c"}, {std::nullopt, "d"}, {"", "e"}},               // moved to the other column
      {{"a", "bc"}, {"d", std::nullopt}, {"", "e"}},               // another end
      {{"d", "c"}, {"ab", std::nullopt}, {"", "e"}},               // exchanged between rows
      {{"ab", "c"}, {"d", std::nullopt}},                          // a row less
      {{"ab", "c"}, {"ab", "c"}, {"d", std::nullopt}, {"", "e"}},  // one twice
      {{"ab", "c"}, {"ab", "c"}, {"d", std::nullopt}, {"d", std::nullopt}},
      {{"ab", "c"}, {"NULL", std::nullopt}, {"", "e"}},
  };
  const KeptRows before = kept_in(program, GetParam(), rows);
  for (size_t i = 0; i < changed.size(); ++i)
    EXPECT_NE(kept_in(program, GetParam(), changed[i]), before) << i;
}

TEST_P(CopyMaskerTest, MaskedFieldsHaveNoPartInTheSum) {
  std::vector<Row> others = kPeople;
  for (Row& row : others) {
    row[1] = "other@x.org";
    row[2].reset();
    row[3] = "zzz";
  }
  EXPECT_EQ(kept_in(people(GetParam()), GetParam(), others),
            kept_in(people(GetParam()), GetParam(), kPeople));
}

}  // namespace
}  // namespace ytb::masking

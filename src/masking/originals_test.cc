#include "masking/originals.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>

#include "masking/column_name.h"

namespace ytb::masking {
namespace {

constexpr SearchDepth kDepth = SearchDepth::kPhrases;
constexpr uint64_t kFilterMax = 64 << 20;

Secret key(char first = 'k') {
  std::string bytes;
  for (size_t i = 0; i < Originals::kKeyBytes; ++i)
    bytes.push_back(static_cast<char>(first + static_cast<char>(i)));
  return Secret(std::move(bytes));
}

void know(Originals& originals, const std::vector<uint64_t>& spool) {
  originals.make_filter(spool.size(), kFilterMax);
  originals.add_to_filter(spool);
}

class OriginalsTest : public ::testing::Test {
 protected:
  // How often originals are found by `look`, which looks at place 1.
  uint64_t found_by(const std::function<void(OriginalsSearch&)>& look) {
    EXPECT_TRUE(recorder.flush().ok());
    know(originals, spool);
    SurvivorCandidates candidates;
    OriginalsSearch search(originals, candidates);
    look(search);
    search.finish();
    candidates.confirm(spool);
    auto survivors = candidates.survivors();
    return survivors.empty() ? 0 : survivors.at(1).times;
  }
  uint64_t found(std::string_view text, SearchDepth depth = kDepth) {
    return found_by([&](OriginalsSearch& search) { search.look(1, text, depth); });
  }
  uint64_t found(std::string_view value, const ColumnLook& column) {
    return found_by([&](OriginalsSearch& search) { search.look(1, column, value, kDepth); });
  }
  void add(std::string_view text) { recorder.add_text(text); }

  std::vector<uint64_t> spool;
  Originals originals{key(), [this](std::span<const uint64_t> digests) {
                        spool.insert(spool.end(), digests.begin(), digests.end());
                        return Status();
                      }};
  OriginalsRecorder recorder{originals};
};

TEST_F(OriginalsTest, AreFoundWhole) {
  add("Anna.Schmidt@mail.example");
  EXPECT_EQ(found("anna.schmidt@MAIL.example", SearchDepth::kWhole), 1U);
  EXPECT_EQ(found("write to anna.schmidt@mail.example", SearchDepth::kWhole), 0U);
  EXPECT_EQ(found("bertha.schmidt@mail.example"), 0U);
  EXPECT_EQ(found(""), 0U);
}

TEST_F(OriginalsTest, AreFoundInProse) {
  add("anna.schmidt@mail.example");
  add("Anna Schmidt");
  add("12 Main Street");
  std::string prose;
  for (int i = 0; i < 5000; ++i) prose += fmt::format("word{} ", i);
  EXPECT_EQ(found(prose), 0U);
  EXPECT_EQ(found(prose + "<anna.schmidt@mail.example>, " + prose), 1U);
  EXPECT_EQ(found(prose + "<anna.schmidt@mail.example>, " + prose, SearchDepth::kWords), 1U);
  EXPECT_EQ(found("Dear Anna\nSchmidt, you live in 12, Main Street."), 2U);
  EXPECT_EQ(found("Dear Anna Schmidt", SearchDepth::kWords), 0U);  // two words
  EXPECT_EQ(found(R"({"contact": {"name": "Anna Schmidt"}})"), 1U);
}

TEST_F(OriginalsTest, LongerOnesAreFoundWholeAndAsChunks) {
  add("https://x.test/people/anna/photo/1");
  EXPECT_EQ(found("see https://x.test/people/anna/photo/1 for it"), 1U);
  EXPECT_EQ(found("HTTPS://x.test/people/anna/photo/1"), 1U);
}

TEST_F(OriginalsTest, TextsOfManyMegabytesAreSearchedInPieces) {
  add("anna.schmidt@mail.example");
  add("Anna Schmidt");
  for (const size_t before : {size_t{3'000'000}, NormalText::kTextMax - 5, NormalText::kTextMax}) {
    std::string text(before, 'x');
    text.back() = ' ';
    text += "Anna Schmidt anna.schmidt@mail.example ";
    text.append(1'500'000, 'y');
    EXPECT_GE(found(text), 2U) << before;
  }
}

// Cut where a character begins, whatever comes before; and what is no UTF-8 spoils nothing behind it.
TEST_F(OriginalsTest, LettersOfAnyScriptAreFoundInEveryPiece) {
  add("Иванченко");
  add("Özdemirov");
  const auto filled = [](std::string_view with, size_t to, std::string text) {
    while (text.size() < to) text += with;
    return text;
  };
  for (const char* start : {"", "x", "xx", "xxx"}) {
    for (const char* letter : {"дом ы ", "é b ", "安 "}) {
      for (const size_t size :
           {NormalText::kTextMax - 9, NormalText::kTextMax + 1, 2 * NormalText::kTextMax}) {
        EXPECT_GE(found(filled(letter, size, start) + " ИВАНЧЕНКО, ÖZDEMIROV"), 2U)
            << start << letter << size;
      }
    }
  }
  EXPECT_EQ(found("caf\xe9 ИВАНЧЕНКО"), 1U);
}

TEST_F(OriginalsTest, MarksOfAnyScriptEndAWord) {
  add("Zorkbaael");
  add("Παπαδόπουλος");
  add("Anna-Lenorfa");
  add("Berta Lenorfa");
  add("Strauß");
  for (const char* text :
       {"«Zorkbaael»", "¿Zorkbaael?", "Zorkbaael，hello", "Zorkbaael😊", "Zork\u00adbaael", "\uFEFFZorkbaael",
        "„Zorkbaael“", "(Zorkbaael)", "Zorkbaael…", "login anna.zorkbaael", "file_Zorkbaael_2024.pdf",
        "Ｚｏｒｋｂａａｅｌ", "hello\\nZorkbaael", "ΠΑΠΑΔΌΠΟΥΛΟΣ", "Anna Lenorfa", "anna‑lenorfa",
        "Berta-Lenorfa", "BERTA.LENORFA", "STRAUSS"}) {
    EXPECT_GE(found(text, look_of("text", false, "note")), 1U) << text;
  }
  for (const char* text : {"Zorkbaaels", "xZorkbaael", "Anna Lena", "elowen_zorkzzzzzzzzzzzzzzzzz"})
    EXPECT_EQ(found(text, look_of("text", false, "note")), 0U) << text;
}

TEST_F(OriginalsTest, AddressesStandBetweenOtherLetters) {
  add("grace.h7@person.test");
  add("Elowen");
  EXPECT_EQ(found("write to grace.h7@person.test.Thanks"), 1U);
  EXPECT_EQ(found("x-grace.h7@person.test"), 1U);
  // A pseudonym's name is of a list, and somebody has it.
  EXPECT_EQ(found("elowen.halinga.kzq@example.org"), 0U);
  EXPECT_EQ(found("elowen_kzqwhyxvtprnmdsbgcjfa"), 0U);
}

TEST_F(OriginalsTest, CodesAreFoundWithoutWhatPartsThem) {
  add("DE89 3704 0044 0532 0130 00");
  add("12345678-9abc-def0-1234-56789abcdef0");
  EXPECT_EQ(found("DE89370400440532013000"), 1U);
  EXPECT_EQ(found("to DE89370400440532013000, soon"), 1U);
  EXPECT_EQ(found("123456789abcdef0123456789abcdef0", SearchDepth::kWhole), 1U);
  add("DE 812345004");
  EXPECT_EQ(found("DE812345004", SearchDepth::kWhole), 1U);
  add("GB82WEST12345698765432");
  EXPECT_EQ(found("GB82 WEST 1234 5698 7654 32", SearchDepth::kWhole), 1U);
}

TEST_F(OriginalsTest, NumbersAndDatesAreFoundInTextsAndTheOtherWayRound) {
  recorder.at_column("salary", std::nullopt);
  recorder.add_scalar("salary", "51015.5");
  EXPECT_EQ(found("51015.50", look_of("text", false, "old_salary")), 1U);
  EXPECT_EQ(found("51015.51", look_of("text", false, "old_salary")), 0U);
  EXPECT_EQ(found("51015.50", look_of("text", false, "price")), 0U);
  const std::string born = kind_of("dob");
  recorder.at_column(born, std::nullopt);
  recorder.add_scalar(born, "1970-03-18");
  add("1981-01-02");
  EXPECT_EQ(found("1970-03-18", look_of("text", false, "birth_date")), 1U);
  EXPECT_EQ(found("1981-01-02", look_of("date", false, "birth_date")), 1U);
  recorder.at_column("dni", std::nullopt);
  add("20123456");
  EXPECT_EQ(found("20123456", look_of("int4", false, "dni")), 1U);
  recorder.add_scalar("dni", "20123457");
  EXPECT_EQ(found("20123457", look_of("varchar", false, "dni")), 1U);
}

TEST_F(OriginalsTest, SeveralNumbersInOneValue) {
  add("0307700011");
  add("700000012");
  add("+49 30 7700077");
  for (const char* text :
       {"0307700011 / 0307700099", "0307700099 / 0307700011", "307700011", "12 700000012", "700000012.00",
        "700,000,012", "+49 (0)30 7700077", "0049 30 7700077", "+49 30 7700077", "+49–30–7700077"}) {
    EXPECT_GE(found(text), 1U) << text;
  }
  EXPECT_EQ(found("307700011", look_of("int8", false, "any")), 1U);
}

// What too many values hold says nothing of anybody: moments, digits inside of codes, zeros.
TEST_F(OriginalsTest, WhatEverybodyHasIsNobodys) {
  recorder.at_column("prefs", std::nullopt);
  add("2026-05-01");
  add("2026-05-01T10:00:00Z");
  add("000-000-0000");
  add("2345678");
  for (const char* text :
       {"released on 2026-05-01, see log", "2026/05/01/a.png", "at 2026-05-01T10:00:00Z it was",
        "1.0000000000", "0.0000000000", "a2345678f0", "550e8400-2345-6782-a716-446655440000"}) {
    EXPECT_EQ(found(text, look_of("text", false, "note")), 0U) << text;
  }
  add("446655440000");
  EXPECT_EQ(found("550e8400-e29b-41d4-a716-446655440000", look_of("uuid", false, "id")), 0U);
  EXPECT_GE(found("2345678", look_of("text", false, "note")), 1U);
}

TEST_F(OriginalsTest, NumbersOfCasesAreNoDates) {
  add("2024-05-0017");
  add("2023-11-00123/B");
  add("2024-05-01-77");
  for (const char* text : {"see 2024-05-0017, please", "2023-11-00123/b", "of 2024-05-01-77"})
    EXPECT_GE(found(text), 1U) << text;
}

TEST_F(OriginalsTest, PartsOfLongerWordsAreFound) {
  add("Иваненкова");
  add("Zorky99");
  add("0123456789abcdef0123456789abcdef");
  for (const char* text : {"scan_Иваненкова.pdf", "ИВАНЕНКОВА_2024", "a.b.c.d.e.f.g.h.Zorky99",
                           "session 01234567-89ab-cdef-0123-456789abcdef ended",
                           R"({"u": "01234567-89ab-cdef-0123-456789abcdef"})"}) {
    EXPECT_GE(found(text, look_of(text[0] == '{' ? "jsonb" : "text", false, "note")), 1U) << text;
  }
}

TEST_F(OriginalsTest, StringsOfDocumentsWithoutBlanks) {
  add("Bahnhofweg.12,10115 Berlinchen,Deutschlandia");
  add("https://people.test/p/22/me/now");
  EXPECT_EQ(
      found(R"({"addr": "Bahnhofweg.12,10115 Berlinchen,Deutschlandia"})", look_of("jsonb", false, "x")), 1U);
  EXPECT_EQ(found(R"({"url":"https://people.test/p/22/me/now"})", look_of("json", false, "x")), 1U);
}

TEST_F(OriginalsTest, NumbersAreFoundHoweverTheyAreTyped) {
  add("+49 (30) 123 45 67");
  EXPECT_EQ(found("49301234567"), 1U);
  EXPECT_EQ(found("call +49-30-1234567 today"), 1U);
  EXPECT_EQ(found("49301234568"), 0U);
}

TEST_F(OriginalsTest, PairsOfColumnsAreFound) {
  recorder.add_pair("Anna", "Schmidt");
  recorder.add_pair("Schmidt", "Anna");
  EXPECT_EQ(found("for Anna Schmidt"), 1U);
  EXPECT_EQ(found("SCHMIDT, ANNA"), 1U);
  EXPECT_EQ(found("Anna"), 0U);
}

TEST_F(OriginalsTest, ShortOnesAreNotRemembered) {
  add("ab");
  add(" -- ");
  EXPECT_EQ(found("ab"), 0U);
  EXPECT_EQ(recorder.recorded(), 0U);
}

TEST_F(OriginalsTest, NumbersAndDatesAreFoundInColumnsOfTheirKindOnly) {
  recorder.add_scalar(kind_of("annual_salary"), "4711");
  recorder.add_scalar(kind_of("dob"), "1980-02-03");
  EXPECT_EQ(found("4711", look_of("int4", false, "salary")), 1U);
  EXPECT_EQ(found("4711.00", look_of("numeric", false, "old_salary")), 1U);
  EXPECT_EQ(found("4711", look_of("float8", false, "salary")), 1U);
  EXPECT_EQ(found("{4710,NULL,4711}", look_of("int8", true, "salary")), 1U);
  EXPECT_EQ(found("4712", look_of("int4", false, "salary")), 0U);
  EXPECT_EQ(found("4711", look_of("int4", false, "order_number")), 0U);
  EXPECT_EQ(found("about 4711 of them"), 0U);
  EXPECT_EQ(found("1980-02-03", look_of("date", false, "birth_date")), 1U);
  EXPECT_EQ(found("1980-02-03 00:00:00+00", look_of("timestamptz", false, "born_at")), 1U);
  EXPECT_EQ(found("1980-02-03", look_of("date", false, "ordered_on")), 0U);
}

// A postcode is a number of orders, too.
TEST_F(OriginalsTest, AFewDigitsAreFoundInColumnsOfTheirKindOnly) {
  const std::string kind = kind_of("zip");
  recorder.at_column(kind, std::nullopt);
  add("12345");
  add("SW1A 1AA");
  EXPECT_EQ(found("order 12345 is late"), 0U);
  EXPECT_EQ(found("12345", look_of("text", false, "number")), 0U);
  EXPECT_EQ(found("12345", look_of("text", false, "postal_code")), 1U);
  EXPECT_EQ(found("12345   ", look_of("bpchar", false, "postal_code")), 1U);
  EXPECT_EQ(found("12345", look_of("int4", false, "postcode")), 1U);
  EXPECT_EQ(found("in SW1A 1AA"), 1U);
}

TEST_F(OriginalsTest, LongNumbersAreFoundAnywhere) {
  recorder.add_scalar(kind_of("ssn"), "123456789");
  recorder.add_scalar(kind_of("id"), "4711");
  EXPECT_EQ(found("SSN 123-45-6789"), 1U);
  EXPECT_EQ(found("123456789", look_of("int8", false, "x")), 1U);
  EXPECT_EQ(found("4711", look_of("int8", false, "id")), 0U);
}

TEST_F(OriginalsTest, ElementsOfArraysAreLookedAtOneByOne) {
  add("12 Main Street, Springfield");
  EXPECT_EQ(found(R"({x,"12 Main Street, Springfield"})", look_of("text", true, "lines")), 1U);
  EXPECT_EQ(found(R"({"a": ["12 Main Street, Springfield"]})", look_of("jsonb", false, "doc")), 1U);
}

TEST_F(OriginalsTest, TextInBytesIsFound) {
  add("anna.schmidt@mail.example");
  const std::string picture("\x00\xff\xd8mailto:anna.schmidt@mail.example\x01\xfe", 36);
  std::string hex = "\\x";
  for (char c : picture) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  EXPECT_EQ(found(hex, look_of("bytea", false, "file")), 1U);
}

// What is found where statements look must be known as found, in whatever form it is looked for in files.
TEST(Originals, SamplesKnowTheDigestThatIsFound) {
  NeedleSamples samples(10);
  std::vector<uint64_t> spool;
  Originals originals(
      key(),
      [&](std::span<const uint64_t> digests) {
        spool.insert(spool.end(), digests.begin(), digests.end());
        return Status();
      },
      &samples);
  OriginalsRecorder recorder(originals, "t");
  recorder.at_column("device", 0);
  const std::string stored("\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0", 16);
  recorder.add_text_stored_as("12345678-9abc-def0-1234-56789abcdef0", stored);
  recorder.at_column("file", 1);
  recorder.add_bytes("anna.schmidt@mail.example");
  ASSERT_TRUE(recorder.flush().ok());
  know(originals, spool);
  SurvivorCandidates candidates;
  OriginalsSearch search(originals, candidates);
  search.look(1, "12345678-9abc-def0-1234-56789abcdef0", SearchDepth::kWhole);
  search.look(1, "to anna.schmidt@mail.example", kDepth);
  search.finish();
  size_t sampled = 0;
  EXPECT_TRUE(samples
                  .needles_where([&](const NeedleSamples::Kept& kept) {
                    ++sampled;
                    return !candidates.holds(kept.digest) && !candidates.holds(kept.other_digest);
                  })
                  .empty());
  EXPECT_EQ(sampled, 3U);
}

TEST_F(OriginalsTest, BytesAreFoundAsAWhole) {
  const std::string fingerprint("\x00\x01\xfe\xffxyz", 7);
  recorder.add_bytes(fingerprint);
  EXPECT_EQ(found("\\x0001feff78797a", look_of("bytea", false, "print")), 1U);
  EXPECT_EQ(found("\\x0001feff78797b", look_of("bytea", false, "print")), 0U);
}

// Names of columns and keywords are no people, literals and comments may be.
TEST_F(OriginalsTest, WordsOfCodeAreLookedAtInItsLiterals) {
  add("Price");
  add("Anna");
  add("anna.schmidt@mail.example");
  recorder.add_pair("Anna", "Schmidt");
  auto in_code = [&](std::string_view code, CodeOf language = CodeOf::kSql) {
    return found_by([&](OriginalsSearch& search) { search.look_code(1, code, language, kDepth); });
  };
  EXPECT_EQ(in_code("SELECT price, \"Anna\" FROM anna.price"), 0U);
  EXPECT_EQ(in_code("SELECT 1 WHERE name = 'Anna'"), 1U);
  EXPECT_EQ(in_code("SELECT 1 -- ask anna"), 1U);
  EXPECT_EQ(in_code("SELECT 1 /* ask\nanna */ + price"), 1U);
  EXPECT_EQ(in_code("SELECT 1 /* ask /* nobody */ anna */ + price"), 1U);
  EXPECT_EQ(in_code("SELECT $q$Anna$q$"), 1U);
  EXPECT_EQ(in_code("SELECT 'it''s Anna''s'"), 1U);
  EXPECT_EQ(in_code("SELECT E'it\\'s Anna'"), 1U);
  EXPECT_EQ(in_code("to(anna.schmidt@mail.example)"), 1U);
  EXPECT_EQ(in_code("call(anna, schmidt)"), 1U);
  EXPECT_EQ(in_code("return \"Anna\"  # Price", CodeOf::kOther), 2U);
  EXPECT_EQ(in_code("SELECT 1 AS \"it's\", 'Anna' AS who, 'x' AS \"a--b\", price"), 1U);
  EXPECT_EQ(in_code("SELECT a$price$b, anna$x FROM t"), 0U);
  EXPECT_EQ(in_code("anna@mail.example"), 0U);
  add("anna@mail.example");
  EXPECT_EQ(in_code("anna@mail.example"), 1U);
  EXPECT_EQ(in_code("'"), 0U);
  EXPECT_EQ(in_code("$"), 0U);
}

TEST_F(OriginalsTest, OneValueAgainAndAgainIsRecordedOnce) {
  for (int i = 0; i < 100'000; ++i) add("the same value");
  EXPECT_EQ(recorder.recorded(), 1U);
}

TEST_F(OriginalsTest, WhatOnlyTheFilterHoldsIsNoSurvivor) {
  add("anna.schmidt@mail.example");
  EXPECT_TRUE(recorder.flush().ok());
  know(originals, spool);
  SurvivorCandidates candidates;
  OriginalsSearch search(originals, candidates);
  search.look(1, "anna.schmidt@mail.example", SearchDepth::kWhole);
  search.finish();
  EXPECT_EQ(candidates.size(), 1U);
  EXPECT_TRUE(candidates.survivors().empty());  // no spool passed by
}

TEST_F(OriginalsTest, TheSpoolSaysNothingWithoutTheKey) {
  add("anna.schmidt@mail.example");
  EXPECT_TRUE(recorder.flush().ok());
  std::vector<uint64_t> others;
  Originals other(key('x'), [&](std::span<const uint64_t> digests) {
    others.assign(digests.begin(), digests.end());
    return Status();
  });
  OriginalsRecorder same(other);
  same.add_text("anna.schmidt@mail.example");
  EXPECT_TRUE(same.flush().ok());
  ASSERT_EQ(others.size(), 1U);
  EXPECT_NE(others, spool);
}

TEST_F(OriginalsTest, TooManyCandidatesAreSaid) {
  constexpr size_t kMax = 100;
  for (const size_t count : {kMax, kMax + 1}) {
    for (size_t i = 0; i < count; ++i) add(fmt::format("value{}", i));
    EXPECT_TRUE(recorder.flush().ok());
    know(originals, spool);
    SurvivorCandidates candidates(kMax);
    OriginalsSearch search(originals, candidates);
    for (size_t i = 0; i < count; ++i) {
      search.look(1, fmt::format("value{}", i), SearchDepth::kWhole);
      search.look(1, fmt::format("value{}", i), SearchDepth::kWhole);  // counted where it is
    }
    search.finish();
    EXPECT_EQ(candidates.complete(), count == kMax);
    candidates.confirm(spool);
    ASSERT_EQ(candidates.survivors().size(), 1U);
    EXPECT_EQ(candidates.survivors().at(1).times, 2 * kMax);
  }
}

TEST_F(OriginalsTest, SingleWordsAreToldApart) {
  add("Anna");
  add("Berta");
  add("anna@mail.example");
  EXPECT_TRUE(recorder.flush().ok());
  know(originals, spool);
  SurvivorCandidates candidates;
  OriginalsSearch search(originals, candidates);
  search.look(1, "Anna and Anna, Berta", kDepth);
  search.look(2, "Anna, anna@mail.example", kDepth);
  search.finish();
  candidates.confirm(spool);
  EXPECT_EQ(candidates.survivors().at(1).names, 3U);
  EXPECT_EQ(candidates.survivors().at(1).times, 3U);
  EXPECT_EQ(candidates.survivors().at(1).distinct_names, 2U);
  EXPECT_EQ(candidates.survivors().at(2).names, 1U);
  EXPECT_EQ(candidates.survivors().at(2).times, 2U);
  EXPECT_EQ(candidates.places(), (std::set<uint32_t>{1, 2}));
}

TEST_F(OriginalsTest, AFailingSpoolIsSaid) {
  Originals broken(key(), [](std::span<const uint64_t>) -> Status {
    return Error{.code = Code::kInternal, .message = "the disk is full", .hint = {}};
  });
  OriginalsRecorder writer(broken);
  writer.add_text("anna.schmidt");
  EXPECT_FALSE(writer.flush().ok());
}

TEST(Originals, SeveralThreadsRememberAndSearch) {
  constexpr int kThreads = 4;
  constexpr int kEach = 20'000;
  std::mutex mutex;
  std::vector<uint64_t> spool;
  Originals originals(key(), [&](std::span<const uint64_t> digests) {
    std::lock_guard lock(mutex);
    spool.insert(spool.end(), digests.begin(), digests.end());
    return Status();
  });
  const auto beside = [](const std::function<void(int)>& work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
    for (std::thread& thread : threads) thread.join();
  };
  beside([&](int thread) {
    OriginalsRecorder recorder(originals);
    for (int i = 0; i < kEach; ++i) recorder.add_text(fmt::format("person{}x{}", thread, i));
    EXPECT_TRUE(recorder.flush().ok());
  });
  EXPECT_EQ(spool.size(), size_t{kThreads} * kEach);
  know(originals, spool);
  SurvivorCandidates candidates;
  beside([&](int thread) {
    OriginalsSearch search(originals, candidates);
    for (int i = 0; i < kEach; i += 100) {
      search.look(static_cast<uint32_t>(thread), fmt::format("see person{}x{} here", thread, i),
                  SearchDepth::kWords);
      search.look(9, fmt::format("nobody{}x{}", thread, i), SearchDepth::kWords);
    }
    search.finish();
  });
  candidates.confirm(spool);
  std::map<uint32_t, uint64_t> wanted;
  for (uint32_t thread = 0; thread < kThreads; ++thread) wanted[thread] = kEach / 100;
  std::map<uint32_t, uint64_t> times;
  for (const auto& [place, found] : candidates.survivors()) times[place] = found.times;
  EXPECT_EQ(times, wanted);
}

TEST(DigestFilter, PassesFewThatWereNotAdded) {
  constexpr uint64_t kCount = 200'000;
  DigestFilter filter(kCount, kFilterMax);
  // Digests are uniform: those of a full-period generator stand for them.
  uint64_t state = 1;
  const auto next = [&] {
    state = state * 6364136223846793005 + 1442695040888963407;
    return state ^ (state >> 33);
  };
  for (uint64_t i = 0; i < kCount; ++i) filter.add(next());
  uint64_t passed = 0;
  for (uint64_t i = 0; i < 10 * kCount; ++i) passed += filter.may_hold(next()) ? 1 : 0;
  EXPECT_LE(passed, 40U);  // one in fifty thousand
  EXPECT_NEAR(static_cast<double>(filter.memory_bytes()), kCount * 51.0 / 8, 64);
}

TEST(DigestFilter, KeepsWithinItsMemory) {
  EXPECT_EQ(DigestFilter(1'000'000'000, 1 << 20).memory_bytes(), 1U << 20);
  EXPECT_EQ(DigestFilter(0, 0).memory_bytes(), 64U << 10);
}

}  // namespace
}  // namespace ytb::masking

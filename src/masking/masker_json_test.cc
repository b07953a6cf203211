#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "masking/big_endian.h"
#include "masking/build.h"
#include "masking/json_path.h"
#include "masking/json_text.h"
#include "masking/masking_testing.h"

namespace ytb::masking {
namespace {

using namespace testing;  // NOLINT: this room's own helpers

using Paths = std::vector<MaskerPath>;

std::unique_ptr<Masker> json_masker(const Paths& paths, std::string type = "json", Wire wire = Wire::kText) {
  auto made = compile(json_of(paths), column_of(TypeClass::kJson, std::move(type)), wire);
  EXPECT_TRUE(made.ok()) << made.error().message;
  return std::move(made).value();
}

std::string email_of(std::string_view address) {
  auto masker = compile(spec_of("email"), text_column());
  return mask(**masker, address);
}
std::string hash_of(std::string_view value) {
  auto masker = compile(spec_of("hash"), text_column());
  return mask(**masker, value);
}
std::string integer_hash_of(std::string_view number) {
  auto masker = compile(spec_of("hash"), column_of(TypeClass::kInteger, "int8"), Wire::kText);
  return mask(**masker, number);
}

TEST(Json, MasksWhatIsNamedAndKeepsEveryOtherByte) {
  auto masker = json_masker({{"$.contact.email", spec_of("email")},
                             {"$.items[*].name", spec_of("hash")},
                             {"$[\"odd.key\"]", spec_of("null")},
                             {"*", spec_of("keep")}});
  EXPECT_EQ(mask(*masker, R"( {"z":1e400, "contact" : {"email":"ann@x.org","n":12345678901234567890123},
      "items":[{"name":"x","u":"\u00e9"},{"name":null}],"odd.key":{"a":[1,"}"]}, "a":[ ] ,"e":{}} )"),
            R"( {"z":1e400, "contact" : {"email":")" + email_of("ann@x.org") +
                R"(","n":12345678901234567890123},
      "items":[{"name":")" +
                hash_of("x") + R"(","u":"\u00e9"},{"name":null}],"odd.key":null, "a":[ ] ,"e":{}} )");
}

TEST(Json, WhatNoPathNamesIsHashed) {
  auto masker = json_masker({{"$.theme", spec_of("keep")}});
  EXPECT_EQ(
      mask(*masker, R"({"theme":{"dark":true},"new":"secret","n":42,"x":1.5,"b":true,"no":null,"e":""})"),
      R"({"theme":{"dark":true},"new":")" + hash_of("secret") + R"(","n":)" + integer_hash_of("42") +
          R"(,"x":0,"b":true,"no":null,"e":""})");
  EXPECT_EQ(mask(*masker, R"("secret")"), '"' + hash_of("secret") + '"');
  EXPECT_EQ(mask(*masker, R"(["a",[["b"]]])"),
            R"([")" + hash_of("a") + R"(",[[")" + hash_of("b") + R"("]]])");
}

TEST(Json, KeysThatAreDataAreHashedUnlessKept) {
  Paths paths = {{"$.by_email.*.count", spec_of("keep")}, {"$[\"a b\"]", spec_of("keep")}};
  auto masker = json_masker(paths);
  EXPECT_EQ(mask(*masker, R"({"by_email":{"ann@x.org":{"count":3}},"a b":1,"+1 202":true,"plain":true})"),
            R"({"by_email":{")" + hash_of("ann@x.org") + R"(":{"count":3}},"a b":1,")" + hash_of("+1 202") +
                R"(":true,"plain":true})");
  auto keeping = json_masker({{"$", spec_of("keep")}});
  EXPECT_EQ(mask(*keeping, R"({"ann@x.org":"ann@x.org"})"), R"({"ann@x.org":"ann@x.org"})");
}

TEST(Json, AnEscapedKeyOrValueIsNoWayAround) {
  auto masker = json_masker({{"$.email", spec_of("email")}, {"*", spec_of("keep")}});
  std::string expected = email_of("ann@x.org");
  EXPECT_EQ(mask(*masker, R"({"em\u0061il":"\u0061nn@x.org"})"), R"({"em\u0061il":")" + expected + R"("})");
  EXPECT_EQ(mask(*masker, R"({"email":"ann@x.org","email":"ann@x.org"})"),
            R"({"email":")" + expected + R"(","email":")" + expected + R"("})");
}

TEST(Json, APathJudgesEverythingBeneathUnlessALongerOneDoes) {
  auto masker = json_masker({{"$.a", spec_of("keep")},
                             {"$.a.secret", spec_of("null")},
                             {"$.*.email", spec_of("email")},
                             {"$.b", spec_of("null")}});
  EXPECT_EQ(
      mask(
          *masker,
          R"({"a":{"x":["y"],"secret":{"deep":1},"email":"e"},"b":{"email":"e","c":["d"]},"c":{"email":"e"}})"),
      R"({"a":{"x":["y"],"secret":null,"email":")" + email_of("e") + R"("},"b":{"email":")" + email_of("e") +
          R"(","c":null},"c":{"email":")" + email_of("e") + R"("}})");
}

TEST(Json, LeavesOfAnotherKindThanTheMaskerServesAreHashed) {
  auto masker = json_masker({{"$.email", spec_of("email")},
                             {"$.pay", spec_of("number_noise", {{"percent", "10"}})},
                             {"$.born", spec_of("date_shift", {{"days", "30"}})},
                             {"$.id", spec_of("hash")},
                             {"$.f", spec_of("fixed", {{"value", "7"}})}});
  auto out = parse_json(
      mask(*masker,
           R"({"email":5551234,"pay":1000.50,"born":"1980-01-31T00:00:00Z","id":77,"f":[1,"x",true,null]})"));
  EXPECT_EQ(out["email"].dump(), integer_hash_of("5551234"));
  EXPECT_NEAR(out["pay"].get<double>(), 1000.5, 100.05);
  EXPECT_NE(out["pay"].get<double>(), 1000.5);
  std::string born = out["born"];
  EXPECT_TRUE(born.ends_with("T00:00:00Z"));
  EXPECT_NE(born, "1980-01-31T00:00:00Z");
  EXPECT_EQ(out["id"].dump(), integer_hash_of("77"));
  EXPECT_EQ(out["f"].dump(), R"([7,"7",7,null])");
  out = parse_json(mask(*masker, R"({"pay":"much","born":"in spring"})"));
  EXPECT_EQ(out["pay"], hash_of("much"));
  EXPECT_EQ(out["born"], hash_of("in spring"));
}

TEST(Json, JsonbHasAVersionByteInBinary) {
  auto binary = json_masker({{"$.e", spec_of("email")}}, "jsonb", Wire::kBinary);
  auto text = json_masker({{"$.e", spec_of("email")}}, "jsonb", Wire::kText);
  EXPECT_EQ(mask(*binary, "\1{\"e\": \"x\"}"), "\1" + mask(*text, "{\"e\": \"x\"}"));
  std::string out = "before";
  EXPECT_EQ(binary->apply("{}", {}, out), Applied::kInvalid);
  EXPECT_EQ(binary->apply("", {}, out), Applied::kInvalid);
  EXPECT_EQ(out, "before");
}

TEST(Json, ByReadsTheRowInItsOwnWire) {
  Column id = column_of(TypeClass::kInteger, "int4", "id"), doc = column_of(TypeClass::kJson, "jsonb", "doc");
  Table table = table_of({id, doc});
  MaskerSpec spec = json_of({{"$.born", spec_of("date_shift", {{"days", "900"}, {"by", "id"}})}});
  auto binary = compile_masker(spec, {doc, table, "UTF8", Wire::kBinary, test_key()});
  auto text = compile_masker(spec, {doc, table, "UTF8", Wire::kText, test_key()});
  ASSERT_TRUE(binary.ok() && text.ok());
  std::string key;
  append_be32(42, key);
  std::optional<std::string_view> binary_row[] = {key, "\1{\"born\": \"1980-01-31\"}"};
  std::optional<std::string_view> text_row[] = {"42", "{\"born\": \"1980-01-31\"}"};
  std::string a, b;
  EXPECT_EQ((*binary)->apply(*binary_row[1], binary_row, a), Applied::kReplaced);
  EXPECT_EQ((*text)->apply(*text_row[1], text_row, b), Applied::kReplaced);
  EXPECT_EQ(a, "\1" + b);
}

TEST(Json, OtherEncodingsHashTheSame) {
  auto latin1 = compile(json_of({{"$.a", spec_of("hash")}}), column_of(TypeClass::kJson, "json"), Wire::kText,
                        "LATIN1");
  ASSERT_TRUE(latin1.ok());
  EXPECT_EQ(mask(**latin1, "{\"a\":\"Zo\xeb\"}"), "{\"a\":\"" + hash_of("Zo\xc3\xab") + "\"}");
}

const std::string_view kInvalid[] = {
    "",      "{",         "}",       "[",         "[1,]",      "{\"a\"}",  "{\"a\":}",  "{\"a\":1,}",
    "{a:1}", "[1 2]",     "01",      "1.",        ".5",        "+1",       "1e",        "tru",
    "nul",   "\"\t\"",    "\"\\x\"", "\"\\u12\"", "\"abc",     "[]]",      "{} {}",     "'a'",
    "[,1]",  "{,}",       "--1",     "{\"a\" 1}", "[\"a\":1]", "\"a\" \"", "{\"a\":[}", "trueish",
    "nan",   "{\"a\":1]", "[1}",     "\xff",
};

TEST(Json, WhatIsNoJsonIsInvalid) {
  auto masker = json_masker({{"$.e", spec_of("email")}});
  for (std::string_view text : kInvalid) {
    std::string out;
    EXPECT_EQ(masker->apply(text, {}, out), Applied::kInvalid) << text;
    EXPECT_FALSE(is_json(text)) << text;
    EXPECT_TRUE(out.empty());
  }
  std::string deep = std::string(9'999, '[') + std::string(9'999, ']');
  std::string out;
  EXPECT_EQ(masker->apply(deep, {}, out), Applied::kReplaced);
  EXPECT_EQ(out, deep);
  EXPECT_EQ(masker->apply(std::string(10'001, '[') + std::string(10'001, ']'), {}, out), Applied::kInvalid);
}

TEST(Json, PolicyMistakesAreErrorsWithTheirPlace) {
  auto error_of = [](const Paths& paths) {
    auto made = compile(json_of(paths), column_of(TypeClass::kJson, "jsonb"));
    return made.ok() ? std::string("fine") : made.error().message;
  };
  Where where{"p.yaml", 9, 5};
  EXPECT_EQ(error_of({{"$.a", spec_of("emial", {}, where)}}),
            "p.yaml:9:5: masker 'emial' is not known (did you mean 'email'?)");
  EXPECT_EQ(error_of({{"a.b", spec_of("email", {}, where)}}),
            "p.yaml:9:5: json path 'a.b' does not begin with $");
  EXPECT_NE(error_of({{"$.a", spec_of("email")}, {"$[\"a\"]", spec_of("keep")}}), "fine");
  for (const char* path :
       {"", "$a", "$.", "$..a", "$.a.", "$[", "$[1]", "$[a]", "$[\"a]", "$.a[*", "$.a b", "$.a*"}) {
    EXPECT_NE(error_of({{path, spec_of("email")}}), "fine") << path;
  }
  EXPECT_NE(error_of({}), "fine");
  EXPECT_NE(error_of({{"$.a", json_of({{"$.b", spec_of("keep")}})}}), "fine");
  EXPECT_NE(error_of({{"$.a", spec_of("hash", {{"length", "0"}})}}), "fine");
  EXPECT_NE(error_of({{"$.a", spec_of("judge")}}), "fine");
  std::string long_path = "$";
  for (int i = 0; i < 65; ++i) long_path += ".a";
  EXPECT_NE(error_of({{long_path, spec_of("email")}}), "fine");
}

TEST(JsonPaths, TooManyWildcardsAreRefusedAndDoNotExplode) {
  JsonPaths paths;
  std::string all = "$", named = "$";
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(paths.add(all + ".b", 1).ok());
    ASSERT_TRUE(paths.add(named + ".b", 2).ok() || i == 0);
    ASSERT_TRUE(paths.add(named + ".*.c", 3).ok());
    all += ".*";
    named += ".a";
  }
  Status finished = paths.finish();
  EXPECT_FALSE(finished.ok());
}

TEST(JsonText, Surrogates) {
  std::string out;
  append_unescaped_json(R"(\ud83d\ude00\ud83dx\ude00\n\/)", out);
  EXPECT_EQ(out, "\xf0\x9f\x98\x80\xef\xbf\xbdx\xef\xbf\xbd\n/");
}

// What is searched of a document that is masked in part.
TEST(MaskerJson, WhatADocumentKeeps) {
  MaskerSpec spec;
  spec.name = "json";
  const auto named = [](std::string_view name) {
    MaskerSpec of_path;
    of_path.name = name;
    return of_path;
  };
  spec.paths = {{"$.mail", named("email")},
                {"$.gone", named("null")},
                {"$.plan", named("keep")},
                {"$.plan.who", named("first_name")}};
  Result<std::unique_ptr<Masker>> kept = compile_kept_json(spec);
  ASSERT_TRUE(kept.ok());
  std::string out;
  EXPECT_EQ((*kept)->apply(R"({"mail": "a@b.test", "n": 7, "gone": {"x": 1}, "other": [true, "x"],
                               "plan": {"a": "free", "who": "Anna", "n": [1, 2.5], "an odd key": null}, "odd key": 1})",
                           {}, out),
            Applied::kReplaced);
  EXPECT_EQ(out, R"({"mail": "", "n": "", "gone": null, "other": ["", ""],
                               "plan": {"a": "free", "who": "", "n": [1, 2.5], "an odd key": null}, "": ""})");
  out.clear();
  EXPECT_EQ((*kept)->apply("{", {}, out), Applied::kInvalid);
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace ytb::masking

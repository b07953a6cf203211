#include "model/proof.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"

namespace ytb::model {
namespace {

Instant at(std::string_view iso) { return from_iso(iso).value(); }

Evidence some_evidence() {
  Evidence evidence;
  evidence.defused = {"subscription \"s\" detached from its slot", "foreign server müller disarmed"};
  evidence.checks = {{"defused", "nothing is armed", Outcome::kPassed, "2 objects"}};
  TableEvidence table{.database = "shop",
                      .schema = "public",
                      .table = "odd\"; drop table x;--",
                      .treatment = "masked",
                      .rows_before = 18446744073709551615ULL,
                      .rows_after = 3,
                      .bytes_read = 1000,
                      .seconds = 0.25,
                      .columns = {}};
  table.columns.push_back(
      {.name = "email", .masker = "email", .values = 3, .changed = 2, .unchanged = 1, .must_change = true});
  evidence.tables.push_back(table);
  evidence.inputs = "abc";
  evidence.notes = {"a note"};
  return evidence;
}

Proof some_proof() {
  Proof proof;
  proof.production = ProductionName("shop");
  proof.copy = CopyId("shop-yesterday-20261122-060000-1");
  proof.instance = "nonce-1";
  proof.snapshot = SnapshotId("20261122");
  proof.data_as_of = at("2026-11-22T06:00:00.123456Z");
  proof.made_at = at("2026-11-22T06:20:00Z");
  proof.policy_digest = "d1";
  proof.key_id = "0123456789abcdef";
  proof.program = "yesterdaytabase 0.1.0";
  proof.checks = {{"columns_judged", "every column is judged", Outcome::kPassed, "12 columns"},
                  {"files", "no residue in files", Outcome::kNotCheckable, ""}};
  proof.evidence = some_evidence();
  return proof;
}

class ProofTest : public testing::Test {
 protected:
  Secret key_ = new_signing_key();
  std::string public_key_ = public_key_of(key_).value();
  Proof proof_ = some_proof();

  std::string sealed() { return seal(proof_, key_).value().text; }
  Result<PassedProof> verify(std::string_view envelope) {
    return PassedProof::verify(envelope, public_key_, proof_.copy, proof_.instance);
  }
};

TEST_F(ProofTest, JsonKeepsEverything) {
  std::string text = to_json(proof_);
  Result<Proof> again = proof_from_json(text);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(to_json(*again), text);
  EXPECT_EQ(again->data_as_of, proof_.data_as_of);
  EXPECT_EQ(again->evidence.tables[0].table, proof_.evidence.tables[0].table);
  EXPECT_EQ(again->evidence.tables[0].rows_before, 18446744073709551615ULL);
  EXPECT_TRUE(again->evidence.tables[0].columns[0].must_change);
  EXPECT_EQ(again->evidence.tables[0].columns[0].unchanged, 1U);
  EXPECT_EQ(again->checks[1].outcome, Outcome::kNotCheckable);
  EXPECT_EQ(again->evidence.defused, proof_.evidence.defused);
  EXPECT_EQ(again->evidence.checks.size(), 1U);
  EXPECT_EQ(again->masking_none, "");
}

TEST_F(ProofTest, KeyOrderIsStable) {
  std::string text = to_json(proof_);
  EXPECT_EQ(text.find("{\"format\":1,\"production\":\"shop\",\"copy\":"), 0U) << text;
}

TEST_F(ProofTest, EvidenceAloneKeepsEverything) {
  std::string text = to_json(proof_.evidence);
  Result<Evidence> again = evidence_from_json(text);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(to_json(*again), text);
  EXPECT_EQ(again->inputs, "abc");
}

TEST_F(ProofTest, NamesThatAreNotUtf8AreWrittenAllTheSame) {
  proof_.evidence.tables[0].table = "caf\xe9";
  Result<Proof> again = proof_from_json(to_json(proof_));
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->evidence.tables[0].table, "caf\xef\xbf\xbd");
  EXPECT_TRUE(verify(sealed()).ok());
}

TEST_F(ProofTest, GarbageIsCorrupt) {
  for (std::string_view garbage : {"", "null", "[]", "{", "{}", "17", "\"text\"", "{\"format\":1}",
                                   "{\"format\":\"1\"}", "{\"format\":-1}", "{\"format\":0}",
                                   "{\"format\":1e300}", "\xff\xfe", "{\"format\":1,\"format\":1}"}) {
    Result<Proof> proof = proof_from_json(garbage);
    ASSERT_FALSE(proof.ok()) << garbage;
    EXPECT_EQ(proof.error().code, Code::kCorrupt) << garbage;
    Result<Evidence> evidence = evidence_from_json(garbage);
    ASSERT_FALSE(evidence.ok()) << garbage;
    EXPECT_EQ(evidence.error().code, Code::kCorrupt) << garbage;
  }
}

// Every member that is removed, mistyped or added makes the text refused: nothing is filled in by guess.
TEST_F(ProofTest, StrictAboutEveryMember) {
  using Json = nlohmann::ordered_json;
  const Json whole = parse_json<Json>(to_json(proof_));
  std::vector<std::string> pointers;
  const Json flat = whole.flatten();
  for (const auto& [pointer, unused] : flat.items()) pointers.push_back(pointer);
  ASSERT_GT(pointers.size(), 30U);
  for (const std::string& pointer : pointers) {
    Json changed = whole;
    changed[Json::json_pointer(pointer)] = Json::object();
    EXPECT_FALSE(proof_from_json(changed.dump()).ok()) << pointer;
    Json::json_pointer parent = Json::json_pointer(pointer).parent_pointer();
    if (whole[parent].is_object()) {
      Json removed = whole;
      removed[parent].erase(Json::json_pointer(pointer).back());
      EXPECT_FALSE(proof_from_json(removed.dump()).ok()) << pointer;
      Json added = whole;
      added[parent]["surprise"] = 1;
      EXPECT_FALSE(proof_from_json(added.dump()).ok()) << pointer;
    }
  }
}

TEST_F(ProofTest, NewerFormatIsRefusedAsSuch) {
  proof_.format = 2;
  Result<Proof> again = proof_from_json(to_json(proof_));
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Code::kUnsupported);
  EXPECT_EQ(again.error().message, "the proof has format 2; this program reads up to 1");
}

TEST_F(ProofTest, HugeTextIsRefusedBeforeItIsParsed) {
  std::string huge((129UL << 20), ' ');
  Result<Proof> proof = proof_from_json(huge);
  ASSERT_FALSE(proof.ok());
  EXPECT_EQ(proof.error().code, Code::kCorrupt);
}

TEST_F(ProofTest, SealedProofPasses) {
  Result<PassedProof> passed = verify(sealed());
  ASSERT_TRUE(passed.ok()) << passed.error().message;
  EXPECT_EQ(passed->copy(), proof_.copy);
  EXPECT_EQ(to_json(passed->proof()), to_json(proof_));
}

TEST_F(ProofTest, OneChangedByteInTheTextIsSeen) {
  std::string envelope = sealed();
  size_t place = envelope.find("12 columns");
  ASSERT_NE(place, std::string::npos);
  envelope[place] = '9';
  Result<PassedProof> passed = verify(envelope);
  ASSERT_FALSE(passed.ok());
  EXPECT_EQ(passed.error().code, Code::kProof);
  EXPECT_NE(passed.error().message.find("signature does not match"), std::string::npos);
}

TEST_F(ProofTest, AnotherKeysSignatureIsRefused) {
  Secret other = new_signing_key();
  std::string foreign = seal(proof_, other).value().text;
  Result<PassedProof> passed = verify(foreign);
  ASSERT_FALSE(passed.ok());
  EXPECT_EQ(passed.error().code, Code::kProof);
  // Nor does it help to write our public key into the envelope.
  std::string theirs = to_hex(public_key_of(other).value());
  size_t place = foreign.find(theirs);
  ASSERT_NE(place, std::string::npos);
  foreign.replace(place, theirs.size(), to_hex(public_key_));
  passed = verify(foreign);
  ASSERT_FALSE(passed.ok());
  EXPECT_EQ(passed.error().code, Code::kProof);
}

TEST_F(ProofTest, AnotherCopysOrInstancesProofIsRefused) {
  std::string envelope = sealed();
  EXPECT_FALSE(
      PassedProof::verify(envelope, public_key_, CopyId("shop-yesterday-20261122-060000-2"), "nonce-1").ok());
  EXPECT_FALSE(PassedProof::verify(envelope, public_key_, proof_.copy, "nonce-2").ok());
  proof_.instance.clear();
  EXPECT_FALSE(PassedProof::verify(sealed(), public_key_, proof_.copy, "").ok());
}

TEST_F(ProofTest, OneCheckThatDidNotPassIsEnoughToRefuse) {
  for (Outcome outcome : {Outcome::kFailed, Outcome::kNotRun}) {
    proof_ = some_proof();
    proof_.checks.push_back({"row_counts", "as before", outcome, "3 of 4"});
    Result<PassedProof> passed = verify(sealed());
    ASSERT_FALSE(passed.ok());
    EXPECT_EQ(passed.error().code, Code::kProof);
    EXPECT_NE(passed.error().message.find("row_counts"), std::string::npos) << passed.error().message;
    // It is signed and can be shown all the same.
    EXPECT_TRUE(verify_seal(sealed(), public_key_).ok());
  }
}

TEST_F(ProofTest, SaysInShortWhatWasLookedFor) {
  const auto said = [&] { return join(in_short(proof_), " "); };
  EXPECT_NE(said().find("was not searched"), std::string::npos) << said();
  proof_.checks = {
      {std::string(kSearchCheck), "", Outcome::kPassed, "7 values"},
      {std::string(kFilesCheck), "", Outcome::kPassed, "1 MB; allowed: shop files of a (1 times): why"},
      {std::string(kKeptCheck), "", Outcome::kPassed, std::string(kNothingDetected) + "cards"}};
  EXPECT_EQ(in_short(proof_).size(), 4U);
  EXPECT_NE(said().find("settings) was searched for the values that masking replaced: none was found."),
            std::string::npos)
      << said();
  EXPECT_NE(said().find("of these values: none was found, except where the policy gives a reason"),
            std::string::npos)
      << said();
  EXPECT_NE(said().find("Detectors saw nothing"), std::string::npos) << said();
  proof_.checks[0].detail += std::string(kNamesSaid) + "shop public.tickets.status (2 times)";
  EXPECT_NE(said().find("none was found, except single everyday words"), std::string::npos) << said();
  proof_.checks[0].outcome = Outcome::kFailed;
  proof_.checks[2].detail = "shop public.a.b (e-mail addresses in 3 values); looked for cards";
  EXPECT_NE(said().find("are left in kept data"), std::string::npos) << said();
  EXPECT_NE(said().find("a person has to judge them"), std::string::npos) << said();
  proof_.checks[1].outcome = Outcome::kNotCheckable;
  EXPECT_NE(said().find("The provider gives nobody the server's files"), std::string::npos) << said();
  proof_.checks[0].outcome = Outcome::kNotRun;
  EXPECT_NE(said().find("did not come to its end"), std::string::npos) << said();
  proof_.masking_none = "a test";
  EXPECT_EQ(in_short(proof_), std::vector<std::string>{"Nothing was masked: this is production's data."});
}

TEST_F(ProofTest, NoChecksIsNotPassing) {
  proof_.checks.clear();
  EXPECT_FALSE(proof_.passing());
  EXPECT_FALSE(verify(sealed()).ok());
}

TEST_F(ProofTest, EnvelopeIsReadStrictly) {
  std::string envelope = sealed();
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\"signature\": \"", "\"signature\": \"zz"},
                                                        {"\"public_key\"", "\"other_key\""},
                                                        {"{", "{\"more\":1,"}}) {
    std::string changed = envelope;
    changed.replace(changed.find(from), from.size(), to);
    Result<Proof> proof = verify_seal(changed, public_key_);
    ASSERT_FALSE(proof.ok()) << to;
    EXPECT_EQ(proof.error().code, Code::kCorrupt) << to;
  }
  EXPECT_EQ(verify_seal(envelope, "short").error().code, Code::kConfig);
}

TEST_F(ProofTest, AKeyOfTheWrongSizeIsNoKey) {
  Result<SealedProof> sealed_proof = seal(proof_, Secret("short"));
  ASSERT_FALSE(sealed_proof.ok());
  EXPECT_EQ(sealed_proof.error().code, Code::kConfig);
  EXPECT_EQ(sealed_proof.error().message, "the signing key has 5 bytes, not 64");
}

}  // namespace
}  // namespace ytb::model

#include "model/proof.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/json.h"
#include "base/text.h"

namespace ytb::model {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kProofFormat = 1;
constexpr int kEvidenceFormat = 1;
// A server with 10,000 tables of 40 columns gives about 60 MB; beyond this it is not one of ours.
constexpr size_t kTextSizeMax = 128UL << 20;
constexpr size_t kEnvelopeSizeMax = 2 * kTextSizeMax + 4096;  // the text again, escaped
constexpr size_t kItemsMax = 1'000'000;                       // of any one list

constexpr std::array<std::pair<Outcome, std::string_view>, 4> kOutcomes{{
    {Outcome::kPassed, "passed"},
    {Outcome::kFailed, "failed"},
    {Outcome::kNotRun, "not_run"},
    {Outcome::kNotCheckable, "not_checkable"},
}};

Error corrupt(std::string message) {
  return Error{.code = Code::kCorrupt,
               .message = std::move(message),
               .hint =
                   "the record was changed or damaged; the copy that it lies with is not trusted; another "
                   "takes its place with: yesterdaytabase refresh --force"};
}

// Reads the members of one JSON object strictly: a missing, mistyped or unknown member is an error. The first
// error is kept and everything read after it is a default, so that callers check once.
class ObjectReader {
 public:
  ObjectReader(const Json& value, std::string path, std::optional<Error>& error)
      : value_(value), path_(std::move(path)), error_(error) {
    if (!value_.is_object()) fail("is not an object");
  }

  std::string text(const char* key) {
    const Json* member = find(key);
    if (member == nullptr) return {};
    if (!member->is_string()) return fail_member<std::string>(key, "is not a text");
    return member->get<std::string>();
  }

  uint64_t count(const char* key) {
    const Json* member = find(key);
    if (member == nullptr) return 0;
    if (!member->is_number_unsigned()) return fail_member<uint64_t>(key, "is not a count");
    return member->get<uint64_t>();
  }

  double number(const char* key) {
    const Json* member = find(key);
    if (member == nullptr) return 0;
    if (!member->is_number() || !std::isfinite(member->get<double>())) {
      return fail_member<double>(key, "is not a number");
    }
    return member->get<double>();
  }

  bool boolean(const char* key) {
    const Json* member = find(key);
    if (member == nullptr) return false;
    if (!member->is_boolean()) return fail_member<bool>(key, "is not true or false");
    return member->get<bool>();
  }

  Instant instant(const char* key) {
    std::string written = text(key);
    if (error_) return {};
    std::optional<Instant> instant = from_iso(written);
    if (!instant) return fail_member<Instant>(key, "is not a time such as 2026-11-22T06:00:00Z");
    return *instant;
  }

  // The format number: 1 up to `newest`; what a newer program wrote is refused and not guessed at.
  int format(int newest) {
    uint64_t found = count("format");
    if (error_) return 0;
    if (found == 0) return fail_member<int>("format", "is not a format number");
    if (found > static_cast<uint64_t>(newest)) {
      error_ =
          Error{.code = Code::kUnsupported,
                .message = fmt::format("{} has format {}; this program reads up to {}", path_, found, newest),
                .hint = "it was written by a newer yesterdaytabase: use that version, or newer"};
      return 0;
    }
    return static_cast<int>(found);
  }

  // Calls `read(item, path of the item)` for each item.
  template <typename Read>
  void list(const char* key, Read read) {
    const Json* member = find(key);
    if (member == nullptr) return;
    if (!member->is_array() || member->size() > kItemsMax) {
      fail_member<int>(key, "is not a list, or is too long");
      return;
    }
    size_t index = 0;
    for (const Json& item : *member) {
      read(item, fmt::format("{}.{}[{}]", path_, key, index++));
      if (error_) return;
    }
  }

  const Json* object(const char* key) { return find(key); }

  void fail(std::string_view what) {
    if (!error_) error_ = corrupt(fmt::format("{} {}", path_, what));
  }

  // To be called last: a member that nobody asked for is an error.
  void finish() {
    if (error_) return;
    for (const auto& [key, unused] : value_.items()) {
      if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
        fail(fmt::format("has an unknown member '{}'", printable(key)));
        return;
      }
    }
  }

 private:
  const Json* find(const char* key) {
    known_.emplace_back(key);
    if (error_) return nullptr;
    auto found = value_.find(key);
    if (found == value_.end()) {
      fail(fmt::format("lacks '{}'", key));
      return nullptr;
    }
    return &*found;
  }

  template <typename T>
  T fail_member(const char* key, std::string_view what) {
    if (!error_) error_ = corrupt(fmt::format("{}.{} {}", path_, key, what));
    return T{};
  }

  const Json& value_;
  std::string path_;
  std::optional<Error>& error_;
  std::vector<std::string> known_;
};

Json to_tree(const Check& check) {
  return Json{{"name", check.name},
              {"asserts", check.asserts},
              {"outcome", name_of(check.outcome)},
              {"detail", check.detail}};
}

Json to_tree(const std::vector<Check>& checks) {
  Json list = Json::array();
  for (const Check& check : checks) list.push_back(to_tree(check));
  return list;
}

Json to_tree(const TableEvidence& table) {
  Json columns = Json::array();
  for (const TableEvidence::Column& column : table.columns) {
    columns.push_back(Json{{"name", column.name},
                           {"masker", column.masker},
                           {"values", column.values},
                           {"changed", column.changed},
                           {"unchanged", column.unchanged},
                           {"must_change", column.must_change}});
  }
  return Json{{"database", table.database},
              {"schema", table.schema},
              {"table", table.table},
              {"treatment", table.treatment},
              {"rows_before", table.rows_before},
              {"rows_after", table.rows_after},
              {"bytes_read", table.bytes_read},
              {"seconds", std::isfinite(table.seconds) ? table.seconds : 0.0},
              {"columns", std::move(columns)}};
}

Json to_tree(const Evidence& evidence) {
  Json tables = Json::array();
  for (const TableEvidence& table : evidence.tables) tables.push_back(to_tree(table));
  return Json{{"format", kEvidenceFormat},   {"inputs", evidence.inputs},
              {"defused", evidence.defused}, {"checks", to_tree(evidence.checks)},
              {"tables", std::move(tables)}, {"notes", evidence.notes}};
}

// Names in a database that is not UTF-8 may not be UTF-8: such bytes are written as U+FFFD.
std::string dump(const Json& tree, int indent = -1) {
  return tree.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Check read_check(const Json& tree, std::string path, std::optional<Error>& error) {
  Check check;
  ObjectReader reader(tree, std::move(path), error);
  check.name = reader.text("name");
  check.asserts = reader.text("asserts");
  std::string outcome = reader.text("outcome");
  check.detail = reader.text("detail");
  reader.finish();
  const auto* row = std::find_if(kOutcomes.begin(), kOutcomes.end(),
                                 [&](const auto& candidate) { return candidate.second == outcome; });
  if (row == kOutcomes.end()) {
    reader.fail(fmt::format("has an unknown outcome '{}'", printable(outcome)));
  } else {
    check.outcome = row->first;
  }
  return check;
}

std::vector<Check> read_checks(ObjectReader& reader, std::optional<Error>& error) {
  std::vector<Check> checks;
  reader.list("checks", [&](const Json& item, std::string path) {
    checks.push_back(read_check(item, std::move(path), error));
  });
  return checks;
}

std::vector<std::string> read_lines(ObjectReader& reader, const char* key, std::optional<Error>& error) {
  std::vector<std::string> lines;
  reader.list(key, [&](const Json& item, const std::string& path) {
    if (!item.is_string()) {
      error = corrupt(path + " is not a text");
      return;
    }
    lines.push_back(item.get<std::string>());
  });
  return lines;
}

TableEvidence read_table(const Json& tree, std::string path, std::optional<Error>& error) {
  TableEvidence table;
  ObjectReader reader(tree, std::move(path), error);
  table.database = reader.text("database");
  table.schema = reader.text("schema");
  table.table = reader.text("table");
  table.treatment = reader.text("treatment");
  table.rows_before = reader.count("rows_before");
  table.rows_after = reader.count("rows_after");
  table.bytes_read = reader.count("bytes_read");
  table.seconds = reader.number("seconds");
  reader.list("columns", [&](const Json& item, std::string column_path) {
    TableEvidence::Column column;
    ObjectReader column_reader(item, std::move(column_path), error);
    column.name = column_reader.text("name");
    column.masker = column_reader.text("masker");
    column.values = column_reader.count("values");
    column.changed = column_reader.count("changed");
    column.unchanged = column_reader.count("unchanged");
    column.must_change = column_reader.boolean("must_change");
    column_reader.finish();
    table.columns.push_back(std::move(column));
  });
  reader.finish();
  return table;
}

Evidence read_evidence(const Json& tree, std::string path, std::optional<Error>& error) {
  Evidence evidence;
  ObjectReader reader(tree, std::move(path), error);
  reader.format(kEvidenceFormat);
  evidence.inputs = reader.text("inputs");
  evidence.defused = read_lines(reader, "defused", error);
  evidence.checks = read_checks(reader, error);
  reader.list("tables", [&](const Json& item, std::string table_path) {
    evidence.tables.push_back(read_table(item, std::move(table_path), error));
  });
  evidence.notes = read_lines(reader, "notes", error);
  reader.finish();
  return evidence;
}

Result<Json> parse_bounded(std::string_view text, size_t size_max, std::string_view what) {
  if (text.size() > size_max) {
    return corrupt(fmt::format("the {} has {}, more than any of ours", what, human_bytes(text.size())));
  }
  Json tree = parse_json<Json>(text);
  if (tree.is_discarded()) return corrupt(fmt::format("the {} is not JSON", what));
  return tree;
}

std::optional<std::string> from_hex(std::string_view hex, size_t size) {
  std::string bytes(size, '\0');
  size_t length = 0;
  if (hex.size() != 2 * size ||
      sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), hex.data(), hex.size(),
                     nullptr, &length, nullptr) != 0 ||
      length != size) {
    return std::nullopt;
  }
  return bytes;
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Status check_signing_key(const Secret& signing_key) {
  if (signing_key.reveal().size() == crypto_sign_SECRETKEYBYTES) return {};
  return Error{
      .code = Code::kConfig,
      .message = fmt::format("the signing key has {} bytes, not {}", signing_key.reveal().size(),
                             crypto_sign_SECRETKEYBYTES),
      .hint =
          "restore it from a backup; or remove it, and the next run makes a new one (proofs of the old "
          "one then no longer verify, and their copies are made anew)"};
}

Error not_ours(std::string message, std::string hint) {
  return Error{.code = Code::kProof, .message = std::move(message), .hint = std::move(hint)};
}

}  // namespace

std::string_view name_of(Outcome outcome) {
  for (const auto& [candidate, name] : kOutcomes) {
    if (candidate == outcome) return name;
  }
  YTB_CHECK_MSG(false, "an outcome without a name");
  __builtin_unreachable();
}

namespace {

const Check* check_named(const Proof& proof, std::string_view name) {
  auto found = std::find_if(proof.checks.begin(), proof.checks.end(),
                            [&](const Check& check) { return check.name == name; });
  return found == proof.checks.end() ? nullptr : &*found;
}

// "none was found, except …"
std::string found_nothing(const Check& check) {
  const bool allowed = check.detail.find(kAllowedSaid) != std::string::npos;
  const bool names = check.detail.find(kNamesSaid) != std::string::npos;
  std::string said = "none was found";
  if (allowed) said += ", except where the policy gives a reason why it may stand there";
  if (names) said += allowed ? ", and " : ", except ";
  if (names) said += "single everyday words that are somebody's name, too";
  return said + ".";
}

std::string said_of_search(const Proof& proof) {
  const Check* check = check_named(proof, kSearchCheck);
  if (check == nullptr || check->outcome == Outcome::kNotCheckable)
    return "What is kept was not searched for the values that masking replaced: the policy does not ask for "
           "it.";
  if (check->outcome == Outcome::kNotRun)
    return "The search for the values that masking replaced did not come to its end.";
  if (check->outcome == Outcome::kFailed) return "Values that masking replaced are left in kept data.";
  return "Everything that was not masked (columns, views, definitions, large objects, settings) was searched "
         "for the "
         "values that masking replaced: " +
         found_nothing(*check);
}

std::string said_of_files(const Proof& proof) {
  const Check* check = check_named(proof, kFilesCheck);
  if (check == nullptr || check->outcome == Outcome::kNotRun) return {};
  if (check->outcome == Outcome::kNotCheckable)
    return "The provider gives nobody the server's files: what deleted rows in them hold was not searched.";
  if (check->outcome == Outcome::kFailed)
    return "Values that masking replaced are left in the bytes of the copy's files.";
  return "The bytes of the copy's files, deleted rows and logs among them, were searched for a sample of "
         "these values: " +
         found_nothing(*check);
}

std::string said_of_kept(const Proof& proof) {
  const Check* check = check_named(proof, kKeptCheck);
  if (check == nullptr || check->outcome == Outcome::kNotRun) return {};
  if (check->outcome == Outcome::kNotCheckable)
    return "No detector looked at kept values: the policy switches them off.";
  if (check->detail.starts_with(kNothingDetected))
    return "Detectors saw nothing in kept values that looks like an e-mail address, telephone number, card, "
           "bank account, "
           "social security number or key, except where the policy allows it.";
  return "Some kept values look like e-mail addresses, numbers, accounts or keys of people: " +
         std::string(kKeptCheck) + " names the columns, and a person has to judge them.";
}

}  // namespace

std::vector<std::string> in_short(const Proof& proof) {
  if (!proof.masking_none.empty()) return {"Nothing was masked: this is production's data."};
  std::vector<std::string> sentences{said_of_search(proof)};
  for (std::string more : {said_of_files(proof), said_of_kept(proof)}) {
    if (!more.empty()) sentences.push_back(std::move(more));
  }
  if (sentences.size() > 1)
    sentences.emplace_back(
        "Not everything can be searched for (very short values, enums, encoded text, and more): the checks "
        "name the "
        "columns, docs/policy.md the rest.");
  return sentences;
}

bool Proof::passing() const {
  return !checks.empty() && std::all_of(checks.begin(), checks.end(), [](const Check& check) {
    return check.outcome == Outcome::kPassed || check.outcome == Outcome::kNotCheckable;
  });
}

std::string to_json(const Proof& proof) {
  Json tree{{"format", proof.format},
            {"production", proof.production.str()},
            {"copy", proof.copy.str()},
            {"instance", proof.instance},
            {"snapshot", proof.snapshot.str()},
            {"data_as_of", to_iso(proof.data_as_of, /*exact=*/true)},
            {"made_at", to_iso(proof.made_at, /*exact=*/true)},
            {"policy_digest", proof.policy_digest},
            {"key_id", proof.key_id},
            {"masking_none", proof.masking_none},
            {"program", proof.program},
            {"checks", to_tree(proof.checks)},
            {"evidence", to_tree(proof.evidence)}};
  return dump(tree);
}

Result<Proof> proof_from_json(std::string_view text) {
  YTB_ASSIGN(Json tree, parse_bounded(text, kTextSizeMax, "proof"));
  std::optional<Error> error;
  Proof proof;
  ObjectReader reader(tree, "the proof", error);
  proof.format = reader.format(kProofFormat);
  proof.production = ProductionName(reader.text("production"));
  proof.copy = CopyId(reader.text("copy"));
  proof.instance = reader.text("instance");
  proof.snapshot = SnapshotId(reader.text("snapshot"));
  proof.data_as_of = reader.instant("data_as_of");
  proof.made_at = reader.instant("made_at");
  proof.policy_digest = reader.text("policy_digest");
  proof.key_id = reader.text("key_id");
  proof.masking_none = reader.text("masking_none");
  proof.program = reader.text("program");
  proof.checks = read_checks(reader, error);
  const Json* evidence = reader.object("evidence");
  if (evidence != nullptr) proof.evidence = read_evidence(*evidence, "the proof.evidence", error);
  reader.finish();
  if (error) return *std::move(error);
  return proof;
}

std::string to_json(const Evidence& evidence) { return dump(to_tree(evidence)); }

Result<Evidence> evidence_from_json(std::string_view text) {
  YTB_ASSIGN(Json tree, parse_bounded(text, kTextSizeMax, "evidence"));
  std::optional<Error> error;
  Evidence evidence = read_evidence(tree, "the evidence", error);
  if (error) return *std::move(error);
  return evidence;
}

Secret new_signing_key() {
  YTB_CHECK(sodium_init() >= 0);
  std::string public_key(crypto_sign_PUBLICKEYBYTES, '\0');
  std::string key(crypto_sign_SECRETKEYBYTES, '\0');
  crypto_sign_keypair(reinterpret_cast<unsigned char*>(public_key.data()),
                      reinterpret_cast<unsigned char*>(key.data()));
  return Secret(std::move(key));
}

Result<std::string> public_key_of(const Secret& signing_key) {
  YTB_TRY(check_signing_key(signing_key));
  std::string public_key(crypto_sign_PUBLICKEYBYTES, '\0');
  crypto_sign_ed25519_sk_to_pk(reinterpret_cast<unsigned char*>(public_key.data()),
                               bytes_of(signing_key.reveal()));
  return public_key;
}

Result<SealedProof> seal(const Proof& proof, const Secret& signing_key) {
  YTB_CHECK(sodium_init() >= 0);
  YTB_ASSIGN(std::string public_key, public_key_of(signing_key));
  std::string text = to_json(proof);
  if (text.size() > kTextSizeMax) {
    return Error{.code = Code::kUnsupported,
                 .message = fmt::format("the proof of {} has {}, more than {}", proof.copy,
                                        human_bytes(text.size()), human_bytes(kTextSizeMax)),
                 .hint = "a server with this many columns is beyond this version"};
  }
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr, bytes_of(text),
                       text.size(), bytes_of(signing_key.reveal()));
  Json envelope{{"proof", text}, {"signature", to_hex(signature)}, {"public_key", to_hex(public_key)}};
  return SealedProof{dump(envelope, 1) + "\n"};
}

Result<Proof> verify_seal(std::string_view envelope, std::string_view public_key) {
  YTB_CHECK(sodium_init() >= 0);
  if (public_key.size() != crypto_sign_PUBLICKEYBYTES) {
    return Error{
        .code = Code::kConfig,
        .message =
            fmt::format("the public key has {} bytes, not {}", public_key.size(), crypto_sign_PUBLICKEYBYTES),
        .hint = "give the 64 hexadecimal digits that 'yesterdaytabase proof show' prints as public key"};
  }
  YTB_ASSIGN(Json tree, parse_bounded(envelope, kEnvelopeSizeMax, "sealed proof"));
  std::optional<Error> error;
  ObjectReader reader(tree, "the sealed proof", error);
  std::string text = reader.text("proof");
  std::optional<std::string> signature = from_hex(reader.text("signature"), crypto_sign_BYTES);
  std::optional<std::string> claimed_key = from_hex(reader.text("public_key"), crypto_sign_PUBLICKEYBYTES);
  reader.finish();
  if (error) return *std::move(error);
  if (!signature || !claimed_key)
    return corrupt("the sealed proof's signature or public key is not hexadecimal");
  if (sodium_memcmp(claimed_key->data(), public_key.data(), public_key.size()) != 0) {
    return not_ours(
        fmt::format("the proof is signed with the key {}…, not with ours, {}…",
                    to_hex(*claimed_key).substr(0, 16), to_hex(public_key).substr(0, 16)),
        "it was made with another state directory's signing key; verify it with that one's public key");
  }
  if (crypto_sign_verify_detached(bytes_of(*signature), bytes_of(text), text.size(), bytes_of(public_key)) !=
      0) {
    return not_ours("the proof's signature does not match its text: one of them was changed after signing",
                    "do not trust this copy; another takes its place with: yesterdaytabase refresh --force");
  }
  return proof_from_json(text);
}

Result<PassedProof> PassedProof::verify(std::string_view envelope, std::string_view public_key,
                                        const CopyId& copy, std::string_view instance) {
  YTB_ASSIGN(Proof proof, verify_seal(envelope, public_key));
  if (proof.copy != copy) {
    return not_ours(
        fmt::format("the proof is of copy {}, not of {}", printable(proof.copy.str()), copy),
        "each copy has its own proof; another copy takes its place with: yesterdaytabase refresh --force");
  }
  if (instance.empty() || proof.instance != instance) {
    return not_ours(
        fmt::format("the proof is of another instance of copy {}: this one was restored again since", copy),
        "another copy takes its place with: yesterdaytabase refresh --force");
  }
  if (!proof.passing()) {
    auto bad = std::find_if(proof.checks.begin(), proof.checks.end(), [](const Check& check) {
      return check.outcome != Outcome::kPassed && check.outcome != Outcome::kNotCheckable;
    });
    std::string what = bad == proof.checks.end()
                           ? std::string("it holds no check at all")
                           : fmt::format("{} {}: {}", bad->name, name_of(bad->outcome), bad->detail);
    return not_ours(fmt::format("the proof of copy {} does not pass: {}", copy, what),
                    fmt::format("see all checks with 'yesterdaytabase proof show {}'", copy));
  }
  return PassedProof(std::move(proof));
}

}  // namespace ytb::model

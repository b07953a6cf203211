#include "masking/guess.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/text.h"
#include "masking/column_name.h"
#include "masking/identifier_words.h"
#include "masking/masker.h"
#include "masking/verdict.h"
#include "masking/vocabulary.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

using std::string_view;

MaskerSpec spec(string_view name) {
  MaskerSpec made;
  made.name = name;
  if (name == "date_shift") made.params["days"] = "30";
  return made;
}
MaskerSpec spec(string_view name, string_view parameter, string_view value) {
  MaskerSpec made = spec(name);
  made.params[std::string(parameter)] = value;
  return made;
}

Guess keep(std::string evidence) { return {.masker = spec("keep"), .evidence = std::move(evidence)}; }
Guess undecided(std::string evidence, bool personal = false) {
  return {.masker = spec("judge"), .evidence = std::move(evidence), .personal = personal};
}
Guess mask(MaskerSpec masker, std::string evidence, bool secret = false) {
  return {.masker = std::move(masker), .evidence = std::move(evidence), .personal = true, .secret = secret};
}

// ---- whose table it is

// A table of copies or parts of rows is about what the rows are.
constexpr std::array<string_view, 22> kTableForms{
    "version", "history", "log",   "archive", "audit", "backup", "snapshot", "entity",
    "set",     "tbl",     "table", "record",  "data",  "detail", "profile",  "info",
    "list",    "master",  "old",   "account", "tmp",   "base"};

std::vector<std::string> table_words(const Table& table) {
  std::vector<std::string> words = normal_words_of(table.name.name);
  while (words.size() > 1 && (is_number(words.back()) || is_one_of(words.back(), kTableForms)))
    words.pop_back();
  return words;
}

constexpr std::array<string_view, 7> kReachingPeople{
    "email", "phone", "first_name", "last_name", "street_address", "date_shift", "username"};

// Whether other columns of the table are of a person: "client" is a program, or somebody with a telephone.
bool has_columns_of_person(const Table& table) {
  return std::any_of(table.columns.begin(), table.columns.end(), [](const Column& column) {
    if (column.type_class == TypeClass::kBoolean || column.type_class == TypeClass::kTimestamp) return false;
    const FoundMeaning found = find_meaning(read_name(column.name).words);
    return found.meaning != nullptr && is_one_of(found.meaning->masker, kReachingPeople);
  });
}

bool has_columns_of_place(const Table& table) {
  return std::any_of(table.columns.begin(), table.columns.end(), [](const Column& column) {
    const FoundMeaning found = find_meaning(read_name(column.name).words);
    return found.meaning != nullptr &&
           (found.meaning->masker == "city" || found.meaning->masker == "street_address");
  });
}

bool has_column(const Table& table, string_view name) {
  return std::any_of(table.columns.begin(), table.columns.end(),
                     [&](const Column& column) { return words_of(column.name) == name; });
}

bool speaks_of_person(const Table& table) {
  const std::vector<std::string> words = table_words(table);
  return std::any_of(words.begin(), words.end(), [](const std::string& word) { return is_person(word); });
}

// Whether a row of the table is something that lets somebody in: an API key, a session, a recovery code.
bool is_table_of_secrets(const Table& table) {
  const std::vector<std::string> words = table_words(table);
  if (words.empty()) return false;
  const std::string& last = words.back();
  if (last == "session" || last == "token" || last == "credential" || last == "secret" || last == "password")
    return true;
  if (last == "invite" || last == "invitation") return true;
  return words.size() > 1 && (last == "key" || last == "code") && guards(words[words.size() - 2]);
}

// ---- names

// What a name is the name of, by the word before or by the table; nullopt: nothing is known of it.
std::optional<Guess> name_of(string_view whose, const Table& table, const Column& column, string_view where) {
  auto say = [&](string_view what) { return fmt::format("{} '{}'{}", what, whose, where); };
  if (is_person(whose)) {
    if (masker_serves("person_name", column)) return mask(spec("person_name"), say("a name of a"));
    return std::nullopt;
  }
  if (is_firm(whose)) return mask(spec("company"), say("a name of a"));
  if (is_perhaps_person(whose)) {
    if (has_columns_of_person(table))
      return mask(spec("person_name"), say("columns of a person beside it, and a name of a"));
    return undecided(say("a name of somebody or something:"));
  }
  if (is_thing(whose) || describes(whose)) return keep(say("a name of a"));
  return std::nullopt;
}

Guess guess_name(Words words, const Table& table, const Column& column) {
  words = words.first(words.size() - 1);
  const bool shown = !words.empty() && words.back() == "display";
  words = without_adjectives(words);
  if (!words.empty()) {
    std::optional<Guess> guess = name_of(words.back(), table, column, "");
    if (!guess) return undecided("a name, and it does not say of whom or what");
    if (shown && guess->masker.name == "keep") return undecided("shown to people, who write what they like");
    return *guess;
  }
  const std::vector<std::string> rows = table_words(table);
  if (rows.empty()) return undecided("a name");
  std::optional<Guess> guess = name_of(rows.back(), table, column, ", by its table");
  // "staff_members": the word before decides what "member" leaves open.
  if (guess && guess->masker.name == "judge" && rows.size() > 1 && is_person(rows[rows.size() - 2]))
    guess = name_of(rows[rows.size() - 2], table, column, ", by its table");
  const bool of_person = speaks_of_person(table);
  if (guess && guess->masker.name == "keep" && (shown || of_person))
    return undecided(shown ? "shown to people, who write what they like"
                           : "a name of a thing, and its table speaks of a person, too");
  if (guess && guess->masker.name == "keep" && has_columns_of_person(table))
    return undecided("a name, and columns of a person beside it");
  if (guess) return *guess;
  return undecided("a name, and its table does not say of whom or what");
}

// ---- codes, keys and addresses: the word before decides

constexpr std::array<string_view, 7> kKeyed{"code", "key", "link", "phrase", "word", "seed", "hash"};
constexpr std::array<string_view, 10> kBareInSecrets{"key",    "value", "hash",       "code",    "data",
                                                     "digest", "id",    "identifier", "payload", "sess"};
// Keys of rows and caches, which open nothing.
constexpr std::array<string_view, 24> kOpenKeys{
    "primary",     "foreign", "translation", "cache",  "sort",          "partition", "natural", "surrogate",
    "lookup",      "group",   "grouping",    "object", "storage",       "file",      "index",   "business",
    "concurrency", "cron",    "idempotency", "unique", "deduplication", "routing",   "i18n",    "message"};
constexpr std::array<string_view, 14> kOfApplications{
    "redirect", "callback",   "base", "root",   "issuer",  "return", "endpoint",
    "icon",     "management", "api",  "server", "service", "schema", "clone"};
constexpr std::array<string_view, 10> kOfMachines{"server",  "memory", "bind",     "listen",   "host",
                                                  "network", "device", "register", "physical", "virtual"};
constexpr std::array<string_view, 6> kOfLedgers{"wallet", "bitcoin", "btc", "eth", "ethereum", "crypto"};

std::optional<Guess> guess_secret(const ColumnName& name, const Table& table, const Column& column) {
  const bool text = column.type_class == TypeClass::kText || column.type_class == TypeClass::kBytes ||
                    column.type_class == TypeClass::kArray;
  if (!text || !masker_serves("hash", column)) return std::nullopt;
  if (is_one_of(name.last, kKeyed) && guards(name.before_last())) {
    return mask(spec("hash"), fmt::format("name '{} {}': it lets somebody in", name.before_last(), name.last),
                true);
  }
  const bool bare = name.words.size() == 1;
  if (bare && is_one_of(name.last, kBareInSecrets) && is_table_of_secrets(table)) {
    const bool id = name.last == "id" || name.last == "identifier";
    if (!id || table_words(table).back() == "session")
      return mask(spec("hash"), fmt::format("'{}' of a table of secrets", name.last), true);
  }
  if (name.encrypted && name.last != "id")
    return mask(spec("hash"), "encrypted: a secret, whatever is in it", true);
  return std::nullopt;
}

// What no masker serves and is somebody's goes: "allowed_ips inet[]".
bool empties(const Column& column) {
  const bool odd = column.type_class == TypeClass::kArray || column.type_class == TypeClass::kOther;
  return odd && !column.not_null && masker_serves("null", column);
}

// The masker for a meaning in this column; `keep` where it is an application's, `judge` where none serves.
MaskerSpec masker_for(const FoundMeaning& found, const ColumnName& name, const Table& table,
                      const Column& column) {
  const Meaning& meaning = *found.meaning;
  string_view masker = meaning.masker;
  const string_view before = name.before_last();
  if (masker == "url" && is_one_of(before, kOfApplications)) return spec("keep");
  if (masker == "street_address" && found.phrase == "address") {
    const std::vector<std::string> whose = table_words(table);
    if (is_one_of(before, kOfLedgers) || (!whose.empty() && is_one_of(whose.back(), kOfLedgers)))
      return spec("hash");
    if (is_one_of(before, kOfMachines) || (!whose.empty() && is_one_of(whose.back(), kOfMachines)))
      return spec("judge");
    std::string phrase;
    const Meaning* rows = meaning_anywhere(whose, phrase);
    if (rows != nullptr && (rows->masker == "email" || rows->masker == "ip")) masker = rows->masker;
  }
  if (found.phrase == "pin" && has_columns_of_place(table) && masker_serves("postcode", column))
    masker = "postcode";
  const bool readable = column.type_class == TypeClass::kText || column.type_class == TypeClass::kArray;
  if (readable && (found.cipher || masker == "date_shift" || masker == "number_noise")) masker = "hash";
  if (masker == "judge") return spec("judge");
  if (masker_serves(masker, column)) return spec(masker);
  if (masker_serves("hash", column)) return spec("hash");
  return spec(empties(column) ? "null" : "judge");
}

bool can_hold(const Meaning& meaning, const Column& column) {
  switch (column.type_class) {
    case TypeClass::kBoolean:
    case TypeClass::kEnum:
      return false;
    case TypeClass::kDate:
    case TypeClass::kTimestamp:
      return meaning.masker == "date_shift";
    case TypeClass::kInteger:
      return meaning.forms.integer;
    case TypeClass::kNumber:
      return meaning.forms.number ||
             (meaning.forms.integer && column.scale.value_or(0) == 0 && column.base_type == "numeric");
    case TypeClass::kUuid:
      return meaning.forms.uuid;
    default:
      return true;
  }
}

// ---- ages and birthdays in parts

constexpr std::array<string_view, 9> kYears{"year",  "jahr",  "annee", "ano", "anno",
                                            "month", "monat", "day",   "mois"};
constexpr std::array<string_view, 16> kOfCaches{
    "max",     "min",   "maximum",  "minimum", "cache", "cookie",   "file",   "content",
    "session", "token", "password", "ttl",     "index", "snapshot", "backup", "data"};

std::optional<Guess> guess_age(const ColumnName& name, const Column& column) {
  const bool text = column.type_class == TypeClass::kText;
  if (column.type_class != TypeClass::kInteger && column.type_class != TypeClass::kNumber && !text)
    return std::nullopt;
  const bool age = name.last == "age" || name.last == "alter" || name.last == "edad" || name.last == "idade";
  if (age && !text && !is_one_of(name.before_last(), kOfCaches))
    return mask(spec("number_noise", "absolute", "3"), "name 'age'");
  if (name.words.size() < 2 || !is_one_of(name.last, kYears)) return std::nullopt;
  std::string phrase;
  const Meaning* of = meaning_anywhere(Words(name.words).first(name.words.size() - 1), phrase);
  if (of == nullptr || of->masker != "date_shift") return std::nullopt;
  if (text) return mask(spec("hash"), "a part of a date of birth or death");
  const bool year = is_one_of(name.last, std::array<string_view, 5>{"year", "jahr", "annee", "ano", "anno"});
  if (year) return mask(spec("number_noise", "absolute", "3"), "a year of birth or death");
  return mask(spec("fixed", "value", "1"), "a part of a date of birth or death: the same for everybody");
}

// "is_email", "has_phone", as numbers or words: whether, not what.
bool is_flag(const ColumnName& name, const Column& column) {
  constexpr std::array<string_view, 4> kAsks{"is", "has", "can", "should"};
  constexpr std::array<string_view, 13> kOrders{"use",    "allow",   "show",    "hide",    "send",
                                                "enable", "disable", "require", "receive", "want",
                                                "accept", "notify",  "opt"};
  if (name.words.size() < 2) return false;
  const bool number = column.type_class == TypeClass::kInteger;
  if (column.type_class != TypeClass::kText && !number) return false;
  return is_one_of(name.words.front(), kAsks) || (number && is_one_of(name.words.front(), kOrders));
}

// ---- by type and by what is left

constexpr std::array<string_view, 12> kCodes{"country", "currency", "language", "locale", "error",  "status",
                                             "state",   "area",     "dial",     "color",  "colour", "region"};
constexpr std::array<string_view, 16> kIdentifiers{"id",  "uuid", "uid",  "guid",    "identifier", "oid",
                                                   "xid", "jid",  "tid",  "pk",      "fk",         "ref",
                                                   "arn", "sha",  "etag", "checksum"};

Guess guess_text(const ColumnName& name, const Table& table, const Column& column) {
  if (name.words.empty()) return undecided("text, and neither name nor type say what is in it");
  const Words bare = without_forms(name.words);
  if (says_name(bare.back())) return guess_name(bare, table, column);
  if (bare.size() > 1 && bare.back() == "number" && is_person(bare[bare.size() - 2]))
    return undecided(fmt::format("a number of a '{}'", bare[bare.size() - 2]), true);
  if (name.last == "code" && is_one_of(name.before_last(), kCodes))
    return keep(fmt::format("name '{} code': one of a list", name.before_last()));
  if (name.last == "by" || name.last == "to" || name.last == "from" || name.last == "whodunnit")
    return undecided(fmt::format("name '…{}': perhaps who it was", name.last));
  // Who it is to somebody else: a log-in service, a register.
  const bool outside = name.last == "uid" || name.last == "identifier" || name.last == "sub";
  if (outside && (has_column(table, "provider") || has_column(table, "issuer") || speaks_of_person(table)))
    return undecided(fmt::format("name '{}': perhaps what somebody is called elsewhere", name.last), true);
  const bool code = is_one_of(name.last, kIdentifiers);
  if (code) return keep(fmt::format("name '{}': an identifier", name.last));
  std::string phrase;
  const Meaning* inside = meaning_anywhere(name.words, phrase);
  const bool part = name.last == "prefix" || name.last == "suffix";
  if (part && inside != nullptr) return undecided(fmt::format("name '{}': a part of it", phrase), true);
  if (name.last == "key") {
    const bool settings = name.words.size() == 1 && has_column(table, "value");
    if (settings || is_one_of(name.before_last(), kOpenKeys)) return keep("name 'key': it opens nothing");
    return undecided("name 'key', and it does not say to what");
  }
  if (describes(name.last)) return keep(fmt::format("name '{}': how something is, not what", name.last));
  if (is_free_text(name.last)) return undecided(fmt::format("free text '{}' may hold anything", name.last));
  if (inside != nullptr) return undecided(fmt::format("name '{}' stands in it", phrase), true);
  if (is_thing(name.last)) return keep(fmt::format("name '{}': a thing, not a person", name.last));
  if ((name.last == "uri" || name.last == "url") && is_one_of(name.before_last(), kOfApplications))
    return keep(fmt::format("name '{} {}': an address of an application", name.before_last(), name.last));
  if (is_person(name.last) || is_perhaps_person(name.last) || is_firm(name.last))
    return undecided(fmt::format("name '{}': perhaps who it is", name.last), true);
  constexpr int kCodeLength = 3;
  constexpr int kUuidLength = 36;
  if (column.length_max && *column.length_max <= kCodeLength) return keep("at most 3 characters: a code");
  if (column.length_max == kUuidLength) return keep("36 characters: as long as a uuid");
  return undecided("text, and neither name nor type say what is in it");
}

constexpr std::array<string_view, 22> kPlainTypes{"interval",
                                                  "time",
                                                  "timetz",
                                                  "bit",
                                                  "varbit",
                                                  "oid",
                                                  "xid",
                                                  "xid8",
                                                  "cid",
                                                  "tid",
                                                  "pg_lsn",
                                                  "int4range",
                                                  "int8range",
                                                  "numrange",
                                                  "tsrange",
                                                  "tstzrange",
                                                  "daterange",
                                                  "int4multirange",
                                                  "int8multirange",
                                                  "nummultirange",
                                                  "regclass",
                                                  "datemultirange"};
constexpr std::array<string_view, 15> kPlainArrays{
    "_int2", "_int4",      "_int8",        "_uuid", "_numeric",  "_float4", "_float8", "_bool",
    "_date", "_timestamp", "_timestamptz", "_oid",  "_interval", "_time",   "_money"};

bool is_checksum(Words words) {
  words = without_forms(words);
  constexpr std::array<string_view, 8> kChecksums{"hash", "digest", "checksum", "sha",
                                                  "md",   "crc",    "etag",     "sum"};
  return !words.empty() && is_one_of(words.back(), kChecksums);
}

Guess guess_by_type(const ColumnName& name, const Table& table, const Column& column) {
  switch (column.type_class) {
    case TypeClass::kBoolean:
      return keep("a boolean");
    case TypeClass::kEnum:
      return keep("an enum: one of a few words of the schema");
    case TypeClass::kInteger:
    case TypeClass::kNumber:
      return keep("a number, and its name speaks of no person");
    case TypeClass::kTimestamp:
      return keep("a time, and its name speaks of no birth");
    case TypeClass::kDate:
      return keep("a date, and its name speaks of no birth");
    case TypeClass::kUuid:
      return keep("a uuid: random, and says nothing of a person");
    case TypeClass::kInet:
      if (masker_serves("ip", column)) return mask(spec("ip"), "an IP address by type");
      return undecided("an IP address by type", true);
    case TypeClass::kText:
      return guess_text(name, table, column);
    case TypeClass::kJson:
      return undecided("JSON may hold anything");
    case TypeClass::kBytes:
      if (is_checksum(name.words)) return keep("a checksum, by its name");
      return undecided("bytes may hold anything");
    case TypeClass::kArray:
      if (is_one_of(column.base_type, kPlainArrays)) return keep("an array of numbers, times or identifiers");
      if (masker_serves("hash", column)) return guess_text(name, table, column);
      return undecided("an array may hold anything");
    case TypeClass::kOther:
      break;
  }
  if (is_one_of(column.base_type, kPlainTypes))
    return keep(fmt::format("the type {} holds numbers or times", printable(column.base_type)));
  if (column.base_type == "tsvector")
    return undecided("a tsvector holds the words of other columns: null or keep, as those are judged");
  return undecided(fmt::format("nothing is known of the type {}", printable(column.type)));
}

// What the words of a name or comment mean, whatever else is known: `what` is "name" or "comment".
std::optional<Guess> guess_by_words(const ColumnName& name, const FoundMeaning& found, string_view what,
                                    const Table& table, const Column& column, const RowNames& rows) {
  if (found.meaning == nullptr) return std::nullopt;
  const bool secret = found.meaning->secret;
  const bool number = column.type_class == TypeClass::kInteger || column.type_class == TypeClass::kNumber;
  // "max_tokens", "emails": how many.
  if (number && name.plural) return std::nullopt;
  if (!secret && (number || column.type_class == TypeClass::kUuid)) {
    const std::string named = rows.rows_for(column.name);
    if (!named.empty())
      return undecided(fmt::format("{} '{}', or a reference to '{}' that no foreign key declares", what,
                                   found.phrase, named));
  }
  if (!can_hold(*found.meaning, column)) return std::nullopt;
  std::string evidence = fmt::format("{} '{}'", what, found.phrase);
  MaskerSpec masker = masker_for(found, name, table, column);
  if (masker.name == "judge" && secret && column.type_class == TypeClass::kJson) {
    masker = spec("json");
    masker.paths.push_back({"$", spec("hash")});
  }
  if (masker.name == "judge") return undecided(std::move(evidence), true);
  if (masker.name == "keep") return keep("an address of an application");
  return mask(std::move(masker), std::move(evidence), secret);
}

}  // namespace

RowNames::RowNames(const Database& database) {
  for (const Table& table : database.tables) {
    const std::vector<std::string> words = normal_words_of(table.name.name);
    names_.insert(join(words, " "));
  }
}

std::string RowNames::rows_for(string_view column) const {
  const std::vector<std::string> words = normal_words_of(column);
  if (words.size() < 2 || words.back() != "id") return {};
  const Words named(words.data(), words.size() - 1);
  for (size_t from = 0; from < named.size(); ++from) {
    std::string name = join(named.subspan(from), " ");
    if (names_.contains(name)) return name;
  }
  return {};
}

bool masker_serves(string_view masker, const Column& column) {
  const MaskerInfo* info = find_masker(masker);
  if (info == nullptr || !info->serves_type(column.type_class)) return false;
  constexpr std::array<string_view, 5> kTextArrays{"_text", "_varchar", "_bpchar", "_citext", "_name"};
  return column.type_class != TypeClass::kArray || masker == "keep" || masker == "null" ||
         is_one_of(column.base_type, kTextArrays);
}

Guess guess_column(const Table& table, const Column& column, const RowNames& rows) {
  if (column.generated) return keep("generated: computed again from columns that are judged");
  if (column.identity || !column.sequence.empty()) return keep("filled from a sequence");
  const ColumnName name = read_name(column.name);
  if (is_flag(name, column)) return keep(fmt::format("name '{} …': whether, not what", name.words.front()));
  if (std::optional<Guess> guess = guess_age(name, column)) return *guess;
  if (std::optional<Guess> guess = guess_secret(name, table, column)) return *guess;
  if (std::optional<Guess> guess =
          guess_by_words(name, find_meaning(name.words), "name", table, column, rows))
    return *guess;
  for (const Column& other : table.columns) {
    if (!is_made_from(column, other)) continue;
    const Guess named = guess_column(table, other, rows);
    if (named.masker.name == "judge")
      return undecided(fmt::format("made from '{}', which is not decided", printable(other.name)));
    if (named.personal) return mask(spec("hash"), fmt::format("made from '{}'", printable(other.name)));
  }
  const bool listed = column.type_class == TypeClass::kText && lists_its_values(table, column);
  Guess guess =
      listed ? keep("a constraint lists every value it may have") : guess_by_type(name, table, column);
  if (guess.masker.name != "keep" && guess.masker.name != "judge") return guess;
  if (!column.comment.empty()) {
    // A sentence: what its first part ends with is what it is of; any word will do where nothing else says.
    const ColumnName comment = read_name(column.comment.substr(0, column.comment.find_first_of(".,;:(")));
    FoundMeaning said = find_meaning(comment.words);
    if (said.meaning == nullptr && guess.masker.name == "judge")
      said.meaning = meaning_anywhere(normal_words_of(column.comment), said.phrase);
    if (std::optional<Guess> by = guess_by_words(comment, said, "comment", table, column, rows)) return *by;
  }
  return guess;
}

namespace {

std::vector<std::string> candidate_maskers(const Column& column) {
  const ColumnName name = read_name(column.name);
  const bool who =
      name.last == "by" || name.last == "to" || is_person(name.last) || is_perhaps_person(name.last);
  std::vector<std::string> candidates;
  auto offer = [&](string_view masker) {
    if (masker_serves(masker, column)) candidates.emplace_back(masker);
  };
  if (says_name(name.last) || who) offer("person_name");
  if (who) offer("username");
  if (says_name(name.last)) offer("company");
  for (string_view masker : {"hash", "number_noise", "date_shift", "json"}) offer(masker);
  if (!column.not_null) offer("null");
  return candidates;
}

// "person_name, null, "
std::string others_than(string_view masker, const std::vector<std::string>& candidates) {
  std::string others;
  for (const std::string& each : candidates) {
    if (each != masker) others += each + ", ";
  }
  return others.empty() ? others : others + "or ";
}

Guess guess_marked(const Table& table, const Column& column, Marked marked) {
  Guess guess = guess_column(table, column);
  if (marked == Marked::kJudge && guess.masker.name == "keep") guess.masker = spec("judge");
  return guess;
}

}  // namespace

std::string candidates_for(const Column& column) {
  const std::vector<std::string> candidates = candidate_maskers(column);
  return (candidates.empty() ? "" : join(candidates, ", ") + " or ") + "keep";
}

std::string deciding_line(const Table& table, const Column& column, Marked marked) {
  const Guess guess = guess_marked(table, column, marked);
  const bool decides = guess.masker.name != "judge" || masker_serves("hash", column) ||
                       (!column.not_null && masker_serves("null", column));
  return decides ? std::string(trim(policy_line(table, column, marked))) : std::string();
}

std::string policy_line(const Table& table, const Column& column, Marked marked) {
  Guess guess = guess_marked(table, column, marked);
  std::string why = "or a masker, where it is personal";
  if (guess.masker.name == "judge") {
    const std::vector<std::string> candidates = candidate_maskers(column);
    const bool hash = masker_serves("hash", column);
    if (hash || (!column.not_null && masker_serves("null", column))) {
      guess.masker = spec(hash ? "hash" : "null");
      why = "or " + others_than(guess.masker.name, candidates) + "keep, where nothing in it is personal";
    } else {
      why = "undecided: keep or a masker";
    }
  } else if (guess.masker.name != "keep") {
    why = "by its " + guess.evidence + ", or another masker, or keep";
  }
  return fmt::format("  {}: {}   # {}: {}", yaml_key(column.name), yaml_spec(guess.masker),
                     printable(column.type), printable(why));
}

}  // namespace ytb::masking

#include "masking/guess.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/text.h"
#include "masking/masker.h"
#include "masking/verdict.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

// Phrases are whole words of a column's name, in order. English first, then what German, French, Spanish,
// Italian and Portuguese schemas use. The first rule that matches and whose masker serves the type wins.
struct Rule {
  std::string_view masker;
  std::string_view phrases;  // separated by |
};

constexpr std::array kPersonalRules{
    Rule{"hash",
         "password|passwd|passphrase|pwd|secret|token|api key|apikey|access key|private key|salt|otp|pin|"
         "session key|session id|cookie|mot de passe|passwort|kennwort|contrasena|senha|"
         "ssn|social security|national id|tax id|taxid|tin|passport|driver license|drivers license|license "
         "plate|"
         "nif|dni|cpf|steuernummer|iban|bic|swift|account number|routing number|sort code|card number|"
         "credit card|cc number|pan|cvv|cvc|fingerprint|device id|mac address|imei|advertising id|vin"},
    Rule{"email", "email|e mail|mail|emailaddress|courriel|correo|mailadresse|emailadresse"},
    Rule{"ip", "ip|ip address|ipaddress|ip addr|remote addr|client ip|last ip|ipv4|ipv6"},
    Rule{"first_name",
         "first name|firstname|fname|given name|givenname|forename|middle name|middlename|vorname|prenom|"
         "nombre|nome|primer nombre"},
    Rule{"last_name",
         "last name|lastname|lname|surname|family name|familyname|maiden name|nachname|familienname|"
         "nom de famille|apellido|apellidos|cognome|sobrenome"},
    Rule{"username",
         "username|user name|login|login name|screen name|nickname|nick|handle|benutzername|usuario|"
         "identifiant|utente"},
    Rule{"company",
         "company|company name|organisation|organization|org name|employer|business name|firma|empresa|"
         "entreprise|societe|azienda"},
    Rule{"person_name",
         "full name|fullname|display name|displayname|real name|contact name|contact person|customer name|"
         "client name|patient name|employee name|cardholder|card holder|holder name|account holder|author|"
         "recipient|signatory|beneficiary|emergency contact|legal name|nom complet|ansprechpartner|"
         "first and last name|person name|owner name|sender name|billing name|shipping name"},
    Rule{"phone",
         "phone|phone number|phonenumber|telephone|mobile|mobile number|cell|cellphone|fax|tel|telefon|"
         "telefono|telefone|handy|msisdn|portable|movil|celular"},
    Rule{"postcode",
         "zip|zip code|zipcode|postal code|postalcode|postcode|post code|plz|postleitzahl|code postal|"
         "codigo postal|cap|cep"},
    Rule{"city", "city|town|locality|ort|wohnort|stadt|ville|ciudad|citta|cidade|municipality|district"},
    Rule{"street_address",
         "address|street|addr|street address|address line|strasse|adresse|anschrift|hausnummer|house number|"
         "rue|calle|direccion|indirizzo|endereco|domicile"},
    Rule{"date_shift",
         "birth|birthday|birthdate|birth date|dob|date of birth|born|born on|born at|geburtsdatum|"
         "geburtstag|date de naissance|naissance|fecha de nacimiento|nacimiento|death|died on|deceased"},
    Rule{"number_noise",
         "salary|income|wage|gehalt|salaire|salario|latitude|longitude|lat|lon|lng|weight kg|height cm"},
    Rule{"url", "url|uri|website|homepage|web site|avatar|profile url|linkedin|facebook|twitter"},
};

// Of a person, but no masker follows from the name.
constexpr std::string_view kSensitive =
    "gender|sex|race|ethnicity|religion|nationality|marital status|diagnosis|disability|medication|blood|"
    "allergy|allergies|photo|picture|image|portrait|signature|geschlecht|genre|sexo";

constexpr std::string_view kFreeText =
    "note|notes|comment|comments|remark|remarks|message|body|bio|biography|about|feedback|review|subject|"
    "description|content|text|reason|bemerkung|kommentar|notiz|nachricht|commentaire|comentario|messages|"
    "details|summary|user agent|search|query|metadata|payload|properties|settings|preferences";

// Words of table names whose rows are people, and whose rows are firms.
constexpr std::string_view kPeople =
    "user|users|customer|customers|person|persons|people|employee|employees|staff|actor|actors|patient|"
    "patients|contact|contacts|member|members|client|clients|author|authors|owner|owners|student|students|"
    "teacher|teachers|driver|drivers|guest|guests|subscriber|subscribers|lead|leads|kunde|kunden|"
    "benutzer|mitarbeiter|person|personen|client|clients|utilisateur|utilisateurs|cliente|clientes|"
    "usuario|usuarios|admin|admins|agent|agents|candidate|candidates|applicant|applicants|passenger|"
    "passengers";
constexpr std::string_view kFirms =
    "company|companies|organisation|organisations|organization|organizations|supplier|suppliers|vendor|"
    "vendors|account|accounts|tenant|tenants|merchant|merchants|firm|firms|firma|firmen|empresa|empresas";

// Text that says what kind of thing a row is, never who.
constexpr std::string_view kCodes =
    "status|state|type|kind|code|currency|locale|language|lang|timezone|time zone|country|country code|"
    "category|level|plan|role|format|unit|color|colour|priority|severity|version|checksum|sku|slug|"
    "rating|mime type|content type|event|action|resource|environment|region|method|channel|provider";

// The first of `phrases` that stands in `words` as whole words; empty: none.
std::string_view find_phrase(std::string_view words, std::string_view phrases) {
  const std::string padded = " " + std::string(words) + " ";
  while (!phrases.empty()) {
    size_t bar = phrases.find('|');
    std::string_view phrase = phrases.substr(0, bar);
    if (padded.find(" " + std::string(phrase) + " ") != std::string::npos) return phrase;
    phrases = bar == std::string_view::npos ? std::string_view() : phrases.substr(bar + 1);
  }
  return {};
}

struct Letter {
  std::string_view accented;
  std::string_view plain;
};
constexpr std::array kLetters{Letter{"ä", "a"}, Letter{"ö", "o"}, Letter{"ü", "u"}, Letter{"ß", "ss"},
                              Letter{"é", "e"}, Letter{"è", "e"}, Letter{"ê", "e"}, Letter{"à", "a"},
                              Letter{"â", "a"}, Letter{"ç", "c"}, Letter{"ñ", "n"}, Letter{"í", "i"},
                              Letter{"ó", "o"}, Letter{"ú", "u"}, Letter{"á", "a"}, Letter{"ã", "a"},
                              Letter{"õ", "o"}, Letter{"ô", "o"}, Letter{"î", "i"}, Letter{"û", "u"}};

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

MaskerSpec spec(std::string_view name) {
  MaskerSpec made;
  made.name = name;
  if (name == "date_shift") made.params["days"] = "30";
  return made;
}

Guess keep(std::string evidence) { return {.masker = spec("keep"), .evidence = std::move(evidence)}; }
Guess undecided(std::string evidence, bool personal) {
  return {.masker = spec("judge"), .evidence = std::move(evidence), .personal = personal};
}

// What the words of a name or comment say, whatever is known of them: `what` is "name" or "comment".
std::optional<Guess> guess_by_words(std::string_view words, std::string_view what, const Column& column) {
  for (const Rule& rule : kPersonalRules) {
    std::string_view phrase = find_phrase(words, rule.phrases);
    if (phrase.empty()) continue;
    // "email_sent_at", "has_phone", "address_id": about the thing, not the thing.
    if (column.type_class == TypeClass::kBoolean) continue;
    const bool moment = column.type_class == TypeClass::kTimestamp || column.type_class == TypeClass::kDate;
    if (moment && rule.masker != "date_shift") continue;
    const bool reference = !find_phrase(words, "id|ids|key|count|number of").empty() && rule.masker != "hash";
    if (reference && column.type_class != TypeClass::kText) continue;
    std::string evidence = fmt::format("{} '{}'", what, phrase);
    if (masker_serves(rule.masker, column)) {
      return Guess{.masker = spec(rule.masker), .evidence = std::move(evidence), .personal = true};
    }
    evidence += fmt::format(", and '{}' does not serve its type", rule.masker);
    if (masker_serves("hash", column))
      return Guess{.masker = spec("hash"), .evidence = evidence, .personal = true};
    return undecided(evidence, true);
  }
  if (std::string_view phrase = find_phrase(words, kSensitive);
      !phrase.empty() && column.type_class != TypeClass::kBoolean) {
    return undecided(fmt::format("{} '{}'", what, phrase), true);
  }
  return std::nullopt;
}

// A plain "name": whose it is says the table.
std::optional<Guess> guess_bare_name(std::string_view words, const Table& table, const Column& column) {
  if (words != "name" && words != "names" && words != "nom" && words != "title name") return std::nullopt;
  if (column.type_class != TypeClass::kText) return std::nullopt;
  const std::string table_words = words_of(table.name.name);
  for (auto [masker, phrases] : {Rule{"person_name", kPeople}, Rule{"company", kFirms}}) {
    std::string_view phrase = find_phrase(table_words, phrases);
    if (phrase.empty() || !masker_serves(masker, column)) continue;
    return Guess{.masker = spec(masker),
                 .evidence = fmt::format("a name in a table of '{}'", phrase),
                 .personal = true};
  }
  return std::nullopt;
}

Guess guess_by_type(std::string_view words, const Column& column) {
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
      if (masker_serves("ip", column)) {
        return {.masker = spec("ip"), .evidence = "an IP address by type", .personal = true};
      }
      return undecided("an IP address by type", true);
    case TypeClass::kText:
      if (std::string_view phrase = find_phrase(words, kFreeText); !phrase.empty()) {
        // Free text may hold anything; what detectors find in it is replaced where there is such a masker.
        if (masker_serves("scrub", column)) {
          return {
              .masker = spec("scrub"), .evidence = fmt::format("free text '{}'", phrase), .personal = true};
        }
        return undecided(fmt::format("free text '{}' may hold anything", phrase), false);
      }
      if (column.length_max && *column.length_max <= 3) return keep("at most 3 characters: a code");
      if (std::string_view phrase = find_phrase(words, kCodes); !phrase.empty()) {
        return keep(fmt::format("name '{}': a code, not a person", phrase));
      }
      return undecided("text, and neither name nor type say what is in it", false);
    case TypeClass::kJson:
      return undecided("JSON may hold anything", false);
    case TypeClass::kBytes:
      return undecided("bytes may hold anything", false);
    case TypeClass::kArray:
      return undecided("an array may hold anything", false);
    case TypeClass::kOther:
      break;
  }
  if (column.base_type == "tsvector") {
    return undecided("a tsvector holds the words of other columns: null or keep, as those are judged", false);
  }
  return undecided(fmt::format("nothing is known of the type {}", printable(column.type)), false);
}

}  // namespace

std::string words_of(std::string_view name) {
  std::string words;
  auto gap = [&] {
    if (!words.empty() && words.back() != ' ') words += ' ';
  };
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (static_cast<unsigned char>(c) >= 0x80) {
      const auto* letter = std::find_if(kLetters.begin(), kLetters.end(), [&](const Letter& each) {
        return name.substr(i, each.accented.size()) == each.accented;
      });
      if (letter == kLetters.end()) {
        words += c;
      } else {
        words += letter->plain;
        i += letter->accented.size() - 1;
      }
      continue;
    }
    if (!is_lower(c) && !is_upper(c) && !is_digit(c)) {
      gap();
      continue;
    }
    const char before = i == 0 ? ' ' : name[i - 1];
    const bool next_is_lower = i + 1 < name.size() && is_lower(name[i + 1]);
    if (is_upper(c) && (is_lower(before) || (is_upper(before) && next_is_lower))) gap();
    if (is_digit(c) != is_digit(before) && (is_digit(c) || is_digit(before))) gap();
    words += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  while (!words.empty() && words.back() == ' ') words.pop_back();
  return words;
}

std::string kind_of(std::string_view name) {
  std::string words = words_of(name);
  if (words == "id") return {};
  for (const Rule& rule : kPersonalRules) {
    const std::string_view phrase = find_phrase(words, rule.phrases);
    // What is hashed, and what is moved by noise, is of many kinds.
    if (!phrase.empty())
      return std::string(rule.masker == "hash" || rule.masker == "number_noise" ? phrase : rule.masker);
  }
  return words;
}

bool masker_serves(std::string_view masker, const Column& column) {
  for (const MaskerInfo& info : known_maskers()) {
    if (info.name != masker) continue;
    return std::find(info.serves.begin(), info.serves.end(), column.type_class) != info.serves.end();
  }
  return false;
}

Guess guess_column(const Table& table, const Column& column) {
  if (column.generated) return keep("generated: computed again from columns that are judged");
  if (column.identity || !column.sequence.empty()) return keep("filled from a sequence");
  const std::string words = words_of(column.name);
  if (std::optional<Guess> guess = guess_by_words(words, "name", column)) return *guess;
  if (std::optional<Guess> guess = guess_bare_name(words, table, column)) return *guess;
  if (!column.comment.empty()) {
    if (std::optional<Guess> guess = guess_by_words(words_of(column.comment), "comment", column)) {
      return *guess;
    }
  }
  if (column.type_class == TypeClass::kText && lists_its_values(table, column)) {
    return keep("a constraint lists every value it may have");
  }
  return guess_by_type(words, column);
}

std::string deciding_line(const Table& table, const Column& column) {
  const Guess guess = guess_column(table, column);
  const bool decides = guess.masker.name != "judge" || masker_serves("hash", column) ||
                       (!column.not_null && masker_serves("null", column));
  return decides ? std::string(trim(policy_line(table, column))) : std::string();
}

std::string policy_line(const Table& table, const Column& column) {
  Guess guess = guess_column(table, column);
  std::string why = "or a masker, where it is personal";
  if (guess.masker.name == "judge" && masker_serves("hash", column)) {
    guess.masker = spec("hash");
    why = "or keep, where nothing in it is personal";
  } else if (guess.masker.name == "judge" && !column.not_null && masker_serves("null", column)) {
    guess.masker = spec("null");
    why = "or keep, where nothing in it is personal";
  } else if (guess.masker.name == "judge") {
    why = "undecided: keep or a masker";
  } else if (guess.masker.name != "keep") {
    why = "by its " + guess.evidence + ", or another masker, or keep";
  }
  return fmt::format("  {}: {}   # {}: {}", yaml_key(column.name), yaml_spec(guess.masker),
                     printable(column.type), printable(why));
}

}  // namespace ytb::masking

#include "masking/identifier_words.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "masking/vocabulary.h"

namespace ytb::masking {
namespace {

using std::string_view;

struct Letter {
  string_view accented;
  string_view plain;
};
constexpr std::array kLetters{
    Letter{"ä", "a"}, Letter{"ö", "o"}, Letter{"ü", "u"}, Letter{"ß", "ss"}, Letter{"é", "e"},
    Letter{"è", "e"}, Letter{"ê", "e"}, Letter{"ë", "e"}, Letter{"à", "a"},  Letter{"â", "a"},
    Letter{"ç", "c"}, Letter{"ñ", "n"}, Letter{"í", "i"}, Letter{"ó", "o"},  Letter{"ú", "u"},
    Letter{"á", "a"}, Letter{"ã", "a"}, Letter{"õ", "o"}, Letter{"ô", "o"},  Letter{"î", "i"},
    Letter{"ï", "i"}, Letter{"û", "u"}, Letter{"ì", "i"}, Letter{"ò", "o"},  Letter{"ù", "u"},
    Letter{"Ä", "a"}, Letter{"Ö", "o"}, Letter{"Ü", "u"}, Letter{"É", "e"},  Letter{"Ç", "c"},
    Letter{"Ñ", "n"}, Letter{"å", "a"}, Letter{"ø", "o"}, Letter{"æ", "ae"}};

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What programmers shorten, as they mean it at the end or in the middle of a name.
constexpr std::array<std::pair<string_view, string_view>, 62> kAbbreviations{{
    {"addr", "address"},
    {"adr", "address"},
    {"adress", "address"},
    {"addresse", "address"},
    {"tel", "telephone"},
    {"telefax", "fax"},
    {"ph", "phone"},
    {"mob", "mobile"},
    {"pwd", "password"},
    {"passwd", "password"},
    {"pw", "password"},
    {"pswd", "password"},
    {"passwrd", "password"},
    {"psw", "password"},
    {"usr", "user"},
    {"cust", "customer"},
    {"emp", "employee"},
    {"org", "organization"},
    {"organisation", "organization"},
    {"nr", "number"},
    {"num", "number"},
    {"nbr", "number"},
    {"nummer", "number"},
    {"desc", "description"},
    {"descr", "description"},
    {"dscr", "description"},
    {"msg", "message"},
    {"amt", "amount"},
    {"qty", "quantity"},
    {"cd", "code"},
    {"dt", "date"},
    {"dat", "date"},
    {"ts", "timestamp"},
    {"geb", "geburt"},
    {"nais", "naissance"},
    {"nac", "nacimiento"},
    {"nm", "name"},
    {"acct", "account"},
    {"acc", "account"},
    {"mgr", "manager"},
    {"tok", "token"},
    {"cfg", "config"},
    {"conf", "config"},
    {"img", "image"},
    {"pic", "picture"},
    {"stat", "status"},
    {"lang", "language"},
    {"creds", "credential"},
    {"cred", "credential"},
    {"apikey", "api key"},
    {"emailaddress", "email address"},
    {"ipaddress", "ip address"},
    {"ipaddr", "ip address"},
    {"zipcode", "zip code"},
    {"telnr", "telephone number"},
    {"kunden", "kunde"},
    {"strassen", "strasse"},
    {"patienten", "patient"},
    {"yob", "birth year"},
    {"apt", "apartment"},
    {"uris", "uri"},
    {"apis", "api"},
}};

std::optional<string_view> written_out(string_view word) {
  for (const auto& [abbreviation, meant] : kAbbreviations) {
    if (abbreviation == word) return meant;
  }
  return std::nullopt;
}

bool links(string_view word) {
  constexpr std::array kLinks{"of", "de", "du", "del", "della", "di", "do", "da", "des", "von", "la", "le"};
  return std::find(kLinks.begin(), kLinks.end(), word) != kLinks.end();
}

// A word that is run together of known ones, the first of them as long as possible: "kunden|nummer",
// "client|id". German puts an s or n between.
constexpr size_t kPartMin = 3;
constexpr size_t kShortPartMin = 2;  // "userid", "kundennr", "dateofbirth"
constexpr size_t kPartsMax = 4;

bool split_compound(string_view word, size_t parts, std::vector<std::string>& out) {
  auto knows = [](string_view part) {
    if (part.size() < kPartMin) return part == "id" || part == "nr" || part == "of";
    return is_known(part) || is_known(singular(part)) || written_out(part).has_value();
  };
  if (parts < kPartsMax && knows(word)) {
    out.emplace_back(word);
    return true;
  }
  if (parts == 0) return false;
  for (size_t size = word.size() - 1; size >= kShortPartMin; --size) {
    const string_view first = word.substr(0, size);
    if (!knows(first)) continue;
    for (size_t link : {size_t{0}, size_t{1}}) {
      if (size + link >= word.size()) continue;
      if (link == 1 && word[size] != 's' && word[size] != 'n') continue;
      std::vector<std::string> rest;
      if (!split_compound(word.substr(size + link), parts - 1, rest)) continue;
      out.emplace_back(first);
      out.insert(out.end(), rest.begin(), rest.end());
      return true;
    }
  }
  return false;
}

std::vector<std::string> split_blanks(string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const size_t blank = text.find(' ');
    if (blank != 0) words.emplace_back(text.substr(0, blank));
    text = blank == string_view::npos ? string_view() : text.substr(blank + 1);
  }
  return words;
}

void append_normal(string_view word, std::vector<std::string>& out) {
  if (std::optional<string_view> meant = written_out(word)) {
    for (std::string& each : split_blanks(*meant)) out.push_back(std::move(each));
    return;
  }
  std::string one = singular(word);
  if (is_known(word) && !is_known(one)) one = word;
  constexpr size_t kCompoundMin = 6;
  std::vector<std::string> parts;
  if (word.size() < kCompoundMin || is_known(one) || !split_compound(word, kPartsMax, parts)) {
    out.push_back(std::move(one));
    return;
  }
  for (const std::string& part : parts) append_normal(part, out);
}

}  // namespace

std::string words_of(string_view name) {
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

std::string singular(string_view word) {
  auto without = [&](size_t size, string_view more = "") {
    return std::string(word.substr(0, word.size() - size)) + std::string(more);
  };
  constexpr size_t kSizeMin = 4;
  if (word == "people") return "person";
  if (word == "children") return "child";
  if (word == "data" || word == "news" || word.size() < kSizeMin || word.back() != 's') {
    return word == "ids" || word == "ips" ? without(1) : std::string(word);
  }
  if (word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") || word.ends_with("sms"))
    return std::string(word);
  if (word.ends_with("ies")) return without(3, "y");
  if (word.ends_with("sses") || word.ends_with("xes") || word.ends_with("ches") || word.ends_with("shes") ||
      word.ends_with("uses"))
    return without(2);
  return without(1);
}

std::vector<std::string> normal_words_of(string_view name) {
  std::vector<std::string> plain;
  for (const std::string& word : split_blanks(words_of(name))) append_normal(word, plain);
  std::vector<std::string> words;
  std::vector<std::string> before;  // a link: what the whole is of comes first
  for (std::string& word : plain) {
    if (words.empty() || !links(word)) {
      words.push_back(std::move(word));
    } else if (before.empty()) {
      before = std::exchange(words, {});
    }
  }
  if (words.empty()) return before;
  words.insert(words.end(), before.begin(), before.end());
  // "e mail" is one word.
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != "e" || words[i + 1] != "mail") continue;
    words[i] = "email";
    words.erase(words.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
  return words;
}

}  // namespace ytb::masking

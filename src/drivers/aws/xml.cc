#include "drivers/aws/xml.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "base/text.h"

namespace ytb::aws {
namespace {

// AWS's deepest answer has about ten levels. pugixml parses without recursion, but walks would not be.
constexpr int kDepthMax = 64;

bool is_too_deep(const pugi::xml_document& document) {
  struct Walker : pugi::xml_tree_walker {
    bool for_each(pugi::xml_node&) override { return depth() < kDepthMax; }
  };
  Walker walker;
  return !const_cast<pugi::xml_document&>(document).traverse(walker);
}

}  // namespace

bool parse_xml(const std::string& text, pugi::xml_document& document) {
  // Whitespace-only text is kept: a tag's value may be one space. DOCTYPE is skipped, entities are not
  // expanded.
  constexpr unsigned int kOptions =
      pugi::parse_cdata | pugi::parse_escapes | pugi::parse_eol | pugi::parse_ws_pcdata_single;
  const pugi::xml_parse_result parsed =
      document.load_buffer(text.data(), text.size(), kOptions, pugi::encoding_utf8);
  return parsed && !document.document_element().empty() && !is_too_deep(document);
}

const char* Fields::value_of(const char* name) const { return node_.child(name).child_value(); }

void Fields::bad(const char* name, std::string_view what) const {
  problem_->note(fmt::format("{}.{} {}", path_, name, what));
}

std::string Fields::text_if(const char* name) const { return value_of(name); }

std::string Fields::text(const char* name) const {
  std::string value = value_of(name);
  if (value.empty()) bad(name, "is missing");
  return value;
}

std::optional<int64_t> Fields::integer_if(const char* name) const {
  const char* value = value_of(name);
  if (*value == '\0') return std::nullopt;
  int64_t number = 0;
  const char* end = value + std::strlen(value);
  const auto [stop, error] = std::from_chars(value, end, number);
  if (error == std::errc() && stop == end) return number;
  bad(name, "is no whole number");
  return std::nullopt;
}

int64_t Fields::integer(const char* name) const {
  const std::optional<int64_t> number = integer_if(name);
  if (!number) bad(name, "is missing");
  return number.value_or(0);
}

bool Fields::flag_or(const char* name, bool otherwise) const {
  const std::string_view value = value_of(name);
  if (value.empty()) return otherwise;
  if (value == "true") return true;
  if (value != "false") bad(name, "is neither true nor false");
  return false;
}

bool Fields::flag(const char* name) const {
  if (*value_of(name) == '\0') bad(name, "is missing");
  return flag_or(name, false);
}

std::optional<Instant> Fields::instant_if(const char* name) const {
  const std::string_view value = value_of(name);
  if (value.empty()) return std::nullopt;
  const std::optional<Instant> instant = from_iso(value);
  if (!instant) bad(name, "is no time");
  return instant;
}

Instant Fields::instant(const char* name) const {
  const std::optional<Instant> instant = instant_if(name);
  if (!instant) bad(name, "is missing");
  return instant.value_or(Instant{});
}

std::optional<Fields> Fields::child_if(const char* name) const {
  const pugi::xml_node node = node_.child(name);
  if (!node) return std::nullopt;
  return Fields(node, path_ + "." + name, *problem_);
}

Fields Fields::child(const char* name) const {
  if (!node_.child(name)) bad(name, "is missing");
  return {node_.child(name), path_ + "." + name, *problem_};
}

std::vector<Fields> Fields::list_if(const char* name, const char* member) const {
  std::vector<Fields> elements;
  for (pugi::xml_node node : node_.child(name).children(member)) {
    elements.emplace_back(node, fmt::format("{}.{}[{}]", path_, name, elements.size()), *problem_);
  }
  return elements;
}

std::vector<Fields> Fields::list(const char* name, const char* member) const {
  if (!node_.child(name)) bad(name, "is missing");
  return list_if(name, member);
}

std::vector<Fields> Fields::members(const char* member) const {
  std::vector<Fields> elements;
  for (pugi::xml_node node : node_.children(member)) {
    elements.emplace_back(node, fmt::format("{}.{}[{}]", path_, member, elements.size()), *problem_);
  }
  return elements;
}

std::string Fields::own_text() const {
  std::string value = node_.child_value();
  if (value.empty()) problem_->note(path_ + " is empty");
  return value;
}

std::vector<std::string> Fields::names() const {
  std::vector<std::string> found;
  for (pugi::xml_node node : node_.children()) {
    if (node.type() == pugi::node_element && node.first_child()) found.emplace_back(node.name());
  }
  return found;
}

std::map<std::string, std::string> Fields::pairs_if(const char* name, const char* member, const char* key,
                                                    const char* value) const {
  std::map<std::string, std::string> pairs;
  for (const Fields& element : list_if(name, member)) pairs[element.text(key)] = element.text_if(value);
  return pairs;
}

Result<XmlAnswer> XmlAnswer::parse(const Call& call, Answer answer, std::string_view root) {
  XmlAnswer xml;
  xml.answer_ = std::move(answer);
  if (xml.answer_.fault) return xml;
  if (!parse_xml(xml.answer_.response.body, *xml.document_)) {
    return malformed(call, xml.answer_, "it is no well-formed XML");
  }
  const std::string_view name = xml.document_->document_element().name();
  if (!root.empty() && name != root) {
    return malformed(call, xml.answer_,
                     fmt::format("it is <{}>, not <{}>", printable(name.substr(0, 80)), root));
  }
  return xml;
}

Fields XmlAnswer::root(Problem& problem) const {
  const pugi::xml_node node = document_->document_element();
  return {node, node.name(), problem};
}

Fields XmlAnswer::result(const std::string& name, Problem& problem) const {
  const pugi::xml_node node = document_->document_element().child(name.c_str());
  if (!node) problem.note(name + " is missing");
  return {node, name, problem};
}

}  // namespace ytb::aws

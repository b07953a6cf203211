// Xml: AWS's XML answers, read strictly. Only the sources of this room include it.
//
// Fields reads the members of one element. What is missing or malformed is remembered once, with its path, in
// the Problem that all Fields of one answer share: readers fill their structs and ask at the end.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "drivers/aws/caller.h"

namespace ytb::aws {

struct Problem {
  std::string text;
  void note(std::string what) {
    if (text.empty()) text = std::move(what);
  }
};

class Fields {
 public:
  Fields(pugi::xml_node node, std::string path, Problem& problem)
      : node_(node), path_(std::move(path)), problem_(&problem) {}

  // Required: there, and not empty.
  std::string text(const char* name) const;
  int64_t integer(const char* name) const;
  bool flag(const char* name) const;
  Instant instant(const char* name) const;
  Fields child(const char* name) const;

  // Absent or empty: "", none, `otherwise`. Malformed is a problem all the same.
  std::string text_if(const char* name) const;
  std::optional<int64_t> integer_if(const char* name) const;
  bool flag_or(const char* name, bool otherwise) const;
  std::optional<Instant> instant_if(const char* name) const;
  std::optional<Fields> child_if(const char* name) const;

  // The elements `member` of the list `name`; the list itself must be there.
  std::vector<Fields> list(const char* name, const char* member) const;
  // The same; an absent list is empty.
  std::vector<Fields> list_if(const char* name, const char* member) const;
  // The child elements of that name: a list without an element around it.
  std::vector<Fields> members(const char* member) const;
  // This element's own text, for lists of strings.
  std::string own_text() const;
  // Names of the child elements that have a text or children.
  std::vector<std::string> names() const;
  // <Tags><Tag><Key/><Value/></Tag></Tags>; a value may be empty.
  std::map<std::string, std::string> pairs_if(const char* name, const char* member, const char* key,
                                              const char* value) const;

 private:
  const char* value_of(const char* name) const;
  void bad(const char* name, std::string_view what) const;

  pugi::xml_node node_;
  std::string path_;
  Problem* problem_;
};

// A parsed answer. Elements nested deeper than anything AWS sends are refused while parsing.
class XmlAnswer {
 public:
  // Error as malformed() makes it. `root` is the expected document element; "" accepts any.
  static Result<XmlAnswer> parse(const Call& call, Answer answer, std::string_view root);

  [[nodiscard]] const Answer& answer() const { return answer_; }
  [[nodiscard]] bool has_fault() const { return answer_.fault.has_value(); }
  [[nodiscard]] const Fault& fault() const { return *answer_.fault; }
  // The document element, or its child `name` ("DescribeDBSnapshotsResult").
  Fields root(Problem& problem) const;
  Fields result(const std::string& name, Problem& problem) const;

 private:
  XmlAnswer() = default;
  Answer answer_;
  std::unique_ptr<pugi::xml_document> document_ = std::make_unique<pugi::xml_document>();
};

// The document element's name without prefix; "" where the text is no XML. For faults.
bool parse_xml(const std::string& text, pugi::xml_document& document);

}  // namespace ytb::aws

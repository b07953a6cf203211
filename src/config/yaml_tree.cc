#include "config/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <set>
#include <sstream>

#include "base/text.h"

namespace ytb::config {
namespace {

// Ends the parse at once; the diagnostics have been told why.
struct Refused : std::exception {};

Mark mark_of(const YAML::Mark& mark) {
  auto count = [](int value) { return value < 0 ? size_t{0} : static_cast<size_t>(value); };
  return {.line = count(mark.line), .column = count(mark.column)};
}

// Builds the tree from the parser's events: yaml-cpp's own node graph expands aliases and loses duplicates.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(Diagnostics& diagnostics, const YamlLimits& limits)
      : diagnostics_(diagnostics), limits_(limits) {}

  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    YamlNode node{.kind = YamlNode::Kind::kNull, .mark = mark_of(mark), .plain = true};
    // The event does not say how it was written, and `null` is also the name of a masker.
    const std::string_view rest =
        mark.pos < 0
            ? std::string_view()
            : diagnostics_.text().substr(std::min(static_cast<size_t>(mark.pos), diagnostics_.text().size()));
    for (std::string_view word : {"null", "Null", "NULL", "~"}) {
      if (rest.substr(0, word.size()) == word) node.text = word;
    }
    add(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases (*name) are not taken: write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    // yaml-cpp tags a plain scalar "?" and a quoted one "!".
    if (tag != "?" && tag != "!" && !tag.empty()) refuse_tag(mark, tag);
    add({.kind = YamlNode::Kind::kScalar, .mark = mark_of(mark), .text = value, .plain = tag == "?"});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::kMapping);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    std::optional<YamlNode> key;  // of a mapping: waits for its value
    std::set<std::string> keys;
  };

  [[noreturn]] void refuse(const YAML::Mark& mark, std::string message) {
    diagnostics_.add(mark_of(mark), std::move(message));
    throw Refused();
  }
  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) refuse(mark, "anchors (&name) are not taken: write the value out");
  }
  [[noreturn]] void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    refuse(mark, fmt::format("tags ({}) are not taken", printable(tag)));
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    refuse_anchor(mark, anchor);
    if (tag != "?" && tag != "!" && !tag.empty()) refuse_tag(mark, tag);
    if (open_.size() >= static_cast<size_t>(limits_.depth_max)) {
      refuse(mark, fmt::format("nested more than {} levels deep", limits_.depth_max));
    }
    count(mark);
    open_.push_back({.node = {.kind = kind, .mark = mark_of(mark)}, .key = std::nullopt, .keys = {}});
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    place(std::move(node));
  }

  void add(YamlNode node) {
    YAML::Mark mark;
    mark.line = static_cast<int>(node.mark.line);
    mark.column = static_cast<int>(node.mark.column);
    count(mark);
    place(std::move(node));
  }

  void count(const YAML::Mark& mark) {
    if (++nodes_ > limits_.nodes_max) refuse(mark, fmt::format("more than {} values", limits_.nodes_max));
  }

  void place(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::kSequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      take_key(parent, std::move(node));
    } else {
      parent.node.entries.emplace_back(std::move(*parent.key), std::move(node));
      parent.key.reset();
    }
  }

  void take_key(Open& parent, YamlNode node) {
    if (node.kind == YamlNode::Kind::kNull && !node.text.empty()) node.kind = YamlNode::Kind::kScalar;
    if (node.kind != YamlNode::Kind::kScalar) {
      diagnostics_.add(node.mark, "a key must be text");
      throw Refused();
    }
    if (!parent.keys.insert(node.text).second) {
      diagnostics_.add(node.mark, fmt::format("key '{}' is here twice", printable(node.text)), node.width(),
                       Diagnostics::Show::kUpToHere);
    }
    parent.key = std::move(node);
  }

  Diagnostics& diagnostics_;
  const YamlLimits& limits_;
  std::vector<Open> open_;
  YamlNode root_;
  size_t nodes_ = 0;
};

// The first tab that indents a line, up to the line where the parser gave up: what it says of one is of
// no help.
std::optional<Mark> tab_in_indentation(std::string_view text, size_t last_line) {
  size_t line = 0;
  for (size_t start = 0; start < text.size() && line <= last_line; ++line) {
    const size_t end = std::min(text.find('\n', start), text.size());
    const size_t first = std::min(text.find_first_not_of(' ', start), end);
    if (first < end && text[first] == '\t') return Mark{.line = line, .column = first - start};
    start = end + 1;
  }
  return std::nullopt;
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.text == key) return &value;
  }
  return nullptr;
}

size_t YamlNode::width() const {
  const size_t quotes = plain ? 0 : 2;
  const size_t size = text.substr(0, text.find('\n')).size();
  return kind == Kind::kScalar ? std::max<size_t>(1, size + quotes) : 1;
}

std::optional<YamlNode> read_yaml(Diagnostics& diagnostics, const YamlLimits& limits) {
  std::istringstream stream{std::string(diagnostics.text())};
  TreeBuilder builder(diagnostics, limits);
  // The library's exceptions end here.
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    YamlNode root = builder.take();
    TreeBuilder second(diagnostics, limits);
    if (parser.HandleNextDocument(second)) {
      diagnostics.add(second.take().mark, "a second document: one file holds one");
    }
    if (!diagnostics.ok()) return std::nullopt;
    return root;
  } catch (const Refused&) {
    return std::nullopt;
  } catch (const YAML::Exception& broken) {
    const Mark stopped = mark_of(broken.mark);
    const std::optional<Mark> tab = tab_in_indentation(diagnostics.text(), stopped.line);
    diagnostics.add(tab.value_or(stopped),
                    "not valid YAML: " + (tab ? "the line is indented with a tab, and YAML takes spaces only"
                                              : printable(broken.msg)),
                    1, Diagnostics::Show::kNothing);
    return std::nullopt;
  }
}

}  // namespace ytb::config

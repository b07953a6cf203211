// json: masks inside documents. Everything that is not replaced keeps its bytes: order and spelling of keys,
// blanks, numbers too large for a double.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "masking/build.h"
#include "masking/json_path.h"
#include "masking/json_text.h"
#include "masking/originals.h"
#include "masking/text_codec.h"
#include "masking/value.h"

namespace ytb::masking {
namespace {

constexpr size_t kDepthMax = 10'000;  // PostgreSQL's own parser ends earlier (max_stack_depth)
constexpr size_t kNone = std::string_view::npos;
constexpr char kJsonbVersion = 1;

// What happens to the leaves that a path judges. A masker that cannot serve a leaf's kind leaves it to the
// rule for what is not judged, which serves every kind.
struct Rule {
  enum class Kind { kKeep, kNull, kMask } kind = Kind::kMask;
  std::unique_ptr<Masker> text;    // of strings
  std::unique_ptr<Masker> number;  // of numbers, as text
  std::string fixed;               // of numbers and booleans: a JSON word or number; empty: none
  size_t bytes_min = OriginalsRecorder::kBytesMin;  // from which on what is replaced is remembered
};

// Rule numbers: the policy's, and two that are always there.
constexpr size_t kUnjudged = 0;
constexpr size_t kKeepAll = 1;

struct Frame {
  int node = JsonPaths::kNone;
  size_t rule = kUnjudged;
  bool object = false;
  bool first = true;
  size_t null_from = kNone;  // the whole container becomes null: where it begins
};

class JsonMasker;

// One document on its way through.
class Pass {
 public:
  Pass(const JsonMasker& masker, std::string_view text, RowFields row, std::string& out)
      : masker_(masker), text_(text), row_(row), out_(out), stack_(stack_of_thread()) {
    stack_.clear();
  }
  // False: not JSON.
  bool run();

 private:
  static std::vector<Frame>& stack_of_thread() {
    thread_local std::vector<Frame> stack;
    return stack;
  }
  bool next_child(Frame& frame, int& node);
  bool key(const Frame& frame, int& node);
  [[nodiscard]] const Rule* rule_of_key(const Frame& frame, std::string_view name) const;
  bool value(int node, size_t rule);
  bool container(int node, size_t rule);
  bool forget(size_t from);
  bool string_leaf(const Rule& rule);
  bool number_leaf(const Rule& rule);
  bool word_leaf(std::string_view word, const Rule& rule);
  // Copies what was not copied yet up to `from`; what follows `to` is copied next.
  void cut(size_t from, size_t to) {
    out_.append(text_.substr(copied_, from - copied_));
    copied_ = to;
  }

  const JsonMasker& masker_;
  std::string_view text_;
  RowFields row_;
  std::string& out_;
  std::vector<Frame>& stack_;
  size_t at_ = 0;
  size_t copied_ = 0;
};

class JsonMasker final : public Masker {
 public:
  JsonMasker(bool versioned, TextCodec codec, JsonPaths paths, std::vector<Rule> rules)
      : versioned_(versioned), codec_(std::move(codec)), paths_(std::move(paths)), rules_(std::move(rules)) {}

  Applied apply(std::string_view value, RowFields row, std::string& out) const override {
    const size_t start = out.size();
    if (versioned_) {
      if (value.empty() || value.front() != kJsonbVersion) return Applied::kInvalid;
      out.push_back(kJsonbVersion);
      value.remove_prefix(1);
    }
    if (Pass(*this, value, row, out).run()) return Applied::kReplaced;
    out.resize(start);
    return Applied::kInvalid;
  }
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kNone; }
  // A document may hold nothing that its policy would change.
  [[nodiscard]] bool must_change() const override { return false; }

  [[nodiscard]] const JsonPaths& paths() const { return paths_; }
  [[nodiscard]] const Rule& rule(size_t number) const { return rules_[number]; }
  [[nodiscard]] const TextCodec& codec() const { return codec_; }

 private:
  bool versioned_;
  TextCodec codec_;
  JsonPaths paths_;
  std::vector<Rule> rules_;
};

bool Pass::run() {
  const JsonPaths& paths = masker_.paths();
  at_ = skip_json_blanks(text_, at_);
  int said = paths.rule(paths.root());
  if (!value(paths.root(), said == JsonPaths::kNone ? kUnjudged : static_cast<size_t>(said))) return false;
  while (!stack_.empty()) {
    at_ = skip_json_blanks(text_, at_);
    Frame& frame = stack_.back();
    if (at_ < text_.size() && text_[at_] == (frame.object ? '}' : ']')) {
      ++at_;
      if (frame.null_from != kNone) {
        if (!forget(frame.null_from)) return false;
        cut(frame.null_from, at_);
        out_.append("null");
      }
      stack_.pop_back();
      continue;
    }
    int node = JsonPaths::kNone;
    if (!next_child(frame, node)) return false;
    int own = paths.rule(node);
    if (!value(node, own == JsonPaths::kNone ? frame.rule : static_cast<size_t>(own))) return false;
  }
  if (skip_json_blanks(text_, at_) != text_.size()) return false;
  cut(text_.size(), text_.size());
  return true;
}

// Moves to the value of the next member or element.
bool Pass::next_child(Frame& frame, int& node) {
  if (!frame.first) {
    if (at_ >= text_.size() || text_[at_] != ',') return false;
    at_ = skip_json_blanks(text_, at_ + 1);
  }
  frame.first = false;
  if (!frame.object) {
    node = masker_.paths().element(frame.node);
    return true;
  }
  if (!key(frame, node)) return false;
  at_ = skip_json_blanks(text_, at_);
  if (at_ >= text_.size() || text_[at_] != ':') return false;
  at_ = skip_json_blanks(text_, at_ + 1);
  return true;
}

bool Pass::key(const Frame& frame, int& node) {
  const size_t end = end_of_json_string(text_, at_);
  if (end == kNone) return false;
  std::string_view inside = text_.substr(at_ + 1, end - at_ - 2);
  thread_local std::string utf8;
  thread_local std::string name;
  utf8.clear();
  name.clear();
  if (!masker_.codec().append_utf8(inside, utf8)) return false;
  append_unescaped_json(utf8, name);
  node = masker_.paths().member(frame.node, name);
  if (const Rule* rule = rule_of_key(frame, name)) {
    if (row_.originals != nullptr) {
      row_.originals->remember_from(rule->bytes_min);
      row_.originals->add_text(name);
    }
    thread_local std::string masked;
    masked.clear();
    Applied applied = rule->text->apply(name, row_, masked);
    if (applied == Applied::kInvalid) applied = masker_.rule(kUnjudged).text->apply(name, row_, masked);
    if (applied == Applied::kInvalid) return false;
    if (applied != Applied::kBlank) {
      cut(at_, end);
      append_json_string(masked, out_);
    }
  }
  at_ = end;
  return true;
}

// What masks a key; null: it stays.
const Rule* Pass::rule_of_key(const Frame& frame, std::string_view name) const {
  const JsonPaths& paths = masker_.paths();
  if (paths.names(frame.node, name)) return nullptr;
  const auto masking = [this](int number) {
    const Rule& rule = masker_.rule(static_cast<size_t>(number));
    return rule.kind == Rule::Kind::kKeep ? nullptr : &rule;
  };
  if (const int said = paths.keys_rule(frame.node); said != JsonPaths::kNone) return masking(said);
  const bool kept = masker_.rule(frame.rule).kind == Rule::Kind::kKeep;
  return kept || is_plain_json_key(name) ? nullptr : &masker_.rule(kUnjudged);
}

bool Pass::value(int node, size_t rule) {
  if (at_ >= text_.size()) return false;
  const Rule& said = masker_.rule(rule);
  switch (text_[at_]) {
    case '{':
    case '[':
      return container(node, rule);
    case '"':
      return string_leaf(said);
    case 't':
      return word_leaf("true", said);
    case 'f':
      return word_leaf("false", said);
    case 'n':
      return word_leaf("null", masker_.rule(kKeepAll));
    default:
      return number_leaf(said);
  }
}

bool Pass::container(int node, size_t rule) {
  if (stack_.size() >= kDepthMax) return false;
  Frame frame{.node = node, .rule = rule, .object = text_[at_] == '{'};
  if (masker_.rule(rule).kind == Rule::Kind::kNull && !masker_.paths().goes_on(node)) {
    frame.null_from = at_;
    if (row_.originals != nullptr) row_.originals->remember_from(masker_.rule(rule).bytes_min);
    frame.rule = kKeepAll;
    frame.node = JsonPaths::kNone;
  }
  stack_.push_back(frame);
  ++at_;
  return true;
}

// Remembers what stands from there up to here, which becomes null as a whole.
bool Pass::forget(size_t from) {
  if (row_.originals == nullptr) return true;
  std::string utf8;
  if (!masker_.codec().append_utf8(text_.substr(from, at_ - from), utf8)) return false;
  remember_json(utf8, *row_.originals);
  return true;
}

bool Pass::string_leaf(const Rule& rule) {
  const size_t end = end_of_json_string(text_, at_);
  if (end == kNone) return false;
  const size_t from = std::exchange(at_, end);
  if (rule.kind == Rule::Kind::kKeep) return true;
  thread_local std::string utf8;
  thread_local std::string said;
  thread_local std::string masked;
  utf8.clear();
  said.clear();
  masked.clear();
  if (!masker_.codec().append_utf8(text_.substr(from + 1, end - from - 2), utf8)) return false;
  append_unescaped_json(utf8, said);
  if (row_.originals != nullptr) row_.originals->remember_from(rule.bytes_min);
  if (rule.kind == Rule::Kind::kNull) {
    if (row_.originals != nullptr) row_.originals->add_text(said);
    cut(from, end);
    out_.append("null");
    return true;
  }
  Applied applied = rule.text ? rule.text->apply(said, row_, masked) : Applied::kInvalid;
  if (applied == Applied::kInvalid) applied = masker_.rule(kUnjudged).text->apply(said, row_, masked);
  if (applied == Applied::kInvalid) return false;
  if (applied == Applied::kBlank) return true;
  cut(from, end);
  append_json_string(masked, out_);
  return true;
}

bool Pass::number_leaf(const Rule& rule) {
  const size_t end = end_of_json_number(text_, at_);
  if (end == kNone) return false;
  const size_t from = std::exchange(at_, end);
  if (rule.kind == Rule::Kind::kKeep) return true;
  cut(from, end);
  const std::string_view number = text_.substr(from, end - from);
  if (row_.originals != nullptr) row_.originals->add_scalar({}, number);
  if (rule.kind == Rule::Kind::kNull) {
    out_.append("null");
    return true;
  }
  if (!rule.fixed.empty()) {
    out_.append(rule.fixed);
    return true;
  }
  Applied applied = rule.number ? rule.number->apply(number, row_, out_) : Applied::kInvalid;
  if (applied == Applied::kInvalid) applied = masker_.rule(kUnjudged).number->apply(number, row_, out_);
  if (applied == Applied::kInvalid) out_.append("0");  // no integer of 64 bits
  return true;
}

bool Pass::word_leaf(std::string_view word, const Rule& rule) {
  if (!text_.substr(at_).starts_with(word)) return false;
  const size_t from = std::exchange(at_, at_ + word.size());
  if (rule.kind == Rule::Kind::kNull) {
    cut(from, at_);
    out_.append("null");
  } else if (!rule.fixed.empty()) {
    cut(from, at_);
    out_.append(rule.fixed);
  }
  return true;
}

// ---- compiling

Column leaf_column(const Build& build, TypeClass type_class, std::string base_type, std::string_view path) {
  Column column;
  column.name = fmt::format("{} at {}", build.context.column.name, path);
  column.type = fmt::format("{} inside {}", base_type, build.context.column.type);
  column.base_type = std::move(base_type);
  column.type_class = type_class;
  return column;
}

// A masker for leaves of one kind, which arrive as text whatever the row's wire format is.
MadeMasker leaf_masker(const Build& build, const MaskerSpec& spec, const Column& column) {
  MaskerContext context{column, build.context.table, "UTF8", Wire::kText, build.context.key};
  return compile_masker_in_row(spec, context, build.row_wire);
}

// JSON's own spelling of a fixed value for leaves that are no strings; a string where it is neither.
std::string fixed_word(std::string_view value) {
  if (value == "true" || value == "false" || value == "null") return std::string(value);
  if (end_of_json_number(value, 0) == value.size()) return std::string(value);
  std::string text;
  append_json_string(value, text);
  return text;
}

Result<Rule> make_rule(const Build& build, std::string_view path, MaskerSpec spec) {
  if (spec.where.line == 0) spec.where = build.spec.where;
  Build of_path{spec, build.context, build.info, build.type, build.row_wire};
  const MaskerInfo* info = find_masker(spec.name);
  if (spec.name == "json") return of_path.error("json cannot stand inside json", "name longer paths instead");
  const bool of_keys = path.ends_with(".*~");
  if (of_keys && (spec.name == "null" || spec.name == "fixed"))
    return of_path.error(fmt::format("{} cannot mask keys: all of them would be one", spec.name),
                         "write hash, or a masker that gives different keys different words");
  Rule rule;
  if (spec.name == "keep") rule.kind = Rule::Kind::kKeep;
  if (spec.name == "null") rule.kind = Rule::Kind::kNull;
  rule.bytes_min = spec.min_length();
  if (info == nullptr || rule.kind != Rule::Kind::kMask) {  // checks name and parameters
    YTB_ASSIGN(rule.text, leaf_masker(build, spec, leaf_column(build, TypeClass::kText, "text", path)));
    return rule;
  }
  if (info->serves_type(TypeClass::kText)) {
    YTB_ASSIGN(rule.text, leaf_masker(build, spec, leaf_column(build, TypeClass::kText, "text", path)));
  } else if (info->serves_type(TypeClass::kTimestamp)) {
    YTB_ASSIGN(rule.text,
               leaf_masker(build, spec, leaf_column(build, TypeClass::kTimestamp, "timestamp", path)));
  }
  if (info->serves_type(TypeClass::kNumber) && spec.name != "fixed") {
    YTB_ASSIGN(rule.number,
               leaf_masker(build, spec, leaf_column(build, TypeClass::kNumber, "numeric", path)));
  }
  if (spec.name == "hash" && spec.params.count("format") == 0 && spec.params.count("length") == 0) {
    YTB_ASSIGN(rule.number, leaf_masker(build, spec, leaf_column(build, TypeClass::kInteger, "int8", path)));
  }
  if (spec.name == "fixed") rule.fixed = fixed_word(spec.params["value"]);
  if (of_keys ? !rule.text : !rule.text && !rule.number)
    return of_path.error(
        fmt::format("masker {} serves {}", spec.name, of_keys ? "no keys" : "nothing that JSON has"));
  return rule;
}

// In place of whatever was there: nothing.
class Blank final : public Masker {
 public:
  Applied apply(std::string_view /*value*/, RowFields /*row*/, std::string& /*out*/) const override {
    return Applied::kReplaced;
  }
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kNone; }
  [[nodiscard]] bool must_change() const override { return false; }
};

Rule blank_rule(std::string_view masker) {
  Rule rule;
  if (masker == "keep") rule.kind = Rule::Kind::kKeep;
  if (masker == "null") rule.kind = Rule::Kind::kNull;
  if (rule.kind != Rule::Kind::kMask) return rule;
  rule.text = std::make_unique<Blank>();
  rule.fixed = "\"\"";
  return rule;
}

MaskerSpec named(std::string_view name) {
  MaskerSpec spec;
  spec.name = name;
  return spec;
}

}  // namespace

bool is_json(std::string_view text) {
  std::vector<Rule> rules(2);
  rules[kUnjudged].kind = rules[kKeepAll].kind = Rule::Kind::kKeep;
  JsonMasker reader(false, TextCodec::make("SQL_ASCII").value(), JsonPaths(), std::move(rules));
  std::string copy;
  return reader.apply(text, {}, copy) == Applied::kReplaced;
}

Result<std::unique_ptr<Masker>> compile_kept_json(const MaskerSpec& spec) {
  std::vector<Rule> rules(2);
  rules[kUnjudged] = blank_rule("hash");
  rules[kKeepAll].kind = Rule::Kind::kKeep;
  JsonPaths paths;
  for (const auto& [path, masker] : spec.paths) {
    YTB_TRY(paths.add(path, static_cast<int>(rules.size())));
    rules.push_back(blank_rule(masker.name));
  }
  YTB_TRY(paths.finish());
  YTB_ASSIGN(TextCodec utf8, TextCodec::make("UTF8"));
  return made<JsonMasker>(false, std::move(utf8), std::move(paths), std::move(rules));
}

void remember_json(std::string_view utf8, OriginalsRecorder& originals) {
  std::string said;
  for (size_t at = 0; at < utf8.size();) {
    const char c = utf8[at];
    if (c == '"') {
      const size_t end = end_of_json_string(utf8, at);
      if (end == kNone) return;
      said.clear();
      append_unescaped_json(utf8.substr(at + 1, end - at - 2), said);
      const size_t next = skip_json_blanks(utf8, end);
      const bool member = next < utf8.size() && utf8[next] == ':';
      if (!member || !is_plain_json_key(said)) originals.add_text(said);
      at = end;
      continue;
    }
    const size_t end = c == '-' || (c >= '0' && c <= '9') ? end_of_json_number(utf8, at) : kNone;
    if (end != kNone) originals.add_scalar({}, utf8.substr(at, end - at));
    at = end == kNone ? at + 1 : end;
  }
}

MadeMasker make_json(const Build& build) {
  if (build.type != ValueType::kJson && build.type != ValueType::kJsonb) return build.cannot_serve();
  if (build.spec.paths.empty()) {
    return build.error("json needs paths", "write it as {json: {\"$.contact.email\": email, \"*\": keep}}");
  }
  Result<TextCodec> codec = TextCodec::make(build.context.encoding);
  if (!codec.ok()) return build.error(codec.error().message, codec.error().hint);
  std::vector<Rule> rules(2);
  YTB_ASSIGN(rules[kUnjudged], make_rule(build, "$", named("hash")));
  rules[kKeepAll].kind = Rule::Kind::kKeep;
  JsonPaths paths;
  auto placed = [&](const MaskerSpec& spec, const Error& error) {
    MaskerSpec at = spec;
    if (at.where.line == 0) at.where = build.spec.where;
    return Build{at, build.context, build.info, build.type, build.row_wire}.error(error.message, error.hint);
  };
  for (const auto& [path, spec] : build.spec.paths) {
    YTB_ASSIGN(Rule rule, make_rule(build, path, spec));
    Status added = paths.add(path, static_cast<int>(rules.size()));
    if (!added.ok()) return placed(spec, added.error());
    rules.push_back(std::move(rule));
  }
  Status finished = paths.finish();
  if (!finished.ok()) return placed(build.spec, finished.error());
  const bool versioned = build.type == ValueType::kJsonb && build.binary();
  return made<JsonMasker>(versioned, std::move(codec).value(), std::move(paths), std::move(rules));
}

}  // namespace ytb::masking

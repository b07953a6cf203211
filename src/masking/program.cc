#include "masking/program.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "masking/address.h"
#include "masking/build.h"
#include "masking/column_name.h"
#include "masking/draw.h"
#include "masking/originals.h"
#include "masking/text_codec.h"
#include "masking/value.h"

namespace ytb::masking {

void RowCounts::add(const RowCounts& other) {
  rows += other.rows;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  widest_row_bytes = std::max(widest_row_bytes, other.widest_row_bytes);
  if (columns.size() < other.columns.size()) columns.resize(other.columns.size());
  for (size_t i = 0; i < other.columns.size(); ++i) {
    columns[i].values += other.columns[i].values;
    columns[i].changed += other.columns[i].changed;
    columns[i].unchanged += other.columns[i].unchanged;
    columns[i].blank += other.columns[i].blank;
  }
  kept.add(other.kept);
}

struct RowProgram::Impl {
  struct Step {
    std::unique_ptr<Masker> masker;
    bool blank_padded = false;
    // What the masker itself does not say: of what is forgotten unread, with `fixed` and `null`; of numbers,
    // dates and bytes; of names, whose halves are searched for together.
    enum class Reads { kNothing, kText, kJson, kJsonb, kUuid, kInet, kBytes, kScalar };
    Reads reads = Reads::kNothing;
    ValueType type = ValueType::kOther;
    std::string kind{};
    size_t bytes_min = 0;  // from which on they are remembered
    bool sampled = false;  // its originals may be searched for as bytes
    std::string fixed{};   // but not the one that every row gets
    std::optional<TextCodec> utf8_of{};
    std::optional<size_t> last_name{};  // the column of it, where this one is masked as a first name
    void describe(const ColumnPlan& column, std::string_view encoding, Wire row_wire);
  };
  void pair_names(const TablePlan& plan);
  void remember(const Step& step, std::string_view value, RowFields row) const;
  Wire wire = Wire::kBinary;
  std::string database;
  QualifiedName table;
  std::vector<std::string> names;
  std::vector<std::string> read_as;
  std::vector<Step> steps;
  std::vector<size_t> masked;
  uint64_t kept_rows_seed = 0;
};

RowProgram::RowProgram(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RowProgram::RowProgram(RowProgram&&) noexcept = default;
RowProgram& RowProgram::operator=(RowProgram&&) noexcept = default;
RowProgram::~RowProgram() = default;

namespace {

bool forgets_unread(const ColumnPlan& column) {
  return column.masker.name == "fixed" || column.masker.name == "null";
}

// Not where a pseudonym may well be somebody's original (four figures, a postcode), nor where a part of the
// original stays. What is put together of words may be told from originals by them (needles.cc), and what
// every row gets is known.
bool is_sampled(const ColumnPlan& column, const Masker& masker) {
  constexpr std::string_view kOfWords[] = {"first_name",     "last_name", "person_name", "city", "company",
                                           "street_address", "phone",     "null",        "fixed"};
  return masker.uniqueness() != Uniqueness::kNone ||
         std::find(std::begin(kOfWords), std::end(kOfWords), column.masker.name) != std::end(kOfWords);
}

}  // namespace

bool remembers_originals(const ColumnPlan& column, std::string_view encoding) {
  switch (value_type_of(column.column)) {
    case ValueType::kText:
    case ValueType::kJson:
    case ValueType::kJsonb:
      return column.masked() && TextCodec::make(encoding).ok();
    case ValueType::kUuid:
    case ValueType::kInet:
    case ValueType::kCidr:
    case ValueType::kBytea:
      return column.masked();
    case ValueType::kTextArray:
      return column.masked() && !forgets_unread(column);
    default:
      return column.masked() && is_scalar(value_type_of(column.column));
  }
}

std::set<std::string> masked_kinds(const MaskingPlan& plan) {
  std::set<std::string> kinds;
  for (const DatabasePlan& database : plan.databases) {
    for (const TablePlan& table : database.tables) {
      if (table.treatment != Treatment::kMask) continue;
      for (const ColumnPlan& column : table.columns) {
        if (column.masked()) kinds.insert(kind_of(column.column.name));
      }
    }
  }
  kinds.erase("");
  return kinds;
}

// What is to be read of a column to remember what is replaced in it.
void RowProgram::Impl::Step::describe(const ColumnPlan& column, std::string_view encoding, Wire row_wire) {
  if (!remembers_originals(column, encoding)) return;
  type = value_type_of(column.column);
  kind = kind_of(column.column.name);
  if (is_scalar(type)) {
    reads = Reads::kScalar;
    return;
  }
  if (type == ValueType::kBytea) {
    reads = Reads::kBytes;
    return;
  }
  const bool name = column.masker.name == "first_name" || column.masker.name == "last_name";
  if (type == ValueType::kUuid) reads = Reads::kUuid;  // it has two forms, and the masker says one
  if (!forgets_unread(column) && !name) return;        // the masker says it
  if (type == ValueType::kInet || type == ValueType::kCidr) reads = Reads::kInet;
  if (reads != Reads::kNothing) return;
  Result<TextCodec> codec = TextCodec::make(encoding);
  if (!codec.ok()) return;
  utf8_of = std::move(codec).value();
  if (!forgets_unread(column)) return;
  if (type == ValueType::kText) reads = Reads::kText;
  if (type == ValueType::kJson) reads = Reads::kJson;
  if (type == ValueType::kJsonb) reads = row_wire == Wire::kBinary ? Reads::kJsonb : Reads::kJson;
}

void RowProgram::Impl::pair_names(const TablePlan& plan) {
  std::optional<size_t> first;
  std::optional<size_t> last;
  size_t position = 0;
  for (const ColumnPlan& column : plan.columns) {
    if (column.column.generated) continue;
    if (column.column.type_class == TypeClass::kText) {
      if (column.masker.name == "first_name" && !first) first = position;
      if (column.masker.name == "last_name" && !last) last = position;
    }
    ++position;
  }
  if (first && last) steps[*first].last_name = last;
}

Result<RowProgram> RowProgram::compile(const TablePlan& plan, std::string_view encoding, Wire wire,
                                       const MaskingKey& key) {
  auto impl = std::make_unique<Impl>();
  impl->wire = wire;
  impl->database = plan.database;
  impl->table = plan.table.name;
  impl->kept_rows_seed = key.kept_rows_seed();
  // A masker finds other columns (`by:`) by their place in the row, so the table is described as it streams.
  Table streamed = plan.table;
  streamed.columns.clear();
  for (const ColumnPlan& column : plan.columns) {
    if (!column.column.generated) streamed.columns.push_back(column.column);
  }
  for (const ColumnPlan& column : plan.columns) {
    if (column.column.generated) continue;
    MaskerContext context{column.column, streamed, encoding, wire, key};
    YTB_ASSIGN(std::unique_ptr<Masker> masker, compile_masker(column.masker, context));
    if (!masker->is_keep()) impl->masked.push_back(impl->steps.size());
    impl->names.push_back(column.column.name);
    impl->read_as.push_back(column.column.read_as);
    Impl::Step step{.masker = std::move(masker), .blank_padded = column.column.blank_padded};
    step.describe(column, encoding, wire);
    step.bytes_min = column.masker.min_length();
    if (auto value = column.masker.params.find("value"); value != column.masker.params.end())
      step.fixed = value->second;
    step.sampled = is_sampled(column, *step.masker);
    impl->steps.push_back(std::move(step));
  }
  impl->pair_names(plan);
  return RowProgram(std::move(impl));
}

Result<RowProgram> RowProgram::compile_kept(const TablePlan& plan, std::string_view encoding, Wire wire,
                                            const MaskingKey& key) {
  YTB_ASSIGN(RowProgram whole, compile(plan, encoding, wire, key));
  auto impl = std::make_unique<Impl>();
  impl->wire = wire;
  impl->database = plan.database;
  impl->table = plan.table.name;
  impl->kept_rows_seed = whole.impl_->kept_rows_seed;
  for (size_t i = 0; i < whole.column_count(); ++i) {
    if (!whole.masker(i).is_keep()) continue;
    impl->names.push_back(whole.impl_->names[i]);
    impl->read_as.push_back(whole.impl_->read_as[i]);
    impl->steps.push_back(std::move(whole.impl_->steps[i]));
  }
  return RowProgram(std::move(impl));
}

Wire RowProgram::wire() const { return impl_->wire; }
std::string RowProgram::table() const {
  return fmt::format("{} {}", impl_->database, to_string(impl_->table));
}
const std::vector<std::string>& RowProgram::column_names() const { return impl_->names; }
const std::vector<std::string>& RowProgram::columns_read_as() const { return impl_->read_as; }
size_t RowProgram::column_count() const { return impl_->names.size(); }
const Masker& RowProgram::masker(size_t column) const { return *impl_->steps.at(column).masker; }
const std::vector<size_t>& RowProgram::masked_columns() const { return impl_->masked; }
uint64_t RowProgram::kept_rows_seed() const { return impl_->kept_rows_seed; }

namespace {

std::string_view without_padding(std::string_view value) {
  size_t end = value.find_last_not_of(' ');
  return value.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

}  // namespace

// What is no value of its type is not remembered: whoever masks it next refuses it, or forgets it unread.
void RowProgram::Impl::remember(const Step& step, std::string_view value, RowFields row) const {
  thread_local std::string read;
  read.clear();
  switch (step.reads) {
    case Step::Reads::kScalar:
      if (append_canonical_scalar(step.type, wire, value, read)) row.originals->add_scalar(step.kind, read);
      return;
    case Step::Reads::kBytes:
      if (wire == Wire::kBinary) row.originals->add_bytes(value);
      if (wire == Wire::kText && read_hex_bytes(value, read)) row.originals->add_bytes(read);
      return;
    case Step::Reads::kUuid:
      if (std::optional<std::string> bytes = read_uuid(wire, value)) {
        append_uuid_text(*bytes, read);
        row.originals->add_text_stored_as(read, *bytes);
      }
      return;
    case Step::Reads::kInet: {
      std::optional<Address> address =
          wire == Wire::kBinary ? parse_binary_inet(value) : parse_address(value);
      if (!address) return;
      append_address(*address, read);
      return row.originals->add_text(read);
    }
    case Step::Reads::kNothing:
    case Step::Reads::kText:
    case Step::Reads::kJson:
    case Step::Reads::kJsonb:
      break;
  }
  if (!step.utf8_of) return;
  if (step.reads == Step::Reads::kJsonb) value.remove_prefix(std::min<size_t>(1, value.size()));
  if (!step.utf8_of->append_utf8(value, read)) return;
  if (step.reads == Step::Reads::kText) row.originals->add_text(read);
  if (step.reads == Step::Reads::kJson || step.reads == Step::Reads::kJsonb) {
    remember_json(read, *row.originals);
  }
  if (!step.last_name || !row[*step.last_name]) return;
  thread_local std::string last;
  last.clear();
  if (!step.utf8_of->append_utf8(*row[*step.last_name], last)) return;
  row.originals->add_pair(read, last);
  row.originals->add_pair(last, read);
}

Applied RowProgram::mask_field(size_t column, std::string_view value, RowFields row, std::string& out,
                               ColumnCounts& counts) const {
  const Impl::Step& step = impl_->steps[column];
  if (row.originals != nullptr && !step.masker->is_keep()) {
    const bool sampled = step.sampled && (step.fixed.empty() || value != step.fixed);
    row.originals->at_column(step.kind, sampled ? std::optional(column) : std::nullopt);
    row.originals->remember_from(step.bytes_min);
    impl_->remember(step, value, row);
  }
  const size_t start = out.size();
  Applied applied = step.masker->apply(value, row, out);
  switch (applied) {
    case Applied::kReplaced: {
      std::string_view masked = std::string_view(out).substr(start);
      bool same = step.blank_padded ? without_padding(masked) == without_padding(value) : masked == value;
      ++counts.values;
      ++(same ? counts.unchanged : counts.changed);
      break;
    }
    case Applied::kNull:
      ++counts.values;
      ++counts.changed;
      break;
    case Applied::kBlank:
      ++counts.blank;
      break;
    case Applied::kInvalid:
      out.resize(start);
      break;
  }
  return applied;
}

Error RowProgram::invalid_field(size_t column, uint64_t row) const {
  return {.code = Code::kCorrupt,
          .message = fmt::format("row {} of {}.{}: column {} holds bytes that are no value of its type", row,
                                 impl_->table.schema, impl_->table.name, impl_->names.at(column)),
          .hint = "the value is not shown here; look at that row in production"};
}

Status RowProgram::run(RowFields in, std::vector<std::string>& out, std::vector<bool>& nulls,
                       RowCounts& counts) const {
  YTB_CHECK(in.size() == column_count());
  out.resize(in.size());
  nulls.assign(in.size(), true);
  counts.columns.resize(in.size());
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    out[i].clear();
    if (!in[i]) continue;
    Applied applied = mask_field(i, *in[i], in, out[i], counts.columns[i]);
    if (applied == Applied::kInvalid) return invalid_field(i, counts.rows + 1);
    nulls[i] = applied == Applied::kNull;
    bytes_in += in[i]->size();
    bytes_out += out[i].size();
  }
  ++counts.rows;
  counts.bytes_in += bytes_in;
  counts.bytes_out += bytes_out;
  counts.widest_row_bytes = std::max(counts.widest_row_bytes, bytes_in);
  return {};
}

}  // namespace ytb::masking

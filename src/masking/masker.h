// Masker: replaces one value. A masker declares what it can serve and what it promises; the plan is checked
// against these declarations before the first byte is written.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "masking/catalog.h"
#include "masking/hmac.h"
#include "masking/policy.h"

namespace ytb::masking {

// What a masker's outputs are worth where a unique index covers the column.
enum class Uniqueness {
  kNone,         // values collide by nature: cities, first names, fixed
  kHighEntropy,  // at least 96 bits of hash in the output (given the column's length limit)
  kBijection,    // different inputs always give different outputs, or the value is unchanged
};

// How a field's bytes are to be understood: PostgreSQL's binary send/receive format or its text format.
enum class Wire { kBinary, kText };

class OriginalsRecorder;

// The fields of one row, in column order; null fields are nullopt. Views into the reader's buffer.
struct RowFields : std::span<const std::optional<std::string_view>> {
  using span::span;
  RowFields(std::span<const std::optional<std::string_view>> fields, OriginalsRecorder* remember)
      : span(fields), originals(remember) {}
  // Where maskers say what they replace; null: nobody wants to know.
  OriginalsRecorder* originals = nullptr;
};

// What became of one value.
enum class Applied {
  kReplaced,  // the replacement was appended
  kNull,      // the replacement is NULL; nothing was appended
  kBlank,     // the value says nothing of anybody (empty text, infinity, NaN) and was appended as it is
  kInvalid,   // these bytes are no value of the type; `out` is as it was
};

// One column's masker, compiled for its type and parameters. Immutable, thread-safe.
class Masker {
 public:
  virtual ~Masker() = default;
  // Appends the replacement of `value` (never NULL: NULL stays NULL) to `out`, in the same wire format.
  // Allocates nothing once its buffers have grown.
  virtual Applied apply(std::string_view value, RowFields row, std::string& out) const = 0;

  [[nodiscard]] virtual Uniqueness uniqueness() const = 0;
  // It never returns its own input (blank values aside): every value is counted, and one unchanged fails the
  // proof.
  [[nodiscard]] virtual bool must_change() const = 0;
  // `keep`: the field is passed through without a look.
  [[nodiscard]] virtual bool is_keep() const { return false; }
};

// What help, `policy propose` and did-you-mean need to know of each masker.
struct MaskerInfo {
  std::string_view name;
  std::string_view does;                 // one line for the policy reference
  std::vector<TypeClass> serves;         // type classes it can serve
  std::vector<std::string_view> params;  // names it takes of its own
  std::string_view example;              // as written in a policy
  std::string_view gives;                // an output of that example
  [[nodiscard]] bool serves_type(TypeClass type_class) const;
  // With those that every masker takes that replaces something.
  [[nodiscard]] std::vector<std::string> all_params() const;
};
std::span<const MaskerInfo> known_maskers();
const MaskerInfo* find_masker(std::string_view name);  // null where there is none

// What a masker is compiled for.
struct MaskerContext {
  const Column& column;
  const Table& table;
  std::string_view encoding;  // the database's: "UTF8"
  Wire wire = Wire::kBinary;
  const MaskingKey& key;  // must outlive the masker
};

// Error{kPolicy} with the spec's place where the name is unknown (did you mean), a parameter is wrong or
// missing, or the column's type cannot be served.
Result<std::unique_ptr<Masker>> compile_masker(const MaskerSpec& spec, const MaskerContext& context);

// For who looks at what is kept: gives a masked document (text in UTF-8) without what the `json` of `spec`
// puts into it; in its place there is "".
Result<std::unique_ptr<Masker>> compile_kept_json(const MaskerSpec& spec);

}  // namespace ytb::masking

// Known<T>: what observation found, or why it could not look. Unknown is neither there nor absent.
#pragma once

#include <utility>
#include <variant>

#include "base/result.h"

namespace ytb::model {

template <typename T>
class Known {
 public:
  Known() : state_(Error{.code = Code::kInternal, .message = "not observed", .hint = {}}) {}
  Known(T value) : state_(std::move(value)) {}
  Known(Error why_not) : state_(std::move(why_not)) {}
  Known(Result<T> result)
      : state_(result.ok() ? std::variant<T, Error>(std::move(result).value())
                           : std::variant<T, Error>(std::move(result).error())) {}

  [[nodiscard]] bool known() const { return std::holds_alternative<T>(state_); }
  [[nodiscard]] const T& value() const {
    YTB_CHECK(known());
    return std::get<T>(state_);
  }
  const T& operator*() const { return value(); }
  const T* operator->() const { return &value(); }
  [[nodiscard]] const Error& why_not() const {
    YTB_CHECK(!known());
    return std::get<Error>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

}  // namespace ytb::model

// Result<T>: a value or an Error. Exceptions of libraries end in the driver that calls the library.
//
//   Result<Catalog> read_catalog(Connection&);
//   YTB_ASSIGN(Catalog catalog, read_catalog(connection));   // returns the error to our caller
//   YTB_TRY(host.stop(copy));                                // for Status
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/error.h"

namespace ytb {

template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: `return value;` and `return Error{…};` both read well.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    check();
    return std::get<0>(state_);
  }
  const T& value() const& {
    check();
    return std::get<0>(state_);
  }
  T&& value() && {
    check();
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const& {
    YTB_CHECK(!ok());
    return std::get<1>(state_);
  }
  [[nodiscard]] Error&& error() && {
    YTB_CHECK(!ok());
    return std::get<1>(std::move(state_));
  }

 private:
  void check() const {
    if (!ok()) internal::check_failed(__FILE__, __LINE__, "Result::ok()", std::get<1>(state_).message);
  }
  std::variant<T, Error> state_;
};

// Result without a value.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const& {
    YTB_CHECK(error_.has_value());
    return *error_;
  }
  [[nodiscard]] Error&& error() && {
    YTB_CHECK(error_.has_value());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

inline Status ok_status() { return {}; }

}  // namespace ytb

#define YTB_CONCAT_INNER(a, b) a##b
#define YTB_CONCAT(a, b) YTB_CONCAT_INNER(a, b)

// Evaluates `expression` (a Status); returns its error from the enclosing function.
#define YTB_TRY(expression)                                 \
  do {                                                      \
    if (auto ytb_status = (expression); !ytb_status.ok()) { \
      return std::move(ytb_status).error();                 \
    }                                                       \
  } while (false)

// Declares or assigns `target` from `expression` (a Result<T>); returns its error from the enclosing
// function.
#define YTB_ASSIGN(target, expression) YTB_ASSIGN_IMPL(YTB_CONCAT(ytb_result_, __LINE__), target, expression)
// NOLINTBEGIN(bugprone-macro-parentheses): the target may be a declaration.
#define YTB_ASSIGN_IMPL(temporary, target, expression)        \
  auto temporary = (expression);                              \
  if (!(temporary).ok()) return std::move(temporary).error(); \
  target = std::move(temporary).value()
// NOLINTEND(bugprone-macro-parentheses)

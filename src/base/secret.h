// Secret: a password or key that cannot be printed, compared in variable time, or copied by accident.
//
// Memory is wiped on destruction. reveal() is the only way to the bytes, so that every use can be found by
// searching for it. There is deliberately no operator<<, no fmt formatter and no copy constructor.
#pragma once

#include <string>
#include <string_view>

namespace ytb {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value);
  ~Secret();
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  // The bytes themselves. Valid as long as this object; do not keep, log or format them.
  [[nodiscard]] std::string_view reveal() const { return value_; }
  [[nodiscard]] Secret clone() const { return Secret(std::string(value_)); }
  [[nodiscard]] bool empty() const { return value_.empty(); }

 private:
  void wipe();
  std::string value_;
};

// 128+ bits of randomness from the system, printable, without characters that need quoting anywhere.
Secret random_password();
// `size` random bytes.
Secret random_key(std::size_t size);

}  // namespace ytb

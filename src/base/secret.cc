#include "base/secret.h"

#include <sodium.h>

#include <array>
#include <utility>

#include "base/check.h"

namespace ytb {

Secret::Secret(std::string value) : value_(std::move(value)) {}
Secret::~Secret() { wipe(); }

Secret::Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = std::move(other.value_);
    other.wipe();
  }
  return *this;
}

void Secret::wipe() {
  // Short strings live inside the object and survive a move: wipe the whole capacity, not the size.
  value_.resize(value_.capacity());
  sodium_memzero(value_.data(), value_.size());
  value_.clear();
}

Secret random_password() {
  constexpr std::string_view kAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
  constexpr int kLength = 28;  // 5.8 bits each: 162 bits
  YTB_CHECK(sodium_init() >= 0);
  std::string text;
  text.reserve(kLength);
  for (int i = 0; i < kLength; ++i) {
    text.push_back(kAlphabet[randombytes_uniform(static_cast<uint32_t>(kAlphabet.size()))]);
  }
  return Secret(std::move(text));
}

Secret random_key(std::size_t size) {
  YTB_CHECK(sodium_init() >= 0);
  std::string bytes(size, '\0');
  randombytes_buf(bytes.data(), bytes.size());
  return Secret(std::move(bytes));
}

}  // namespace ytb

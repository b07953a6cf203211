// A schema's SQL as a catalog, as `policy check --schema` reads it.
#pragma once

#include <gtest/gtest.h>

#include <string_view>
#include <utility>

#include "config/config.h"
#include "masking/catalog.h"

namespace ytb::tests {

inline masking::Catalog catalog_of(std::string_view sql, std::string_view database = "shop") {
  Result<masking::Catalog> catalog = config::parse_schema(sql, "schema.sql", database);
  EXPECT_TRUE(catalog.ok()) << to_string(catalog.error());
  return catalog.ok() ? std::move(catalog).value() : masking::Catalog{};
}

}  // namespace ytb::tests

// What values in pages say: the text that the server would write, from the bytes that it stores. Of the
// server's own types that hold texts, documents and numbers; their layout is the same in PostgreSQL 13 to 18
// (varatt.h, toast_compression.h, array.h, jsonb.h, numeric.c).
//
// Pure; bytes that contradict themselves are told, never followed. Stateless: any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/postgres/heap_page.h"

namespace ytb::postgres {

enum class StoredType { kUnknown, kText, kInt2, kInt4, kInt8, kUuid, kBytea, kNumeric, kJsonb };
// `base_type`: what pg_catalog calls the type ("int4") beneath domains and, of arrays, of the elements.
StoredType stored_type_of(std::string_view base_type);
// Whether its values have a header that says how long they are.
bool is_varlena(StoredType type);

// Bytes of a varlena's value, as its header says.
size_t value_bytes_of(StoredField varlena);
// Whether only the server can read it (TOAST, lz4), or it is longer than `bytes_max`.
bool is_beyond_us(StoredField varlena, size_t bytes_max);
// The value of a varlena, decompressed into `buffer` where it has to be. nullopt: it is beyond us, or none.
std::optional<std::string_view> value_of(StoredField varlena, size_t bytes_max, std::string& buffer);

// Appends what the server writes for a value. False: it is none of that type, or nests too deep.
bool append_stored_text(StoredType type, std::string_view value, std::string& out);
// The elements of an array that are not NULL, in order, whatever its dimensions. False: it is none.
bool for_each_stored_element(StoredType type, std::string_view array,
                             const std::function<void(std::string_view value)>& take);

}  // namespace ytb::postgres

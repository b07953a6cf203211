// Elements of an array in its text format, array_out()'s: {a,"b \"c\"",NULL}, nested, perhaps with bounds
// before it: [0:1]={a,b}. Private to the masking room.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ytb::masking {

struct ArrayElement {
  std::string_view between;  // what stands before it: braces, commas and bounds, as they are
  bool null = false;
};
// Takes the next element off `rest` and puts its text, without quotes and escapes, into `text`. False: at the
// end, where `rest` is "" and `element.between` holds what was left; and where `rest` is not an array's,
// which then is not empty.
bool take_array_element(std::string_view& rest, ArrayElement& element, std::string& text);

}  // namespace ytb::masking

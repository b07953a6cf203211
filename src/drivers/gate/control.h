// Control: what is asked of a gate that runs in a process of its own, over a Unix socket that is ours alone.
// One byte asks, and the connection's end ends the answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/gate/gate.h"
#include "drivers/os/descriptor.h"
#include "ports/gatekeeper.h"

namespace ytb::gate {

enum class Word : char {
  kReport = 'r',  // what it was begun with, and who is connected
  kShare = 's',   // gives its listeners away and goes on accepting as well
  kRetire = 't',  // takes nobody in any more, and ends when the last has gone
  kEnd = 'e',
};

struct GateState {
  std::string settings;  // GateOptions::settings
  ports::GateReport report;
};

// ---- asking; none or false: nobody is there

Result<std::optional<GateState>> ask_state(const std::string& control);
// Its listeners; what it does not listen at is not valid.
Result<std::optional<Listeners>> ask_to_share(const std::string& control);
// True: its listeners are closed.
Result<bool> ask_to_retire(const std::string& control);
Result<bool> ask_to_end(const std::string& control);

// Whether anybody listens at a Unix socket, however long its path is.
Result<bool> is_listened_at(const std::string& path);

// ---- answering

std::string to_text(const GateState& state);
Result<GateState> parse_state(std::string_view text);
// Counts it with others of its kind.
void add(std::vector<ports::GateConnections>& connections, ports::GateConnections one);
// What cannot be sent at once, or within the socket's own time, is not.
void answer(const os::Descriptor& asker, std::string_view text);
void hand_over(const os::Descriptor& asker, const Listeners& listeners);

}  // namespace ytb::gate

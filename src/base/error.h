// Error: what went wrong, as a fact, and what to do next.
//
// `message` is a lower-case fact with the value that was wrong; `hint` is the next step, with a command
// where there is one. Neither ever holds a secret or a raw personal value: they are logged and reported.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace ytb {

// One code, one exit status (exit_status() below; the table users see is docs/cli.md).
enum class Code {
  kUsage,        // the command line is wrong
  kConfig,       // the config file is wrong, or refers to what is not there
  kPolicy,       // the policy does not fit production: unjudged column, masker that cannot serve, drift
  kNoSnapshot,   // there is no usable snapshot
  kProof,        // a check failed or did not run; the copy stays closed
  kSpace,        // disk, ports or another resource is short
  kConnection,   // a server or service could not be reached, or refused us
  kBusy,         // someone else is at work on the same thing
  kRefused,      // a guard said no: not ours, live, production
  kStale,        // staging is older than promised
  kInterrupted,  // stopped by the user or a deadline; the next run goes on
  kUnsupported,  // cannot be done with this version or kind
  kExternal,     // a program or service that we called failed
  kCorrupt,      // data that we read is damaged: torn snapshot, garbled record
  kForbidden,    // the platform does not let us use it: a snapshot, or the key that it is under
  kInternal,     // a bug of ours
};

// Whether to try again. kInDoubt: it may have happened; look before doing it again.
enum class Retry { kNever, kLater, kInDoubt };

struct Error {
  Code code = Code::kInternal;
  std::string message;
  std::string hint;
  Retry retry = Retry::kNever;

  // The same error with what we were doing put before the message: "masking public.users: …".
  [[nodiscard]] Error while_doing(std::string_view what) && {
    message = std::string(what) + ": " + message;
    return std::move(*this);
  }
};

// The stable lower-case name used in JSON output and journals, e.g. "policy".
std::string_view name_of(Code code);
// The process exit status for a code; 0 is success and never returned here.
int exit_status(Code code);
// "message\nhint: …" for a terminal or a log.
std::string to_string(const Error& error);

}  // namespace ytb

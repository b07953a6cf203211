// What a copy's server needs of its host, and nothing else: its programs, libraries and data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/os/enclosure.h"
#include "ports/instance.h"

namespace ytb::postgres {

// The server's program as it really lies: inside an enclosure there are no links, and PostgreSQL finds its
// own files by where it lies.
Result<std::string> server_program(const std::string& bin_dir);

// Whether each of these can be created in a copy: it is installed there, and nobody has to be a superuser for
// it.
Status check_extensions(const std::string& bin_dir, const std::string& run_as,
                        const std::vector<std::string>& extensions);

// Whether each of these libraries lies where the server looks for them. Whether they can be loaded, only a
// server finds out.
Status check_preload(const std::string& bin_dir, const std::string& run_as,
                     const std::vector<std::string>& preload);

// Where a program of the server works for this copy. `purpose`: one of those below.
Result<os::Enclosure> enclosure_for(const ports::InstanceSpec& spec, const std::string& bin_dir,
                                    std::string_view purpose);
inline constexpr std::string_view kSingleUser = "single-user";
inline constexpr std::string_view kClosedServer = "closed";
inline constexpr std::string_view kOpenServer = "open";

}  // namespace ytb::postgres

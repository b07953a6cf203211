// What of a base backup becomes part of a copy. An allow-list: nothing else of production's is carried over,
// be it a configuration, a key, a log, a core file or a signal file.
#pragma once

#include <span>
#include <string_view>

namespace ytb::basebackup {

// Whether to leave out a file or link, by its path relative to the data directory: inside of the folders that
// are kept, everything that does not have the name of a relation's file, a transaction log's segment or the
// like.
bool is_left_out(std::string_view relative);
bool is_folder_left_out(std::string_view relative);
// "16384", "16384_vm", "16384.1"
bool is_relation_file(std::string_view name);
// Folders that a server wants to find, made where a backup has lost them for being empty.
std::span<const std::string_view> wanted_folders();
// "16384"
bool is_tablespace_name(std::string_view name);

}  // namespace ytb::basebackup

// Values that more than one block of the config has: paths, references to files and secrets, one of a few
// words, server settings. Each reads one key of a mapping and says what is wrong with it. Private to the
// config room.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/reader.h"

namespace ytb::config {

class Values {
 public:
  // `folder`: of the config file; relative paths are relative to it.
  Values(Diagnostics& diagnostics, std::string folder)
      : diagnostics_(diagnostics), folder_(std::move(folder)) {}

  [[nodiscard]] Diagnostics& diagnostics() const { return diagnostics_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }

  // An error at a key's value, or at the mapping where the key is not there.
  void complain(MapReader& reader, std::string_view key, std::string message) const;
  // A path on this machine; "" where it is absent and has no fallback.
  std::string path(MapReader& reader, std::string_view key, std::string_view fallback) const;
  // As path(), or "s3://bucket/key", or "ssm:name".
  std::string document(MapReader& reader, std::string_view key) const;
  model::SecretRef secret(MapReader& reader, std::string_view key, std::string_view fallback = {}) const;
  // source.connection and its password, which production's catalog is read with.
  void connection(MapReader& reader, SourceConfig& source) const;
  void require_one_of(MapReader& reader, std::string_view key, const std::string& value,
                      const std::vector<std::string>& words) const;
  std::map<std::string, std::string> settings(MapReader& reader, std::string_view key) const;

 private:
  Diagnostics& diagnostics_;
  std::string folder_;
};

}  // namespace ytb::config

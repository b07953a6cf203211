// clone_tree FROM TO [copy]: clones a folder as a restore does, and prints the seconds that took.
// `copy`: never share blocks, to measure copying on a file system that could.
#include <fmt/format.h>

#include <chrono>
#include <string_view>

#include "drivers/os/clone.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: clone_tree FROM TO [copy]\n");
    return 2;
  }
  ytb::os::CloneOptions options;
  options.share_blocks = argc < 4 || std::string_view(argv[3]) != "copy";
  ytb::StopFlag stop;
  auto begun = std::chrono::steady_clock::now();
  auto report = ytb::os::clone_tree(argv[1], argv[2], options, stop);
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
  if (!report.ok()) {
    fmt::print(stderr, "clone_tree: {}\n", ytb::to_string(report.error()));
    return 1;
  }
  fmt::print("{:.3f} {}\n", seconds.count(), report->shared_files == report->files ? "shared" : "copied");
  return 0;
}

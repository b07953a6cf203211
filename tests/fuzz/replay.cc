// Replays a fuzzer's corpus (files and folders named on the command line) and, of each input, seeded
// mutations; for builds without libFuzzer. A crash or a failed CHECK is the failure.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

#ifdef __SANITIZE_THREAD__
constexpr int kMutationsMax = 100;  // there is one thread, and everything takes many times longer
#else
constexpr int kMutationsMax = 2000;
#endif
constexpr int kChangesMax = 8;

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

std::string mutate(std::string input, std::mt19937& random) {
  int changes = 1 + static_cast<int>(random() % kChangesMax);
  for (int i = 0; i < changes && !input.empty(); ++i) {
    size_t at = random() % input.size();
    switch (random() % 4) {
      case 0:
        input[at] = static_cast<char>(random());
        break;
      case 1:
        input.erase(at, 1 + random() % 16);
        break;
      case 2:
        input.insert(at, 1 + random() % 16, static_cast<char>(random()));
        break;
      default:
        input.insert(at, input.substr(random() % input.size(), random() % 64));
        break;
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> inputs{std::string()};
  for (int i = 1; i < argc; ++i) {
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(argv[i])) {
      for (const auto& entry : std::filesystem::directory_iterator(argv[i])) files.push_back(entry.path());
    } else {
      files.emplace_back(argv[i]);
    }
    for (const auto& file : files) {
      std::ifstream stream(file, std::ios::binary);
      inputs.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    }
  }
  if (inputs.size() == 1) {
    std::fprintf(stderr, "no corpus was given\n");
    return 1;
  }
  std::mt19937 random(1);  // always the same ones
  for (const std::string& input : inputs) {
    run(input);
    for (int i = 0; i < kMutationsMax; ++i) run(mutate(input, random));
  }
  std::printf("%zu inputs, %d mutations of each\n", inputs.size(), kMutationsMax);
  return 0;
}

// reconnect: a client that does nothing but connect anew, ask how old the data is, and hang up, again and
// again, as a web server's workers or a test run do. It counts what a swap costs its clients.
//
//   reconnect CONNECTION_STRING THREADS STOP_FILE [ATTEMPTS]
// Until that file is there and so many attempts were made (a busy machine makes few), or SIGTERM, or ten
// minutes. Prints one JSON object: {"attempts": N, "failed": N, "first_error": "…", "seen": {"2026-…Z": N,
// …}}
#include <fmt/format.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/stop.h"

namespace {

ytb::StopFlag stop_flag;
void on_signal(int /*signal*/) { stop_flag.request(); }

struct Tally {
  std::mutex mutex;
  uint64_t attempts = 0;
  uint64_t failed = 0;
  std::string first_error;
  std::map<std::string, uint64_t> seen;
};

void connect_once(const char* connection_string, Tally& tally) {
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(connection_string), PQfinish);
  std::string error;
  std::string data_as_of;
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    error = PQerrorMessage(connection.get());
  } else {
    std::unique_ptr<PGresult, decltype(&PQclear)> result(
        PQexec(connection.get(), "SHOW yesterdaytabase.data_as_of"), PQclear);
    if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) {
      data_as_of = PQgetvalue(result.get(), 0, 0);
    } else {
      error = PQerrorMessage(connection.get());
    }
  }
  std::lock_guard lock(tally.mutex);
  ++tally.attempts;
  if (error.empty()) {
    ++tally.seen[data_as_of];
  } else {
    ++tally.failed;
    if (tally.first_error.empty()) tally.first_error = error;
  }
}

std::string json_text(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    fmt::print(stderr, "usage: reconnect CONNECTION_STRING THREADS STOP_FILE [ATTEMPTS]\n");
    return 2;
  }
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  Tally tally;
  std::vector<std::thread> threads;
  const int thread_count = std::max(1, std::min(64, std::stoi(argv[2])));
  threads.reserve(static_cast<size_t>(thread_count));
  for (int i = 0; i < thread_count; ++i) {
    threads.emplace_back([&] {
      while (!stop_flag.requested()) {
        connect_once(argv[1], tally);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
  }
  constexpr int kWaitsMax = 10 * 60 * 20;
  const uint64_t attempts_min = argc == 5 ? std::stoull(argv[4]) : 0;
  auto enough = [&] {
    std::lock_guard lock(tally.mutex);
    return tally.attempts >= attempts_min && access(argv[3], F_OK) == 0;
  };
  for (int i = 0; i < kWaitsMax && !stop_flag.requested() && !enough(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  stop_flag.request();
  for (std::thread& thread : threads) thread.join();

  std::string seen;
  for (const auto& [data_as_of, count] : tally.seen) {
    seen += fmt::format("{}{}: {}", seen.empty() ? "" : ", ", json_text(data_as_of), count);
  }
  fmt::print("{{\"attempts\": {}, \"failed\": {}, \"first_error\": {}, \"seen\": {{{}}}}}\n", tally.attempts,
             tally.failed, json_text(tally.first_error), seen);
  return 0;
}

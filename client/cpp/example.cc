// SPDX-License-Identifier: Apache-2.0
// An application that counts: each line of standard input is a path that somebody saw.
//
//   printf '%s\n' /a /b /a | client_example http://127.0.0.1:8080 TOKEN_FILE example.vn
//
// Several threads read, which is more than lines need; the client is used by all of them. Prints what became of the
// hits as JSON, and exits 1 if not all of them were accepted.
#include <fstream>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "footfall/client.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: client_example URL TOKEN_FILE SITE\n";
    return 2;
  }
  footfall::client::Options options;
  options.url = argv[1];
  std::ifstream(argv[2]) >> options.token;
  options.flush_interval = std::chrono::milliseconds(100);
  options.batch_items_max = 200;
  options.when_full = footfall::client::WhenFull::block;
  try {
    footfall::client::Client footfall(options);
    std::mutex input;
    std::vector<std::thread> readers;
    readers.reserve(4);
    for (int reader = 0; reader < 4; ++reader) {
      readers.emplace_back([&, visitor = "reader " + std::to_string(reader)] {
        for (std::string path;;) {
          {
            const std::lock_guard lock(input);
            if (!std::getline(std::cin, path)) return;
          }
          footfall.add({.site = argv[3], .path = path, .visitor = visitor});
        }
      });
    }
    for (std::thread& reader : readers) reader.join();
    const footfall::client::Counts counts = footfall.close(std::chrono::minutes(2));
    std::cout << "{\"taken\":" << counts.taken << ",\"accepted\":" << counts.accepted
              << ",\"rejected\":" << counts.rejected << ",\"unknown\":" << counts.unknown
              << ",\"abandoned\":" << counts.abandoned << ",\"retries\":" << counts.retries
              << ",\"batches\":" << counts.batches_settled << ",\"replayed\":" << counts.batches_replayed << "}\n";
    if (!counts.last_trouble.empty()) std::cerr << "client_example: " << counts.last_trouble << '\n';
    return counts.accepted == counts.taken ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "client_example: " << error.what() << '\n';
    return 2;
  }
}

// SPDX-License-Identifier: Apache-2.0
// footfall, the command line.
#include <unistd.h>

#include <exception>
#include <iostream>

#include "cli/command.h"
#include "cli/text.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  std::string command_line;
  for (int i = 0; i < argc; ++i) command_line += (i > 0 ? " " : "") + footfall::cli::shell_quoted(argv[i]);
  footfall::cli::Terminal terminal{std::cout, std::cerr, isatty(STDERR_FILENO) == 1, command_line,
                                   isatty(STDOUT_FILENO) == 1};
  try {
    return footfall::cli::run(argc, argv, terminal);
  } catch (const std::exception& error) {
    std::cerr << "footfall: " << error.what() << '\n';
    return footfall::cli::kFailed;
  }
}

// SPDX-License-Identifier: Apache-2.0
// Screen: a whole terminal to draw on, and its keys; when it ends, the terminal is as it was.
//
// It speaks what a VT100 does (ECMA-48: cursor position, erase, reverse), and the alternate screen where there is one;
// a terminal without that ignores it. Nothing is asked of a library or of terminfo.
//
// The terminal is also put back where a signal ends the process (SIGINT, SIGTERM, SIGHUP, SIGQUIT: it ends by that
// signal, as it would have without a Screen), and while it is stopped (SIGTSTP) and until it goes on.
// Ownership  there is one at a time: signals are the process's. Threading: one thread.
// Tested by tests/integration/top_command_test.py, through a pseudo-terminal.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace footfall::cli {

enum class Key { none, quit, up, down, page_up, page_down, home, resized, other };

class Screen {
 public:
  // REQUIRES: standard output is a terminal. Keys come from standard input, where that is one too.
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // As the terminal says it; where it does not, 80 by 24.
  struct Size {
    std::size_t columns = 80, rows = 24;
  };
  Size size() const;

  // All that is seen. `heading`: the line that stands out; lines.size(): none. REQUIRES: no line is wider than
  // size().columns, and there are no more than size().rows.
  void draw(const std::vector<std::string>& lines, std::size_t heading);

  // A key, or none by `until`. `quit` also where standard input has ended.
  Key wait(std::chrono::steady_clock::time_point until);
};

}  // namespace footfall::cli

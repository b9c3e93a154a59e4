// SPDX-License-Identifier: Apache-2.0
#include "cli/screen.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace footfall::cli {
namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J";  // alternate screen, no cursor, empty
constexpr std::string_view kLeave =
    "\x1b[0m\x1b[999;1H\r\n\x1b[?1049l\x1b[?25h";  // below what was drawn, where it stays
constexpr std::array kEnding{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// Of the one Screen that there is; read by signal handlers. Written only while they are not installed.
termios g_before;
termios g_during;
bool g_has_keys = false;
volatile sig_atomic_t g_resized = 0;

// Safe in a signal handler, as all that these two call.
void put(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR && errno != EAGAIN) return;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}
void enter() {
  if (g_has_keys) tcsetattr(STDIN_FILENO, TCSADRAIN, &g_during);
  put(kEnter);
}
void leave() {
  put(kLeave);
  if (g_has_keys) tcsetattr(STDIN_FILENO, TCSADRAIN, &g_before);
}

void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

void on_ending(int signal) {
  leave();
  raise(signal);  // its handler is reset: the default follows when this returns
}

void on_stop(int signal) {
  const int error = errno;
  leave();
  handle(signal, SIG_DFL, 0);
  sigset_t stop;
  sigset_t before;
  sigemptyset(&stop);
  sigaddset(&stop, signal);
  raise(signal);
  sigprocmask(SIG_UNBLOCK, &stop, &before);  // stops here
  sigprocmask(SIG_SETMASK, &before, nullptr);
  handle(signal, on_stop, 0);
  enter();
  g_resized = 1;
  errno = error;
}

void on_resize(int) {
  g_resized = 1;
}

Key key_of(std::string_view bytes) {
  if (bytes == "q" || bytes == "Q" || bytes == "\x04") return Key::quit;  // ^D
  if (bytes == "\x1b[A" || bytes == "\x1bOA" || bytes == "k") return Key::up;
  if (bytes == "\x1b[B" || bytes == "\x1bOB" || bytes == "j") return Key::down;
  if (bytes == "\x1b[5~" || bytes == "b") return Key::page_up;
  if (bytes == "\x1b[6~" || bytes == " ") return Key::page_down;
  if (bytes == "\x1b[H" || bytes == "\x1b[1~" || bytes == "g") return Key::home;
  return Key::other;
}

}  // namespace

Screen::Screen() {
  g_has_keys = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &g_before) == 0;
  g_during = g_before;
  g_during.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // ^C stays a signal
  g_during.c_cc[VMIN] = 1;
  g_during.c_cc[VTIME] = 0;
  for (const int signal : kEnding) handle(signal, on_ending, static_cast<int>(SA_RESETHAND));
  handle(SIGTSTP, on_stop, 0);
  handle(SIGWINCH, on_resize, 0);
  enter();
}

Screen::~Screen() {
  leave();
  for (const int signal : kEnding) handle(signal, SIG_DFL, 0);
  handle(SIGTSTP, SIG_DFL, 0);
  handle(SIGWINCH, SIG_DFL, 0);
}

Screen::Size Screen::size() const {
  winsize known{};
  Size out;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &known) != 0 || known.ws_col == 0 || known.ws_row == 0) return out;
  out.columns = known.ws_col;
  out.rows = known.ws_row;
  return out;
}

void Screen::draw(const std::vector<std::string>& lines, std::size_t heading) {
  const Size full = size();
  std::string out;
  for (std::size_t i = 0; i < std::min(lines.size(), full.rows); ++i) {
    // Erased before, not behind: at the end of a full line some terminals would erase its last character.
    out += "\x1b[" + std::to_string(i + 1) + ";1H\x1b[K";
    if (i == heading) {
      out +=
          "\x1b[7m" + lines[i] + std::string(full.columns - std::min(full.columns, lines[i].size()), ' ') + "\x1b[0m";
    } else {
      out += lines[i];
    }
  }
  if (lines.size() < full.rows) out += "\x1b[" + std::to_string(lines.size() + 1) + ";1H\x1b[J";
  put(out);
}

Key Screen::wait(std::chrono::steady_clock::time_point until) {
  if (g_resized != 0) {
    g_resized = 0;
    return Key::resized;
  }
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
  pollfd keys{g_has_keys ? STDIN_FILENO : -1, POLLIN, 0};
  const int ready = poll(&keys, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
  if (g_resized != 0) {
    g_resized = 0;
    return Key::resized;
  }
  if (ready <= 0) return Key::none;
  std::array<char, 32> bytes{};
  const ssize_t size = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return Key::none;
  return size <= 0 ? Key::quit : key_of({bytes.data(), static_cast<std::size_t>(size)});
}

}  // namespace footfall::cli

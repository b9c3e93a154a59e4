// SPDX-License-Identifier: Apache-2.0
// RedisProcess: a real redis-server of a test's own, on a free port of 127.0.0.1, without persistence unless its
// options say so; and a client of a few lines that sends commands and gives replies as text.
//
// Linux starts it, and takes it down with the test program, whatever end that has (PR_SET_PDEATHSIG).
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/free_port.h"
#include "support/temporary_directory.h"

namespace footfall::testing {

// The path of the program, empty where there is none.
inline std::string find_redis_server() {
  for (const char* path : {"/usr/bin/redis-server", "/usr/local/bin/redis-server"}) {
    if (access(path, X_OK) == 0) return path;
  }
  return {};
}

class RedisProcess {
 public:
  using Words = std::vector<std::string>;

  // `options` follow the server's own on its command line. A configuration file (of sentinels) comes first.
  explicit RedisProcess(std::string program, Words options = {}, std::string configuration = {})
      : program_(std::move(program)), options_(std::move(options)), configuration_(std::move(configuration)) {
    restart();
  }
  ~RedisProcess() { stop(); }
  RedisProcess(const RedisProcess&) = delete;
  RedisProcess& operator=(const RedisProcess&) = delete;

  std::uint16_t port() const { return port_; }
  // kill -9; what it had not written is gone.
  void kill() { stop(); }
  // Again, on the same port.
  void restart() {
    stop();
    if (!start()) throw std::runtime_error("redis-server does not answer: " + program_);
  }
  void pause() { ::kill(child_, SIGSTOP); }
  void go_on() { ::kill(child_, SIGCONT); }

  // The reply: a status, an integer or a string as its text, an error with its leading '-', nil as "(nil)",
  // an array as its elements, each on a line.
  // A server that becomes a master closes its connections: then it is asked once more.
  std::string command(const std::vector<std::string_view>& words) {
    try {
      return ask(words);
    } catch (const std::runtime_error&) {
      if (!connect()) throw;
      return ask(words);
    }
  }

 private:
  std::string ask(const std::vector<std::string_view>& words) {
    std::string request = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string_view word : words) {
      request.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
    }
    for (std::string_view rest = request; !rest.empty();) {
      const ssize_t sent = send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw std::runtime_error("redis: send");
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    return read_reply();
  }
  std::string read_reply() {
    const std::string line = read_line();
    switch (line.at(0)) {
      case '*': {
        std::string out;
        for (long n = std::stol(line.substr(1)); n > 0; --n) out += read_reply() + "\n";
        return out;
      }
      case '+':
      case ':':
        return line.substr(1);
      case '-':
        return line;
      case '$':
        return line == "$-1" ? "(nil)" : read_bytes(std::stoul(line.substr(1)));
      default:
        throw std::runtime_error("redis: an unexpected reply: " + line);
    }
  }
  static sockaddr_in address(std::uint16_t port) {
    sockaddr_in loopback{};
    loopback.sin_family = AF_INET;
    loopback.sin_port = htons(port);
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return loopback;
  }
  bool start() {
    Words words{program_};
    if (!configuration_.empty()) words.push_back(configuration_);
    for (const char* word : {"--port", "", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize",
                             "no", "--logfile", "/dev/null"}) {
      words.emplace_back(word);
    }
    words[configuration_.empty() ? 2 : 3] = std::to_string(port_);
    words.insert(words.end(), {"--dir", directory_.path()});
    words.insert(words.end(), options_.begin(), options_.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const pid_t parent = ::getpid();
    child_ = ::fork();
    if (child_ < 0) throw std::runtime_error("fork");
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(127);
      ::execv(program_.c_str(), arguments.data());
      ::_exit(127);
    }
    if (connect()) return true;
    stop();
    return false;
  }
  bool connect() {
    disconnect();
    for (int wait = 0; wait < 500; ++wait) {
      if (::waitpid(child_, nullptr, WNOHANG) == child_) {
        child_ = -1;
        return false;
      }
      socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_in loopback = address(port_);
      if (::connect(socket_, reinterpret_cast<const sockaddr*>(&loopback), sizeof loopback) == 0) {
        try {
          return ask({"PING"}).size() > 1;     // PONG, or that it wants a password
        } catch (const std::runtime_error&) {  // it ends: see above
        }
      }
      disconnect();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  void disconnect() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
    received_.clear();
  }
  void stop() {
    disconnect();
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    child_ = -1;
  }

  void receive() {
    char buffer[16384];
    const ssize_t size = ::recv(socket_, buffer, sizeof buffer, 0);
    if (size <= 0) throw std::runtime_error("redis: receive");
    received_.append(buffer, static_cast<std::size_t>(size));
  }
  std::string read_line() {
    std::size_t end = received_.find("\r\n");
    for (; end == std::string::npos; end = received_.find("\r\n")) receive();
    const std::string line = received_.substr(0, end);
    received_.erase(0, end + 2);
    return line;
  }
  std::string read_bytes(std::size_t size) {
    while (received_.size() < size + 2) receive();
    const std::string bytes = received_.substr(0, size);
    received_.erase(0, size + 2);
    return bytes;
  }

  TemporaryDirectory directory_;  // a replica writes a dump, and whoever starts there reads it
  std::string program_;
  Words options_;
  std::string configuration_;
  std::uint16_t port_ = free_port();
  pid_t child_ = -1;
  int socket_ = -1;
  std::string received_;
};

}  // namespace footfall::testing

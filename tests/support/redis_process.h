// SPDX-License-Identifier: Apache-2.0
// RedisProcess: a real redis-server of a test's own, on a free port of 127.0.0.1, without persistence; and a client of
// a few lines that sends commands and gives replies as text.
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
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

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
  explicit RedisProcess(const std::string& program) {
    for (int attempt = 0; attempt < 5; ++attempt) {  // somebody may take the port between the look and the bind
      const std::string port = std::to_string(free_port());
      child_ = start(program, port);
      if (connect(static_cast<std::uint16_t>(std::stoi(port)))) return;
      stop();
    }
    throw std::runtime_error("redis-server does not answer: " + program);
  }
  ~RedisProcess() { stop(); }
  RedisProcess(const RedisProcess&) = delete;
  RedisProcess& operator=(const RedisProcess&) = delete;

  // The reply: a status, an integer or a string as its text, an error with its leading '-', nil as "(nil)".
  std::string command(const std::vector<std::string_view>& words) {
    std::string request = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string_view word : words) {
      request.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
    }
    for (std::string_view rest = request; !rest.empty();) {
      const ssize_t sent = send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw std::runtime_error("redis: send");
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    const std::string line = read_line();
    switch (line.at(0)) {
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

 private:
  static sockaddr_in address(std::uint16_t port) {
    sockaddr_in loopback{};
    loopback.sin_family = AF_INET;
    loopback.sin_port = htons(port);
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return loopback;
  }
  static std::uint16_t free_port() {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in loopback = address(0);
    socklen_t size = sizeof loopback;
    const bool bound = ::bind(probe, reinterpret_cast<sockaddr*>(&loopback), size) == 0 &&
                       ::getsockname(probe, reinterpret_cast<sockaddr*>(&loopback), &size) == 0;
    ::close(probe);
    if (!bound) throw std::runtime_error("no free port");
    return ntohs(loopback.sin_port);
  }
  static pid_t start(const std::string& program, const std::string& port) {
    const std::string directory = std::filesystem::temp_directory_path().string();
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("fork");
    if (child > 0) return child;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::execl(program.c_str(), program.c_str(), "--port", port.c_str(), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--daemonize", "no", "--logfile", "/dev/null", "--dir", directory.c_str(),
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  bool connect(std::uint16_t port) {
    for (int wait = 0; wait < 500; ++wait) {
      if (::waitpid(child_, nullptr, WNOHANG) == child_) {
        child_ = -1;
        return false;
      }
      socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_in loopback = address(port);
      if (::connect(socket_, reinterpret_cast<const sockaddr*>(&loopback), sizeof loopback) == 0) {
        return command({"PING"}) == "PONG";
      }
      ::close(socket_);
      socket_ = -1;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  void stop() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
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

  pid_t child_ = -1;
  int socket_ = -1;
  std::string received_;
};

}  // namespace footfall::testing

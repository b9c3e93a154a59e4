// SPDX-License-Identifier: Apache-2.0
// ScriptedServer: a server on loopback that gives prepared answers in turn, or those of a function, and keeps what it
// was asked.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace footfall::cli {

class ScriptedServer {
 public:
  struct Answer {
    int status = 200;
    std::string body;
    std::string fields = {};  // complete header lines
    bool raw = false;         // `body` is all that is sent
    bool hang_up = false;     // closes the connection after the answer, without saying so
  };
  struct Request {
    std::string line, head, body;
    int connection = 0;  // the how manieth
  };

  ScriptedServer() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    std::string name = ::testing::TempDir() + "footfall-server-token-XXXXXX";
    const int file = mkstemp(name.data());
    ::close(file);
    token_file_ = name;
    std::ofstream(token_file_) << "secret-token\n";
    thread_ = std::thread([this] { serve(); });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int connection : open_) ::shutdown(connection, SHUT_RDWR);
    }
    for (std::thread& connection : connections_) connection.join();
    ::close(listener_);
    std::remove(token_file_.c_str());
  }

  void answers(std::vector<Answer> answers) {
    const std::lock_guard lock(mutex_);
    answers_ = std::move(answers);
  }
  // From now on `answer` is asked, by one thread at a time. It is called under the server's lock: it must not call it.
  void answers_by(std::function<Answer(const Request&)> answer) {
    const std::lock_guard lock(mutex_);
    by_ = std::move(answer);
  }
  std::vector<Request> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  const std::string& token_file() const { return token_file_; }

 private:
  void serve() {
    for (int number = 1;; ++number) {
      const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      const std::lock_guard lock(mutex_);
      open_.insert(connection);
      connections_.emplace_back([this, connection, number] {
        while (answer_one(connection, number)) {
        }
        const std::lock_guard closing(mutex_);
        open_.erase(connection);
        ::close(connection);
      });
    }
  }
  // One request with Content-Length, one answer. False: the connection ends.
  bool answer_one(int connection, int number) {
    std::string bytes;
    std::size_t head_end = std::string::npos;
    std::size_t body_size = 0;
    while (head_end == std::string::npos || bytes.size() < head_end + body_size) {
      char buffer[65536];
      const ssize_t got = ::recv(connection, buffer, sizeof buffer, 0);
      if (got <= 0) return false;
      bytes.append(buffer, static_cast<std::size_t>(got));
      if (head_end == std::string::npos && (head_end = bytes.find("\r\n\r\n")) != std::string::npos) {
        head_end += 4;
        const std::size_t at = bytes.find("Content-Length: ");
        if (at < head_end) body_size = std::strtoul(bytes.c_str() + at + 16, nullptr, 10);
      }
    }
    Answer answer{404, "{}", {}, false, false};
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(
          {bytes.substr(0, bytes.find("\r\n")), bytes.substr(0, head_end), bytes.substr(head_end, body_size), number});
      if (by_) {
        answer = by_(requests_.back());
      } else if (!answers_.empty()) {
        answer = answers_.front();
        answers_.erase(answers_.begin());
      }
    }
    const std::string text = answer.raw ? answer.body
                                        : "HTTP/1.1 " + std::to_string(answer.status) + " X\r\n" + answer.fields +
                                              "Content-Type: application/json\r\n" +
                                              "Content-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" +
                                              answer.body;
    ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
    return !answer.hang_up;
  }

  int listener_ = -1;
  int port_ = 0;
  std::string token_file_;
  std::thread thread_;                    // accepts
  std::vector<std::thread> connections_;  // one each; the accepting thread's until it is joined
  std::mutex mutex_;
  std::set<int> open_;
  std::vector<Answer> answers_;
  std::function<Answer(const Request&)> by_;
  std::vector<Request> requests_;
};

}  // namespace footfall::cli

// SPDX-License-Identifier: Apache-2.0
// Requests and answers over a real socket.
#include "cli/http_client.h"

#include <gtest/gtest.h>

#include "scripted_server.h"

namespace footfall::cli {
namespace {

class HttpClientTest : public testing::Test {
 protected:
  base::Result<HttpAnswer> send(const HttpRequest& request = {}) {
    if (!client_) client_ = *HttpClient::at(server_.url() + "/prefix", {.timeout_s = 5, .ca_file = {}});
    return client_->send(request);
  }
  HttpRequest get(const std::string& target) {
    HttpRequest request;
    request.target = target;
    return request;
  }
  ScriptedServer server_;
  std::unique_ptr<HttpClient> client_;
};

TEST_F(HttpClientTest, SendsUnderTheBasePathAndKeepsTheConnection) {
  server_.answers({{200, "one"}, {404, "two"}});
  EXPECT_EQ(send(get("/a"))->body, "one");
  const auto second = send(get("/b?c"));
  EXPECT_EQ(second->status, 404U);
  EXPECT_EQ(second->body, "two");
  const auto requests = server_.requests();
  EXPECT_EQ(requests[0].line, "GET /prefix/a HTTP/1.1");
  EXPECT_EQ(requests[1].line, "GET /prefix/b?c HTTP/1.1");
  EXPECT_EQ(requests[0].connection, requests[1].connection);
}

TEST_F(HttpClientTest, AConnectionThatWasClosedMeanwhileIsOpenedAgain) {
  server_.answers({{200, "one", {}, false, true}, {200, "two"}});
  EXPECT_EQ(send(get("/a"))->body, "one");
  const auto second = send(get("/b"));
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_EQ(second->body, "two");
  EXPECT_EQ(server_.requests()[1].connection, 2);
}

TEST_F(HttpClientTest, WhatMayNotBeRepeatedIsNotSentAgain) {
  server_.answers({{200, "one", {}, false, true}, {200, "two"}});
  ASSERT_TRUE(send(get("/a")));
  HttpRequest request = get("/b");
  request.repeatable = false;
  const auto second = send(request);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::Errc::unavailable);
}

TEST_F(HttpClientTest, LargeBodiesAndRetryAfterAreRead) {
  const std::string large(3'000'000, 'x');
  server_.answers({{503, large, "Retry-After: 7\r\n"}});
  HttpRequest request = get("/a");
  request.method = "POST";
  request.body = large;
  request.content_type = "application/x-ndjson";
  const auto answer = send(request);
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 503U);
  EXPECT_EQ(answer->body, large);
  EXPECT_EQ(answer->retry_after_s, 7U);
  EXPECT_EQ(server_.requests()[0].body, large);
}

TEST_F(HttpClientTest, FieldsAreFoundByNameInAnyCaseAndJoined) {
  server_.answers({{200, "", "Vary: Origin\r\nvary: Accept\r\nAge: 3\r\n"}});
  const auto answer = send(get("/a"));
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->field("VARY"), "Origin, Accept");
  EXPECT_EQ(answer->field("age"), "3");
  EXPECT_EQ(answer->field("etag"), "");
}

TEST_F(HttpClientTest, AStreamIsReadUntilItIsEnough) {
  server_.answers(
      {{200, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 1\ndata: {}\n\n", {}, true}});
  HttpRequest request = get("/live");
  request.enough = [](std::string_view body) { return body.find("\n\n") != std::string_view::npos; };
  const auto answer = send(request);
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->body, "retry: 1\ndata: {}\n\n");
  server_.answers({{200, "two"}});
  EXPECT_EQ(send(get("/b"))->body, "two");  // over another connection: the stream has no end
  EXPECT_EQ(server_.requests()[1].connection, 2);
}

TEST_F(HttpClientTest, TheAnswerToHeadHasNoBody) {
  server_.answers({{200, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", {}, true}, {200, "two"}});
  HttpRequest request = get("/a");
  request.method = "HEAD";
  const auto answer = send(request);
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->field("Content-Length"), "10");
  EXPECT_EQ(send(get("/b"))->body, "two");
}

// --- errors ---

TEST_F(HttpClientTest, ABodyThatIsTooLongIsAnError) {
  server_.answers({{200, std::string(1001, 'x')}});
  HttpRequest request = get("/a");
  request.body_bytes_max = 1000;
  const auto answer = send(request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, base::Errc::too_large);
}

TEST_F(HttpClientTest, AuthoritiesThatCannotBeReadAreNamed) {
  const auto client = HttpClient::at("https://localhost", {.ca_file = "/nonexistent/ca.pem"});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, base::Errc::invalid_config);
  EXPECT_NE(client.error().detail.find("--ca-file /nonexistent/ca.pem"), std::string::npos) << client.error().detail;
}

TEST_F(HttpClientTest, WhatIsNoHttpIsSaidSo) {
  server_.answers({{200, "SSH-2.0-server\r\n\r\n", {}, true, true}});
  const auto answer = send(get("/a"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, base::Errc::malformed);
  EXPECT_NE(answer.error().detail.find("no HTTP"), std::string::npos);
}

TEST_F(HttpClientTest, ATornAnswerIsAnError) {
  server_.answers({{200, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", {}, true, true}});
  EXPECT_FALSE(send(get("/a")));
}

TEST_F(HttpClientTest, NobodyThereIsNamedWithTheAddress) {
  std::string url;
  {
    const ScriptedServer gone;
    url = gone.url();
  }
  const auto client = HttpClient::at(url, {.timeout_s = 5, .ca_file = {}});
  const auto answer = (*client)->send({});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, base::Errc::unavailable);
  EXPECT_NE(answer.error().detail.find("cannot reach " + url), std::string::npos) << answer.error().detail;
  const auto socket = (*HttpClient::at("unix:/nonexistent/admin.sock"))->send({});
  ASSERT_FALSE(socket);
  EXPECT_NE(socket.error().detail.find("unix:/nonexistent/admin.sock"), std::string::npos);
}

TEST_F(HttpClientTest, AddressesOfOtherFormsAreRefused) {
  for (const char* address : {"", "127.0.0.1:8080", "https://", "http://", "http://:80", "http://a:0", "http://a:70000",
                              "http://a:b", "unix:", "http://a/b?c", "http://user@host"}) {
    const auto client = HttpClient::at(address);
    ASSERT_FALSE(client) << address;
    EXPECT_EQ(client.error().code, base::Errc::invalid_config);
  }
  for (const char* address :
       {"http://[::1]:8080", "http://localhost", "http://a/b/", "https://example.vn", "unix:/run/x"}) {
    EXPECT_TRUE(HttpClient::at(address)) << address;
  }
}

}  // namespace
}  // namespace footfall::cli

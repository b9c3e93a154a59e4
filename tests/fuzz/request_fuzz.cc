// SPDX-License-Identifier: Apache-2.0
// The request parser under libFuzzer: any bytes, cut anywhere, give the same as the bytes at once, whatever head was
// read before, and the plain twin agrees on what is a request, how long it is, and what is in it.
//
// Input: the first byte seeds the cuts, the rest is the message.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/connection.h"
#include "http/request_parser.h"
#include "support/plain_parser.h"

namespace footfall::http {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "request_fuzz: %s\n", what);
  std::abort();
}

bool same(const Request& a, const Request& b) {
  return a.method == b.method && a.path == b.path && a.query == b.query && a.fields == b.fields &&
         a.present == b.present && a.body == b.body && a.keep_alive == b.keep_alive;
}

void against_the_twin(const RequestParser& parser, RequestParser::State state, const std::string& text) {
  const auto plain = testing::PlainParser().parse(text);
  require((state == RequestParser::State::complete) == plain.has_value(), "one of the parsers accepts");
  if (!plain) return;
  const Request& request = parser.request();
  require(parser.consumed() == plain->length, "lengths differ");
  require(request.path == plain->path && request.query == plain->query, "targets differ");
  require(request.body == plain->body, "bodies differ");
  require(request.keep_alive == plain->keep_alive, "keep_alive differs");
  const auto value = [&plain](const char* name) {
    const auto found = plain->fields.find(name);
    return found == plain->fields.end() ? std::string() : found->second;
  };
  require(request.field(Field::host) == value("host"), "hosts differ");
  require(request.field(Field::user_agent) == value("user-agent"), "agents differ");
  require(request.field(Field::x_forwarded_for) == value("x-forwarded-for"), "X-Forwarded-For differs");
}

void in_pieces(const RequestParser& whole, RequestParser::State expected, const std::string& text, std::uint32_t cuts) {
  const ParserLimits limits;
  RequestParser parser(limits);
  std::size_t end = 0;
  for (;;) {
    cuts = cuts * 1664525U + 1013904223U;
    end = std::min(text.size(), end + (cuts >> 16U) % 40);
    const std::string moved(text, 0, end);  // each time somewhere else
    const RequestParser::State state = parser.parse(moved);
    if (state == RequestParser::State::need_more && end != text.size()) continue;
    require(state == expected && parser.error() == whole.error(), "a split changes the outcome");
    if (state == RequestParser::State::complete) {
      require(parser.consumed() == whole.consumed() && same(parser.request(), whole.request()),
              "a split changes the request");
    }
    return;
  }
}

// By a parser that remembers the same head, and one that is a byte off.
void behind_others(const RequestParser& whole, RequestParser::State expected, const std::string& text,
                   std::size_t place) {
  const ParserLimits limits;
  RequestParser parser(limits);
  std::string other = text;
  if (!other.empty()) other[place * 7 % other.size()] = static_cast<char>(other[place * 7 % other.size()] ^ 1);
  for (const std::string& before : {text, other}) {
    parser.parse(before);
    parser.reset();
    const RequestParser::State state = parser.parse(text);
    require(state == expected && parser.error() == whole.error(), "a head before changes the outcome");
    if (state == RequestParser::State::complete) {
      require(parser.consumed() == whole.consumed() && same(parser.request(), whole.request()),
              "a head before changes the request");
    }
    parser.reset();
  }
}

// A whole pipeline, as the loop feeds it: in reads, with answers in between.
std::string paths_of(std::string_view text, std::size_t piece) {
  const ParserLimits limits;
  RequestParser shared(limits);
  Connection connection(shared);
  std::string out;
  while (!text.empty() || connection.resumable()) {
    const std::string read(text.substr(0, piece));
    text.remove_prefix(read.size());
    Requests requests = connection.receive(read);
    while (const Request* request = requests.next()) out.append(request->path).append(request->body).append("\n");
    if (connection.owed() == kPipelineMax || text.empty()) connection.answered(connection.owed());
  }
  return out.append(name_of(connection.error()));
}

}  // namespace
}  // namespace footfall::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace footfall::http;
  if (size == 0) return 0;
  const void* const bytes = data + 1;
  const std::string text(static_cast<const char*>(bytes), size - 1);
  const ParserLimits limits;
  RequestParser parser(limits);
  const RequestParser::State state = parser.parse(text);
  against_the_twin(parser, state, text);
  in_pieces(parser, state, text, data[0]);
  behind_others(parser, state, text, data[0]);
  require(paths_of(text, text.size()) == paths_of(text, std::size_t{1} + data[0]), "reads change the pipeline");
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Response: how answers are written. Head and body go straight into the output string; hit answers are prebuilt, and
// the Date field is made once a second.
//
// Every answer may be read from any origin: `Access-Control-Allow-Origin: *` and the exposed fields stand on errors
// too, and never with credentials. Hit answers expose the epoch alone, and leave out what a page that pings has no use
// for: their bytes cost. Nothing here is for search engines: `X-Robots-Tag: noindex`.
// Tested by tests/unit/http/response_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace footfall::http {

struct Response {
  int status = 200;
  std::string_view content_type;  // empty: no body, no Content-Type
  std::string_view body;
  std::string_view cache_control = "no-store";
  std::string_view extra_fields;  // complete lines, each ending in CRLF
  bool cors = true;               // of a public answer: what stands above, and Cross-Origin-Resource-Policy
};

// Appends a complete response. `head_only`: the answer to HEAD. `date` is an IMF-fixdate.
void write(std::string& out, const Response& response, std::string_view date, bool keep_alive, bool head_only = false);

// Appends the head of an answer that goes on until the connection closes (server-sent events).
void write_stream_head(std::string& out, std::string_view content_type, std::string_view date,
                       std::string_view extra_fields = {});

// RFC 9457. `type` is the last part of a stable URI reference ("unknown-site"); `detail` is for people, in UTF-8.
void write_problem(std::string& out, int status, std::string_view type, std::string_view title, std::string_view detail,
                   std::string_view date, bool keep_alive, std::string_view extra_fields = {});

// A complete line for answers over TLS: who has read it speaks nothing else to this host's name for max_age_s, on no
// port. Empty of 0: nothing is said of it (RFC 6797).
std::string strict_transport_field(std::uint32_t max_age_s);

std::string_view reason_phrase(int status);
// "Mon, 23 Nov 2026 10:00:00 GMT" (RFC 9110 5.6.7). Years 0 to 9999.
std::string imf_fixdate(std::int64_t utc_s);

// The answers of the hit routes, rebuilt when the second changes: 204, and the 43-byte GIF.
class HitAnswers {
 public:
  // `extra_fields`: complete lines for every hit answer (where the node names itself).
  explicit HitAnswers(std::string_view extra_fields = {}) : extra_fields_(extra_fields) {}

  // Does nothing while the second is the same.
  void set_second(std::int64_t utc_s) {
    if (utc_s != second_) rebuild(utc_s);
  }
  std::string_view date() const { return date_; }
  // Append the answer. `fields`: complete lines of this one.
  void write_no_content(std::string& out, std::string_view fields, bool keep_alive) const {
    out.append(keep_alive ? no_content_ : no_content_close_).append(fields).append("\r\n");
  }
  void write_gif(std::string& out, std::string_view fields, bool keep_alive) const {
    out.append(keep_alive ? gif_ : gif_close_).append(fields).append(gif_end_);
  }

 private:
  void rebuild(std::int64_t utc_s);

  std::int64_t second_ = INT64_MIN;
  std::string extra_fields_;
  std::string date_;
  // Heads without their last line, which is empty; and what follows the picture's fields.
  std::string no_content_, no_content_close_, gif_, gif_close_, gif_end_;
};

std::string_view gif_bytes();  // 43 bytes, one transparent pixel

}  // namespace footfall::http

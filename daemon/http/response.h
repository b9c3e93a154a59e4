// SPDX-License-Identifier: Apache-2.0
// Response: how answers are written. Head and body go straight into the output string; hit answers are prebuilt, and
// the Date field is made once a second.
// Tested by tests/unit/http/response_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/request.h"

namespace footfall::http {

struct Response {
  int status = 200;
  std::string_view content_type;          // empty: no body, no Content-Type
  std::string_view body;
  std::string_view cache_control = "no-store";
  std::string_view extra_fields;          // complete lines, each ending in CRLF
  bool cors = true;                       // Access-Control-Allow-Origin: *, and the exposed fields
};

// Appends a complete response. `head_only`: the answer to HEAD. `date` is an IMF-fixdate.
void write(std::string& out, const Response& response, std::string_view date, bool keep_alive, bool head_only = false);

// RFC 9457. `type` is the last part of a stable URI reference ("unknown-site"); `detail` is for people.
void write_problem(std::string& out, int status, std::string_view type, std::string_view title, std::string_view detail,
                   std::string_view date, bool keep_alive, std::string_view extra_fields = {});

std::string_view reason_phrase(int status);
std::string imf_fixdate(std::int64_t utc_s);

// The answers of the hit routes, rebuilt when the second changes: 204, and the 43-byte GIF.
class HitAnswers {
 public:
  void set_second(std::int64_t utc_s);
  std::string_view date() const { return date_; }
  std::string_view no_content(bool keep_alive) const { return keep_alive ? no_content_ : no_content_close_; }
  std::string_view gif(bool keep_alive) const { return keep_alive ? gif_ : gif_close_; }

 private:
  std::int64_t second_ = INT64_MIN;
  std::string date_, no_content_, no_content_close_, gif_, gif_close_;
};

std::string_view gif_bytes();  // 43 bytes, one transparent pixel

}  // namespace footfall::http

// SPDX-License-Identifier: Apache-2.0
#include "http/response.h"

#include <array>
#include <cstdio>

namespace footfall::http {
namespace {

constexpr std::string_view kCors =
    "Access-Control-Allow-Origin: *\r\n"
    "Access-Control-Expose-Headers: Footfall-Rejected, Footfall-Node, Footfall-Epoch, "
    "Idempotency-Replayed\r\n"
    "Cross-Origin-Resource-Policy: cross-origin\r\n"
    "X-Robots-Tag: noindex\r\n";
constexpr std::string_view kClose = "Connection: close\r\n";

void append_number(std::string& out, std::size_t number) {
  char buffer[20];
  char* p = buffer + sizeof buffer;
  do {
    *--p = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  out.append(p, static_cast<std::size_t>(buffer + sizeof buffer - p));
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_status_line(std::string& out, int status) {
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::size_t>(status));
  out.push_back(' ');
  out.append(reason_phrase(status)).append("\r\n");
}

// A JSON string, quoted. Bytes beyond ASCII pass: details are UTF-8 of ours; controls and quotes are escaped.
void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escape[8];
      const int size = std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out.append(escape, static_cast<std::size_t>(size));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace

void write(std::string& out, const Response& response, std::string_view date, bool keep_alive, bool head_only) {
  append_status_line(out, response.status);
  append_field(out, "Date", date);
  if (!response.cache_control.empty()) append_field(out, "Cache-Control", response.cache_control);
  if (response.cors) out.append(kCors);
  if (!keep_alive) out.append(kClose);
  out.append(response.extra_fields);
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) {
    if (!response.content_type.empty()) {
      append_field(out, "Content-Type", response.content_type);
      out.append("X-Content-Type-Options: nosniff\r\n");
    }
    out.append("Content-Length: ");
    append_number(out, response.content_type.empty() ? 0 : response.body.size());
    out.append("\r\n");
  }
  out.append("\r\n");
  if (!bodiless && !head_only && !response.content_type.empty()) out.append(response.body);
}

void write_stream_head(std::string& out, std::string_view content_type, std::string_view date,
                       std::string_view extra_fields) {
  append_status_line(out, 200);
  append_field(out, "Date", date);
  append_field(out, "Cache-Control", "no-store");
  out.append(kCors).append(kClose).append(extra_fields);
  append_field(out, "Content-Type", content_type);
  out.append("\r\n");
}

void write_problem(std::string& out, int status, std::string_view type, std::string_view title, std::string_view detail,
                   std::string_view date, bool keep_alive, std::string_view extra_fields) {
  std::string body = "{\"type\":";
  append_json_string(body, std::string("/problems/").append(type));
  body.append(",\"title\":");
  append_json_string(body, title);
  body.append(",\"status\":");
  append_number(body, static_cast<std::size_t>(status));
  if (!detail.empty()) {
    body.append(",\"detail\":");
    append_json_string(body, detail);
  }
  body.append("}\n");
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = body;
  response.extra_fields = extra_fields;
  write(out, response, date, keep_alive);
}

std::string strict_transport_field(std::uint32_t max_age_s) {
  if (max_age_s == 0) return {};
  return "Strict-Transport-Security: max-age=" + std::to_string(max_age_s) + "\r\n";
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Other";
  }
}

std::string imf_fixdate(std::int64_t utc_s) {
  constexpr std::array<const char*, 7> kDays = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};  // from 1970-01-01
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::int64_t day = utc_s / 86400;
  std::int64_t second = utc_s % 86400;
  if (second < 0) {
    second += 86400;
    --day;
  }
  const auto weekday = static_cast<std::size_t>(((day % 7) + 7) % 7);
  // Civil date from a day number: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
  const std::int64_t z = day + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const std::int64_t day_of_era = z - era * 146097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const std::int64_t month_day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const std::int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  char buffer[64];
  const int size =
      std::snprintf(buffer, sizeof buffer, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[weekday],
                    static_cast<int>(month_day), kMonths[static_cast<std::size_t>(month - 1)], static_cast<int>(year),
                    static_cast<int>(second / 3600), static_cast<int>(second / 60 % 60), static_cast<int>(second % 60));
  return {buffer, static_cast<std::size_t>(size)};
}

std::string_view gif_bytes() {
  // GIF89a, 1 x 1, two colours, the first transparent.
  static constexpr char kGif[] =
      "GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02"
      "D\x01\0;";
  static_assert(sizeof kGif == 43 + 1);
  return {kGif, sizeof kGif - 1};
}

void HitAnswers::rebuild(std::int64_t utc_s) {
  second_ = utc_s;
  date_ = imf_fixdate(utc_s);
  const auto build = [this](std::string_view status_line, std::string_view connection, std::string_view content) {
    std::string out;
    out.reserve(512);
    out.append(status_line);
    append_field(out, "Date", date_);
    out.append(
        "Cache-Control: no-store\r\nCross-Origin-Resource-Policy: cross-origin\r\nAccess-Control-Allow-Origin: *\r\n"
        "Access-Control-Expose-Headers: Footfall-Epoch\r\n");
    out.append(extra_fields_).append(connection).append(content);
    return out;
  };
  constexpr std::string_view kNoContent = "HTTP/1.1 204 No Content\r\n";
  constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\n";
  constexpr std::string_view kGifContent = "Content-Type: image/gif\r\nContent-Length: 43\r\n";
  no_content_ = build(kNoContent, {}, {});
  no_content_close_ = build(kNoContent, kClose, {});
  gif_ = build(kOk, {}, kGifContent);
  gif_close_ = build(kOk, kClose, kGifContent);
  gif_end_ = std::string("\r\n").append(gif_bytes());
}

}  // namespace footfall::http

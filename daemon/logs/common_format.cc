// SPDX-License-Identifier: Apache-2.0
#include "logs/common_format.h"

#include "logs/request_line.h"
#include "logs/text.h"

namespace footfall::logs {
namespace {

// A run of no white space that one space follows: the byte after that space, or null.
const char* word(const char* p, const char* end) {
  const char* const begin = p;
  while (p != end && !is_space(*p)) ++p;
  return p != begin && p != end && *p == ' ' ? p + 1 : nullptr;
}

bool only_space(const char* p, const char* end) {
  while (p != end && is_space(*p)) ++p;
  return p == end;
}

// ` 200 1234` or ` 200 -`, from the byte after the request's quote: the byte behind it, or null.
const char* status_and_size(const char* p, const char* end, Line& out) {
  if (end - p < 6 || p[0] != ' ' || !is_digit(p[1]) || !is_digit(p[2]) || !is_digit(p[3]) || p[4] != ' ')
    return nullptr;
  out.status = digit(p[1]) * 100 + digit(p[2]) * 10 + digit(p[3]);
  p += 5;
  if (*p == '-') return p + 1;
  const char* const size = p;
  while (p != end && is_digit(*p)) ++p;
  return p != size ? p : nullptr;
}

bool opens_quote(const char* p, const char* end) {
  return end - p >= 2 && p[0] == ' ' && p[1] == '"';
}

// `request" 200 1234 "referrer" "agent"`, from the request's first byte.
bool read_strict(const char* request, const char* end, Line& out) {
  const char* const request_end = closing_quote(request, end);
  if (request_end == nullptr) return false;
  const char* const p = status_and_size(request_end + 1, end, out);
  if (p == nullptr) return false;
  out.referrer.reset();
  out.agent.reset();
  const auto quoted_pair = [&] {
    if (!opens_quote(p, end)) return false;
    const char* const referrer_end = closing_quote(p + 2, end);
    if (referrer_end == nullptr || !opens_quote(referrer_end + 1, end)) return false;
    const char* const agent_end = closing_quote(referrer_end + 3, end);
    if (agent_end == nullptr) return false;
    out.referrer = view(p + 2, referrer_end);
    out.agent = view(referrer_end + 3, agent_end);
    return true;
  };
  if (!quoted_pair() && !only_space(p, end)) return false;
  split_request(view(request, request_end), out);
  return true;
}

// The same where quotes stand bare: the request ends at the last quote from which the rest fits.
bool read_loose(const char* request, const char* end, Line& out) {
  const std::string_view text = view(request, end);
  // Where the last `" "` begins that a quote follows: a referrer and an agent are there up to this place.
  const std::size_t last_quote = text.rfind('"');
  const std::size_t last_pair = last_quote == std::string_view::npos || last_quote < 3
                                    ? std::string_view::npos
                                    : text.rfind("\" \"", last_quote - 3);
  for (std::size_t at = last_quote; at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : text.rfind('"', at - 1)) {
    const char* const p = status_and_size(request + at + 1, end, out);
    if (p == nullptr) continue;
    const auto referrer = static_cast<std::size_t>(p - request) + 2;
    if (opens_quote(p, end) && last_pair != std::string_view::npos && referrer <= last_pair) {
      const std::size_t referrer_end = text.find("\" \"", referrer);
      const std::size_t agent = referrer_end + 3;
      out.referrer = text.substr(referrer, referrer_end - referrer);
      out.agent = text.substr(agent, text.find('"', agent) - agent);
    } else if (only_space(p, end)) {
      out.referrer.reset();
      out.agent.reset();
    } else {
      continue;
    }
    split_request(text.substr(0, at), out);
    return true;
  }
  return false;
}

}  // namespace

bool CommonFormat::read(std::string_view line, Line& out) {
  const char* const begin = line.data();
  const char* const end = begin + line.size();
  const char* const ident = word(begin, end);
  if (ident == nullptr) return false;
  const char* const user = word(ident, end);
  if (user == nullptr) return false;
  out.client = view(begin, ident - 1);
  out.host.reset();

  // `[`, the time, `] "`
  constexpr std::ptrdiff_t kStamp = 1 + static_cast<std::ptrdiff_t>(LocalTimeReader::kSize) + 3;
  const auto stamp = [&](const char* bracket, Instant& time) {
    if (end - bracket < kStamp || bracket[-1] != ' ' || bracket[27] != ']' || bracket[28] != ' ' ||
        bracket[29] != '"') {
      return TimeFit::no_match;
    }
    return time_.read(bracket + 1, time);
  };
  const auto done = [&](TimeFit fit, const Instant& time) {
    out.time_s = time.utc_s;
    out.offset_s = time.offset_s;
    return fit == TimeFit::good;
  };
  const char* loose_request = nullptr;
  TimeFit loose_fit = TimeFit::no_match;
  Instant loose_time;
  for (const char* bracket = user + 1; bracket < end && (bracket = find(bracket, end, '[')) != nullptr; ++bracket) {
    Instant time;
    const TimeFit fit = stamp(bracket, time);
    if (fit == TimeFit::no_match) continue;
    if (read_strict(bracket + kStamp, end, out)) return done(fit, time);
    if (loose_request == nullptr) {
      loose_request = bracket + kStamp;
      loose_fit = fit;
      loose_time = time;
    }
  }
  // What does not fit loosely from the first time does not from a later one either: the same ends are tried.
  return loose_request != nullptr && read_loose(loose_request, end, out) && done(loose_fit, loose_time);
}

}  // namespace footfall::logs

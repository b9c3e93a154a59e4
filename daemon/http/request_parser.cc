// SPDX-License-Identifier: Apache-2.0
#include "http/request_parser.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/ignoring_case.h"
#include "http/scan.h"

namespace footfall::http {
namespace {

constexpr std::size_t kMethodMax = 32;
constexpr unsigned kChunkDigitsMax = 16;
constexpr std::size_t kHostMax = 255;

constexpr std::uint32_t bit(Field f) {
  return std::uint32_t{1} << static_cast<unsigned>(f);
}

// Lists, and what chains of proxies repeat.
constexpr std::uint32_t kJoined = bit(Field::connection) | bit(Field::x_forwarded_for) | bit(Field::x_forwarded_proto) |
                                  bit(Field::forwarded) | bit(Field::accept) | bit(Field::accept_encoding) |
                                  bit(Field::if_none_match) | bit(Field::sec_purpose) | bit(Field::purpose) |
                                  bit(Field::x_moz);

// Fields of which store() asks nothing but that they stand once or are joined; and those of which it asks nothing that
// depends on other fields, so that what was found of the same bytes holds.
constexpr std::uint32_t kTakenAsTheyAre =
    ~(bit(Field::host) | bit(Field::content_length) | bit(Field::transfer_encoding) | bit(Field::expect));
constexpr std::uint32_t kSettledByItself = kTakenAsTheyAre | bit(Field::host);

struct ErrorRow {
  ParseError error;
  int status;
  std::string_view name;
  std::string_view text;
};
constexpr ErrorRow kErrors[] = {
    {ParseError::none, 200, "none", "The request is well formed."},
    {ParseError::bad_method, 400, "bad_method", "The method is not a token, or has over 32 bytes."},
    {ParseError::bad_target, 400, "bad_target",
     "The request target is neither a path nor an absolute http URI, or holds a byte that must be percent-encoded."},
    {ParseError::bad_version, 400, "bad_version", "The request line does not end in HTTP/1.1 or HTTP/1.0."},
    {ParseError::unsupported_version, 505, "unsupported_version", "Only HTTP/1.1 and HTTP/1.0 are spoken here."},
    {ParseError::bare_cr_or_lf, 400, "bare_cr_or_lf", "A line ends in CR or LF alone; both are needed."},
    {ParseError::bad_field_name, 400, "bad_field_name", "A field name is not a token followed by a colon."},
    {ParseError::bad_field_value, 400, "bad_field_value", "A field value holds a control byte."},
    {ParseError::obs_fold, 400, "obs_fold", "A field line begins with white space."},
    {ParseError::missing_host, 400, "missing_host", "HTTP/1.1 needs a Host field."},
    {ParseError::repeated_host, 400, "repeated_host", "There is more than one Host field."},
    {ParseError::bad_host, 400, "bad_host", "The host is not a name or address with an optional port."},
    {ParseError::repeated_field, 400, "repeated_field", "A field that may stand once is repeated."},
    {ParseError::bad_content_length, 400, "bad_content_length", "Content-Length is not one decimal number."},
    {ParseError::bad_transfer_encoding, 400, "bad_transfer_encoding",
     "Transfer-Encoding may only be \"chunked\", once, and under HTTP/1.1."},
    {ParseError::length_and_chunked, 400, "length_and_chunked",
     "Content-Length and Transfer-Encoding stand in the same request."},
    {ParseError::bad_chunk, 400, "bad_chunk", "A chunk breaks its grammar, or chunks are wastefully small."},
    {ParseError::target_too_long, 414, "target_too_long", "The request target is too long."},
    {ParseError::head_too_large, 431, "head_too_large", "The request head or its trailers are too large."},
    {ParseError::too_many_fields, 431, "too_many_fields", "There are too many fields."},
    {ParseError::body_too_large, 413, "body_too_large", "The body is too large."},
    {ParseError::bad_expect, 417, "bad_expect", "The only expectation that is met is 100-continue."},
    {ParseError::late, 408, "late", "The request did not arrive in time."},
    {ParseError::no_room, 503, "no_room",
     "The server holds as much of unfinished requests as it may; try again in a moment."},
    {ParseError::too_many_connections, 503, "too_many_connections",
     "The server has as many connections as it may; try again in a moment."},
};
constexpr bool errors_are_in_order() {
  for (std::size_t i = 0; i < std::size(kErrors); ++i) {
    if (static_cast<std::size_t>(kErrors[i].error) != i) return false;
  }
  return std::size(kErrors) == static_cast<std::size_t>(ParseError::count_);
}
static_assert(errors_are_in_order());

// `lower` is in lower case and has at least 4 bytes; `text` has as many, and holds token bytes only, of which none but
// a capital letter turns into another's lower case when 0x20 is set.
bool equals_folded(const char* text, std::string_view lower) {
  const std::size_t size = lower.size();
  const auto differs = [text, lower](std::size_t at, auto width) {
    decltype(width) a = 0, b = 0;
    std::memcpy(&a, text + at, sizeof a);
    std::memcpy(&b, lower.data() + at, sizeof b);
    return ((a | static_cast<decltype(width)>(0x2020202020202020U)) ^ b) != 0;
  };
  if (size < 8) return !differs(0, std::uint32_t{}) && !differs(size - 4, std::uint32_t{});
  for (std::size_t at = 0; at + 8 <= size; at += 8) {
    if (differs(at, std::uint64_t{})) return false;
  }
  return !differs(size - 8, std::uint64_t{});
}

Field known_field(std::string_view name) {
  const auto is = [name](std::string_view lower, Field field) {
    return equals_folded(name.data(), lower) ? field : Field::count_;
  };
  const int first = name[0] | 0x20;
  switch (name.size()) {
    case 4:
      return is("host", Field::host);
    case 5:
      return is("x-moz", Field::x_moz);
    case 6:
      if (first == 'o') return is("origin", Field::origin);
      return name[1] == 'x' || name[1] == 'X' ? is("expect", Field::expect) : is("accept", Field::accept);
    case 7:
      return first == 'r' ? is("referer", Field::referer) : is("purpose", Field::purpose);
    case 9:
      return is("forwarded", Field::forwarded);
    case 10:
      return first == 'u' ? is("user-agent", Field::user_agent) : is("connection", Field::connection);
    case 11:
      return is("sec-purpose", Field::sec_purpose);
    case 12:
      return is("content-type", Field::content_type);
    case 13:
      if (first == 'a') return is("authorization", Field::authorization);
      return first == 'i' ? is("if-none-match", Field::if_none_match) : is("last-event-id", Field::last_event_id);
    case 14:
      return is("content-length", Field::content_length);
    case 15:
      if (first == 'a') return is("accept-encoding", Field::accept_encoding);
      return first == 'x' ? is("x-forwarded-for", Field::x_forwarded_for)
                          : is("idempotency-key", Field::idempotency_key);
    case 16:
      return is("content-encoding", Field::content_encoding);
    case 17:
      return first == 'x' ? is("x-forwarded-proto", Field::x_forwarded_proto)
                          : is("transfer-encoding", Field::transfer_encoding);
    case 29:
      return is("access-control-request-method", Field::access_control_request_method);
    default:
      return Field::count_;
  }
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const int lower = c | 0x20;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}
// host [":" port]
bool is_host_and_port(std::string_view text) {
  if (text.empty() || text.size() > kHostMax) return false;
  const char* p = text.data();
  const char* const end = p + text.size();
  if (*p == '[') {
    const char* const first = ++p;
    while (p != end && (hex_value(*p) >= 0 || *p == ':' || *p == '.')) ++p;
    if (p == end || *p != ']' || p - first < 2) return false;
    ++p;
  } else {
    const char* const first = p;
    p = skip_host(p, end);
    if (p == first) return false;
  }
  if (p == end) return true;
  if (*p++ != ':') return false;
  unsigned port = 0;
  for (; p != end; ++p) {
    if (!is_digit(*p)) return false;
    port = port * 10 + static_cast<unsigned>(*p - '0');
    if (port > 65535) return false;
  }
  return true;
}

// Whether the comma-separated `list` holds `token` (in lower case).
bool has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (equals_ignoring_case(item, token)) return true;
  }
  return false;
}

Method method_of(std::string_view name) {
  if (name == "GET") return Method::get;
  if (name == "POST") return Method::post;
  if (name == "HEAD") return Method::head;
  if (name == "OPTIONS") return Method::options;
  if (name == "PUT") return Method::put;
  if (name == "DELETE") return Method::delete_;
  return Method::other;
}

}  // namespace

std::string_view to_string(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::delete_:
      return "DELETE";
    case Method::options:
      return "OPTIONS";
    case Method::other:
      break;
  }
  return "other";
}

std::string_view name_of(ParseError error) {
  return kErrors[static_cast<std::size_t>(error)].name;
}
std::string_view describe(ParseError error) {
  return kErrors[static_cast<std::size_t>(error)].text;
}
int status_of(ParseError error) {
  return kErrors[static_cast<std::size_t>(error)].status;
}

RequestParser::State RequestParser::parse(std::string_view bytes) {
  if (bytes.data() != base_) rebase(bytes.data());
  for (;;) {
    Step step = Step::go_on;
    if (phase_ == Phase::done) {
      finish(bytes.data());
      return State::complete;
    }
    if (phase_ < Phase::sized_body) {
      const std::size_t limit = section_ + limits_->head_max;
      step = head(bytes.data(), bytes.data() + std::min(bytes.size(), limit));
      if (step == Step::more && bytes.size() >= limit) step = refuse(ParseError::head_too_large);
    } else {
      step = body(bytes);
    }
    if (step == Step::fail) return State::failed;
    if (step == Step::more) {
      if (expects_continue_ && bytes.size() > body_at_) expects_continue_ = false;
      return State::need_more;
    }
  }
}

void RequestParser::reset() {
  for (std::uint32_t left = request_.present; left != 0; left &= left - 1) {
    request_.fields[static_cast<std::size_t>(__builtin_ctz(left))] = {};
  }
  request_.present = 0;
  request_.method = Method::other;
  request_.path = request_.query = request_.body = {};
  request_.sink = nullptr;
  sink_.reset();
  request_.keep_alive = true;
  base_ = nullptr;
  position_ = mark_ = section_ = target_at_ = target_size_ = authority_size_ = body_at_ = body_max_ = chunk_overhead_ =
      0;
  length_ = body_size_ = 0;
  fields_seen_ = 0;
  if (joined_ != 0) joined_values_.reset();
  joined_ = 0;
  run_ = 0;
  phase_ = Phase::leading;
  error_ = ParseError::none;
  current_ = Field::count_;
  version_1_0_ = chunked_ = trailers_ = skipped_line_ = expects_continue_ = false;
  if (chunks_.capacity() > limits_->body_max) {
    std::string().swap(chunks_);
  } else {
    chunks_.clear();
  }
}

// The bytes moved: what was read so far moves with them.
void RequestParser::rebase(const char* base) {
  for (std::uint32_t left = request_.present & ~joined_; left != 0; left &= left - 1) {
    std::string_view& value = request_.fields[static_cast<std::size_t>(__builtin_ctz(left))];
    value = {base + (value.data() - base_), value.size()};
  }
  base_ = base;
}

RequestParser::Step RequestParser::refuse(ParseError error) {
  error_ = error;
  return Step::fail;
}

// An unexpected byte: a line end that is not CRLF has a name of its own.
RequestParser::Step RequestParser::wrong(const char* p, const char* end, ParseError otherwise) {
  if (*p == '\n') return refuse(ParseError::bare_cr_or_lf);
  if (*p == '\r') {
    if (p + 1 == end) return Step::more;
    if (p[1] != '\n') return refuse(ParseError::bare_cr_or_lf);
  }
  return refuse(otherwise);
}

// Up to the empty line that ends the head or the trailers, or as far as the bytes reach. Every step leaves `p` where
// it is to go on when there is more.
RequestParser::Step RequestParser::head(const char* begin, const char* end) {
  const char* p = begin + position_;
  Step step = Step::go_on;
  if (phase_ == Phase::leading && position_ == 0) plain_request_line(p, end);
  while (step == Step::go_on && phase_ < Phase::sized_body) {
    if (p == end) {
      step = Step::more;
      break;
    }
    switch (phase_) {
      case Phase::leading:
        step = leading(p, end);
        mark_ = static_cast<std::size_t>(p - begin);
        break;
      case Phase::method:
        step = method(p, end, begin);
        break;
      case Phase::target:
        step = target(p, end, begin);
        break;
      case Phase::version:
        step = version(p, end);
        break;
      case Phase::field_start:
        if (!whole_lines(p, end)) {
          step = Step::fail;
        } else if (p != end) {
          step = field_start(p, end, begin);
        }
        break;
      case Phase::field_name:
        step = field_name(p, end, begin);
        break;
      case Phase::field_space:
        while (p != end && (*p == ' ' || *p == '\t')) ++p;
        if (p == end) break;
        mark_ = static_cast<std::size_t>(p - begin);
        phase_ = Phase::field_value;
        [[fallthrough]];
      case Phase::field_value:
        step = field_value(p, end, begin);
        break;
      default:
        break;
    }
  }
  position_ = static_cast<std::size_t>(p - begin);
  return step;
}

// The fast way through a request line that is there as a whole: GET or POST of a path, under HTTP/1.1. Any other is
// left to the careful steps below.
void RequestParser::plain_request_line(const char*& p, const char* end) {
  std::ptrdiff_t method_size = 0;
  if (end - p > 5 && std::memcmp(p, "GET /", 5) == 0) {
    request_.method = Method::get;
    method_size = 4;
  } else if (end - p > 6 && std::memcmp(p, "POST /", 6) == 0) {
    request_.method = Method::post;
    method_size = 5;
  } else {
    return;
  }
  constexpr std::string_view kRest = " HTTP/1.1\r\n";
  const char* const first = p + method_size;
  const char* const stop = skip_target(first, end);
  const auto size = static_cast<std::size_t>(stop - first);
  if (size > limits_->target_max || static_cast<std::size_t>(end - stop) < kRest.size() ||
      std::memcmp(stop, kRest.data(), kRest.size()) != 0) {
    return;
  }
  target_at_ = static_cast<std::size_t>(method_size);
  target_size_ = size;
  p = stop + kRest.size();
  phase_ = Phase::field_start;
}

RequestParser::Step RequestParser::leading(const char*& p, const char* end) {
  if (*p == '\n') return refuse(ParseError::bare_cr_or_lf);
  if (*p != '\r') {
    phase_ = Phase::method;
    return Step::go_on;
  }
  if (p + 1 == end) return Step::more;
  if (p[1] != '\n') return refuse(ParseError::bare_cr_or_lf);
  if (skipped_line_) return refuse(ParseError::bad_method);
  skipped_line_ = true;
  p += 2;
  return Step::go_on;
}

RequestParser::Step RequestParser::method(const char*& p, const char* end, const char* begin) {
  const char* const first = begin + mark_;
  const char* const cut = static_cast<std::size_t>(end - first) > kMethodMax ? first + kMethodMax + 1 : end;
  p = detail::skip_bytewise<is_token>(p, cut);
  const auto size = static_cast<std::size_t>(p - first);
  if (size > kMethodMax) return refuse(ParseError::bad_method);
  if (p == end) return Step::more;
  if (*p != ' ' || size == 0) return wrong(p, end, ParseError::bad_method);
  request_.method = method_of({first, size});
  ++p;
  mark_ = static_cast<std::size_t>(p - begin);
  phase_ = Phase::target;
  return Step::go_on;
}

RequestParser::Step RequestParser::target(const char*& p, const char* end, const char* begin) {
  const char* const first = begin + mark_;
  const std::size_t max = limits_->target_max;
  p = skip_target(p, static_cast<std::size_t>(end - first) > max ? first + max + 1 : end);
  const auto size = static_cast<std::size_t>(p - first);
  if (size > max) return refuse(ParseError::target_too_long);
  if (p == end) return Step::more;
  if (*p != ' ') return wrong(p, end, ParseError::bad_target);
  target_at_ = mark_;
  target_size_ = size;
  if (!target_form_is_valid({first, size})) return refuse(ParseError::bad_target);
  ++p;
  phase_ = Phase::version;
  return Step::go_on;
}

// origin-form, absolute-form, or the asterisk of OPTIONS.
bool RequestParser::target_form_is_valid(std::string_view text) {
  authority_size_ = 0;
  if (text.empty()) return false;
  if (text[0] == '/') return true;
  if (text == "*") return request_.method == Method::options;
  std::size_t scheme = 0;
  if (text.size() > 7 && equals_ignoring_case(text.substr(0, 7), "http://")) scheme = 7;
  if (text.size() > 8 && equals_ignoring_case(text.substr(0, 8), "https://")) scheme = 8;
  if (scheme == 0) return false;
  authority_size_ = std::min(text.find_first_of("/?", scheme), text.size());
  return is_host_and_port(text.substr(scheme, authority_size_ - scheme));
}

RequestParser::Step RequestParser::version(const char*& p, const char* end) {
  constexpr std::string_view kShape = "HTTP/0.0\r\n";  // 0: any digit
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    if (p + i == end) return Step::more;
    if (kShape[i] == '0' ? is_digit(p[i]) : p[i] == kShape[i]) continue;
    // The LF that is missing behind CR, or a line end too early.
    if (kShape[i] == '\n') return refuse(ParseError::bare_cr_or_lf);
    return wrong(p + i, end, ParseError::bad_version);
  }
  if (p[5] != '1' || (p[7] != '0' && p[7] != '1')) return refuse(ParseError::unsupported_version);
  version_1_0_ = p[7] == '0';
  p += kShape.size();
  phase_ = Phase::field_start;
  return Step::go_on;
}

// The fast way through a head: all lines that are there as a whole and plainly right. Leaves `p` at the first that is
// not, for the careful steps below. False: a field was refused.
bool RequestParser::whole_lines(const char*& p, const char* end) {
  HeadMemo* const memo = fields_seen_ == 0 && !trailers_ ? memo_.get() : nullptr;
  const char* const first = p;
  const bool fine = whole_lines(p, end, memo);
  if (memo == nullptr) return fine;
  const bool whole = fine && end - p >= 2 && p[0] == '\r' && p[1] == '\n';
  memo->finish(whole ? fields_seen_ : 0, {first, static_cast<std::size_t>(p - first)});
  return fine;
}

bool RequestParser::whole_lines(const char*& p, const char* end, HeadMemo* memo) {
  const char* const first = p;
  const char* same_until = p;  // what is known to be as it was in the head before
  for (; fields_seen_ != limits_->fields_max; ++fields_seen_) {
    const HeadMemo::Line* const before = memo != nullptr ? memo->line(fields_seen_) : nullptr;
    const char* value = nullptr;
    const char* last = nullptr;
    Field field = Field::count_;
    if (before != nullptr) {
      if (same_until - p < before->size) same_until = p + memo->common(*before, p, end);
      const auto same = same_until - p;
      value = p + before->value_at;
      field = before->field;
      if (same >= before->size) {
        memo->keep(fields_seen_, static_cast<std::size_t>(p - first));
        p += before->size;
        if (field != Field::count_ && !store_known(field, {value, before->value_size}, kSettledByItself)) return false;
        continue;
      }
      if (same > before->value_at && before->value_size != 0)
        last = p + std::min<std::ptrdiff_t>(same, before->size - 2);
      same_until = p;
    }
    if (last == nullptr) {
      const char* const name_end = skip_name(p, end);
      if (name_end == p || name_end == end || *name_end != ':') return true;
      field = trailers_ ? Field::count_ : known_field({p, static_cast<std::size_t>(name_end - p)});
      value = name_end + 1;
      while (value != end && (*value == ' ' || *value == '\t')) ++value;
      last = value;
    }
    last = skip_value(last, end);
    if (end - last < 2 || last[0] != '\r' || last[1] != '\n') return true;
    const std::string_view line(p, static_cast<std::size_t>(last + 2 - p));
    while (last != value && last[-1] == ' ') --last;  // no tab in it
    const std::string_view trimmed(value, static_cast<std::size_t>(last - value));
    if (memo != nullptr) memo->enter(fields_seen_, static_cast<std::size_t>(p - first), line, trimmed, field);
    p += line.size();
    same_until = p;
    if (field != Field::count_ && !store_known(field, trimmed, kTakenAsTheyAre)) return false;
  }
  return true;
}

// A field of a whole line. Of those in `settled` nothing is left to be looked at but whether it is repeated.
inline bool RequestParser::store_known(Field field, std::string_view value, std::uint32_t settled) {
  if ((bit(field) & settled & ~request_.present) != 0) [[likely]] {
    request_.fields[static_cast<std::size_t>(field)] = value;
    request_.present |= bit(field);
    return true;
  }
  current_ = field;
  return store(value) != Step::fail;
}

RequestParser::Step RequestParser::field_start(const char*& p, const char* end, const char* begin) {
  switch (*p) {
    case '\n':
      return refuse(ParseError::bare_cr_or_lf);
    case '\r':
      if (p + 1 == end) return Step::more;
      if (p[1] != '\n') return refuse(ParseError::bare_cr_or_lf);
      p += 2;
      position_ = static_cast<std::size_t>(p - begin);
      return end_of_head(begin);
    case ' ':
    case '\t':
      return refuse(ParseError::obs_fold);
    default:
      if (++fields_seen_ > limits_->fields_max) return refuse(ParseError::too_many_fields);
      mark_ = static_cast<std::size_t>(p - begin);
      phase_ = Phase::field_name;
      return Step::go_on;
  }
}

RequestParser::Step RequestParser::field_name(const char*& p, const char* end, const char* begin) {
  const char* const first = begin + mark_;
  p = skip_name(p, end);
  if (p == end) return Step::more;
  if (*p != ':' || p == first) return wrong(p, end, ParseError::bad_field_name);
  current_ = trailers_ ? Field::count_ : known_field({first, static_cast<std::size_t>(p - first)});
  ++p;
  phase_ = Phase::field_space;
  return Step::go_on;
}

RequestParser::Step RequestParser::field_value(const char*& p, const char* end, const char* begin) {
  for (;;) {
    p = skip_value(p, end);
    if (p == end) return Step::more;
    if (*p != '\t') break;
    ++p;
  }
  if (*p != '\r') return wrong(p, end, ParseError::bad_field_value);
  if (p + 1 == end) return Step::more;
  if (p[1] != '\n') return refuse(ParseError::bare_cr_or_lf);
  const char* last = p;
  const char* const first = begin + mark_;
  p += 2;
  phase_ = Phase::field_start;
  if (current_ == Field::count_) return Step::go_on;
  while (last != first && (last[-1] == ' ' || last[-1] == '\t')) --last;
  return store({first, static_cast<std::size_t>(last - first)});
}

// A field that somebody reads. What decides the framing is checked here.
RequestParser::Step RequestParser::store(std::string_view value) {
  std::string_view& stored = request_.fields[static_cast<std::size_t>(current_)];
  if ((request_.present & bit(current_)) != 0) [[unlikely]]
    return store_repeated(stored, value);
  stored = value;
  request_.present |= bit(current_);
  switch (current_) {
    case Field::host:
      return is_host_and_port(value) ? Step::go_on : refuse(ParseError::bad_host);
    case Field::content_length:
      if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit)) {
        return refuse(ParseError::bad_content_length);
      }
      if (chunked_) return refuse(ParseError::length_and_chunked);
      for (const char c : value) {  // saturates far above every limit
        length_ = std::min<std::uint64_t>(length_ * 10 + static_cast<unsigned>(c - '0'), std::uint64_t{1} << 56U);
      }
      return Step::go_on;
    case Field::transfer_encoding:
      if (version_1_0_ || !equals_ignoring_case(value, "chunked")) return refuse(ParseError::bad_transfer_encoding);
      if (request_.has(Field::content_length)) return refuse(ParseError::length_and_chunked);
      chunked_ = true;
      return Step::go_on;
    case Field::expect:
      if (version_1_0_) return Step::go_on;  // RFC 9110 10.1.1: a 1.0 client cannot mean it
      if (!equals_ignoring_case(value, "100-continue")) return refuse(ParseError::bad_expect);
      expects_continue_ = true;
      return Step::go_on;
    default:
      return Step::go_on;
  }
}

RequestParser::Step RequestParser::store_repeated(std::string_view& stored, std::string_view value) {
  if (current_ == Field::host) return refuse(ParseError::repeated_host);
  if (current_ == Field::content_length) return refuse(ParseError::bad_content_length);
  if (current_ == Field::transfer_encoding) return refuse(ParseError::bad_transfer_encoding);
  if ((kJoined & bit(current_)) == 0) return refuse(ParseError::repeated_field);
  if (!joined_values_) joined_values_ = std::make_unique<std::array<std::string, kFields>>();
  std::string& joined = (*joined_values_)[static_cast<std::size_t>(current_)];
  if ((joined_ & bit(current_)) == 0) joined.assign(stored);
  joined_ |= bit(current_);
  joined.append(", ").append(value);
  stored = joined;
  return Step::go_on;
}

RequestParser::Step RequestParser::end_of_head(const char* begin) {
  if (trailers_) {
    phase_ = Phase::done;
    return Step::go_on;
  }
  if (!version_1_0_ && !request_.has(Field::host)) return refuse(ParseError::missing_host);
  request_.keep_alive = !version_1_0_;
  const std::string_view connection = request_.field(Field::connection);
  if (!connection.empty() && connection != "keep-alive" && has_token(connection, "close")) request_.keep_alive = false;
  body_at_ = position_;
  if (!chunked_ && length_ == 0) {
    phase_ = Phase::done;
    return Step::go_on;
  }
  const std::string_view path(begin + target_at_ + authority_size_, target_size_ - authority_size_);
  body_max_ = path.substr(0, path.find('?')) == limits_->batch_path ? limits_->batch_body_max : limits_->body_max;
  if (!chunked_ && length_ > body_max_) return refuse(ParseError::body_too_large);
  phase_ = chunked_ ? Phase::chunk_size : Phase::sized_body;
  return Step::go_on;
}

RequestParser::Step RequestParser::body(std::string_view bytes) {
  const char* const p = bytes.data() + position_;
  const std::size_t left = bytes.size() - position_;
  switch (phase_) {
    case Phase::sized_body:
      if (sink_) {
        position_ += take_body(bytes.substr(position_));
        if (length_ != 0) return Step::more;
        phase_ = Phase::done;
        return Step::go_on;
      }
      if (left < length_) return Step::more;
      position_ += static_cast<std::size_t>(length_);
      phase_ = Phase::done;
      return Step::go_on;
    case Phase::chunk_size:
      return chunk_size(bytes);
    case Phase::chunk_extension:
      return chunk_extension(bytes);
    case Phase::chunk_data: {
      const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(left, length_));
      position_ += take_body({p, taken});
      if (length_ != 0) return Step::more;
      phase_ = Phase::chunk_end;
      return Step::go_on;
    }
    case Phase::chunk_end:
      if (left == 0) return Step::more;
      if (*p != '\r') return wrong(p, p + left, ParseError::bad_chunk);
      if (left == 1) return Step::more;
      if (p[1] != '\n') return refuse(ParseError::bare_cr_or_lf);
      position_ += 2;
      run_ = 0;
      phase_ = Phase::chunk_size;
      return Step::go_on;
    default:
      return Step::go_on;
  }
}

std::size_t RequestParser::take_body(std::string_view bytes) {
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), length_));
  if (sink_) {
    sink_->take(bytes.substr(0, taken));
  } else {
    chunks_.append(bytes.data(), taken);
  }
  length_ -= taken;
  body_size_ += taken;
  return taken;
}

void RequestParser::forget_shed() {
  const std::size_t bytes = shed();
  position_ -= bytes;
  if (!trailers_) return;
  section_ -= bytes;
  mark_ -= bytes;
}

void RequestParser::divert(std::unique_ptr<BodySink> sink, std::string_view bytes) {
  sink_ = std::move(sink);
  if (phase_ == Phase::sized_body) {
    position_ += take_body(bytes.substr(position_));
  } else {
    sink_->take(chunks_);
    std::string().swap(chunks_);
  }
}

// chunk-size [ chunk-ext ] CRLF; the size is kept in length_ and its digits are counted in run_.
RequestParser::Step RequestParser::chunk_size(std::string_view bytes) {
  for (; position_ < bytes.size(); ++position_) {
    const int digit = hex_value(bytes[position_]);
    if (digit < 0) break;
    if (++run_ > kChunkDigitsMax) return refuse(ParseError::bad_chunk);
    length_ = (length_ << 4U) | static_cast<unsigned>(digit);
  }
  if (position_ == bytes.size()) return Step::more;
  const char* const p = bytes.data() + position_;
  if (run_ == 0 || (*p != '\r' && *p != ';')) return wrong(p, bytes.data() + bytes.size(), ParseError::bad_chunk);
  chunk_overhead_ += run_ + 4U;  // with the line end and that of the data
  run_ = 0;
  phase_ = Phase::chunk_extension;
  return Step::go_on;
}

RequestParser::Step RequestParser::chunk_extension(std::string_view bytes) {
  const char* const end = bytes.data() + bytes.size();
  const char* p = bytes.data() + position_;
  for (; p != end && (is_value(static_cast<unsigned char>(*p)) || *p == '\t'); ++p) {
    if (++run_ > limits_->chunk_extension_max) return refuse(ParseError::bad_chunk);
  }
  position_ = static_cast<std::size_t>(p - bytes.data());
  if (p == end) return Step::more;
  if (*p != '\r') return wrong(p, end, ParseError::bad_chunk);
  if (p + 1 == end) return Step::more;
  if (p[1] != '\n') return refuse(ParseError::bare_cr_or_lf);
  position_ += 2;
  chunk_overhead_ += run_;
  run_ = 0;
  if (length_ == 0) {
    trailers_ = true;
    section_ = position_;
    phase_ = Phase::field_start;
    return Step::go_on;
  }
  if (length_ > body_max_ - body_size_) return refuse(ParseError::body_too_large);
  if (chunk_overhead_ > limits_->chunk_overhead_max + body_size_) return refuse(ParseError::bad_chunk);
  phase_ = Phase::chunk_data;
  return Step::go_on;
}

bool RequestParser::known(std::string_view bytes) {
  if (bytes.data() != base_) rebase(bytes.data());
  if (phase_ > Phase::target) {
    split_target(bytes.substr(target_at_, target_size_));
    return true;
  }
  if (phase_ != Phase::target) return false;
  // Half a target tells its path when the path is over.
  const std::string_view begun = bytes.substr(mark_, position_ - mark_);
  if (!begun.starts_with('/') || begun.find('?') == std::string_view::npos) return false;
  split_target(begun);
  return true;
}

// All bytes are there and stay where they are: the views are made.
void RequestParser::finish(const char* begin) {
  const std::string_view target(begin + target_at_, target_size_);
  if (authority_size_ != 0) {
    const std::size_t scheme = (target[4] | 0x20) == 's' ? 8 : 7;
    request_.fields[static_cast<std::size_t>(Field::host)] = target.substr(scheme, authority_size_ - scheme);
    request_.present |= bit(Field::host);
  }
  split_target(target);
  request_.sink = sink_.get();
  if (sink_) return;
  request_.body = chunked_ ? std::string_view(chunks_) : std::string_view(begin + body_at_, position_ - body_at_);
}

void RequestParser::split_target(std::string_view target) {
  target.remove_prefix(authority_size_);
  const std::size_t mark = target.find('?');
  request_.path = target.substr(0, mark);
  if (request_.path.empty()) request_.path = "/";
  request_.query = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
}

}  // namespace footfall::http

// SPDX-License-Identifier: Apache-2.0
#include "logs/custom_format.h"

#include <utility>

#include "logs/request_line.h"
#include "logs/text.h"
#include "logs/tsv_format.h"

namespace footfall::logs {
namespace {

base::Error invalid(std::string detail) {
  return {base::Errc::invalid_config, "log format: " + std::move(detail)};
}

bool name_byte(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace

void CustomFormat::add(Field field) {
  steps_.push_back({field, {}});
}

void CustomFormat::add_literal(char c) {
  (steps_.empty() ? front_ : steps_.back().behind).push_back(c);
}

bool CustomFormat::has(Field field) const {
  for (const Step& step : steps_) {
    if (step.field == field) return true;
  }
  return false;
}

base::Result<void> CustomFormat::add_nginx(std::string_view text) {
  constexpr std::pair<std::string_view, Field> kVariables[] = {
      {"remote_addr", Field::client},
      {"time_local", Field::time_local},
      {"time_iso8601", Field::time_iso8601},
      {"msec", Field::time_s},
      {"request", Field::request},
      {"request_method", Field::method},
      {"request_uri", Field::target},
      {"uri", Field::target},
      {"args", Field::query},
      {"query_string", Field::query},
      {"status", Field::status},
      {"http_referer", Field::referrer},
      {"http_user_agent", Field::agent},
      {"host", Field::host},
      {"http_host", Field::host},
      {"server_name", Field::host},
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$') {
      add_literal(text[i]);
      continue;
    }
    const bool braced = i + 1 < text.size() && text[i + 1] == '{';
    const std::size_t begin = i + (braced ? 2 : 1);
    std::size_t end = begin;
    while (end < text.size() && name_byte(text[end])) ++end;
    const std::string_view name = text.substr(begin, end - begin);
    if (name.empty() || (braced && (end == text.size() || text[end] != '}'))) {
      return invalid("a variable's name is missing after '$' at byte " + std::to_string(i + 1));
    }
    Field field = Field::skip;
    for (const auto& [variable, meaning] : kVariables) {
      if (name == variable) field = meaning;
    }
    add(field);
    i = braced ? end : end - 1;
  }
  return {};
}

base::Result<void> CustomFormat::add_apache(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == 't')) {
      add_literal(text[++i] == 't' ? '\t' : '"');
      continue;
    }
    if (text[i] != '%') {
      add_literal(text[i]);
      continue;
    }
    const std::size_t percent = i++;
    const auto unfinished = [&] { return invalid("nothing follows '%' at byte " + std::to_string(percent + 1)); };
    // %>s, %!200,304{Referer}i
    while (i < text.size() &&
           (text[i] == '>' || text[i] == '<' || text[i] == '!' || text[i] == ',' || is_digit(text[i])))
      ++i;
    std::string_view argument;
    if (i < text.size() && text[i] == '{') {
      const std::size_t close = text.find('}', i);
      if (close == std::string_view::npos) return invalid("'{' at byte " + std::to_string(i + 1) + " is not closed");
      argument = text.substr(i + 1, close - i - 1);
      i = close + 1;
    }
    if (i == text.size()) return unfinished();
    switch (text[i]) {
      case '%':
        add_literal('%');
        break;
      case 'h':
      case 'a':
        add(argument.empty() ? Field::client : Field::skip);
        break;
      case 'r':
        add(Field::request);
        break;
      case 'm':
        add(Field::method);
        break;
      case 'U':
        add(Field::target);
        break;
      case 'q':
        add(Field::query);
        break;
      case 's':
        add(Field::status);
        break;
      case 'i':
        add(same_letters(argument, "referer")      ? Field::referrer
            : same_letters(argument, "user-agent") ? Field::agent
            : same_letters(argument, "host")       ? Field::host
                                                   : Field::skip);
        break;
      case 'v':
      case 'V':
        add(Field::host);
        break;
      case 't':
        if (argument.empty()) {
          add(Field::time_bracketed);
        } else if (argument == "sec" || argument == "%s") {
          add(Field::time_s);
        } else if (argument == "msec") {
          add(Field::time_ms);
        } else if (argument == "%d/%b/%Y:%H:%M:%S %z" || argument == "%d/%b/%Y:%T %z") {
          add(Field::time_local);
        } else if (argument == "%FT%T%z" || argument == "%Y-%m-%dT%H:%M:%S%z" || argument == "%F %T%z") {
          add(Field::time_iso8601);
        } else {
          return invalid("%{" + std::string(argument) +
                         "}t is not a time that can be read; use %t, %{sec}t, %{msec}t or %{%FT%T%z}t");
        }
        break;
      default:
        if (!name_byte(text[i])) {
          return invalid("'%" + std::string(1, text[i]) + "' at byte " + std::to_string(percent + 1) +
                         " is no variable");
        }
        add(Field::skip);
    }
  }
  return {};
}

base::Result<CustomFormat> CustomFormat::compile(std::string_view text) {
  CustomFormat format;
  const bool nginx = text.find('$') != std::string_view::npos;
  if (!nginx && text.find('%') == std::string_view::npos) {
    return invalid("\"" + std::string(text) +
                   "\" is neither a known name (combined, common, vhost-combined, json, nasa-tsv) nor a format with "
                   "$variables or %variables");
  }
  if (auto added = nginx ? format.add_nginx(text) : format.add_apache(text); !added) return added.error();
  const std::size_t times = static_cast<std::size_t>(format.has(Field::time_local)) +
                            format.has(Field::time_bracketed) + format.has(Field::time_iso8601) +
                            format.has(Field::time_s) + format.has(Field::time_ms);
  if (times == 0)
    return invalid(nginx ? "it has no time: add $time_local, $time_iso8601 or $msec" : "it has no time: add %t");
  if (!format.has(Field::client))
    return invalid(nginx ? "it has no client: add $remote_addr" : "it has no client: add %h");
  for (std::size_t i = 0; i + 1 < format.steps_.size(); ++i) {
    const Step& step = format.steps_[i];
    const bool own_grammar = step.field >= Field::time_local && step.field <= Field::time_ms;
    // Apache's "%U%q" stand side by side: the query begins with its '?'.
    const bool path_and_query = step.field == Field::target && format.steps_[i + 1].field == Field::query;
    if (step.behind.empty() && !own_grammar && !path_and_query) {
      return invalid(
          "two variables stand side by side with nothing between them, so that nobody can tell where the first ends");
    }
  }
  // "%U%q" is read as one target; a query by itself adds nothing to the path.
  for (std::size_t i = 0; i + 1 < format.steps_.size(); ++i) {
    if (format.steps_[i].behind.empty() && format.steps_[i + 1].field == Field::query &&
        format.steps_[i].field == Field::target) {
      format.steps_[i].behind = format.steps_[i + 1].behind;
      format.steps_.erase(format.steps_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    }
  }
  return format;
}

bool CustomFormat::read_field(const Step& step, std::string_view value, Line& out) {
  switch (step.field) {
    case Field::client:
      out.client = value;
      return !value.empty();
    case Field::request:
      split_request(value, out);
      return true;
    case Field::method:
      out.method = value;
      return true;
    case Field::target:
      out.target = value;
      return true;
    case Field::status: {
      std::int64_t status = 0;
      // "-" is Apache's word for a connection that ended before the answer.
      if (value != "-" && (value.size() != 3 || !read_integer(value, status) || status < 0)) return false;
      out.status = static_cast<unsigned>(status);
      return true;
    }
    case Field::referrer:
      out.referrer = value;
      return true;
    case Field::agent:
      out.agent = value;
      return true;
    case Field::host:
      out.host = value;
      return true;
    case Field::time_ms: {
      std::int64_t ms = 0;
      if (!read_integer(value, ms) || ms < 0) return false;
      out.time_s = ms / 1000;
      return true;
    }
    default:
      return true;
  }
}

bool CustomFormat::read(std::string_view line, Line& out) {
  out = Line{};
  out.method = "GET";
  out.status = 200;
  if (line.substr(0, front_.size()) != front_) return false;
  bool quoted = front_.ends_with('"');
  std::string_view rest = line.substr(front_.size());
  for (const Step& step : steps_) {
    std::size_t size = 0;
    Instant time;
    TimeFit fit = TimeFit::no_match;
    switch (step.field) {
      case Field::time_bracketed:
        size = LocalTimeReader::kSize + 2;
        if (rest.size() < size || rest.front() != '[' || rest[size - 1] != ']') return false;
        fit = time_.read(rest.data() + 1, time);
        break;
      case Field::time_local:
        size = LocalTimeReader::kSize;
        if (rest.size() < size) return false;
        fit = time_.read(rest.data(), time);
        break;
      case Field::time_iso8601:
        fit = read_iso_time(rest, time, size);
        break;
      case Field::time_s:
        fit = read_seconds(rest, time, size);
        break;
      default:
        if (step.behind.empty()) {
          size = rest.size();
          while (size > 0 && is_space(rest[size - 1])) --size;
        } else if (quoted && step.behind.front() == '"') {
          const char* const quote = closing_quote(rest.data(), rest.data() + rest.size());
          if (quote == nullptr) return false;
          size = static_cast<std::size_t>(quote - rest.data());
        } else {
          size = rest.find(step.behind);
          if (size == std::string_view::npos) return false;
        }
        if (!read_field(step, rest.substr(0, size), out)) return false;
        fit = TimeFit::good;
        time = {out.time_s, out.offset_s};
    }
    if (fit != TimeFit::good) return false;
    out.time_s = time.utc_s;
    out.offset_s = time.offset_s;
    rest.remove_prefix(size);
    if (!rest.starts_with(step.behind)) return false;
    rest.remove_prefix(step.behind.size());
    quoted = step.behind.ends_with('"');
  }
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
  return rest.empty();
}

}  // namespace footfall::logs

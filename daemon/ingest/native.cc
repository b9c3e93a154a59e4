// SPDX-License-Identifier: Apache-2.0
#include "ingest/native.h"

#include <algorithm>

#include "http/ignoring_case.h"
#include "ingest/text.h"

namespace footfall::ingest {
namespace {

using http::Field;

base::Error malformed(std::string_view what) {
  return {base::Errc::malformed, std::string(what)};
}

bool mentions(std::string_view text, std::string_view lower_word) {
  for (std::size_t i = 0; i + lower_word.size() <= text.size(); ++i) {
    if (http::equals_ignoring_case(text.substr(i, lower_word.size()), lower_word)) return true;
  }
  return false;
}

// The media type without parameters.
std::string_view media_type(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  return content_type.substr(0, content_type.find_last_not_of(" \t") + 1);
}

std::string_view campaign_of(std::string_view page, Arena& arena) {
  constexpr std::string_view kName = "utm_campaign=";
  std::string_view query = query_of(page);
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (!pair.starts_with(kName)) continue;
    std::string_view value = pair.substr(kName.size());
    std::string_view decoded;
    if (decode_form(value, arena, decoded)) value = decoded;
    return clean_label(value, kLabelMax, arena);
  }
  return {};
}

base::Result<void> set_page(std::string_view page, std::string_view path, Arena& arena, Ping& ping) {
  if (!normalise_path(path, arena, ping.path)) {
    return base::Error{base::Errc::too_large, "path: longer than " + std::to_string(kPathMax) + " bytes"};
  }
  if (ping.path != path) ping.campaign = campaign_of(page, arena);  // else there is no query
  return {};
}

// The page that the ping names, if it does.
base::Result<void> read_page(const Fields& fields, Arena& arena, Ping& ping) {
  const std::string_view path = fields[Key::path];
  const std::string_view page = path.empty() ? fields[Key::url] : path;
  if (page.empty()) return {};
  Url url;
  if (page.front() != '/' && parse_url(page, arena, url)) {
    if (ping.origin_host.empty()) ping.origin_host = url.host;
    return set_page(page, url.rest, arena, ping);
  }
  if (path.empty()) return malformed("url: an http or https address is needed; for a path alone use path");
  return set_page(page, page, arena, ping);
}

// The page that the browser names by itself.
base::Result<void> read_page_of_referer(const http::Request& request, Arena& arena, Ping& ping) {
  Url url;
  const std::string_view referer = request.field(Field::referer);
  if (referer.empty() || !parse_url(referer, arena, url)) return {};
  ping.origin_only = url.rest.empty() || url.rest == "/";
  if (ping.origin_only) return {};
  return set_page(referer, url.rest, arena, ping);
}

base::Result<void> read_body(const http::Request& request, Arena& arena, Fields& fields) {
  const std::string_view type = media_type(request.field(Field::content_type));
  const bool is_text = type.empty() || http::equals_ignoring_case(type, "text/plain");
  const auto first = request.body.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  if (!request.field(Field::content_encoding).empty())
    return base::Error{base::Errc::conflict, "a ping is sent without Content-Encoding"};
  if (http::equals_ignoring_case(type, "application/json") || (is_text && request.body[first] == '{')) {
    return read_json(request.body, request.body.size(), arena, fields);
  }
  if (is_text || http::equals_ignoring_case(type, "application/x-www-form-urlencoded"))
    return read_form(request.body, arena, fields);
  return base::Error{base::Errc::conflict,
                     "a ping is text/plain, application/json or application/x-www-form-urlencoded"};
}

}  // namespace

base::Error missing_site() {
  return malformed("site: missing; name the site as it is registered");
}

base::Result<void> read_ping(const Fields& fields, Arena& arena, Ping& ping) {
  ping.site = fields[Key::site];
  if (const std::string_view kind = fields[Key::kind]; kind.empty() || kind == "pageview") {
    ping.kind = counting::Kind::pageview;
  } else if (kind == "event") {
    ping.kind = counting::Kind::event;
    ping.event = clean_label(fields[Key::name], kLabelMax, arena);
    if (ping.event.empty()) return malformed("name: missing; an event needs one");
  } else if (kind == "heartbeat") {
    ping.kind = counting::Kind::heartbeat;
  } else {
    return malformed("kind: pageview, event or heartbeat");
  }
  if (const std::string_view format = fields[Key::format]; format == "json") {
    ping.format = AnswerFormat::json;
  } else if (!format.empty()) {
    return malformed("format: json, or nothing");
  }
  if (const std::string_view ref = fields[Key::ref]; !ref.empty()) {
    std::string_view host;
    ping.referrer = normalise_referrer(ref, arena, host);
  }
  ping.unknown_keys = fields.unknown;
  return read_page(fields, arena, ping);
}

void read_page_headers(const http::Request& request, Arena& arena, Ping& ping) {
  const std::string_view origin = request.field(Field::origin);
  const std::string_view source = request.has(Field::origin) ? origin : request.field(Field::referer);
  ping.origin_absent = !request.has(Field::origin) && !request.has(Field::referer);
  ping.origin_null = origin == "null";
  if (!ping.origin_absent && !ping.origin_null) {
    Url url;
    // What is no web origin ("chrome-extension://...") is kept whole: it equals no host, and so is refused where hosts
    // are set.
    ping.origin_host = parse_url(source, arena, url) ? url.host : lower_case(source.substr(0, kReferrerMax), arena);
  }
  for (const Field field : {Field::sec_purpose, Field::purpose, Field::x_moz}) {
    const std::string_view purpose = request.field(field);
    if (!purpose.empty() && (mentions(purpose, "prefetch") || mentions(purpose, "prerender"))) ping.prefetch = true;
  }
}

base::Result<Ping> parse_native(const http::Request& request, Arena& arena) {
  Fields fields;
  if (const auto read = read_form(request.query, arena, fields); !read) return read.error();
  if (request.method == http::Method::post && !request.body.empty()) {
    if (const auto read = read_body(request, arena, fields); !read) return read.error();
  }
  fields.unknown += static_cast<std::uint32_t>(
      std::count_if(fields.values.begin() + static_cast<std::ptrdiff_t>(Key::time), fields.values.end(),
                    [](std::string_view value) { return !value.empty(); }));  // of batches alone
  Ping ping;
  read_page_headers(request, arena, ping);
  if (fields[Key::site].empty()) return missing_site();
  if (const auto read = read_ping(fields, arena, ping); !read) return read.error();
  if (fields[Key::path].empty() && fields[Key::url].empty()) {
    if (const auto read = read_page_of_referer(request, arena, ping); !read) return read.error();
  }
  if (request.path.ends_with(".gif")) ping.format = AnswerFormat::gif;  // who asked for an image gets an image
  return ping;
}

}  // namespace footfall::ingest

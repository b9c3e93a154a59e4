// SPDX-License-Identifier: Apache-2.0
#include "api/assets.h"

#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "api/auth.h"
#include "api/content_encoding.h"
#include "api/text.h"
#include "base/hex.h"
#include "http/response.h"

namespace footfall::api {

namespace embedded {
extern const unsigned char kScript[];
extern const std::size_t kScriptSize;
extern const unsigned char kThemeScript[];
extern const std::size_t kThemeScriptSize;
extern const unsigned char kDashboardScript[];
extern const std::size_t kDashboardScriptSize;
extern const unsigned char kDashboardStyle[];
extern const std::size_t kDashboardStyleSize;
extern const unsigned char kDashboardPage[];
extern const std::size_t kDashboardPageSize;
extern const unsigned char kDashboardIcon[];
extern const std::size_t kDashboardIconSize;
}  // namespace embedded

namespace {

std::string etag_of(std::string_view bytes, std::string_view suffix) {
  std::string etag = "\"";
  const auto digest = digest_of(bytes);
  base::append_hex(etag, std::span(digest).first(8));
  return etag.append(suffix).append("\"");
}

// RFC 9110 section 13.1.2: a weak comparison, of any in the list.
bool matches(std::string_view if_none_match, std::string_view etag) {
  while (!if_none_match.empty()) {
    std::string_view element = take_list_element(if_none_match);
    if (element == "*") return true;
    if (element.starts_with("W/")) element.remove_prefix(2);
    if (element == etag) return true;
  }
  return false;
}

constexpr std::string_view kScriptType = "text/javascript; charset=utf-8";
constexpr std::string_view kHour = "public, max-age=3600";
constexpr std::string_view kForEver = "public, max-age=31536000, immutable";

// Nothing but its own files runs in the dashboard, and it speaks to nobody but this daemon; data: are pictures that
// were fetched with the token.
constexpr std::string_view kPageSecurity =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'\r\n"
    "Referrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n"
    "Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()\r\n";

Asset asset_of(std::string_view bytes, std::string_view content_type, std::string_view cache_control) {
  Asset made;
  made.content_type = content_type;
  made.cache_control = cache_control;
  made.bytes = bytes;
  made.gzip = gzipped(bytes, Packing::best);
  made.etag = etag_of(bytes, "");
  made.etag_gzip = etag_of(bytes, "-gz");
  return made;
}

struct NamedAsset {
  std::string name;  // under /assets/
  Asset asset;
};

// What the dashboard is made of, in the order of Part.
enum Part : unsigned { kStyle, kScriptPart, kIcon, kPartCount };
const std::array<NamedAsset, kPartCount>& parts() {
  const auto named = [](std::string_view extension, std::string_view type, const unsigned char* bytes,
                        std::size_t size) {
    Asset asset = asset_of({reinterpret_cast<const char*>(bytes), size}, type, kForEver);
    const std::string hash = asset.etag.substr(1, asset.etag.size() - 2);
    return NamedAsset{"dashboard." + hash + std::string(extension), std::move(asset)};
  };
  static const std::array<NamedAsset, kPartCount> all{
      named(".css", "text/css; charset=utf-8", embedded::kDashboardStyle, embedded::kDashboardStyleSize),
      named(".js", kScriptType, embedded::kDashboardScript, embedded::kDashboardScriptSize),
      named(".svg", "image/svg+xml", embedded::kDashboardIcon, embedded::kDashboardIconSize)};
  return all;
}

void put(std::string& text, std::string_view place, std::string_view what) {
  const std::size_t at = text.find(place);
  if (at != std::string::npos) text.replace(at, place.size(), what);
}

// The page, with its parts' addresses relative to it. `root`: where "assets/" is, as seen from the page.
std::string page_text(std::string_view root, std::string_view script_name) {
  std::string text(reinterpret_cast<const char*>(embedded::kDashboardPage), embedded::kDashboardPageSize);
  constexpr std::array<std::string_view, kPartCount> kPlaces{"@STYLE@", "@SCRIPT@", "@ICON@"};
  for (std::size_t i = 0; i < kPlaces.size(); ++i)
    put(text, kPlaces.at(i), std::string(root) + "assets/" + parts().at(i).name);
  put(text, "@SCRIPT_NAME@", script_name);  // letters, digits, '-' and '_'
  return text;
}

Asset page_of(std::string_view text) {
  Asset page = asset_of(text, "text/html; charset=utf-8", "no-cache");
  page.security_fields = kPageSecurity;
  return page;
}

}  // namespace

const Asset& script() {
  static const Asset asset =
      asset_of({reinterpret_cast<const char*>(embedded::kScript), embedded::kScriptSize}, kScriptType, kHour);
  return asset;
}

const Asset& theme_script() {
  static const Asset asset =
      asset_of({reinterpret_cast<const char*>(embedded::kThemeScript), embedded::kThemeScriptSize}, kScriptType, kHour);
  return asset;
}

const Asset* asset_named(std::string_view name) {
  for (const NamedAsset& part : parts()) {
    if (part.name == name) return &part.asset;
  }
  return nullptr;
}

DashboardPages::DashboardPages(std::string_view script_name)
    : site_text_(page_text("../", script_name)),
      sites_text_(page_text("", script_name)),
      site_(page_of(site_text_)),
      sites_(page_of(sites_text_)) {}

int write_asset(std::string& out, const Asset& asset, const http::Request& request, std::string_view date,
                std::string_view more_fields) {
  const bool gzip = !asset.gzip.empty() && accepts_gzip(request.field(http::Field::accept_encoding));
  const std::string& etag = gzip ? asset.etag_gzip : asset.etag;
  std::string fields = "ETag: " + etag + "\r\nVary: Accept-Encoding\r\n" + std::string(asset.security_fields);
  http::Response response;
  response.cache_control = asset.cache_control;
  if (matches(request.field(http::Field::if_none_match), etag)) {
    response.status = 304;
  } else {
    response.content_type = asset.content_type;
    response.body = gzip ? std::string_view(asset.gzip) : asset.bytes;
    if (gzip) fields += "Content-Encoding: gzip\r\n";
  }
  fields += more_fields;
  response.extra_fields = fields;
  http::write(out, response, date, request.keep_alive, request.method == http::Method::head);
  return response.status;
}

}  // namespace footfall::api

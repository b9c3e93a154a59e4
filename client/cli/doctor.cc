// SPDX-License-Identifier: Apache-2.0
// footfall doctor: what is wrong with a page that has the counter, tried from outside, as a browser would meet it.
//
//   page --> script, pixel, widgets --> policy of the page --> pings --> numbers --> live stream --> the proxy's fields
//
// Nothing is counted: each ping says that it is a prefetch, and is a heartbeat of a crawler besides. footfalld refuses
// a prefetch after it looked at the site and its hosts (daemon/ingest/rules.h), so that Footfall-Rejected tells how far
// a real ping would have come:
//
//   404 unknown_site | origin: the page's host is none of the site's | prefetch: all is well
//
// A ping with `Origin: null` is always refused as origin. Under the address of one that was refused as prefetch, it
// shows whether the answer came from a cache.
// Tested by tests/integration/doctor_test.py behind real proxies.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <ostream>

#include "cli/command.h"
#include "cli/content_policy.h"
#include "cli/daemon.h"
#include "cli/doctor_report.h"
#include "cli/embedding.h"
#include "cli/json_read.h"
#include "cli/text.h"
#include "cli/times.h"
#include "cli/token.h"

namespace footfall::cli {
namespace {

using Use = ContentPolicy::Use;

constexpr unsigned kTimeout_s = 8;  // also until a stream's first event
constexpr int kRedirectsMax = 5;
constexpr std::size_t kPageBytesMax = 16U << 20U;
constexpr std::size_t kOtherScriptsMax = 10;  // that are looked into where none is the counter's by name
constexpr std::int64_t kExpiresSoon_s = 14 * 86'400;
constexpr std::uint64_t kScriptAge_s_max = 86'400;
constexpr const char* kAgent = "Mozilla/5.0 (compatible; footfall doctor; checker)";  // a crawler's
constexpr const char* kSnippet =
    "<script async src=\"https://stats.example.vn/footfall.js\" data-site=\"example.vn\"></script>";

struct Options {
  std::string url, token_file, ca_file;
  bool json = false;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// The value of a directive of Cache-Control, without regard to case; absent: it is not there.
std::optional<std::string> directive(const std::string& cache_control, std::string_view name) {
  const std::string text = lower(cache_control) + ",";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find(',', at);
    std::string one = text.substr(at, end - at);
    at = end + 1;
    one.erase(0, std::min(one.find_first_not_of(' '), one.size()));
    one.erase(one.find_last_not_of(' ') + 1);
    if (one == name) return "";
    if (one.starts_with(std::string(name) + "=")) return one.substr(name.size() + 1);
  }
  return std::nullopt;
}

// About a request that failed.
std::string what_to_do(const base::Error& error, const char* otherwise) {
  return error.code == base::Errc::denied ? "exchange the certificate: browsers refuse it as well" : otherwise;
}

class Doctor {
 public:
  Doctor(const Options& options, WebUrl of) : options_(options), page_(std::move(of)), policy_(page_) {}

  base::Result<void> begin(Terminal& terminal);  // reads the token
  void examine();
  const DoctorReport& report() const { return report_; }
  const WebUrl& page() const { return page_; }
  std::string endpoint() const { return hit_ ? hit_->text() : ""; }
  std::string site() const { return site_; }

 private:
  struct Ping {
    const char* method;
    std::string origin;
    bool picture = false;
  };

  base::Result<HttpAnswer> ask(const WebUrl& url, HttpRequest request = {});
  std::int64_t expires_s(const WebUrl& url) const;
  base::Result<HttpAnswer> follow(WebUrl& url, HttpRequest request, int& redirects);
  base::Result<HttpAnswer> send(const Ping& ping);
  WebUrl at_hit(const std::string& reference) const { return *resolve(*hit_, reference); }
  std::string site_path() const { return "v1/sites/" + url_encoded(site_); }
  bool foreign(const WebUrl& url) const { return url.origin() != page_.origin(); }

  bool look_at_page();
  void find_counter();
  void look_at_certificate(const WebUrl& url);
  bool blocked_as_mixed(const char* check, const WebUrl& url, bool scripts);
  bool look_at_script(const Embedding::Script& script);
  void look_at_script_answer(const WebUrl& url, const HttpAnswer& answer);
  void look_at_script_caching(const WebUrl& url, const HttpAnswer& answer);
  void look_at_policy();
  void look_at_pixels();
  void look_at_widgets();
  bool look_at_pings();
  bool judge_ping(const base::Result<HttpAnswer>& answer);
  void look_at_cors(const HttpAnswer& answer);
  void look_at_ping_caching(const HttpAnswer& first);
  void look_at_hosts();
  void look_at_numbers();
  void look_at_live();
  void look_at_proxy();
  base::Result<HttpAnswer> ask_with_token();
  void judge_proxy(const HttpAnswer& answer);

  const Options& options_;
  WebUrl page_;
  ContentPolicy policy_;
  Embedding embedding_;
  std::string embedder_policy_;  // Cross-Origin-Embedder-Policy
  std::optional<WebUrl> hit_;
  std::string site_, secret_;
  std::map<std::string, std::unique_ptr<HttpClient>> clients_;  // origin -> connection
  DoctorReport report_;
};

// ---- Requests

base::Result<HttpAnswer> Doctor::ask(const WebUrl& url, HttpRequest request) {
  std::unique_ptr<HttpClient>& client = clients_[url.origin()];
  if (!client) {
    auto made = HttpClient::at(url.origin(), {.timeout_s = kTimeout_s, .ca_file = options_.ca_file});
    if (!made) return made.error();
    client = *std::move(made);
  }
  request.target = url.target;
  request.fields.emplace_back("Host", url.authority());
  request.fields.emplace_back("User-Agent", kAgent);
  request.body_bytes_max = kPageBytesMax;
  return client->send(request);
}

std::int64_t Doctor::expires_s(const WebUrl& url) const {
  const auto client = clients_.find(url.origin());
  return client == clients_.end() || !client->second ? 0 : client->second->certificate_expires_s();
}

// `url`: where it ended.
base::Result<HttpAnswer> Doctor::follow(WebUrl& url, HttpRequest request, int& redirects) {
  for (redirects = 0;; ++redirects) {
    auto answer = ask(url, request);
    if (!answer || answer->status < 300 || answer->status > 399 || answer->field("Location").empty()) return answer;
    const auto next = resolve(url, answer->field("Location"));
    if (!next || redirects == kRedirectsMax)
      return base::Error{base::Errc::malformed,
                         url.text() + " leads to " + answer->field("Location") + ", and no further"};
    url = *next;
  }
}

base::Result<HttpAnswer> Doctor::send(const Ping& ping) {
  WebUrl url = *hit_;
  if (ping.picture) url.target += ".gif";
  url.target += (url.target.find('?') == std::string::npos ? "?site=" : "&site=") + url_encoded(site_) +
                "&path=" + url_encoded(page_.path()) + "&kind=heartbeat";
  if (!ping.picture) url.target += "&format=json";
  HttpRequest request;
  request.method = ping.method;
  request.fields = {
      {"Origin", ping.origin}, {"Sec-Purpose", "prefetch"}, {"Purpose", "prefetch"}, {"X-Moz", "prefetch"}};
  return ask(url, std::move(request));
}

base::Result<void> Doctor::begin(Terminal& terminal) {
  if (options_.token_file.empty()) return {};
  const auto token = find_token(options_.token_file, terminal.command_line);
  if (!token) return token.error();
  secret_ = token->secret;
  return {};
}

// ---- The page

bool Doctor::look_at_page() {
  HttpRequest request;
  request.fields = {{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}};
  int redirects = 0;
  const auto answer = follow(page_, request, redirects);
  if (!answer) {
    report_.wrong("page", answer.error().detail, "without the page nothing can be told");
    return false;
  }
  if (answer->status != 200) {
    report_.wrong("page", page_.text() + " answers " + std::to_string(answer->status),
                  "name a page that everybody may see");
    return false;
  }
  if (!answer->field("Content-Encoding").empty()) {
    report_.wrong("page", "it comes compressed (" + answer->field("Content-Encoding") + "), which was not asked for",
                  "have the server compress for those alone that say Accept-Encoding");
    return false;
  }
  report_.ok("page", page_.text() + ", " + grouped(answer->body.size()) + " bytes" +
                         (redirects > 0 ? ", after " + std::to_string(redirects) + " redirects" : ""));
  look_at_certificate(page_);
  policy_ = ContentPolicy(page_);
  policy_.add(answer->field("Content-Security-Policy"));
  embedder_policy_ = lower(answer->field("Cross-Origin-Embedder-Policy"));
  embedding_ = embedding_of(page_, answer->body);
  for (const std::string& policy : embedding_.policies) policy_.add(policy);
  return true;
}

void Doctor::look_at_certificate(const WebUrl& url) {
  const std::int64_t ends_s = expires_s(url);
  if (ends_s == 0) return;
  const std::int64_t left_s = ends_s - std::time(nullptr);
  const std::string found = "the certificate of " + url.host + " expires at " + time_text(ends_s) + " UTC";
  if (left_s < kExpiresSoon_s) {
    report_.warning("certificate",
                    found + ", in " + std::to_string(std::max<std::int64_t>(left_s, 0) / 86'400) + " days",
                    "renew it; is what renews it (certbot.timer, Caddy) still running?");
  } else {
    report_.ok("certificate", found);
  }
}

// The counter under a name of its own, without data-site, is known by what is in it.
void Doctor::find_counter() {
  for (std::size_t i = 0; embedding_.scripts.empty() && i < std::min(embedding_.other_scripts.size(), kOtherScriptsMax);
       ++i) {
    const auto answer = ask(embedding_.other_scripts[i].url);
    if (answer && answer->status == 200 && answer->body.find("data-footfall") != std::string::npos) embedding_.adopt(i);
  }
  hit_ = embedding_.hit();
  site_ = embedding_.site(page_);
}

// ---- What it brings

// Pages of https get no scripts, and no connections, by http. True: there is no use in going on with it.
bool Doctor::blocked_as_mixed(const char* check, const WebUrl& url, bool scripts) {
  if (!page_.tls || url.tls || policy_.upgrades() || url.loopback()) return false;
  const std::string todo =
      "write https://" + url.host + "... on the page; footfall needs TLS then, of a proxy or its own";
  if (scripts) {
    report_.wrong(check, "the page is https and brings " + url.text() + " by http: browsers block it", todo);
  } else {
    report_.warning(check,
                    "the page is https and shows " + url.text() + " by http: browsers ask for it by https, or block it",
                    todo);
  }
  return scripts;
}

bool Doctor::look_at_script(const Embedding::Script& script) {
  const std::string type = lower(script.element.value("type"));
  if (type == "module") {
    report_.wrong("script", "it is a module (type=\"module\"), which does not know its own address and does nothing",
                  "take type=\"module\" away");
  } else if (!type.empty() && type.find("javascript") == std::string::npos) {
    report_.wrong("script", "its type is \"" + script.element.value("type") + "\", which browsers do not run",
                  "take the type away; if something on the way put it there (Rocket Loader, a consent manager), except "
                  "it from that: "
                  "data-cfasync=\"false\"");
  }
  if (blocked_as_mixed("script", script.url, true)) return false;
  WebUrl url = script.url;
  if (page_.tls && policy_.upgrades() && !url.tls) {
    url.tls = true;
    if (url.port == "80") url.port = "443";
  }
  int redirects = 0;
  const auto answer = follow(url, {}, redirects);
  if (!answer) {
    report_.wrong("script", answer.error().detail, what_to_do(answer.error(), "is the address in src right?"));
    return false;
  }
  if (redirects > 0) {
    report_.warning("script", script.url.text() + " leads to " + url.text() + ", and pings go to the first address",
                    "name the second in src");
  }
  look_at_script_answer(url, *answer);
  return answer->status == 200;
}

void Doctor::look_at_script_answer(const WebUrl& url, const HttpAnswer& answer) {
  if (answer.status != 200) {
    report_.wrong("script", url.text() + " answers " + std::to_string(answer.status),
                  "have the proxy pass this path to footfalld; another name than footfall.js needs --script-name");
    return;
  }
  const std::string type = lower(answer.content_type);
  if (type.find("javascript") == std::string::npos && type.find("ecmascript") == std::string::npos) {
    report_.wrong("script", url.text() + " is \"" + answer.content_type + "\", which browsers do not run as a script",
                  "is it footfalld that answers, and not the page's server with a page of its own?");
    return;
  }
  const bool themes = answer.body.find("busuanzi") != std::string::npos;
  if (!themes && answer.body.find("data-footfall") == std::string::npos) {
    report_.wrong("script", url.text() + " is a script, but not footfall's",
                  "have the proxy pass this path to footfalld");
    return;
  }
  const std::string corp = lower(answer.field("Cross-Origin-Resource-Policy"));
  if (foreign(url) && embedder_policy_ == "require-corp" && corp != "cross-origin") {
    report_.wrong("script",
                  "the page isolates itself (Cross-Origin-Embedder-Policy), and the script comes without "
                  "Cross-Origin-Resource-Policy: cross-origin",
                  "have the proxy keep this field of footfalld's answers");
  }
  HttpRequest packed;
  packed.fields = {{"Accept-Encoding", "gzip"}};
  const auto small = ask(url, std::move(packed));
  const bool compressed = small && !small->field("Content-Encoding").empty();
  const std::string size = grouped(compressed ? small->body.size() : answer.body.size()) + " bytes";
  if (compressed) {
    report_.ok("script", url.text() + ", " + size + ", compressed");
  } else {
    report_.warning("script", url.text() + " comes uncompressed, " + size + ", though gzip was asked for",
                    "have the proxy pass Accept-Encoding to footfalld (nginx does; not with proxy_set_header "
                    "Accept-Encoding \"\")");
  }
  look_at_script_caching(url, answer);
}

void Doctor::look_at_script_caching(const WebUrl& url, const HttpAnswer& answer) {
  const std::string control = answer.field("Cache-Control");
  const std::string said = control.empty() ? "nothing" : "\"" + control + "\"";
  const auto age = directive(control, "max-age");
  std::uint64_t age_s = 0;
  if (age) std::from_chars(age->data(), age->data() + age->size(), age_s);
  if (directive(control, "no-store") || directive(control, "no-cache") || (age && age_s == 0)) {
    report_.warning("script-cache", "browsers load " + url.text() + " anew for each page: Cache-Control says " + said,
                    "have the proxy keep footfalld's Cache-Control, which is max-age=3600");
  } else if (age && age_s > kScriptAge_s_max) {
    report_.warning("script-cache",
                    "browsers keep the script for " + grouped(age_s / 86'400) + " days: Cache-Control says " + said +
                        ", and an upgrade reaches them as late",
                    "have the proxy keep footfalld's Cache-Control (in nginx no `expires` for this path)");
  } else {
    report_.ok("script-cache", "Cache-Control says " + said);
  }
}

void Doctor::look_at_policy() {
  if (policy_.empty()) return report_.ok("policy", "the page has no Content-Security-Policy");
  bool fine = true;
  const auto forbidden = [&](const ContentPolicy::Asked& asked, const char* what, bool wrong, const std::string& todo) {
    const std::string by = policy_.forbids(asked);
    if (by.empty()) return false;
    fine = false;
    report_.add("policy", wrong ? Health::wrong : Health::warning,
                "the page's Content-Security-Policy forbids " + std::string(what) + ": " + by, todo);
    return true;
  };
  const auto allow = [](const char* directive, const WebUrl& url) {
    return "add " + url.origin() + " to its " + directive;
  };
  for (const Embedding::Script& script : embedding_.scripts) {
    const std::string nonce = script.element.value("nonce");
    const std::string todo = allow("script-src", script.url) + ", or give the tag a nonce";
    forbidden({Use::script, script.url, nonce, script.element.value("integrity")}, "the script", true, todo);
    if (script.brings)
      forbidden({Use::script, *script.brings, nonce, "", true}, "the script that themes.js brings", true, todo);
  }
  if (!embedding_.scripts.empty() && hit_) {
    const bool connections =
        !forbidden({Use::connect, *hit_}, "connections to footfall: pings go as pictures, and no numbers are shown",
                   false, allow("connect-src", *hit_));
    WebUrl picture = *hit_;
    picture.target += ".gif";
    forbidden({Use::image, picture},
              connections ? "the picture for those without scripts" : "the pictures, too: nothing is counted",
              !connections, allow("img-src", picture));
  }
  for (const auto& pictures : {embedding_.pixels, embedding_.widgets}) {
    for (const Embedding::Picture& one : pictures) {
      if (one.in_noscript) continue;  // said above
      forbidden({one.frame ? Use::frame : Use::image, one.url}, one.url.text().c_str(), true,
                allow(one.frame ? "frame-src" : "img-src", one.url));
    }
  }
  if (fine) report_.ok("policy", "the page's Content-Security-Policy allows it");
}

void Doctor::look_at_pixels() {
  for (const Embedding::Picture& pixel : embedding_.pixels) {
    blocked_as_mixed("pixel", pixel.url, false);
    if (!embedding_.scripts.empty() && !pixel.in_noscript) {
      report_.wrong("pixel",
                    "the page has the script, and the picture " + pixel.url.text() +
                        " outside <noscript>: each visit counts twice",
                    "put the picture into <noscript>, or take one of them away");
    }
    if (pixel.site != site_)
      report_.warning("pixel", "the picture counts for " + pixel.site + ", the script for " + site_,
                      "name one site in both");
  }
}

void Doctor::look_at_widgets() {
  for (const Embedding::Picture& widget : embedding_.widgets) {
    if (blocked_as_mixed("widget", widget.url, widget.frame)) continue;
    const auto answer = ask(widget.url);
    if (!answer) {
      report_.wrong("widget", answer.error().detail, "does the proxy pass /widget/ to footfalld?");
      continue;
    }
    if (answer->status != 200) {
      const std::string why = answer->field("Footfall-Problem");
      report_.wrong("widget",
                    widget.url.text() + " answers " + std::to_string(answer->status) + (why.empty() ? "" : ": " + why),
                    "look at its site and parameters; a site that is private shows none");
      continue;
    }
    const std::string framed = lower(answer->field("X-Frame-Options"));
    const std::string policy = lower(answer->field("Content-Security-Policy"));
    if (widget.frame && foreign(widget.url) &&
        (!framed.empty() || policy.find("frame-ancestors") != std::string::npos)) {
      report_.wrong("widget",
                    widget.url.text() + " may not be framed: the proxy adds " +
                        (framed.empty() ? "frame-ancestors" : "X-Frame-Options: " + framed),
                    "take that away for /widget/");
      continue;
    }
    report_.ok("widget", widget.url.text());
  }
}

// ---- Pings

bool Doctor::judge_ping(const base::Result<HttpAnswer>& answer) {
  if (!answer) {
    report_.wrong("ping", answer.error().detail,
                  what_to_do(answer.error(), "does the proxy pass this path to footfalld, as POST, too?"));
    return false;
  }
  const std::string rejected = answer->field("Footfall-Rejected");
  const std::string status = std::to_string(answer->status);
  if (rejected == "prefetch") {
    report_.ok("ping", hit_->text() + " counts for " + site_ + " on pages of " + page_.host);
    return true;
  }
  if (rejected == "origin") {
    report_.wrong(
        "ping", page_.host + " is none of the hosts of " + site_ + ": its pings are refused",
        "footfall site set " + site_ + " --host " + page_.host + "   (and --host for each other one that it has)");
    return true;
  }
  if (rejected == "unknown_site") {
    report_.wrong("ping", "footfalld has no site " + site_,
                  "footfall site add " + site_ + " --host " + page_.host + "   (or is data-site misspelt?)");
  } else if (rejected == "rate") {
    report_.wrong("ping", "pings are refused (429): more came from one address than may",
                  "does the proxy say whose they are? proxy_set_header X-Forwarded-For $remote_addr;");
  } else if (!rejected.empty()) {
    report_.wrong("ping", hit_->text() + " answers " + status + ": " + rejected,
                  "see the log of footfalld, and deploy/guides/troubleshooting.md");
  } else if (answer->status == 204 || !answer->field("Footfall-Epoch").empty()) {
    report_.wrong("ping",
                  "footfalld took the ping for a real one: something on the way takes Sec-Purpose and Purpose away",
                  "have the proxy pass them on; else pages count that a browser only loads ahead");
    return false;
  } else if (answer->status >= 300 && answer->status < 400) {
    report_.wrong("ping", hit_->text() + " leads to " + answer->field("Location"),
                  "name the last address in src, so that pings go there at once");
  } else {
    report_.wrong("ping", hit_->text() + " answers " + status + ", and not as footfalld would",
                  answer->status == 405 || answer->status == 403 ? "have the proxy let POST through"
                                                                 : "have the proxy pass this path to footfalld");
  }
  return false;
}

bool Doctor::look_at_pings() {
  if (blocked_as_mixed("ping", *hit_, true)) return false;
  const auto answer = send({"POST", page_.origin()});
  if (!judge_ping(answer)) return false;
  look_at_cors(*answer);
  look_at_ping_caching(*answer);
  look_at_hosts();
  return true;
}

void Doctor::look_at_cors(const HttpAnswer& answer) {
  if (!foreign(*hit_)) return report_.ok("cors", "pings go to the page's own address");
  const std::string allowed = answer.field("Access-Control-Allow-Origin");
  if (allowed == "*" || allowed == page_.origin()) return report_.ok("cors", "Access-Control-Allow-Origin: " + allowed);
  const std::string todo =
      "footfalld says it by itself: take every Access-Control-Allow-Origin out of the proxy (or hide footfalld's: "
      "proxy_hide_header)";
  if (allowed.find(',') != std::string::npos) {
    report_.wrong("cors", "Access-Control-Allow-Origin is there twice (" + allowed + "): browsers show no numbers",
                  todo);
  } else {
    report_.wrong(
        "cors",
        (allowed.empty() ? "Access-Control-Allow-Origin is missing" : "Access-Control-Allow-Origin is " + allowed) +
            std::string(": browsers show no numbers"),
        allowed.empty() ? "have the proxy keep this field of footfalld's answers" : todo);
  }
}

void Doctor::look_at_ping_caching(const HttpAnswer& first) {
  const auto picture = send({"GET", page_.origin(), true});
  if (!picture || picture->status != 200) {
    report_.wrong("pixel",
                  picture ? hit_->text() + ".gif answers " + std::to_string(picture->status) : picture.error().detail,
                  "have the proxy pass this path to footfalld (a rule for pictures may take it)");
    return;
  }
  const auto again = send({"GET", "null", true});
  if (again && picture->field("Footfall-Rejected") == "prefetch" && again->field("Footfall-Rejected") == "prefetch") {
    report_.wrong("cache",
                  "two pings under one address got one answer: a cache between answers pings, and they are not counted",
                  "in nginx no proxy_cache for this path; in a CDN a rule that passes " + hit_->path() + "* by");
    return;
  }
  for (const HttpAnswer* answer : {&first, &*picture}) {
    const std::string control = answer->field("Cache-Control");
    if (directive(control, "no-store")) continue;
    report_.wrong("cache",
                  "browsers and caches may keep answers to pings: Cache-Control says " +
                      (control.empty() ? "nothing" : "\"" + control + "\""),
                  "have the proxy keep footfalld's Cache-Control: no-store (in nginx no `expires` and no `add_header "
                  "Cache-Control` here)");
    return;
  }
  for (const char* field : {"Age", "X-Cache", "X-Cache-Status", "CF-Cache-Status", "X-Proxy-Cache"}) {
    const std::string value = lower(picture->field(field));
    if (value.empty() || (std::string_view(field) != "Age" && value.find("hit") == std::string::npos)) continue;
    report_.wrong("cache", "the answer to a ping came from a cache (" + std::string(field) + ": " + value + ")",
                  "pass " + hit_->path() + "* by it");
    return;
  }
  report_.ok("cache", "answers to pings are not kept");
}

// Whether other hosts' pages may count here.
void Doctor::look_at_hosts() {
  const auto others = send({"POST", "https://footfall-doctor.invalid"});
  if (others && others->field("Footfall-Rejected") == "prefetch") {
    report_.warning(
        "hosts", site_ + " names no hosts: pages of anybody may count for it",
        "footfall site set " + site_ + " --host " + page_.host + "   (and --host for each other one that it has)");
  }
}

// ---- Numbers

void Doctor::look_at_numbers() {
  if (embedding_.scripts.empty() || embedding_.numbers.empty()) return;
  static const std::map<std::string, std::string, std::less<>> kPlaces{
      {"today", "today.hits"},        {"month", "month.hits"}, {"year", "year.hits"},
      {"visitors", "today.visitors"}, {"peak", "peak.online"}, {"page", "page.total"}};
  HttpRequest request;
  request.fields = {{"Origin", page_.origin()}};
  const auto answer = ask(at_hit(site_path() + "/stats?path=" + url_encoded(page_.path())), std::move(request));
  JsonDocument document;
  if (!answer || answer->status != 200 || !document.parse(answer->body)) {
    const bool hidden = answer && (answer->status == 401 || answer->status == 403);
    report_.warning("numbers",
                    hidden ? "the site is private: the page shows no numbers"
                           : "the numbers cannot be read: " +
                                 (answer ? "status " + std::to_string(answer->status) : answer.error().detail),
                    hidden ? "footfall site set " + site_ + " --visibility counter"
                           : "have the proxy pass /v1/sites/ to footfalld");
    return;
  }
  std::string missing;
  for (const std::string& number : embedding_.numbers) {
    const auto known = kPlaces.find(number);
    std::string_view place = known == kPlaces.end() ? std::string_view(number) : std::string_view(known->second);
    JsonValue value = document.root();
    while (!place.empty()) {
      const std::string_view step = place.substr(0, place.find('.'));
      value = value[step];
      place.remove_prefix(std::min(step.size() + 1, place.size()));
    }
    if (!value.present()) missing += (missing.empty() ? "" : ", ") + number;
  }
  if (missing.empty()) return report_.ok("numbers", "the page may show all that it asks for");
  report_.warning("numbers", "the page asks for what nobody is told: " + missing,
                  "footfall site set " + site_ + " --visibility full   (or is data-footfall misspelt?)");
}

void Doctor::look_at_live() {
  HttpRequest request;
  request.fields = {{"Origin", page_.origin()}, {"Accept", "text/event-stream"}};
  request.enough = [](std::string_view body) {
    const std::size_t data = body.find("data:");
    return data != std::string_view::npos && body.find("\n\n", data) != std::string_view::npos;
  };
  const WebUrl url = at_hit(site_path() + "/live");
  const auto answer = ask(url, std::move(request));
  const auto tell = [&](const std::string& found, const std::string& todo) {
    embedding_.live ? report_.wrong("live", found, todo)
                    : report_.warning("live", found + " (this page asks for no live numbers)", todo);
  };
  if (!answer) {
    tell("no event of " + url.text() + " came in " + std::to_string(kTimeout_s) + " s: " + answer.error().detail,
         "something on the way holds the stream back: in nginx `proxy_buffering off` and no `proxy_ignore_headers "
         "X-Accel-Buffering`, gzip not for text/event-stream");
  } else if (answer->status == 401 || answer->status == 403) {
    report_.skipped("live", "the site is private: live numbers are not told",
                    "footfall site set " + site_ + " --visibility counter");
  } else if (answer->status != 200 || !lower(answer->content_type).starts_with("text/event-stream")) {
    tell(url.text() + " answers " + std::to_string(answer->status) + ", and no stream",
         "have the proxy pass /v1/sites/ to footfalld");
  } else {
    report_.ok("live", "the stream's first event came");
  }
}

// ---- What the proxy says of visitors

// What pings of the site were refused for, which only a token may read, says how the question itself came.
base::Result<HttpAnswer> Doctor::ask_with_token() {
  const WebUrl url = at_hit(site_path() + "/refusals");
  if (!url.tls && !url.loopback())
    return base::Error{base::Errc::denied, "the token is not sent: " + url.origin() + " is not https"};
  HttpRequest request;
  request.fields = {{"Authorization", "Bearer " + secret_}};
  auto answer = ask(url, std::move(request));
  if (answer && answer->status != 200)
    return base::Error{base::Errc::denied, url.text() + " answers " + std::to_string(answer->status) + " to the token"};
  return answer;
}

void Doctor::look_at_proxy() {
  const std::string todo = "name the file of a token of scope read for this site: --token-file FILE";
  if (secret_.empty()) return report_.skipped("proxy", "whether footfalld learns of visitors' addresses", todo);
  const auto answer = ask_with_token();
  if (!answer) return report_.skipped("proxy", answer.error().detail, todo);
  judge_proxy(*answer);
}

// footfalld itself says neither Server nor Via: who does is between.
void Doctor::judge_proxy(const HttpAnswer& answer) {
  const std::string forward =
      "in nginx proxy_set_header X-Forwarded-For $remote_addr; where it passes requests to footfalld (a location with "
      "any proxy_set_header of its own takes none of those above it)";
  const std::string trust =
      "footfalld --trusted-proxy ADDRESS-OF-THE-PROXY (trusted-proxy in footfalld.toml, then footfall reload)";
  JsonDocument document;
  const JsonValue asked = document.parse(answer.body) ? document.root()["asked_by"] : JsonValue();
  if (!asked.present())
    return report_.skipped("proxy", "this footfalld does not say how it was asked", "have both of one release");
  const bool between = !answer.field("Server").empty() || !answer.field("Via").empty();
  const bool trusted = asked["trusted"].yes();
  if (asked["forwarded"].yes()) {
    trusted
        ? report_.ok("proxy", "the proxy's X-Forwarded-For comes, and is believed")
        : report_.wrong(
              "proxy", "the proxy's X-Forwarded-For is not believed: all visitors are one address to footfalld", trust);
  } else if (trusted && (between || !hit_->loopback())) {
    report_.wrong("proxy", "the proxy sends no X-Forwarded-For: all visitors are one address to footfalld", forward);
  } else if (trusted) {
    report_.skipped("proxy",
                    "footfalld is asked from its own machine, and no X-Forwarded-For came: with a proxy before it, all "
                    "visitors would be one address to it",
                    "try a page that names the public address; " + forward);
  } else if (between) {
    report_.wrong("proxy",
                  "the proxy sends no X-Forwarded-For, and would not be believed: all visitors are one address to "
                  "footfalld",
                  forward + "; and " + trust);
  } else {
    report_.ok("proxy", "no proxy shows itself, and none sends X-Forwarded-For: as it should be where there is none");
  }
}

void Doctor::examine() {
  if (!look_at_page()) return;
  find_counter();
  if (!hit_) {
    report_.wrong(
        "counter", "there is neither footfall's script nor its picture or widget on the page as it is sent",
        "put it there: " + std::string(kSnippet) + "   (what a tag manager adds later is not seen from here)");
    return;
  }
  bool script_runs = true;
  for (const Embedding::Script& script : std::vector<Embedding::Script>(embedding_.scripts)) {
    script_runs = look_at_script(script) && script_runs;
    if (script.brings) script_runs = look_at_script({*script.brings, script.element, {}}) && script_runs;
  }
  if (foreign(*hit_)) {
    (void)ask(at_hit("livez"));  // so that there is a connection, and its certificate
    look_at_certificate(*hit_);
  }
  look_at_policy();
  look_at_pixels();
  look_at_widgets();
  if (!look_at_pings()) return;
  look_at_numbers();
  look_at_live();
  look_at_proxy();
}

int examine(const Options& options, Terminal& terminal) {
  const std::string text = options.url.find("://") == std::string::npos ? "https://" + options.url : options.url;
  const auto page = parse_web_url(text);
  if (!page)
    return fail(terminal, {base::Errc::invalid_config,
                           "\"" + options.url + "\" is no address of a page; write https://example.vn/"});
  Doctor doctor(options, *page);
  if (const auto begun = doctor.begin(terminal); !begun) return fail(terminal, begun.error());
  doctor.examine();
  if (options.json) {
    terminal.out << doctor.report().json(doctor.page().text(), doctor.endpoint(), doctor.site()) << '\n';
  } else {
    terminal.out << doctor.report().text();
  }
  return doctor.report().well() ? kDone : kFailed;
}

}  // namespace

void add_doctor(CLI::App& app, Action& chosen) {
  CLI::App* command =
      app.add_subcommand("doctor",
                         "say what is wrong with a page that has the counter, tried from outside: script, policy, "
                         "pings, caches, live numbers, certificates. Nothing is "
                         "counted; pings that were tried are among the refused ones. Exit code 1: something is wrong");
  auto options = std::make_shared<Options>();
  command->add_option("URL", options->url, "of the page")->required();
  command
      ->add_option("--ca-file", options->ca_file,
                   "for https: the authorities (PEM) that may have signed the certificate, instead of the system's")
      ->envname("FOOTFALL_CA_FILE");
  command->add_option("--token-file", options->token_file,
                      "a file with a token of scope read, to look at what the proxy says of visitors. It is sent to "
                      "the address that the page names: take "
                      "one that is good for this site alone");
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return examine(*options, terminal); }; });
}

}  // namespace footfall::cli

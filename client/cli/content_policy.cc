// SPDX-License-Identifier: Apache-2.0
#include "cli/content_policy.h"

#include <algorithm>

namespace footfall::cli {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::vector<std::string> words(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f";
  std::vector<std::string> out;
  for (std::size_t at = text.find_first_not_of(kSpace); at < text.size(); at = text.find_first_not_of(kSpace, at)) {
    const std::size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    out.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

template <class Each>
void split(std::string_view text, char by, const Each& each) {
  for (;;) {
    const std::size_t end = std::min(text.find(by), text.size());
    each(text.substr(0, end));
    if (end == text.size()) return;
    text.remove_prefix(end + 1);
  }
}

// The directives that rule a use, the first one that a policy has.
std::vector<std::string_view> chain(ContentPolicy::Use use) {
  switch (use) {
    case ContentPolicy::Use::script:
      return {"script-src-elem", "script-src", "default-src"};
    case ContentPolicy::Use::connect:
      return {"connect-src", "default-src"};
    case ContentPolicy::Use::image:
      return {"img-src", "default-src"};
    case ContentPolicy::Use::frame:
      return {"frame-src", "child-src", "default-src"};
  }
  return {};
}

bool has(const std::vector<std::string>& sources, std::string_view keyword) {
  return std::any_of(sources.begin(), sources.end(),
                     [keyword](const std::string& source) { return lower(source) == keyword; });
}

// http: is also https:.
bool scheme_fits(std::string_view wanted, const WebUrl& url) {
  return wanted == "http" || (wanted == "https" && url.tls);
}

bool host_fits(std::string_view wanted, std::string_view host) {
  if (wanted == "*") return true;
  if (wanted.starts_with("*.")) return host.size() > wanted.size() - 1 && host.ends_with(wanted.substr(1));
  return wanted == host;
}

bool port_fits(std::string_view wanted, const WebUrl& url) {
  if (wanted == "*") return true;
  if (wanted.empty()) return url.usual_port();
  return wanted == url.port || (wanted == "80" && url.port == "443");
}

bool path_fits(std::string_view wanted, const std::string& path) {
  if (wanted.empty() || wanted == "/") return true;
  return wanted.ends_with('/') ? path.starts_with(wanted) : path == wanted;
}

}  // namespace

void ContentPolicy::add(std::string_view value) {
  split(value, ',', [this](std::string_view text) {
    Policy policy;
    split(text, ';', [&policy](std::string_view directive) {
      std::vector<std::string> parts = words(directive);
      if (parts.empty()) return;
      std::string name = lower(parts.front());
      parts.erase(parts.begin());
      policy.emplace(std::move(name), std::move(parts));  // the first of a name counts
    });
    if (!policy.empty()) policies_.push_back(std::move(policy));
  });
}

bool ContentPolicy::upgrades() const {
  return std::any_of(policies_.begin(), policies_.end(),
                     [](const Policy& policy) { return policy.contains("upgrade-insecure-requests"); });
}

bool ContentPolicy::matches(std::string_view source, const WebUrl& url) const {
  if (source == "*") return true;
  if (source == "'self'") {
    const bool port = url.port == page_.port || (url.usual_port() && page_.usual_port());
    return url.host == page_.host && port && (url.tls == page_.tls || url.tls);
  }
  if (source.starts_with('\'')) return false;  // keywords, nonces and hashes
  if (source.ends_with(':') && source.find('/') == std::string_view::npos)
    return scheme_fits(lower(source.substr(0, source.size() - 1)), url);
  if (const std::size_t scheme = source.find("://"); scheme != std::string_view::npos) {
    if (!scheme_fits(lower(source.substr(0, scheme)), url)) return false;
    source.remove_prefix(scheme + 3);
  } else if (!scheme_fits(page_.scheme(), url)) {
    return false;
  }
  const std::size_t slash = std::min(source.find('/'), source.size());
  const std::string_view authority = source.substr(0, slash);
  const std::size_t bracket = authority.rfind(']');
  std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && bracket != std::string_view::npos && colon < bracket)
    colon = std::string_view::npos;
  const std::string_view port = colon == std::string_view::npos ? std::string_view() : authority.substr(colon + 1);
  return host_fits(lower(authority.substr(0, colon)), url.host) && port_fits(port, url) &&
         path_fits(source.substr(slash), url.path());
}

bool ContentPolicy::allows(const std::vector<std::string>& sources, const Asked& asked) const {
  if (asked.use == Use::script) {
    if (!asked.nonce.empty() &&
        std::find(sources.begin(), sources.end(), "'nonce-" + asked.nonce + "'") != sources.end())
      return true;
    const std::vector<std::string> hashes = words(asked.integrity);
    const auto named = [&sources](const std::string& hash) {
      return std::find(sources.begin(), sources.end(), "'" + hash + "'") != sources.end();
    };
    if (!hashes.empty() && std::all_of(hashes.begin(), hashes.end(), named)) return true;
    if (has(sources, "'strict-dynamic'")) return asked.by_script;
  }
  return std::any_of(sources.begin(), sources.end(),
                     [&](const std::string& source) { return matches(source, asked.url); });
}

std::string ContentPolicy::forbids(const Asked& asked) const {
  for (const Policy& policy : policies_) {
    for (const std::string_view directive : chain(asked.use)) {
      const auto found = policy.find(directive);
      if (found == policy.end()) continue;
      if (!allows(found->second, asked)) {
        std::string out(directive);
        for (const std::string& source : found->second) out += " " + source;
        return out;
      }
      break;
    }
  }
  return {};
}

}  // namespace footfall::cli

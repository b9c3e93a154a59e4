// SPDX-License-Identifier: Apache-2.0
#include "cli/embedding.h"

#include <algorithm>
#include <cctype>
#include <regex>

namespace footfall::cli {
namespace {

std::string last_step(const WebUrl& url) {
  const std::string path = url.path();
  return path.substr(path.rfind('/') + 1);
}

bool widget_of(const WebUrl& url, std::string& site) {
  const std::string path = url.path();
  const std::size_t at = path.find("/widget/");
  if (at == std::string::npos) return false;
  site = path.substr(at + 8);
  for (const std::string_view extension : {".svg", ".png"}) {
    if (site.ends_with(extension)) site.resize(site.size() - extension.size());
  }
  return !site.empty() && site.find('/') == std::string::npos;
}

// Its own address says so, or it says which site it counts.
bool is_counter(const Embedding::Script& script) {
  const std::string name = last_step(script.url);
  return name == "footfall.js" || name == "themes.js" || script.element.has("data-site");
}

void take_script(Embedding& out, const Element& element) {
  const auto url = resolve(out.base, element.value("src"));
  if (!url) return;
  Embedding::Script script{*url, element, {}};
  if (last_step(*url) == "themes.js") {
    const std::string brings = element.value("data-script");
    script.brings = resolve(*url, brings.empty() ? "footfall.js" : brings);
  }
  (is_counter(script) ? out.scripts : out.other_scripts).push_back(std::move(script));
}

void take_picture(Embedding& out, const Element& element) {
  const auto url = resolve(out.base, element.value("src"));
  if (!url) return;
  Embedding::Picture picture{*url, query_value(*url, "site"), element.name == "iframe", element.in_noscript};
  if (!picture.frame && url->path().ends_with(".gif") && !picture.site.empty()) {
    out.pixels.push_back(std::move(picture));
  } else if (widget_of(*url, picture.site)) {
    out.widgets.push_back(std::move(picture));
  }
}

}  // namespace

void Embedding::adopt(std::size_t other) {
  scripts.push_back(std::move(other_scripts[other]));
  other_scripts.erase(other_scripts.begin() + static_cast<std::ptrdiff_t>(other));
}

std::optional<WebUrl> Embedding::hit() const {
  if (!scripts.empty()) {
    const Script& script = scripts.front();
    const WebUrl& from = script.brings ? *script.brings : script.url;
    const std::string address = from.text();
    std::smatch found;
    std::string name = "hit";
    if (std::regex_search(address, found, std::regex("([^/]+)\\.js([?#]|$)")) && found[1] != "footfall")
      name = found[1];
    const std::string given = script.element.value("data-hit");
    return resolve(from, given.empty() ? name : given);
  }
  if (!pixels.empty()) {
    WebUrl url = pixels.front().url;
    url.target = url.path();
    url.target.resize(url.target.size() - 4);  // .gif
    return url;
  }
  if (!widgets.empty()) {
    WebUrl url = widgets.front().url;
    url.target = url.target.substr(0, url.target.find("/widget/")) + "/hit";
    return url;
  }
  return std::nullopt;
}

std::string Embedding::site(const WebUrl& page) const {
  if (!scripts.empty()) {
    const std::string given = scripts.front().element.value("data-site");
    return given.empty() ? page.host : given;
  }
  if (!pixels.empty()) return pixels.front().site;
  return widgets.empty() ? "" : widgets.front().site;
}

Embedding embedding_of(const WebUrl& page, std::string_view html) {
  Embedding out;
  out.base = page;
  const std::vector<Element> elements = elements_of(html);
  const auto base = std::find_if(elements.begin(), elements.end(),
                                 [](const Element& element) { return element.name == "base" && element.has("href"); });
  if (base != elements.end()) {
    if (const auto url = resolve(page, base->value("href"))) out.base = *url;
  }
  for (const Element& element : elements) {
    if (element.name == "script" && element.has("src")) take_script(out, element);
    if ((element.name == "img" || element.name == "iframe") && element.has("src")) take_picture(out, element);
    std::string kind = element.value("http-equiv");
    std::transform(kind.begin(), kind.end(), kind.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (element.name == "meta" && kind == "content-security-policy") out.policies.push_back(element.value("content"));
    const std::string number = element.value("data-footfall");
    if (!number.empty() && std::find(out.numbers.begin(), out.numbers.end(), number) == out.numbers.end())
      out.numbers.push_back(number);
    if (element.has("data-live") && (element.name == "script" || element.has("data-footfall"))) out.live = true;
  }
  return out;
}

}  // namespace footfall::cli

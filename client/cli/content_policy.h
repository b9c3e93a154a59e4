// SPDX-License-Identifier: Apache-2.0
// ContentPolicy: what the Content-Security-Policy of a page lets it load (CSP level 3, 6.7). Several policies, of
// headers and <meta>, each have to allow it. What only reports is none.
// Tested by tests/unit/client/content_policy_test.cc.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/web_url.h"

namespace footfall::cli {

class ContentPolicy {
 public:
  enum class Use { script, connect, image, frame };
  struct Asked {
    Use use;
    WebUrl url;
    std::string nonce = {};      // of the script
    std::string integrity = {};  // of the script
    bool by_script = false;      // brought by another script
  };

  explicit ContentPolicy(WebUrl page) : page_(std::move(page)) {}

  // The value of a header, all its lines joined by commas, or of a <meta>.
  void add(std::string_view value);
  bool empty() const { return policies_.empty(); }
  // Has http:// of pages asked for by https://.
  bool upgrades() const;

  // The directive that forbids it, with its sources: "connect-src 'self'"; empty: allowed.
  std::string forbids(const Asked& asked) const;

 private:
  using Policy = std::map<std::string, std::vector<std::string>, std::less<>>;  // directive -> sources

  bool allows(const std::vector<std::string>& sources, const Asked& asked) const;
  bool matches(std::string_view source, const WebUrl& url) const;

  WebUrl page_;
  std::vector<Policy> policies_;
};

}  // namespace footfall::cli

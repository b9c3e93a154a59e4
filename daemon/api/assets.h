// SPDX-License-Identifier: Apache-2.0
// Assets: the files that are served from inside the binary.
//
//   /footfall.js  /themes.js            the page scripts: kept for an hour, then asked for with their ETag
//   /assets/dashboard.HASH.js .css ...  what the dashboard is made of: another content has another name, so they are
//                                       kept for a year
//   /sites/S  /                         the dashboard's page, which names them: asked for each time, with its ETag
//
// The bytes come from client/web/ at build time (minified when esbuild is there), are gzip'd once, and are named by a
// hash of their content, so that a browser that has them gets 304.
// Tested by tests/unit/api/assets_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "http/request.h"

namespace footfall::api {

struct Asset {
  std::string_view content_type;
  std::string_view cache_control;
  std::string_view security_fields;  // complete lines
  std::string_view bytes;            // static, or its owner's
  std::string gzip;                  // the same, compressed
  std::string etag, etag_gzip;       // with quotes
};
// Made at the first call; any thread.
const Asset& script();
const Asset& theme_script();
// By its name under /assets/, "dashboard.0123456789abcdef.js"; null: there is none of this name.
const Asset* asset_named(std::string_view name);
// The dashboard's pages. They name what they are made of relative to themselves, and what the page script is called
// here: `script_name` as in router.h, so that the dashboard says what to embed. Immutable.
class DashboardPages {
 public:
  explicit DashboardPages(std::string_view script_name);
  DashboardPages(const DashboardPages&) = delete;
  DashboardPages& operator=(const DashboardPages&) = delete;

  const Asset& site() const { return site_; }    // /sites/S
  const Asset& sites() const { return sites_; }  // /

 private:
  std::string site_text_, sites_text_;
  Asset site_, sites_;
};

// Appends the answer to a GET or HEAD of the asset: 200, compressed where the client takes it, or 304; says which.
int write_asset(std::string& out, const Asset& asset, const http::Request& request, std::string_view date,
                std::string_view more_fields = {});

}  // namespace footfall::api

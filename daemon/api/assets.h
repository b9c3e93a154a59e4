// SPDX-License-Identifier: Apache-2.0
// Assets: the files that are served from inside the binary: the page script, /footfall.js, and the one for the elements
// of existing themes, /themes.js.
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
  std::string_view bytes;       // static
  std::string gzip;             // the same, compressed
  std::string etag, etag_gzip;  // with quotes
};
// Made at the first call; any thread.
const Asset& script();
const Asset& theme_script();

// Appends the answer to a GET or HEAD of the asset: 200, compressed where the client takes it, or 304.
void write_asset(std::string& out, const Asset& asset, const http::Request& request, std::string_view date);

// Whether an Accept-Encoding value takes gzip: named, or by "*", with a weight that is not 0.
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace footfall::api

// SPDX-License-Identifier: Apache-2.0
// What an image route answers where others answer problem+json: an image too, since a page shows nothing else. The
// status, and the fields that go with it, are those of the problem. An SVG picture says what is wrong, a PNG one has
// dashes, the pixel nothing; of pictures the reason is also in `Footfall-Problem`. Tested by
// tests/unit/api/problem_image_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "api/problems.h"
#include "api/router.h"

namespace footfall::api {

bool answers_images(Route resource);

// Appends the complete response. `detail` says what is wrong; empty: the problem's title. `extra_fields`:
// complete header lines. REQUIRES: answers_images(resource).
void write_problem_image(std::string& out, Route resource, Problem problem, std::string_view detail,
                         std::string_view date, bool keep_alive, std::string_view extra_fields = {},
                         bool head_only = false);

}  // namespace footfall::api

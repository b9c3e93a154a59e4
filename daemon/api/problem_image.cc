// SPDX-License-Identifier: Apache-2.0
#include "api/problem_image.h"

#include "api/text.h"
#include "api/widget.h"
#include "http/response.h"

namespace footfall::api {

bool answers_images(Route resource) {
  return resource == Route::hit_gif || resource == Route::widget_svg || resource == Route::widget_png;
}

void write_problem_image(std::string& out, Route resource, Problem problem, std::string_view detail,
                         std::string_view date, bool keep_alive, std::string_view extra_fields, bool head_only) {
  const ProblemInfo& info = info_of(problem);
  std::string fields = status_fields(info);
  fields += extra_fields;
  if (resource == Route::hit_gif) {
    http::write(out, {info.status, "image/gif", http::gif_bytes(), "no-store", fields, true}, date, keep_alive,
                head_only);
    return;
  }
  const std::string reason = one_line(detail.empty() ? info.title : detail);
  fields.append("Footfall-Problem: ").append(info.type).append("; ").append(reason).append("\r\n");
  const Widget picture = resource == Route::widget_svg ? picture_of(reason) : empty_counter();
  fields += picture.security_fields;
  http::write(out, {info.status, picture.content_type, picture.body, picture.cache_control, fields, true}, date,
              keep_alive, head_only);
}

}  // namespace footfall::api

// SPDX-License-Identifier: Apache-2.0
#include "api/root_files.h"

#include <gtest/gtest.h>

namespace footfall::api {
namespace {

TEST(RootFiles, CrawlersMayNeitherCountThemselvesNorAskForNumbers) {
  EXPECT_EQ(robots_text(""), "User-agent: *\nDisallow: /hit\nDisallow: /v1/\n");
  EXPECT_EQ(robots_text("/count"), "User-agent: *\nDisallow: /count/hit\nDisallow: /count/v1/\n");
}

TEST(RootFiles, TheFaviconIsAnIconWithOnePictureInside) {
  const std::string_view icon = favicon();
  EXPECT_TRUE(icon.starts_with(std::string_view("\0\0\1\0\1\0\x20\x20", 8)));
  EXPECT_EQ(icon.substr(22, 8), "\x89PNG\r\n\x1A\n");
  EXPECT_LT(icon.size(), 1500U);
}

}  // namespace
}  // namespace footfall::api

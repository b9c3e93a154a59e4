// SPDX-License-Identifier: Apache-2.0
#include "store/token_request.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

TEST(TokenRequestTest, IsThereUntilItIsForgotten) {
  const testing::TemporaryDirectory place;
  base::FileSystem& files = base::posix_file_system();
  const auto directory = DataDirectory::open(files, place.path() + "/data").value();
  EXPECT_FALSE(token_requested(*directory).value());
  ASSERT_TRUE(request_token(*directory));
  ASSERT_TRUE(request_token(*directory)) << "asked for again";
  EXPECT_TRUE(token_requested(*directory).value());
  EXPECT_EQ(std::filesystem::status(directory->file("token-request")).permissions(), std::filesystem::perms(0600));
  ASSERT_TRUE(forget_token_request(*directory));
  EXPECT_FALSE(token_requested(*directory).value());
  EXPECT_EQ(forget_token_request(*directory).error().code, base::Errc::not_found);
}

}  // namespace
}  // namespace footfall::store

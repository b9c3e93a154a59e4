// SPDX-License-Identifier: Apache-2.0
// IntakeFixture: two sites as a shard sees them, with the visitor keys of two days around now.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "ingest/salts.h"
#include "local_sites.h"
#include "sites/registry.h"

namespace footfall {

class IntakeFixture : public ::testing::Test {
 protected:
  static constexpr std::int64_t kNow = 1'700'000'000;
  static constexpr std::int64_t kDay_s = 86'400;

  IntakeFixture() {
    const auto salts = std::make_shared<ingest::SaltKeys>();
    for (const std::int64_t day : {kNow / kDay_s - 1, kNow / kDay_s})
      salts->by_day[static_cast<counting::Day>(day)] = {static_cast<std::uint64_t>(day), 7};
    sites_.set_salts(salts);
    for (const char* name : {"a.vn", "b.vn"}) {
      sites::Settings settings;
      settings.name = name;
      EXPECT_TRUE(registry_.apply({name, kNow, "tester", "", registry_.plan_add(settings, 1).value()}));
    }
    directory_ = registry_.directory(2);
    sites_.set_directory(*directory_);
  }

  sites::Registry registry_{counting::Limits{}};
  std::shared_ptr<const sites::Directory> directory_;
  LocalSites sites_;
};

}  // namespace footfall

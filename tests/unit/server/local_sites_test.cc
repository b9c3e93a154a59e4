// SPDX-License-Identifier: Apache-2.0
#include "local_sites.h"

#include <random>

#include "intake_fixture.h"
#include "support/rng_seed.h"

namespace footfall {
namespace {

class LocalSitesTest : public IntakeFixture {
 protected:
  void change(sites::Action action) {
    ASSERT_TRUE(registry_.apply({"c" + std::to_string(++changes_), kNow, "tester", "", std::move(action)}));
  }
  // What a shard knows is what one knows that begins with this directory.
  void agrees() {
    directory_ = registry_.directory(9);
    sites_.set_directory(*directory_);
    std::size_t found = 0;
    for (const sites::Entry& entry : registry_.entries()) {
      const LocalSite* const local = sites_.find(entry.settings->name);
      ASSERT_NE(local, nullptr) << entry.settings->name;
      EXPECT_EQ(local->entry.site, entry.site);
      EXPECT_EQ(local->entry.settings, entry.settings);
      EXPECT_EQ(sites_.find(entry.site), local);
      EXPECT_EQ(sites_.find_host(entry.settings->name), local);
      ++found;
    }
    for (const sites::Site* site : registry_.all_sites()) {
      if (sites_.find(site) != nullptr) --found;
    }
    EXPECT_EQ(found, 0U) << "and nobody else";
  }

  int changes_ = 0;
};

TEST_F(LocalSitesTest, FollowsAddedRenamedAndRemovedSites) {
  const std::uint64_t seed = testing::rng_seed();
  std::mt19937_64 random(seed);
  for (int n = 0; n < 400; ++n) {
    const std::vector<sites::Entry> registered = registry_.entries();
    const std::string name = "s" + std::to_string(random() % 60) + ".vn";
    const bool taken = registry_.find(name) != nullptr;
    sites::Settings settings;
    if (!taken && (registered.empty() || random() % 2 == 0)) {
      settings.name = name;
      change(registry_.plan_add(settings, random()).value());
    } else if (taken && random() % 2 == 0) {
      change(registry_.plan_remove(name).value());
    } else {
      settings = *registered[random() % registered.size()].settings;
      const std::string before = settings.name;
      if (!taken) settings.name = name;
      settings.window_s = 60 + n;
      change(registry_.plan_change(before, settings).value());
    }
    if (random() % 3 != 0) agrees();  // else two changes at once
    if (HasFailure()) FAIL() << "seed " << seed << ", change " << n;
  }
}

}  // namespace
}  // namespace footfall

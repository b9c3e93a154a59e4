// SPDX-License-Identifier: Apache-2.0
#include "local_sites.h"

#include <random>
#include <set>

#include "intake_fixture.h"
#include "support/rng_seed.h"

namespace footfall {
namespace {

class LocalSitesTest : public IntakeFixture {
 protected:
  void change(sites::Action action) {
    ASSERT_TRUE(registry_.apply({"c" + std::to_string(++changes_), kNow, "tester", "", std::move(action)}));
  }
  // What a shard knows is what one knows that begins with this directory. A site that is not asked for this time may
  // have been before, and be later.
  void agrees(std::mt19937_64& random, bool all) {
    directory_ = registry_.directory(9);
    sites_.set_directory(*directory_);
    std::set<const sites::Site*> registered;
    for (const sites::Entry& entry : registry_.entries()) {
      registered.insert(entry.site);
      const std::string& name = entry.settings->name;
      const auto first = random() % (all ? 3 : 6);
      if (first > 2) continue;
      const LocalSite* const local = first == 0   ? sites_.find(name)
                                     : first == 1 ? sites_.find(entry.site)
                                                  : sites_.find_host(name);
      ASSERT_NE(local, nullptr) << name;
      EXPECT_EQ(local->entry.site, entry.site);
      EXPECT_EQ(local->entry.settings, entry.settings);
      EXPECT_EQ(sites_.find(name), local);
      EXPECT_EQ(sites_.find(entry.site), local);
      EXPECT_EQ(sites_.find_host(name), local);
    }
    for (const sites::Site* site : registry_.all_sites()) {
      if (!registered.contains(site)) {
        EXPECT_EQ(sites_.find(site), nullptr);
      }
    }
    for (int n = 0; n < 60; ++n) {
      const std::string name = "s" + std::to_string(n) + ".vn";
      if (registry_.find(name) == nullptr) {
        EXPECT_EQ(sites_.find(name), nullptr) << name;
      }
    }
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
    if (random() % 3 != 0) agrees(random, n % 20 == 0);  // else two changes at once
    if (HasFailure()) FAIL() << "seed " << seed << ", change " << n;
  }
}

}  // namespace
}  // namespace footfall

// SPDX-License-Identifier: Apache-2.0
#include "sites/registry.h"

#include <gtest/gtest.h>

#include <random>

#include "base/hash.h"
#include "support/rng_seed.h"

namespace footfall::sites {
namespace {

using base::Errc;
using counting::Epoch;

constexpr std::int64_t kNow = 1'700'000'000;

class RegistryTest : public ::testing::Test {
 protected:
  static Settings named(std::string name) {
    Settings s;
    s.name = std::move(name);
    return s;
  }
  base::Result<void> change(std::string id, Action action) {
    return registry_.apply(Change{std::move(id), kNow, "admin", "", std::move(action)});
  }
  Errc refusal(std::string id, Action action) {
    const auto applied = change(std::move(id), std::move(action));
    EXPECT_FALSE(applied);
    return applied ? Errc::io : applied.error().code;
  }
  void add(const std::string& name, const std::string& id) {
    ASSERT_TRUE(change(id, registry_.plan_add(named(name), 11).value()));
  }
  void remove(const std::string& name, const std::string& id) {
    ASSERT_TRUE(change(id, registry_.plan_remove(name).value()));
  }
  void reset(const std::string& name, const std::string& id, std::uint64_t reset_id) {
    ASSERT_TRUE(change(id, registry_.plan_reset(name, reset_id, kNow).value()));
  }
  void undo(const std::string& undone, const std::string& id) {
    ASSERT_TRUE(change(id, registry_.plan_undo(undone, kNow).value()));
  }
  void hits(const std::string& name, std::string_view path, std::uint64_t count) {
    Site& site = *registry_.find(name);
    base::MutexLock lock(site.mutex());
    counting::Hit hit;
    hit.at_s = kNow;
    hit.counts = true;
    hit.page = site.state().reserve_page(path, base::table_hash(path));
    const std::vector<counting::Hit> all(count, hit);
    site.state().apply(site.state().epoch(), all);
  }
  std::uint64_t total(const std::string& name) { return registry_.find(name)->total(kNow); }
  std::int64_t page_total(const std::string& name, std::string_view path) {
    Site& site = *registry_.find(name);
    base::MutexLock lock(site.mutex());
    const auto row = site.state().page(path, base::table_hash(path), kNow);
    return row ? static_cast<std::int64_t>(row->counted) + row->seed() : -1;
  }
  base::Result<PagesMarked> pages(PagesMarked::Kind kind, const std::vector<std::string>& from,
                                  const std::optional<std::string>& into) {
    return registry_.plan_pages("example.vn", kind, from, into, kNow);
  }
  Epoch epoch(const std::string& name) {
    Site& site = *registry_.find(name);
    base::MutexLock lock(site.mutex());
    return site.state().epoch();
  }
  std::string bytes() const { return bytes_of(registry_); }
  static std::string bytes_of(const Registry& registry) {
    std::string out;
    base::ByteWriter writer(out);
    registry.save(writer, kNow);
    return out;
  }

  Registry registry_{counting::Limits{}};
};

TEST_F(RegistryTest, ASiteIsFoundByNameAndId) {
  add("example.vn", "c1");
  Site* site = registry_.find("example.vn");
  ASSERT_NE(site, nullptr);
  EXPECT_EQ(site->id(), SiteId{1});
  EXPECT_EQ(registry_.find(SiteId{1}), site);
  EXPECT_EQ(registry_.settings(SiteId{1})->name, "example.vn");
  EXPECT_EQ(registry_.find("other.vn"), nullptr);
  EXPECT_EQ(registry_.find(SiteId{2}), nullptr);
  EXPECT_EQ(registry_.find(SiteId{0}), nullptr);
}

TEST_F(RegistryTest, AChangeIsDoneOnce) {
  add("example.vn", "c1");
  const Seeded seed = registry_.plan_seed_amount("example.vn", std::nullopt, 100, kNow).value();
  EXPECT_TRUE(change("c2", seed));
  EXPECT_TRUE(change("c2", seed));
  EXPECT_EQ(total("example.vn"), 100U);
  EXPECT_TRUE(registry_.knows("c2"));
  EXPECT_EQ(registry_.find_change("c2")->action.index(), Action(seed).index());
}

TEST_F(RegistryTest, ASeedToATotalFixesItsDifferenceOnce) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 48);
  const Seeded seed = registry_.plan_seed_total("example.vn", std::nullopt, 41'450'791, kNow).value();
  EXPECT_EQ(seed.amount, 41'450'743);
  EXPECT_EQ(seed.before, 48U);
  EXPECT_EQ(seed.after, 41'450'791U);
  hits("example.vn", "/a", 2);
  ASSERT_TRUE(change("c2", seed));
  EXPECT_EQ(total("example.vn"), 41'450'793U);
  undo("c2", "c3");
  EXPECT_EQ(total("example.vn"), 50U);
}

TEST_F(RegistryTest, APagesSeedDefinesItsPage) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 3);
  const Seeded seed = registry_.plan_seed_total("example.vn", "/b", 10, kNow).value();
  ASSERT_TRUE(change("c2", seed));
  EXPECT_EQ(page_total("example.vn", "/b"), 10);
  EXPECT_EQ(total("example.vn"), 3U) << "of the page alone";
  // The control stream comes first in a replay: the page is defined by its seed before any hit stream is read.
  Registry replayed{counting::Limits{}};
  ASSERT_TRUE(replayed.apply(*registry_.find_change("c1")));
  ASSERT_TRUE(replayed.apply(*registry_.find_change("c2")));
  Site& site = *replayed.find("example.vn");
  base::MutexLock lock(site.mutex());
  EXPECT_EQ(site.state().page_path(seed.page_id), "/b");
  EXPECT_TRUE(site.state().define_page(counting::PageId{2}, "/a")) << "what the streams define fits around it";
  EXPECT_TRUE(site.state().define_page(seed.page_id, "/b"));
  EXPECT_FALSE(site.state().define_page(seed.page_id, "/c"));
}

// --- pages ---

TEST_F(RegistryTest, MergedPagesAreReadAsOneAndComeBack) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 3);
  hits("example.vn", "/b", 4);
  hits("example.vn", "/c", 5);
  const PagesMarked merged = pages(PagesMarked::Kind::merged, {"/a", "/b"}, "/c").value();
  EXPECT_EQ(merged.before, 5U);
  EXPECT_EQ(merged.after, 12U);
  ASSERT_TRUE(change("c2", merged));
  EXPECT_EQ(page_total("example.vn", "/a"), 12);
  EXPECT_EQ(page_total("example.vn", "/c"), 12);
  EXPECT_EQ(total("example.vn"), 12U);
  hits("example.vn", "/a", 1);
  EXPECT_EQ(page_total("example.vn", "/c"), 13);
  undo("c2", "c3");
  EXPECT_EQ(page_total("example.vn", "/a"), 4);
  EXPECT_EQ(page_total("example.vn", "/c"), 5);
}

TEST_F(RegistryTest, APageIsMergedOnceAndNeverIntoItself) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 3);
  ASSERT_TRUE(change("c2", pages(PagesMarked::Kind::merged, {"/a"}, "/b").value()));
  EXPECT_EQ(pages(PagesMarked::Kind::merged, {"/a"}, "/c").error().code, Errc::conflict);
  const auto circle = pages(PagesMarked::Kind::merged, {"/b"}, "/a");
  ASSERT_FALSE(circle);
  EXPECT_EQ(circle.error().code, Errc::conflict);
  EXPECT_EQ(registry_.plan_seed_amount("example.vn", "/a", 1, kNow).error().code, Errc::conflict);
  EXPECT_NE(registry_.plan_seed_amount("example.vn", "/a", 1, kNow).error().detail.find("/b"), std::string::npos);
  // Where it was merged into may go on, and all of it with it.
  ASSERT_TRUE(change("c3", pages(PagesMarked::Kind::merged, {"/b"}, "/c").value()));
  EXPECT_EQ(page_total("example.vn", "/c"), 3);
  EXPECT_EQ(pages(PagesMarked::Kind::merged, {"/c"}, "/a").error().code, Errc::conflict);
  undo("c2", "c4");
  EXPECT_EQ(page_total("example.vn", "/a"), 3);
  EXPECT_EQ(page_total("example.vn", "/c"), -1) << "neither was ever hit";
}

TEST_F(RegistryTest, APageIsRenamedToOneWithoutNumbers) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 3);
  hits("example.vn", "/b", 1);
  const auto taken = pages(PagesMarked::Kind::renamed, {"/a"}, "/b");
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::conflict);
  EXPECT_NE(taken.error().detail.find("merge"), std::string::npos);
  ASSERT_TRUE(change("c2", pages(PagesMarked::Kind::renamed, {"/a"}, "/new").value()));
  EXPECT_EQ(page_total("example.vn", "/new"), 3);
  hits("example.vn", "/new", 2);
  EXPECT_EQ(page_total("example.vn", "/a"), 5);
}

TEST_F(RegistryTest, ARemovedPageIsNoPageAndTheTotalStays) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 3);
  EXPECT_EQ(pages(PagesMarked::Kind::removed, {"/nowhere"}, std::nullopt).error().code, Errc::not_found);
  const PagesMarked removed = pages(PagesMarked::Kind::removed, {"/a"}, std::nullopt).value();
  EXPECT_EQ(removed.before, 3U);
  EXPECT_EQ(removed.after, 0U);
  ASSERT_TRUE(change("c2", removed));
  EXPECT_EQ(page_total("example.vn", "/a"), -1);
  EXPECT_EQ(total("example.vn"), 3U);
  EXPECT_EQ(registry_.plan_seed_total("example.vn", "/a", 9, kNow).error().code, Errc::conflict);
  hits("example.vn", "/b", 1);
  const auto into_nothing = pages(PagesMarked::Kind::merged, {"/b"}, "/a");
  ASSERT_FALSE(into_nothing);
  EXPECT_NE(into_nothing.error().detail.find("/a was removed"), std::string::npos);
  const Undone undone = registry_.plan_undo("c2", kNow).value();
  EXPECT_EQ(undone.before, 0U);
  EXPECT_EQ(undone.after, 3U);
  EXPECT_EQ(page_total("example.vn", "/a"), -1) << "a plan changes nothing";
  undo("c2", "c3");
  EXPECT_EQ(page_total("example.vn", "/a"), 3);
}

TEST_F(RegistryTest, ADryRunOfPagesReservesNone) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 3);
  const PagesMarked plan =
      registry_.plan_pages("example.vn", PagesMarked::Kind::merged, {"/a", "/none"}, "/new", kNow, true).value();
  EXPECT_EQ(plan.before, 0U);
  EXPECT_EQ(plan.after, 3U);
  Site& site = *registry_.find("example.vn");
  base::MutexLock lock(site.mutex());
  EXPECT_EQ(site.state().find_page("/new", base::table_hash("/new")), counting::kUnknownPage);
  EXPECT_EQ(site.state().find_page("/none", base::table_hash("/none")), counting::kUnknownPage);
}

TEST_F(RegistryTest, AReplayKnowsWhatPagesAreReadAsBeforeAnyHit) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 3);
  ASSERT_TRUE(change("c2", pages(PagesMarked::Kind::merged, {"/a"}, "/new").value()));
  Registry replayed{counting::Limits{}};
  ASSERT_TRUE(replayed.apply(*registry_.find_change("c1")));
  ASSERT_TRUE(replayed.apply(*registry_.find_change("c2")));
  Site& site = *replayed.find("example.vn");
  base::MutexLock lock(site.mutex());
  EXPECT_TRUE(site.state().define_page(counting::PageId{2}, "/a"));
  counting::Hit hit;
  hit.at_s = kNow;
  hit.counts = true;
  hit.page = counting::PageId{2};
  site.state().replay(Epoch{}, {&hit, 1});
  EXPECT_EQ(site.state().page("/new", base::table_hash("/new"), kNow)->counted, 1U);
}

// Marks that are set and taken back in any order, against adding up by hand.
TEST_F(RegistryTest, WhateverIsMergedAndUndoneThePagesAddUp) {
  std::mt19937_64 random(testing::rng_seed());
  add("example.vn", "c1");
  std::vector<std::string> paths;
  for (std::uint64_t i = 0; i < 8; ++i) {
    paths.push_back("/" + std::to_string(i));
    hits("example.vn", paths.back(), 1U << i);
  }
  std::map<std::string, std::string> marks;  // path -> what it was merged into
  std::map<std::string, std::string> by;     // change -> path
  const auto end = [&marks](std::string path) {
    while (marks.contains(path)) path = marks[path];
    return path;
  };
  for (int round = 0; round < 400; ++round) {
    const std::string id = "m" + std::to_string(round);
    if (!by.empty() && random() % 2 == 0) {
      const auto one = std::next(by.begin(), static_cast<std::ptrdiff_t>(random() % by.size()));
      undo(one->first, id);
      marks.erase(one->second);
      by.erase(one);
    } else {
      const std::string from = paths[random() % paths.size()];
      const std::string into = paths[random() % paths.size()];
      const auto plan = pages(PagesMarked::Kind::merged, {from}, into);
      ASSERT_EQ(plan.has_value(), !marks.contains(from) && end(into) != from) << from << " " << into;
      if (!plan) continue;
      ASSERT_TRUE(change(id, *plan));
      marks[from] = into;
      by[id] = from;
    }
    for (const std::string& path : paths) {
      std::int64_t expected = 0;
      for (std::size_t i = 0; i < paths.size(); ++i) expected += end(paths[i]) == end(path) ? 1 << i : 0;
      ASSERT_EQ(page_total("example.vn", path), expected) << path << " in round " << round;
    }
  }
  EXPECT_EQ(total("example.vn"), 255U);
}

TEST_F(RegistryTest, ThePageIdOfAPlannedSeedIsKeptForItWhateverHitsComeBetween) {
  add("example.vn", "c1");
  const Seeded seed = registry_.plan_seed_amount("example.vn", "/b", 10, kNow).value();
  hits("example.vn", "/a", 1);
  hits("example.vn", "/b", 1);
  ASSERT_TRUE(change("c2", seed));
  EXPECT_EQ(page_total("example.vn", "/b"), 11);
}

TEST_F(RegistryTest, APageResetIsASeedOfThePageAlone) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 3);
  ASSERT_TRUE(change("c2", registry_.plan_seed_total("example.vn", "/a", 0, kNow).value()));
  EXPECT_EQ(page_total("example.vn", "/a"), 0);
  EXPECT_EQ(total("example.vn"), 3U);
  undo("c2", "c3");
  EXPECT_EQ(page_total("example.vn", "/a"), 3);
}

TEST_F(RegistryTest, AResetMovesNoNumberAndCanBeUndone) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 5);
  reset("example.vn", "c2", 99);
  EXPECT_EQ(epoch("example.vn"), (Epoch{2, 99}));
  EXPECT_EQ(total("example.vn"), 0U);
  hits("example.vn", "/a", 2);
  EXPECT_EQ(total("example.vn"), 2U);
  const Undone plan = registry_.plan_undo("c2", kNow).value();
  EXPECT_EQ(plan.before, 2U);
  EXPECT_EQ(plan.after, 7U);
  EXPECT_EQ(total("example.vn"), 2U) << "a plan changes nothing";
  ASSERT_TRUE(change("c3", plan));
  EXPECT_EQ(total("example.vn"), 7U);
  EXPECT_EQ(epoch("example.vn"), (Epoch{2, 99})) << "the current epoch stays";
}

TEST_F(RegistryTest, ResetsAreTakenBackLastFirst) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 1);
  reset("example.vn", "c2", 1);
  hits("example.vn", "/a", 2);
  reset("example.vn", "c3", 2);
  hits("example.vn", "/a", 4);
  const auto early = registry_.plan_undo("c2", kNow);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, Errc::conflict);
  EXPECT_NE(early.error().detail.find("later reset"), std::string::npos);
  undo("c3", "c4");
  EXPECT_EQ(total("example.vn"), 6U);
  undo("c2", "c5");
  EXPECT_EQ(total("example.vn"), 7U);
}

TEST_F(RegistryTest, AnUndoneSeedOfAnEarlierEpochChangesNothingThatIsSummedNow) {
  add("example.vn", "c1");
  ASSERT_TRUE(change("c2", registry_.plan_seed_amount("example.vn", std::nullopt, 100, kNow).value()));
  reset("example.vn", "c3", 1);
  hits("example.vn", "/a", 1);
  EXPECT_EQ(registry_.plan_undo("c2", kNow).value().after, 1U);
  undo("c2", "c4");
  EXPECT_EQ(total("example.vn"), 1U);
  undo("c3", "c5");
  EXPECT_EQ(total("example.vn"), 1U);
}

TEST_F(RegistryTest, ARemovedNameGoesOnUnderItsIdInTheNextEpoch) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 5);
  Site* site = registry_.find("example.vn");
  remove("example.vn", "c2");
  EXPECT_EQ(registry_.find("example.vn"), nullptr);
  EXPECT_EQ(registry_.find(SiteId{1}), site) << "a pointer never dangles";
  EXPECT_EQ(registry_.settings(SiteId{1}), nullptr);
  add("example.vn", "c3");
  EXPECT_EQ(registry_.find("example.vn"), site);
  EXPECT_EQ(epoch("example.vn"), (Epoch{2, 11}));
  EXPECT_EQ(total("example.vn"), 0U);
  add("other.vn", "c4");
  EXPECT_EQ(registry_.find("other.vn")->id(), SiteId{2});
}

TEST_F(RegistryTest, ANameIsThatOfTheLastOfItsSitesThatWasRemoved) {
  add("a.vn", "c1");
  add("b.vn", "c2");
  add("c.vn", "c3");
  ASSERT_TRUE(change("c4", registry_.plan_change("a.vn", named("x.vn")).value()));
  remove("x.vn", "c5");
  ASSERT_TRUE(change("c6", registry_.plan_change("b.vn", named("x.vn")).value()));
  remove("x.vn", "c7");
  remove("c.vn", "c8");
  Registry loaded{counting::Limits{}};
  const std::string written = bytes();
  base::ByteReader in(written);
  ASSERT_TRUE(loaded.load(in));
  for (const Registry* registry : {&registry_, &loaded}) {
    EXPECT_EQ(registry->plan_add(named("x.vn"), 1)->site, SiteId{2});
    EXPECT_EQ(registry->plan_add(named("c.vn"), 1)->site, SiteId{3});
    EXPECT_EQ(registry->plan_add(named("a.vn"), 1)->site, SiteId{4}) << "nobody was called that last";
  }
  undo("c7", "c9");
  EXPECT_EQ(registry_.find("x.vn")->id(), SiteId{2});
  remove("x.vn", "c10");
  add("x.vn", "c11");
  EXPECT_EQ(registry_.find("x.vn")->id(), SiteId{2});
}

TEST_F(RegistryTest, AnUndoneRemovalBringsTheSiteBackAsItWas) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 5);
  remove("example.vn", "c2");
  undo("c2", "c3");
  EXPECT_EQ(total("example.vn"), 5U);
  EXPECT_EQ(epoch("example.vn"), Epoch{});
}

TEST_F(RegistryTest, ARemovalCannotBeUndoneOnceTheNameIsTakenAgain) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 5);
  remove("example.vn", "c2");
  add("example.vn", "c3");
  hits("example.vn", "/a", 1);
  EXPECT_EQ(registry_.plan_undo("c2", kNow).error().code, Errc::conflict);
  undo("c3", "c4");  // the adding is taken back first
  EXPECT_EQ(registry_.find("example.vn"), nullptr);
  undo("c2", "c5");
  EXPECT_EQ(total("example.vn"), 6U);
}

TEST_F(RegistryTest, SettingsGoBackUnlessTheyWereChangedAgain) {
  add("example.vn", "c1");
  Settings vi = named("example.vn");
  vi.lang = "vi";
  vi.window_s = 60;
  ASSERT_TRUE(change("c2", registry_.plan_change("example.vn", vi).value()));
  EXPECT_EQ(registry_.settings(SiteId{1})->lang, "vi");
  {
    Site& site = *registry_.find("example.vn");
    base::MutexLock lock(site.mutex());
    EXPECT_EQ(site.state().window_s(), 60);
  }
  Settings fr = vi;
  fr.lang = "fr";
  ASSERT_TRUE(change("c3", registry_.plan_change("example.vn", fr).value()));
  EXPECT_EQ(registry_.plan_undo("c2", kNow).error().code, Errc::conflict);
  undo("c3", "c4");
  undo("c2", "c5");
  EXPECT_EQ(*registry_.settings(SiteId{1}), named("example.vn"));
}

TEST_F(RegistryTest, ARenamedSiteFreesItsName) {
  add("a.vn", "c1");
  ASSERT_TRUE(change("c2", registry_.plan_change("a.vn", named("b.vn")).value()));
  EXPECT_EQ(registry_.find("a.vn"), nullptr);
  EXPECT_EQ(registry_.find("b.vn")->id(), SiteId{1});
  add("a.vn", "c3");
  EXPECT_EQ(registry_.find("a.vn")->id(), SiteId{2});
  EXPECT_EQ(registry_.plan_undo("c2", kNow).error().code, Errc::exists);
}

TEST_F(RegistryTest, AnUndoIsNotUndoneAndNothingIsUndoneTwice) {
  add("example.vn", "c1");
  ASSERT_TRUE(change("c2", registry_.plan_seed_amount("example.vn", std::nullopt, 100, kNow).value()));
  undo("c2", "c3");
  EXPECT_EQ(refusal("c4", Undone{"c2", 0, 0}), Errc::conflict);
  EXPECT_EQ(refusal("c5", Undone{"c3", 0, 0}), Errc::conflict);
  EXPECT_EQ(refusal("c6", Undone{"none", 0, 0}), Errc::not_found);
  EXPECT_TRUE(change("c3", Undone{"c2", 0, 0})) << "the same undo again is the same change";
  EXPECT_EQ(total("example.vn"), 0U);
}

TEST_F(RegistryTest, ATokenIsThereUntilItIsUndone) {
  add("example.vn", "c1");
  TokenAdded token;
  token.id = "reader";
  token.site = SiteId{1};
  ASSERT_TRUE(change("c2", token));
  EXPECT_EQ(refusal("c3", token), Errc::exists);
  ASSERT_EQ(registry_.tokens().size(), 1U);
  EXPECT_EQ(registry_.directory(7)->tokens.size(), 1U);
  undo("c2", "c4");
  EXPECT_TRUE(registry_.tokens().empty());
}

TEST_F(RegistryTest, ATokenThatIsRemovedComesBackByAnUndo) {
  TokenAdded root{"root", {1}, kAllScopes, {}, 0};
  TokenAdded reader{"reader", {2}, 2, {}, 0};
  ASSERT_TRUE(change("c1", root));
  ASSERT_TRUE(change("c2", reader));
  EXPECT_EQ(registry_.plan_remove_token("root").error().code, Errc::conflict);
  EXPECT_EQ(registry_.plan_remove_token("none").error().code, Errc::not_found);
  EXPECT_EQ(refusal("c3", TokenRemoved{{"reader", {3}, 2, {}, 0}}), Errc::not_found) << "another secret";
  ASSERT_TRUE(change("c4", registry_.plan_remove_token("reader").value()));
  EXPECT_EQ(registry_.find_token("reader"), nullptr);
  EXPECT_EQ(registry_.directory(7)->tokens.size(), 1U);
  EXPECT_EQ(refusal("c5", Undone{"c2", 0, 0}), Errc::not_found) << "it is gone";
  undo("c4", "c6");
  ASSERT_NE(registry_.find_token("reader"), nullptr);
  EXPECT_EQ(registry_.find_token("reader")->digest[0], 2);

  // Of another one by the same name the removal says nothing.
  ASSERT_TRUE(change("c7", registry_.plan_remove_token("reader").value()));
  reader.digest[0] = 4;
  ASSERT_TRUE(change("c8", reader));
  EXPECT_EQ(registry_.find_token("reader")->digest[0], 4);
  EXPECT_EQ(refusal("c9", Undone{"c7", 0, 0}), Errc::exists);
}

TEST_F(RegistryTest, ATokenWhoseAdditionIsForgottenComesBackToo) {
  add("a.vn", "c");
  ASSERT_TRUE(change("t", TokenAdded{"reader", {2}, 2, {}, 0}));
  const Seeded seeded{SiteId{1}, Epoch{}, std::nullopt, {}, 1, 0, 0};
  for (std::size_t i = 0; i < Registry::kChangesKept; ++i) ASSERT_TRUE(change("s" + std::to_string(i), seeded));
  ASSERT_TRUE(registry_.is_past("t"));
  ASSERT_TRUE(change("r", registry_.plan_remove_token("reader").value()));
  EXPECT_EQ(registry_.find_token("reader"), nullptr);
  undo("r", "u");
  EXPECT_NE(registry_.find_token("reader"), nullptr);
}

TEST_F(RegistryTest, TokensAreBounded) {
  for (std::size_t i = 0; i < Registry::kTokensMax; ++i)
    ASSERT_TRUE(change("c" + std::to_string(i), TokenAdded{"t" + std::to_string(i), {}, 2, {}, 0}));
  EXPECT_EQ(refusal("more", TokenAdded{"more", {}, 2, {}, 0}), Errc::conflict);
  ASSERT_TRUE(change("r", registry_.plan_remove_token("t5").value()));
  EXPECT_TRUE(change("more", TokenAdded{"more", {1}, 2, {}, 0}));
}

TEST_F(RegistryTest, TheSourcesOfASiteAreBounded) {
  add("a.vn", "c1");
  add("b.vn", "c2");
  for (std::size_t i = 0; i < kImportSourcesMax; ++i) {
    const std::string source = "log." + std::to_string(i);
    ASSERT_TRUE(change("b" + source, ImportBegun{SiteId{1}, source, 5, 6}));
    ASSERT_TRUE(change("e" + source, ImportEnded{SiteId{1}, source}));  // its mark stays
  }
  EXPECT_EQ(registry_.imports().sources(SiteId{1}), kImportSourcesMax);
  EXPECT_EQ(registry_.imports().sources(SiteId{2}), 0U);
  EXPECT_EQ(refusal("c3", ImportBegun{SiteId{1}, "one more", 5, 6}), Errc::conflict);
  EXPECT_TRUE(change("c4", ImportBegun{SiteId{1}, "log.7", 5, 6})) << "one that has its mark";
  EXPECT_TRUE(change("c5", ImportBegun{SiteId{2}, "one more", 5, 6})) << "another site";
}

TEST_F(RegistryTest, AnImportKeepsItsMarkAndLosesItsKeyWhenItEnds) {
  add("example.vn", "c1");
  ASSERT_TRUE(change("c2", ImportBegun{SiteId{1}, "log", 5, 6}));
  EXPECT_EQ(registry_.imports().open(), std::set<SiteId>{SiteId{1}});
  registry_.imports().set_progress(SiteId{1}, "log", 100, kNow + 9);
  registry_.imports().set_progress(SiteId{1}, "log", 50, kNow + 3);
  EXPECT_EQ(registry_.imports().find(SiteId{1}, "log"), (Import{5, 6, true, 100, kNow + 9}));
  EXPECT_EQ(refusal("c3", ImportBegun{SiteId{1}, "log", 7, 8}), Errc::exists);
  ASSERT_TRUE(change("c4", ImportEnded{SiteId{1}, "log"}));
  EXPECT_EQ(registry_.imports().find(SiteId{1}, "log"), (Import{0, 0, false, 100, kNow + 9}));
  EXPECT_EQ(std::get<ImportBegun>(registry_.find_change("c2")->action).key0, 0U) << "the key is nowhere any more";
  EXPECT_EQ(refusal("c5", ImportEnded{SiteId{1}, "log"}), Errc::not_found);
  ASSERT_TRUE(change("c6", ImportBegun{SiteId{1}, "log", 7, 8}));
  EXPECT_EQ(registry_.imports().find(SiteId{1}, "log"), (Import{7, 8, true, 100, kNow + 9}))
      << "the mark does not expire";
  EXPECT_FALSE(registry_.imports().find(SiteId{1}, "other"));
  registry_.imports().set_progress(SiteId{1}, "follower", 9, kNow);
  EXPECT_EQ(registry_.imports().find(SiteId{1}, "follower"), (Import{0, 0, false, 9, kNow}));
}

TEST_F(RegistryTest, ADirectoryIsOfItsMoment) {
  add("a.vn", "c1");
  add("b.vn", "c2");
  const auto before = registry_.directory(2);
  remove("a.vn", "c3");
  const auto after = registry_.directory(3);
  ASSERT_NE(before->find("a.vn"), nullptr);
  EXPECT_EQ(before->find("a.vn")->settings->name, "a.vn");
  EXPECT_EQ(before->find("a.vn")->site, registry_.find(SiteId{1}));
  EXPECT_EQ(after->find("a.vn"), nullptr);
  EXPECT_NE(after->find("b.vn"), nullptr);
  EXPECT_EQ(after->control_sequence, 3U);
  EXPECT_EQ(registry_.entries().size(), 1U);
  EXPECT_EQ(registry_.all_sites().size(), 2U);
}

// Whatever changed, a directory shows what is registered; and it shares with the one before what did not change.
TEST_F(RegistryTest, ADirectorySharesWhatDidNotChange) {
  for (int n = 0; n < 5'000; ++n) add("s" + std::to_string(n) + ".vn", "c" + std::to_string(n));
  std::mt19937_64 random(testing::rng_seed());
  auto before = registry_.directory(1);
  for (int n = 0; n < 300; ++n) {
    const std::string name = "s" + std::to_string(random() % 5'000) + ".vn";
    const std::string id = "d" + std::to_string(n);
    if (registry_.find(name) == nullptr) {
      add(name, id);
    } else if (n % 3 == 0) {
      remove(name, id);
    } else {
      sites::Settings after = *registry_.directory(2)->find(name)->settings;
      after.name = n % 3 == 1 ? name : "r" + std::to_string(n) + ".vn";
      after.window_s = 60 + n;
      ASSERT_TRUE(change(id, registry_.plan_change(name, after).value()));
    }
    if (n % 7 == 0) undo(id, "u" + std::to_string(n));
    const auto now = registry_.directory(3);
    std::size_t sites = 0;
    std::size_t anew = 0;
    for (std::size_t at = 0; at < sites::Directory::kParts; ++at) {
      if (now->parts[at] != before->parts[at]) ++anew;
      if (now->parts[at] != nullptr) sites += now->parts[at]->size();
    }
    const std::vector<Entry> registered = registry_.entries();
    ASSERT_EQ(sites, registered.size());
    for (const Entry& entry : registered) {
      const Entry* const found = now->find(entry.settings->name);
      ASSERT_NE(found, nullptr) << entry.settings->name;
      ASSERT_EQ(found->site, entry.site);
      ASSERT_EQ(found->settings, entry.settings);
    }
    ASSERT_LE(anew, 2U);
    before = now;
  }
}

TEST_F(RegistryTest, ReadsBackWhatItSavedAndNoPrefixOfIt) {
  add("a.vn", "c1");
  add("b.vn", "c2");
  ASSERT_TRUE(change("c3", registry_.plan_seed_amount("a.vn", "/x", 5, kNow).value()));
  remove("b.vn", "c4");
  undo("c3", "c5");
  TokenAdded token;
  token.id = "t";
  ASSERT_TRUE(change("c6", token));
  ASSERT_TRUE(change("c7", ImportBegun{SiteId{1}, "log", 5, 6}));
  const std::string saved = bytes();
  Registry back{counting::Limits{}};
  base::ByteReader in(saved);
  ASSERT_TRUE(back.load(in));
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(bytes_of(back), saved);
  EXPECT_EQ(back.check(Change{"c8", kNow, "", "", Undone{"c3", 0, 0}}).error().code, Errc::conflict)
      << "what was undone is known";
  EXPECT_EQ(back.find("b.vn"), nullptr);
  EXPECT_NE(back.find("a.vn"), nullptr);
  for (std::size_t size = 0; size < saved.size(); ++size) {
    Registry cut{counting::Limits{}};
    base::ByteReader part(std::string_view(saved).substr(0, size));
    EXPECT_FALSE(cut.load(part)) << size;
  }
}

TEST_F(RegistryTest, OldChangesAreForgottenButForTheirIds) {
  add("a.vn", "c");
  const Seeded seeded{SiteId{1}, Epoch{}, std::nullopt, {}, 1, 0, 0};
  constexpr std::size_t kSeeds = Registry::kChangesKept + 2;
  for (std::size_t i = 0; i < kSeeds; ++i) ASSERT_TRUE(change("s" + std::to_string(i), seeded));
  for (const std::string id : {"c", "s0", "s1"}) {
    EXPECT_EQ(registry_.find_change(id), nullptr);
    EXPECT_TRUE(registry_.knows(id) && registry_.is_past(id)) << id;
  }
  EXPECT_NE(registry_.find_change("s2"), nullptr);
  EXPECT_FALSE(registry_.is_past("s2"));
  EXPECT_EQ(total("a.vn"), kSeeds);
  const std::string before = bytes();
  ASSERT_TRUE(change("s0", seeded)) << "it is known, and done";
  EXPECT_EQ(total("a.vn"), kSeeds);
  EXPECT_EQ(bytes(), before);
  const auto undo = registry_.plan_undo("s0", kNow);
  ASSERT_FALSE(undo);
  EXPECT_EQ(undo.error().code, Errc::not_found);
  EXPECT_NE(undo.error().detail.find("too old"), std::string::npos) << undo.error().detail;

  // So it is after a start.
  Registry again{counting::Limits{}};
  base::ByteReader in(before);
  ASSERT_TRUE(again.load(in) && in.at_end());
  EXPECT_TRUE(again.is_past("s1"));
  EXPECT_EQ(again.past().size(), 3U);
}

TEST_F(RegistryTest, WhatTookSomethingAwayIsRememberedBeyondThem) {
  Registry small(counting::Limits{}, 3);
  const auto take = [&small](const std::string& id, Action action) {
    return small.apply(Change{id, kNow, "admin", "", std::move(action)});
  };
  const auto seed = [&](const std::string& id) {
    ASSERT_TRUE(take(id, small.plan_seed_amount("a.vn", std::nullopt, 5, kNow).value()));
  };
  const auto reset = [&](const std::string& id) { ASSERT_TRUE(take(id, small.plan_reset("a.vn", 7, kNow).value())); };
  const auto saved = [&small] {
    std::string out;
    base::ByteWriter writer(out);
    small.save(writer, kNow);
    return out;
  };
  ASSERT_TRUE(take("c", small.plan_add(named("a.vn"), 1).value()));
  seed("s1");
  reset("r1");
  reset("r2");
  ASSERT_TRUE(take("u", small.plan_undo("r2", kNow).value()));
  for (int i = 0; i < 20; ++i) seed("more" + std::to_string(i));
  EXPECT_TRUE(small.is_past("c") && small.is_past("s1"));
  EXPECT_TRUE(small.is_past("r2")) << "it was taken back";
  ASSERT_NE(small.find_change("r1"), nullptr);
  EXPECT_EQ(small.remembered(), 4U);

  // So it is after a start, which goes on as the one before.
  Registry again(counting::Limits{}, 3);
  const std::string before = saved();
  base::ByteReader in(before);
  ASSERT_TRUE(again.load(in) && in.at_end());
  EXPECT_EQ(again.remembered(), 4U);
  std::string out;
  base::ByteWriter writer(out);
  again.save(writer, kNow);
  EXPECT_EQ(out, before);

  const auto back = small.plan_undo("r1", kNow);
  ASSERT_TRUE(back) << back.error().detail;
  for (const std::string id : {"r3", "r4", "r5"}) {
    EXPECT_NE(small.find_change("r1"), nullptr) << "three are kept beyond the latest three";
    reset(id);
    for (int i = 0; i < 4; ++i) seed(id + std::to_string(i));
  }
  EXPECT_TRUE(small.is_past("r1"));
  EXPECT_NE(small.find_change("r3"), nullptr);
}

// --- errors: what is refused leaves everything as it was ---

TEST_F(RegistryTest, WhatIsRefusedChangesNothing) {
  add("a.vn", "c1");
  add("b.vn", "c2");
  const std::string before = bytes();
  EXPECT_EQ(registry_.plan_add(named("a.vn"), 1).error().code, Errc::exists);
  EXPECT_EQ(registry_.plan_add(named("A"), 1).error().code, Errc::malformed);
  EXPECT_EQ(registry_.plan_change("a.vn", named("b.vn")).error().code, Errc::exists);
  EXPECT_EQ(registry_.plan_change("x.vn", named("b.vn")).error().code, Errc::not_found);
  EXPECT_EQ(registry_.plan_remove("x.vn").error().code, Errc::not_found);
  EXPECT_EQ(registry_.plan_reset("x.vn", 1, kNow).error().code, Errc::not_found);
  EXPECT_EQ(registry_.plan_seed_amount("x.vn", std::nullopt, 1, kNow).error().code, Errc::not_found);
  EXPECT_EQ(registry_.plan_seed_amount("a.vn", "", 1, kNow).error().code, Errc::malformed);
  EXPECT_EQ(registry_.plan_seed_total("a.vn", std::nullopt, UINT64_MAX, kNow).error().code, Errc::too_large);
  EXPECT_EQ(refusal("x", SiteAdded{SiteId{1}, named("c.vn"), {}}), Errc::conflict);
  EXPECT_EQ(refusal("x", SiteAdded{SiteId{9}, named("c.vn"), {}}), Errc::not_found);
  EXPECT_EQ(refusal("x", SiteChanged{SiteId{1}, named("old.vn"), named("c.vn")}), Errc::conflict);
  EXPECT_EQ(refusal("x", SiteRemoved{SiteId{9}, named("c.vn")}), Errc::not_found);
  EXPECT_EQ(refusal("x", Seeded{SiteId{1}, Epoch{2, 0}, std::nullopt, {}, 1, 0, 0}), Errc::conflict);
  EXPECT_EQ(refusal("x", Seeded{SiteId{1}, Epoch{}, std::nullopt, {}, INT64_MIN, 0, 0}), Errc::malformed);
  EXPECT_EQ(refusal("x", Reset{SiteId{1}, Epoch{1, 0}, 0}), Errc::conflict);
  EXPECT_EQ(refusal("not an id", Undone{"c1", 0, 0}), Errc::malformed);
  EXPECT_EQ(bytes(), before);
}

TEST_F(RegistryTest, ASeedTakesOffNoMoreThanThereIs) {
  add("a.vn", "c1");
  hits("a.vn", "/a", 5);
  const std::string before = bytes();
  for (const std::optional<std::string>& page : {std::optional<std::string>(), std::optional<std::string>("/a")}) {
    const auto refused = registry_.plan_seed_amount("a.vn", page, -6, kNow);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_NE(refused.error().detail.find("the total is 5 now, and 6 less is below nothing"), std::string::npos);
  }
  EXPECT_EQ(registry_.plan_seed_amount("a.vn", "/none", -1, kNow).error().code, Errc::conflict);
  EXPECT_EQ(bytes(), before);
  ASSERT_TRUE(change("c2", registry_.plan_seed_amount("a.vn", std::nullopt, -5, kNow).value()));
  EXPECT_EQ(total("a.vn"), 0U);
}

TEST_F(RegistryTest, SeedsOfASiteStayWithinTheirRange) {
  add("a.vn", "c1");
  ASSERT_TRUE(change("c2", registry_.plan_seed_total("a.vn", std::nullopt, INT64_MAX, kNow).value()));
  EXPECT_EQ(total("a.vn"), static_cast<std::uint64_t>(INT64_MAX));
  hits("a.vn", "/a", 5);
  EXPECT_EQ(total("a.vn"), static_cast<std::uint64_t>(INT64_MAX) + 5);
  EXPECT_EQ(registry_.plan_seed_amount("a.vn", std::nullopt, 1, kNow).error().code, Errc::too_large);
  EXPECT_EQ(registry_.plan_seed_total("a.vn", std::nullopt, 3, kNow).error().code, Errc::too_large)
      << "a difference over 63 bits";
  ASSERT_TRUE(change("c3", registry_.plan_seed_total("a.vn", std::nullopt, 6, kNow).value()));
  EXPECT_EQ(total("a.vn"), 6U);
}

TEST_F(RegistryTest, SeedsOfEpochsThatAreSummedMayBeBeyondItAndAreNotTakenForLess) {
  add("a.vn", "c1");
  ASSERT_TRUE(change("c2", registry_.plan_seed_total("a.vn", std::nullopt, INT64_MAX, kNow).value()));
  ASSERT_TRUE(change("c3", registry_.plan_reset("a.vn", 1, kNow).value()));
  ASSERT_TRUE(change("c4", registry_.plan_seed_total("a.vn", std::nullopt, INT64_MAX, kNow).value()));
  undo("c3", "c5");
  EXPECT_EQ(total("a.vn"), UINT64_MAX - 1);
  EXPECT_EQ(registry_.plan_seed_total("a.vn", std::nullopt, 7, kNow).error().code, Errc::too_large)
      << "a difference over 63 bits";
  EXPECT_EQ(registry_.plan_seed_amount("a.vn", std::nullopt, 1, kNow).error().code, Errc::too_large);
  const Seeded less = registry_.plan_seed_amount("a.vn", std::nullopt, -INT64_MAX, kNow).value();
  EXPECT_EQ(less.before, UINT64_MAX - 1);
  EXPECT_EQ(less.after, static_cast<std::uint64_t>(INT64_MAX));
  ASSERT_TRUE(change("c6", less));
  ASSERT_TRUE(change("c7", registry_.plan_seed_total("a.vn", std::nullopt, 7, kNow).value()));
  EXPECT_EQ(total("a.vn"), 7U);
}

// ---- snapshots

TEST_F(RegistryTest, ARestoredSnapshotIsTheSeedOfAnEpoch) {
  add("example.vn", "c1");
  ASSERT_TRUE(change("c2", registry_.plan_seed_amount("example.vn", std::nullopt, 1000, kNow).value()));
  hits("example.vn", "/a", 5);
  hits("example.vn", "/b", 2);
  const Snapshot snapshot = take_snapshot(*registry_.find("example.vn"), named("example.vn"), "node", kNow * 1000);
  hits("example.vn", "/a", 100);
  const Restored restored = registry_.plan_restore("example.vn", snapshot, "s1", 77, kNow).value();
  EXPECT_EQ(restored.before, 1107U);
  EXPECT_EQ(restored.after, 1007U);
  ASSERT_TRUE(change("c3", restored));
  EXPECT_EQ(total("example.vn"), 1007U);
  EXPECT_EQ(page_total("example.vn", "/a"), 5);
  EXPECT_EQ(page_total("example.vn", "/b"), 2);
  hits("example.vn", "/a", 1);
  EXPECT_EQ(total("example.vn"), 1008U);
  EXPECT_EQ(registry_.plan_undo("c3", kNow).value().after, 1107U + 1);
  undo("c3", "c4");
  EXPECT_EQ(total("example.vn"), 1107U + 1);  // what was counted since stays
  EXPECT_EQ(page_total("example.vn", "/a"), 106);
}

TEST_F(RegistryTest, RestoredSnapshotsAreTakenBackLastFirstOnceAndResetsAmongThem) {
  add("a.vn", "c1");
  hits("a.vn", "/a", 1);
  const auto restore = [this](const std::string& id, std::uint64_t total, std::uint64_t reset_id) {
    Snapshot snapshot;
    snapshot.total = total;
    snapshot.pages = {{"/a", total}};
    ASSERT_TRUE(change(id, registry_.plan_restore("a.vn", snapshot, id, reset_id, kNow).value()));
  };
  restore("r1", 100, 1);
  hits("a.vn", "/a", 2);
  restore("r2", 200, 2);
  hits("a.vn", "/a", 4);
  reset("a.vn", "r3", 3);
  hits("a.vn", "/a", 8);
  for (const std::string early : {"r1", "r2"}) {
    EXPECT_EQ(registry_.plan_undo(early, kNow).error().code, Errc::conflict);
    EXPECT_EQ(refusal("u", Undone{early, 0, 0}), Errc::conflict);
  }
  undo("r3", "u3");
  EXPECT_EQ(total("a.vn"), 212U);
  EXPECT_EQ(registry_.plan_undo("r1", kNow).error().code, Errc::conflict);
  undo("r2", "u2");
  EXPECT_EQ(total("a.vn"), 114U) << "what was counted since stays, its seeds do not";
  EXPECT_EQ(page_total("a.vn", "/a"), 114);
  undo("r1", "u1");
  EXPECT_EQ(total("a.vn"), 15U);
  EXPECT_EQ(page_total("a.vn", "/a"), 15);
  EXPECT_EQ(refusal("u4", Undone{"r1", 0, 0}), Errc::conflict);
}

TEST_F(RegistryTest, ARestoredSnapshotOfARemovedSiteIsTakenBackAndTheSiteStaysRemoved) {
  add("a.vn", "c1");
  hits("a.vn", "/a", 1);
  Snapshot snapshot;
  snapshot.total = 100;
  ASSERT_TRUE(change("r1", registry_.plan_restore("a.vn", snapshot, "s1", 1, kNow).value()));
  remove("a.vn", "c2");
  undo("r1", "u1");
  EXPECT_EQ(registry_.find("a.vn"), nullptr);
  undo("c2", "u2");
  EXPECT_EQ(total("a.vn"), 1U);
}

TEST_F(RegistryTest, ARestoredSnapshotIsTheSameInAReplay) {
  add("example.vn", "c1");
  hits("example.vn", "/a", 5);
  const Snapshot snapshot = take_snapshot(*registry_.find("example.vn"), named("example.vn"), "node", kNow * 1000);
  const Change restored{"c2", kNow, "admin", "",
                        registry_.plan_restore("example.vn", snapshot, "s1", 77, kNow).value()};
  ASSERT_TRUE(registry_.apply(restored));
  std::string written;
  base::ByteWriter out(written);
  encode(restored, out);
  base::ByteReader in(written);
  Change read;
  ASSERT_TRUE(decode(in, read));
  Registry other{counting::Limits{}};
  ASSERT_TRUE(other.apply(*registry_.find_change("c1")));
  ASSERT_TRUE(other.apply(read));
  EXPECT_EQ(bytes_of(other), bytes());
  Site& site = *other.find("example.vn");
  base::MutexLock lock(site.mutex());
  EXPECT_EQ(site.state().page("/a", base::table_hash("/a"), kNow)->seed(), 5);
}

TEST_F(RegistryTest, ASnapshotThatWasTakenBeforeAResetMeanwhileIsRefused) {
  add("example.vn", "c1");
  const Snapshot snapshot = take_snapshot(*registry_.find("example.vn"), named("example.vn"), "node", kNow * 1000);
  const Restored restored = registry_.plan_restore("example.vn", snapshot, "s1", 1, kNow).value();
  reset("example.vn", "c2", 99);
  EXPECT_EQ(refusal("c3", restored), Errc::conflict);
}

TEST_F(RegistryTest, ATotalBeyondASeedIsNotRestored) {
  add("example.vn", "c1");
  Snapshot snapshot;
  snapshot.total = std::uint64_t{1} << 63U;
  EXPECT_EQ(registry_.plan_restore("example.vn", snapshot, "s1", 1, kNow).error().code, Errc::too_large);
  EXPECT_EQ(registry_.plan_restore("other.vn", snapshot, "s1", 1, kNow).error().code, Errc::not_found);
}

}  // namespace
}  // namespace footfall::sites

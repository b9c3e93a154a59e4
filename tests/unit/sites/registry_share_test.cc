// SPDX-License-Identifier: Apache-2.0
// Nodes that tell each other their changes, in whatever order: the same set gives the same state.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <random>

#include "base/hash.h"
#include "sites/registry.h"
#include "support/rng_seed.h"

namespace footfall::sites {
namespace {

using base::Errc;
using counting::Epoch;

constexpr std::int64_t kNow = 1'700'000'000;

Settings named(std::string name, std::int32_t window_s = 300) {
  Settings s;
  s.name = std::move(name);
  s.window_s = window_s;
  return s;
}

// A node: its registry, and what it was told and could not adopt yet.
class Node {
 public:
  explicit Node(std::size_t changes_kept = Registry::kChangesKept)
      : registry_(std::make_unique<Registry>(counting::Limits{}, changes_kept)), changes_kept_(changes_kept) {}
  Registry& registry() { return *registry_; }

  bool make(const std::string& id, Action action) {
    const Change change{id, kNow, "admin", "", std::move(action)};
    return static_cast<bool>(registry_->apply(change));
  }
  template <class Plan>
  bool make(const std::string& id, const base::Result<Plan>& plan) {
    return plan && make(id, Action(*plan));
  }

  std::vector<std::string> told() const {
    std::vector<std::string> out;
    registry_->each_shared("node", [&out](const SharedChange& shared) { out.push_back(encode(shared)); });
    return out;
  }
  void hear(const std::string& bytes) {
    const SharedChange shared = decode_shared_change(bytes).value();
    if (!registry_->has_told(shared.field())) waiting_.push_back(shared);
  }
  // Adopts what can be; true if nothing waits any more.
  bool adopt() {
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t n = waiting_.size(); n > 0; --n) {
        const SharedChange shared = waiting_.front();
        waiting_.pop_front();
        auto change = registry_->adopt(shared);
        if (!change) {
          EXPECT_EQ(change.error().code, Errc::unavailable) << change.error().detail;
          waiting_.push_back(shared);
          continue;
        }
        EXPECT_TRUE(registry_->apply(*change));
        log_.push_back(*change);
        moved = true;
      }
    }
    return waiting_.empty();
  }

  std::uint64_t total(const std::string& site) { return registry_->find(site)->total(kNow); }
  void hits(const std::string& site, std::uint64_t count) {
    Site& of = *registry_->find(site);
    const base::MutexLock lock(of.mutex());
    counting::Hit hit;
    hit.at_s = kNow;
    hit.counts = true;
    const std::vector<counting::Hit> all(count, hit);
    of.state().apply(of.state().epoch(), all);
  }

  // All that the changes made, without ids that are this node's own.
  std::string state() {
    std::string out;
    for (const Entry& entry : registry_->entries()) {
      const base::MutexLock lock(entry.site->mutex());
      counting::SiteState& state = entry.site->state();
      out += entry.settings->name + " window " + std::to_string(state.window_s()) + " lang " + entry.settings->lang +
             " epoch " + text(state.epoch()) + " sums";
      for (const Epoch& epoch : state.included()) out += " " + text(epoch);
      out += " seed " + std::to_string(state.summary(kNow, counting::calendar_of(0)).seed);
      for (const std::string path : {"/a", "/b"}) {
        const auto row = state.page(path, base::table_hash(path), kNow);
        out += " " + path + " " + std::to_string(row ? row->seed() : 0);
      }
      out += "\n";
    }
    std::vector<std::string> tokens;
    for (const Token& token : registry_->tokens())
      tokens.push_back(token.id + " " + std::to_string(token.scopes) + " of " +
                       (token.site ? registry_->last_settings(*token.site)->name : "all"));
    std::sort(tokens.begin(), tokens.end());
    for (const std::string& token : tokens) out += "token " + token + "\n";
    return out;
  }
  // As a start does; the sites' own counts are not the registry's to keep.
  void start_again() {
    std::string bytes;
    base::ByteWriter out(bytes);
    registry_->save(out, kNow);
    auto loaded = std::make_unique<Registry>(counting::Limits{}, changes_kept_);
    base::ByteReader in(bytes);
    ASSERT_TRUE(loaded->load(in) && in.at_end());
    for (Site* site : registry_->all_sites()) {
      std::string site_bytes;
      base::ByteWriter site_out(site_bytes);
      Site* other = loaded->find(site->id());
      {
        const base::MutexLock lock(site->mutex());
        site->state().save(site_out, kNow);
      }
      const base::MutexLock lock(other->mutex());
      base::ByteReader site_in(site_bytes);
      ASSERT_TRUE(other->state().load(site_in));
    }
    registry_ = std::move(loaded);
  }
  // What the changes that it adopted give where they are replayed.
  const std::vector<Change>& log() const { return log_; }

 private:
  static std::string text(const Epoch& epoch) {
    return std::to_string(epoch.number) + "." + std::to_string(epoch.reset_id);
  }

  std::unique_ptr<Registry> registry_;
  std::size_t changes_kept_;
  std::deque<SharedChange> waiting_;
  std::vector<Change> log_;
};

void tell(Node& from, Node& to) {
  for (const std::string& bytes : from.told()) to.hear(bytes);
  EXPECT_TRUE(to.adopt());
}

TEST(RegistryShareTest, ANewNodeTakesWhatThereIs) {
  Node a;
  Node b;
  ASSERT_TRUE(a.make("1", a.registry().plan_add(named("example.vn"), 1)));
  ASSERT_TRUE(a.make("2", a.registry().plan_seed_amount("example.vn", std::nullopt, 100, kNow)));
  ASSERT_TRUE(a.make("3", a.registry().plan_seed_amount("example.vn", "/a", 7, kNow)));
  ASSERT_TRUE(a.make("4", a.registry().plan_change("example.vn", named("example.vn", 60))));
  tell(a, b);
  EXPECT_EQ(b.state(), a.state());
  EXPECT_EQ(b.total("example.vn"), 100U);
  tell(a, b);
  tell(b, a);
  EXPECT_EQ(b.total("example.vn"), 100U) << "told again, it is nothing new";
  EXPECT_EQ(a.total("example.vn"), 100U);
}

TEST(RegistryShareTest, AResetElsewhereLeavesOutWhatWasCountedHere) {
  Node a;
  Node b;
  ASSERT_TRUE(a.make("1", a.registry().plan_add(named("example.vn"), 1)));
  tell(a, b);
  b.hits("example.vn", 10);
  ASSERT_TRUE(a.make("2", a.registry().plan_reset("example.vn", 5, kNow)));
  tell(a, b);
  EXPECT_EQ(b.total("example.vn"), 0U);
  b.hits("example.vn", 3);
  EXPECT_EQ(b.total("example.vn"), 3U);
  ASSERT_TRUE(b.make("3", b.registry().plan_undo("2", kNow))) << "what another node did can be taken back here";
  tell(b, a);
  EXPECT_EQ(b.total("example.vn"), 13U);
  EXPECT_EQ(a.state(), b.state());
}

TEST(RegistryShareTest, OfTwoResetsAtOnceTheGreaterIsCurrentEverywhere) {
  Node a;
  Node b;
  ASSERT_TRUE(a.make("1", a.registry().plan_add(named("example.vn"), 1)));
  tell(a, b);
  ASSERT_TRUE(a.make("2", a.registry().plan_reset("example.vn", 5, kNow)));
  ASSERT_TRUE(b.make("3", b.registry().plan_reset("example.vn", 9, kNow)));
  tell(a, b);
  tell(b, a);
  EXPECT_EQ(a.state(), b.state());
  const base::MutexLock lock(a.registry().find("example.vn")->mutex());
  EXPECT_EQ(a.registry().find("example.vn")->state().epoch(), (Epoch{2, 9}));
}

TEST(RegistryShareTest, TwoWhoUndoTheSameUndoItOnce) {
  Node a;
  Node b;
  ASSERT_TRUE(a.make("1", a.registry().plan_add(named("example.vn"), 1)));
  ASSERT_TRUE(a.make("2", a.registry().plan_seed_amount("example.vn", std::nullopt, 100, kNow)));
  ASSERT_TRUE(a.make("2b", a.registry().plan_seed_amount("example.vn", std::nullopt, 1000, kNow)));
  tell(a, b);
  ASSERT_TRUE(a.make("3", a.registry().plan_undo("2", kNow)));
  ASSERT_TRUE(b.make("4", b.registry().plan_undo("2", kNow)));
  tell(a, b);
  tell(b, a);
  EXPECT_EQ(a.total("example.vn"), 1000U);
  EXPECT_EQ(a.state(), b.state());
}

TEST(RegistryShareTest, TwoWhoUndoASettingAgreeWhateverComesBetween) {
  Node a;
  Node b;
  ASSERT_TRUE(a.make("1", a.registry().plan_add(named("example.vn", 300), 1)));
  ASSERT_TRUE(a.make("2", a.registry().plan_change("example.vn", named("example.vn", 60))));
  tell(a, b);
  ASSERT_TRUE(a.make("3", a.registry().plan_undo("2", kNow)));
  ASSERT_TRUE(a.make("4", a.registry().plan_change("example.vn", named("example.vn", 60))));
  ASSERT_TRUE(b.make("5", b.registry().plan_undo("2", kNow)));
  tell(a, b);
  tell(b, a);
  EXPECT_EQ(a.state(), b.state());
}

TEST(RegistryShareTest, TheSameNameOnTwoNodesIsOneSite) {
  Node a;
  Node b;
  ASSERT_TRUE(b.make("0", b.registry().plan_add(named("first.vn"), 1)));  // so that ids differ
  ASSERT_TRUE(a.make("1", a.registry().plan_add(named("example.vn", 60), 1)));
  ASSERT_TRUE(b.make("2", b.registry().plan_add(named("example.vn", 90), 1)));
  tell(a, b);
  tell(b, a);
  EXPECT_EQ(a.state(), b.state());
  EXPECT_EQ(a.registry().entries().size(), 2U);
}

// A seed that makes the total 1000 is another difference at each.
TEST(RegistryShareTest, OfTwoChangesUnderOneIdTheSameIsInForceEverywhere) {
  Node a;
  Node b;
  ASSERT_TRUE(a.make("add", a.registry().plan_add(named("example.vn"), 1)));
  tell(a, b);
  a.hits("example.vn", 10);
  b.hits("example.vn", 30);
  ASSERT_TRUE(a.make("seed", a.registry().plan_seed_total("example.vn", std::nullopt, 1000, kNow)));
  ASSERT_TRUE(b.make("seed", b.registry().plan_seed_total("example.vn", std::nullopt, 1000, kNow)));
  for (int round = 0; round < 2; ++round) {
    tell(a, b);
    tell(b, a);
    a.start_again();
    EXPECT_EQ(a.state(), b.state());
  }
  Node late;
  tell(b, late);
  EXPECT_EQ(late.state(), a.state());
  EXPECT_TRUE(late.total("example.vn") == 990 || late.total("example.vn") == 970) << late.total("example.vn");

  // It is taken back as one.
  ASSERT_TRUE(b.make("undo", b.registry().plan_undo("seed", kNow)));
  tell(b, a);
  tell(a, late);
  for (Node* node : {&a, &b}) EXPECT_EQ(node->state(), late.state());
  EXPECT_EQ(late.total("example.vn"), 0U);
}

// Where one is an epoch behind.
TEST(RegistryShareTest, OfTwoResetsUnderOneIdTheSameStandsEverywhere) {
  Node a;
  Node b;
  ASSERT_TRUE(a.make("add", a.registry().plan_add(named("example.vn"), 1)));
  tell(a, b);
  ASSERT_TRUE(b.make("before", b.registry().plan_reset("example.vn", 7, kNow)));
  ASSERT_TRUE(a.make("reset", a.registry().plan_reset("example.vn", 9, kNow)));
  ASSERT_TRUE(b.make("reset", b.registry().plan_reset("example.vn", 9, kNow)));
  tell(a, b);
  tell(b, a);
  EXPECT_EQ(a.state(), b.state());
  EXPECT_NE(a.state().find("epoch 3.9"), std::string::npos) << a.state();
  ASSERT_TRUE(a.make("undo", a.registry().plan_undo("reset", kNow)));
  tell(a, b);
  EXPECT_EQ(a.state(), b.state());
  EXPECT_NE(a.state().find("epoch 3.9 sums 2.7 "), std::string::npos) << a.state();
}

// Each node's first start draws a token of its own under one name, which is in a file of that node.
TEST(RegistryShareTest, AnIdThatIsGivenToSomethingElseStaysWhatItIsOnEachNode) {
  std::array<Node, 3> nodes;
  std::uint8_t digit = 0;
  for (Node& node : nodes) {
    TokenAdded token;
    token.id = "admin";
    token.digest[0] = ++digit;
    token.scopes = kAllScopes;
    ASSERT_TRUE(node.make("first-start", Action(token)));
  }
  ASSERT_TRUE(nodes[0].make("add", nodes[0].registry().plan_add(named("example.vn"), 1)));
  tell(nodes[0], nodes[1]);
  ASSERT_TRUE(nodes[0].make("x", nodes[0].registry().plan_seed_amount("example.vn", std::nullopt, 5, kNow)));
  ASSERT_TRUE(nodes[1].make("x", nodes[1].registry().plan_reset("example.vn", 9, kNow)));
  const auto other = decode_shared_change(nodes[1].told().back());
  ASSERT_TRUE(other);
  const auto adopted = nodes[0].registry().adopt(*other);
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code, Errc::conflict);
  EXPECT_EQ(nodes[0].total("example.vn"), 5U);
  for (std::size_t from = 0; from < nodes.size(); ++from) {
    for (std::size_t to = 0; to < nodes.size(); ++to) {
      for (const std::string& bytes : nodes[from].told()) {
        if (decode_shared_change(bytes)->change.id != "x") nodes[to].hear(bytes);
      }
      EXPECT_TRUE(nodes[to].adopt());
    }
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    ASSERT_EQ(nodes[i].registry().tokens().size(), 1U);
    EXPECT_EQ(nodes[i].registry().tokens().front().digest[0], i + 1);
  }
}

TEST(RegistryShareTest, ATokenThatWasRemovedIsNotThereInWhateverOrderThatIsHeard) {
  Node a;
  const TokenAdded token{"reader", {7}, 2, {}, 0};
  ASSERT_TRUE(a.make("add", Action(token)));
  ASSERT_TRUE(a.make("remove", a.registry().plan_remove_token("reader")));
  std::vector<std::string> told = a.told();
  std::reverse(told.begin(), told.end());
  Node b;
  for (const std::string& bytes : told) {
    b.hear(bytes);
    ASSERT_TRUE(b.adopt());
    EXPECT_TRUE(b.registry().tokens().empty());
  }
  ASSERT_TRUE(b.make("undo", b.registry().plan_undo("remove", kNow)));
  tell(b, a);
  EXPECT_EQ(a.registry().tokens().size(), 1U);
  EXPECT_EQ(a.state(), b.state());
}

// A token of one node alone, as that of its first start: the others hear of its removal, and lose none of theirs.
TEST(RegistryShareTest, ARemovalTakesTheTokenOfItsDigestAlone) {
  Node a;
  Node b;
  ASSERT_TRUE(a.make("first-start", Action(TokenAdded{"admin", {1}, 2, {}, 0})));
  ASSERT_TRUE(b.make("first-start", Action(TokenAdded{"admin", {2}, 2, {}, 0})));
  ASSERT_TRUE(a.make("remove", a.registry().plan_remove_token("admin")));
  b.hear(a.told().back());
  ASSERT_TRUE(b.adopt());
  EXPECT_TRUE(a.registry().tokens().empty());
  ASSERT_EQ(b.registry().tokens().size(), 1U);
  EXPECT_EQ(b.registry().tokens().front().digest[0], 2);
}

TEST(RegistryShareTest, OfManySnapshotsRestoredAtOnceAllAreToldWithTheirPages) {
  Node a;
  Node b;
  for (int n = 0; n < 40; ++n) {
    const std::string site = "site-" + std::to_string(n) + ".vn";
    const std::string id = std::to_string(n);
    ASSERT_TRUE(a.make("add" + id, a.registry().plan_add(named(site), 1)));
    Snapshot snapshot;
    snapshot.total = 10;
    snapshot.pages = {{"/a", 7}};
    ASSERT_TRUE(a.make("restore" + id, a.registry().plan_restore(site, snapshot, "s", 9, kNow)));
  }
  tell(a, b);
  EXPECT_EQ(a.state(), b.state());
}

TEST(RegistryShareTest, WhatIsNoChangeOfANodeIsRefused) {
  Node a;
  ASSERT_TRUE(a.make("1", a.registry().plan_add(named("example.vn"), 1)));
  const auto refusal = [&a](const std::string& site, Action action) {
    SharedChange shared{"other", site, 0, Change{"x", kNow, "admin", "", std::move(action)}};
    const auto adopted = a.registry().adopt(shared);
    EXPECT_FALSE(adopted);
    return adopted ? Errc::io : adopted.error().code;
  };
  EXPECT_EQ(refusal("example.vn", ImportEnded{SiteId{1}, "log"}), Errc::malformed);
  EXPECT_EQ(refusal("", Reset{SiteId{1}, Epoch{2, 1}, 0}), Errc::malformed);
  EXPECT_EQ(refusal("other.vn", Reset{SiteId{1}, Epoch{2, 1}, 0}), Errc::unavailable);
  EXPECT_EQ(refusal("example.vn", Reset{SiteId{1}, Epoch{}, 0}), Errc::malformed);
  EXPECT_EQ(refusal("example.vn", Undone{"not-known", 0, 0}), Errc::unavailable);
  EXPECT_EQ(refusal("example.vn", Seeded{SiteId{1}, Epoch{}, std::nullopt, {}, INT64_MIN, 0, 0}), Errc::malformed);
  EXPECT_EQ(refusal("example.vn", SiteChanged{SiteId{1}, named("example.vn"), named("example.vn", 1)}),
            Errc::malformed);
}

TEST(RegistryShareTest, WhatIsRememberedNoMoreIsNotAdoptedAgain) {
  Node a;
  Node b(3);
  ASSERT_TRUE(a.make("add", a.registry().plan_add(named("example.vn"), 1)));
  for (int n = 1; n <= 10; ++n) {
    ASSERT_TRUE(
        a.make("seed-" + std::to_string(n), a.registry().plan_seed_amount("example.vn", std::nullopt, 1, kNow)));
  }
  for (int round = 0; round < 3; ++round) {
    tell(a, b);
    EXPECT_EQ(b.total("example.vn"), 10U) << "round " << round;
    EXPECT_EQ(b.registry().remembered(), 3U);
    EXPECT_EQ(b.registry().past().size(), 8U);
    EXPECT_TRUE(b.registry().knows("seed-1"));
    EXPECT_TRUE(b.registry().is_past("seed-1"));
    EXPECT_FALSE(b.registry().is_past("seed-10"));
    b.start_again();
  }
}

TEST(RegistryShareTest, AnUndoOfWhatIsRememberedNoMoreIsRefusedAndSaysSo) {
  Node a;
  Node b(3);
  ASSERT_TRUE(a.make("add", a.registry().plan_add(named("example.vn"), 1)));
  ASSERT_TRUE(a.make("seed", a.registry().plan_seed_amount("example.vn", std::nullopt, 7, kNow)));
  for (int n = 1; n <= 5; ++n) {
    ASSERT_TRUE(
        a.make("more-" + std::to_string(n), a.registry().plan_seed_amount("example.vn", std::nullopt, 1, kNow)));
  }
  tell(a, b);
  const auto adopted =
      b.registry().adopt({"other", "example.vn", 0, Change{"undo", kNow, "admin", "", Undone{"seed", 0, 0}}});
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code, Errc::conflict) << "it waits for nothing that could come";
  EXPECT_NE(adopted.error().detail.find("seed"), std::string::npos);
}

// Nodes that remember five changes, and start again now and then, against one that remembers all.
TEST(RegistryShareTest, WhoForgetsChangesShowsWhatIsShownByWhoRemembersAll) {
  std::mt19937_64 random(testing::rng_seed());
  const auto draw = [&random](std::uint64_t below) { return random() % below; };
  for (int round = 0; round < 30; ++round) {
    Node oracle;
    std::array<Node, 2> nodes{Node(5), Node(5)};
    std::vector<std::string> said;  // all that was ever told: as Redis keeps it
    for (int step = 0; step < 120; ++step) {
      Registry& registry = oracle.registry();
      const std::string site = draw(2) == 0 ? "one.vn" : "two.vn";
      const std::string id = "c" + std::to_string(step);
      const std::optional<std::string> page = draw(2) == 0 ? std::nullopt : std::optional<std::string>("/a");
      switch (draw(6)) {
        case 0:
          oracle.make(id, registry.plan_add(named(site, 15 + static_cast<std::int32_t>(draw(100))), random()));
          break;
        case 1:
          oracle.make(id, registry.plan_change(site, named(site, 15 + static_cast<std::int32_t>(draw(100)))));
          break;
        case 2:
          if (draw(4) == 0) oracle.make(id, registry.plan_reset(site, random(), kNow));
          break;
        default:
          oracle.make(id, registry.plan_seed_amount(site, page, static_cast<std::int64_t>(draw(1000)), kNow));
          break;
      }
      said = oracle.told();
      for (Node& node : nodes) {
        // One that is behind, one that hears all again.
        if (draw(3) == 0) continue;
        for (const std::string& bytes : said) node.hear(bytes);
        ASSERT_TRUE(node.adopt());
        if (draw(5) == 0) node.start_again();
        ASSERT_EQ(node.state(), oracle.state()) << "round " << round << ", step " << step;
      }
    }
  }
}

TEST(RegistryShareTest, AnySetOfChangesInAnyOrderGivesTheSame) {
  std::mt19937_64 random(testing::rng_seed());
  const auto draw = [&random](std::uint64_t below) { return random() % below; };
  for (int round = 0; round < 200; ++round) {
    std::array<Node, 3> nodes;
    std::vector<std::string> ids;
    unsigned last = 0;
    for (int step = 0; step < 60; ++step) {
      Node& node = nodes[draw(nodes.size())];
      Registry& registry = node.registry();
      const std::string site = draw(2) == 0 ? "one.vn" : "two.vn";
      const std::string id = "c" + std::to_string(++last);
      // Now and then one that another node may have given to the like of it already.
      const auto id_of = [&](const std::string& what) {
        return draw(2) == 0 ? id : what + "-" + site + "-" + std::to_string(draw(4));
      };
      const std::optional<std::string> page = draw(2) == 0 ? std::nullopt : std::optional<std::string>("/a");
      std::string given = id;
      bool made = false;
      switch (draw(12)) {
        case 0:
        case 1:
          made = node.make(id, registry.plan_add(named(site, 15 + static_cast<std::int32_t>(draw(100))), random()));
          break;
        case 2:
          made = node.make(id, registry.plan_remove(site));
          break;
        case 3:
          made = node.make(id, registry.plan_change(site, named(site, 15 + static_cast<std::int32_t>(draw(100)))));
          break;
        case 4:
        case 5:
          given = id_of("seed");
          made = node.make(given, registry.plan_seed_amount(site, page, static_cast<std::int64_t>(draw(1000)), kNow));
          break;
        case 6:
          given = id_of("reset");
          made = node.make(given, registry.plan_reset(site, base::table_hash(given), kNow));
          break;
        case 7:
          if (!ids.empty()) made = node.make(id, registry.plan_undo(ids[draw(ids.size())], kNow));
          break;
        case 8: {
          Snapshot snapshot;
          snapshot.total = draw(10'000);
          snapshot.pages = {{"/a", draw(100)}};
          given = id_of("restore");
          made = node.make(given, registry.plan_restore(site, snapshot, "s", base::table_hash(given), kNow));
          break;
        }
        case 9: {
          TokenAdded token;
          token.id = "t" + std::to_string(draw(5));
          token.scopes = static_cast<std::uint32_t>(draw(8));
          base::random_bytes(token.digest.data(), token.digest.size());
          made = node.make(id, Action(token));
          break;
        }
        case 10:
          made = node.make(id, registry.plan_remove_token("t" + std::to_string(draw(5))));
          break;
        default:
          tell(node, nodes[draw(nodes.size())]);
          break;
      }
      if (made) ids.push_back(given);
    }
    // Each hears of all, twice, in an order of its own.
    std::vector<std::string> all;
    for (const Node& node : nodes) {
      const std::vector<std::string> told = node.told();
      all.insert(all.end(), told.begin(), told.end());
    }
    for (Node& node : nodes) {
      std::shuffle(all.begin(), all.end(), random);
      for (const std::string& bytes : all) {
        node.hear(bytes);
        if (draw(3) == 0) node.adopt();
      }
      ASSERT_TRUE(node.adopt());
    }
    Node late;
    std::shuffle(all.begin(), all.end(), random);
    for (const std::string& bytes : all) late.hear(bytes);
    ASSERT_TRUE(late.adopt());
    for (Node& node : nodes) ASSERT_EQ(node.state(), late.state()) << "round " << round;

    // Its journal gives the same again.
    Registry replayed{counting::Limits{}};
    for (const Change& change : late.log()) {
      std::string bytes;
      base::ByteWriter out(bytes);
      encode(change, out);
      base::ByteReader in(bytes);
      Change read;
      ASSERT_TRUE(decode(in, read));
      ASSERT_TRUE(replayed.apply(read));
    }
    std::string live_bytes;
    std::string replayed_bytes;
    base::ByteWriter live_out(live_bytes);
    base::ByteWriter replayed_out(replayed_bytes);
    late.registry().save(live_out, kNow);
    replayed.save(replayed_out, kNow);
    ASSERT_EQ(replayed_bytes, live_bytes);
  }
}

}  // namespace
}  // namespace footfall::sites

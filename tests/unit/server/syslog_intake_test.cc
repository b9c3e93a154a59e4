// SPDX-License-Identifier: Apache-2.0
#include "syslog_intake.h"

#include <string>
#include <utility>
#include <vector>

#include "ingest/client_address.h"
#include "intake_fixture.h"

namespace footfall {
namespace {

using ingest::Rejection;
using logs::SyslogFault;

class SyslogIntakeTest : public IntakeFixture {
 protected:
  SyslogIntakeTest() {
    // www.a.vn is a host of a.vn; both say that b.vn's host is theirs.
    for (const char* name : {"a.vn", "b.vn"}) {
      sites::Settings settings;
      settings.name = name;
      settings.hosts = {std::string("www.") + name, "shared.vn"};
      EXPECT_TRUE(registry_.apply(
          {std::string(name) + "-hosts", kNow, "tester", "", registry_.plan_change(name, settings).value()}));
    }
    directory_ = registry_.directory(4);
    sites_.set_directory(*directory_);
    make();
  }
  void make() { intake_ = std::make_unique<SyslogIntake>(options_, sites_, lookup_, limits_, ledger_, counters_); }
  static std::string line(const std::string& request = "GET /p HTTP/1.1", int status = 200,
                          const std::string& time = "14/Nov/2023:22:13:20 +0000") {
    return "192.0.2.7 - - [" + time + "] \"" + request + "\" " + std::to_string(status) +
           R"( 5 "-" "Mozilla/5.0 (X11) Firefox/120.0")";
  }
  // The site that it goes to, or why it does not.
  std::string taken(const std::string& datagram, bool cut = false) {
    intake_->clear();
    const std::uint64_t received = ledger_.received.get();
    std::array<std::uint64_t, metrics::kRejections> before{};
    for (std::size_t i = 0; i < before.size(); ++i) before.at(i) = ledger_.rejected.at(i).get();
    intake_->take(datagram, cut, kNow * 1000);
    if (ledger_.received.get() == received) return "no ping";
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (ledger_.rejected.at(i).get() > before.at(i)) return std::string(ingest::name_of(static_cast<Rejection>(i)));
    }
    EXPECT_EQ(intake_->candidates().size(), 1U);
    EXPECT_EQ(intake_->owners().size(), 1U);
    return intake_->owners().at(0)->entry.settings->name;
  }
  std::string json(const std::string& host) {
    return R"({"time":1700000000,"client":"192.0.2.7","uri":"/p","host":")" + host +
           R"(","agent":"Mozilla/5.0 (X11) Firefox/120.0"})";
  }
  std::uint64_t faults(SyslogFault fault) const {
    return counters_.malformed.at(static_cast<std::size_t>(fault)).get();
  }

  SyslogOptions options_;
  lookup::ClientLookup lookup_{lookup::AgentCache(lookup::AgentDatabase::load({}))};
  sites::HitLimit all_;
  HitLimits limits_{all_};
  metrics::ShardCounters ledger_;
  metrics::SyslogCounters counters_;
  std::unique_ptr<SyslogIntake> intake_;
};

TEST_F(SyslogIntakeTest, ALineIsALiveHit) {
  EXPECT_EQ(taken("<190>Nov 14 22:13:20 web a.vn: " + line()), "a.vn");
  const sites::Candidate& hit = intake_->candidates().at(0);
  EXPECT_EQ(hit.path.text, "/p");
  EXPECT_EQ(hit.at_s, kNow);
  EXPECT_TRUE(hit.counts && hit.touches_presence && hit.adds_visitor);
  // The same visitor as a ping's, or an item's of a batch.
  ingest::Address address;
  ASSERT_TRUE(ingest::parse_address("192.0.2.7", address));
  EXPECT_EQ(hit.visitor, sites_.find("a.vn")->keys.at(kNow).visitor(
                             address.bytes.data(), lookup_.agents.find("Mozilla/5.0 (X11) Firefox/120.0").digest));
}

TEST_F(SyslogIntakeTest, TheSiteIsThatOfTheHostThenOfTheTagThenTheConfiguredOne) {
  EXPECT_EQ(taken("<190>" + json("a.vn")), "a.vn");
  EXPECT_EQ(taken("<190>" + json("WWW.B.vn:8080")), "b.vn");
  EXPECT_EQ(taken("<190>" + json("shared.vn")), "a.vn") << "of several the first name";
  EXPECT_EQ(taken("<190>Nov 14 22:13:20 web a.vn: " + json("b.vn")), "b.vn");
  EXPECT_EQ(taken("<190>Nov 14 22:13:20 web a.vn: " + json("nowhere.vn")), "a.vn");
  EXPECT_EQ(taken("<190>Nov 14 22:13:20 web nginx: " + json("nowhere.vn")), "unknown_site");
  EXPECT_EQ(taken(line()), "unknown_site");
  options_.site = "b.vn";
  make();
  EXPECT_EQ(taken("<190>Nov 14 22:13:20 web nginx: " + json("nowhere.vn")), "b.vn");
  EXPECT_EQ(taken(line()), "b.vn");
  options_.site = "gone.vn";
  EXPECT_EQ(taken(line()), "unknown_site");
}

TEST_F(SyslogIntakeTest, AHostIsKnownFromWhenItsSiteHasIt) {
  EXPECT_EQ(taken(json("new.vn")), "unknown_site");
  sites::Settings settings;
  settings.name = "b.vn";
  settings.hosts = {"new.vn"};
  ASSERT_TRUE(registry_.apply({"new-host", kNow, "tester", "", registry_.plan_change("b.vn", settings).value()}));
  directory_ = registry_.directory(5);
  sites_.set_directory(*directory_);
  EXPECT_EQ(taken(json("new.vn")), "b.vn");
  EXPECT_EQ(taken(json("www.b.vn")), "unknown_site");
}

TEST_F(SyslogIntakeTest, AFormatMayHaveTheHost) {
  options_.format = *logs::Format::find("vhost-combined");
  make();
  EXPECT_EQ(taken("<190>www.b.vn:443 " + line()), "b.vn");
  EXPECT_EQ(taken("<190>" + json("a.vn")), "a.vn") << "JSON is known by itself";
}

TEST_F(SyslogIntakeTest, WhatIsNoPageHitIsNoPing) {
  options_.site = "a.vn";
  make();
  EXPECT_EQ(taken(line("POST /p HTTP/1.1")), "no ping");
  EXPECT_EQ(taken(line("GET /p HTTP/1.1", 404)), "no ping");
  EXPECT_EQ(counters_.filtered.get(), 2U);
  options_.filter = *logs::Filter::parse({"method=POST status=404"});
  EXPECT_EQ(taken(line("POST /p HTTP/1.1", 404)), "a.vn");
}

TEST_F(SyslogIntakeTest, WhatIsMalformedIsCountedByReason) {
  options_.site = "a.vn";
  make();
  EXPECT_EQ(taken("<999>" + line()), "malformed");
  EXPECT_EQ(taken("<190>1 - - -"), "malformed");
  EXPECT_EQ(taken("<190>Nov 14 22:13:20 web nginx: "), "malformed");
  EXPECT_EQ(taken("<190>hello"), "malformed");
  EXPECT_EQ(taken("<190>{\"time\":}"), "malformed");
  EXPECT_EQ(taken("<190>" + line(), true), "malformed");
  EXPECT_EQ(faults(SyslogFault::priority), 1U);
  EXPECT_EQ(faults(SyslogFault::header), 1U);
  EXPECT_EQ(faults(SyslogFault::empty), 1U);
  EXPECT_EQ(faults(SyslogFault::line), 2U);
  EXPECT_EQ(faults(SyslogFault::truncated), 1U);
  EXPECT_EQ(counters_.datagrams.get(), 6U);
  EXPECT_EQ(ledger_.received.get(), ledger_.rejected_total());
}

TEST_F(SyslogIntakeTest, TheLinesTimeIsJudged) {
  options_.site = "a.vn";
  make();
  EXPECT_EQ(taken(line("GET / HTTP/1.1", 200, "14/Nov/2023:22:13:25 +0000")), "a.vn");
  EXPECT_EQ(intake_->candidates().at(0).at_s, kNow) << "a little ahead is now";
  EXPECT_EQ(taken(line("GET / HTTP/1.1", 200, "14/Nov/2023:22:13:26 +0000")), "time");
  EXPECT_EQ(taken(line("GET / HTTP/1.1", 200, "14/Nov/2023:20:00:00 +0000")), "a.vn");
  EXPECT_LT(intake_->candidates().at(0).at_s, kNow) << "late, with its own time";
  EXPECT_EQ(taken(line("GET /" + std::string(3000, 'a') + " HTTP/1.1")), "too_large");
}

TEST_F(SyslogIntakeTest, WhatASiteRefusesItsOwnerSees) {
  options_.site = "a.vn";
  make();
  taken(line("GET / HTTP/1.1", 200, "14/Nov/2023:22:13:26 +0000"));
  taken(line("GET /" + std::string(3000, 'a') + " HTTP/1.1"));
  limits_.set_in_all(1);
  EXPECT_EQ(taken(line()), "a.vn");
  EXPECT_EQ(taken(line()), "rate");
  taken("<190>hello");  // of no site
  using Reasons = std::vector<std::pair<std::string_view, std::uint64_t>>;
  const sites::Refusals::Known known = registry_.find("a.vn")->refusals().known();
  EXPECT_EQ(known.reasons, (Reasons{{"time", 1}, {"too_large", 1}, {"rate", 1}}));
  ASSERT_FALSE(known.latest.empty());
  EXPECT_EQ(known.latest.front().at_s, kNow);
  EXPECT_EQ(registry_.find("b.vn")->refusals().known().reasons, Reasons());
}

TEST_F(SyslogIntakeTest, ManyAreOneListToDecide) {
  options_.site = "a.vn";
  make();
  for (int i = 0; i < 100; ++i) intake_->take(line("GET /" + std::to_string(i) + " HTTP/1.1"), false, kNow * 1000);
  ASSERT_EQ(intake_->candidates().size(), 100U);
  EXPECT_EQ(intake_->candidates().at(57).path.text, "/57");
  EXPECT_EQ(counters_.pings.get(), 100U);
  intake_->clear();
  EXPECT_TRUE(intake_->candidates().empty() && intake_->owners().empty());
}

}  // namespace
}  // namespace footfall

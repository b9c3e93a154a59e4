// SPDX-License-Identifier: Apache-2.0
// SharedSite: a site whose presence and visitors are counted over all nodes: what Online and Visitors read of it here,
// and what readers get of their answers.
//
// Ownership  the Site is the registry's; the answers are Online's and Visitors'.
// Threading  the control thread, but for the answers (sites::SharedNumbers), which any thread reads.
// Tested by tests/integration/nodes_test.py.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "lookup/time_zones.h"
#include "redis/online.h"
#include "redis/visitors.h"
#include "sites/site.h"

namespace footfall {

class SharedSite final : public redis::OnlineSource, public redis::VisitorsSource, public sites::SharedNumbers {
 public:
  SharedSite(sites::Site& site, const base::Clock& clock, std::shared_ptr<const lookup::TimeZone> zone)
      : site_(site), clock_(clock), zone_(std::move(zone)) {}

  sites::Site& site() { return site_; }
  void set_zone(std::shared_ptr<const lookup::TimeZone> zone) { zone_ = std::move(zone); }
  // Once, before readers know of this.
  void set_answers(std::shared_ptr<const redis::OnlineAnswer> online,
                   std::shared_ptr<const redis::VisitorsAnswer> visitors) {
    online_ = std::move(online);
    visitors_ = std::move(visitors);
  }

  std::uint32_t online_here() override;
  counting::PresenceTold take_presence() override;
  counting::PresenceWalk begin_walk(bool everybody) override;
  bool walk(counting::PresenceWalk& walk, std::vector<counting::Seen>& out) override;

  counting::VisitorsTold take_visitors() override;
  std::vector<counting::EpochDay> days(counting::Day first) override;
  counting::DaySet visitors_of(const counting::EpochDay& day) override;
  std::vector<counting::Epoch> included() override;
  counting::Day today() override;
  std::array<std::uint64_t, 2> visitors_here() override;

  std::optional<std::uint32_t> online(std::int64_t now_s) const override;
  std::optional<Visitors> visitors(counting::Day day, std::int64_t now_s) const override;

 private:
  sites::Site& site_;
  const base::Clock& clock_;
  std::shared_ptr<const lookup::TimeZone> zone_;
  std::shared_ptr<const redis::OnlineAnswer> online_;
  std::shared_ptr<const redis::VisitorsAnswer> visitors_;
};

}  // namespace footfall

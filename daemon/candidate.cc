// SPDX-License-Identifier: Apache-2.0
#include "candidate.h"

#include <algorithm>

namespace footfall {
namespace {

constexpr std::int64_t kAheadMax_s = 5;

sites::Text text_of(std::string_view text) {
  return text.empty() ? sites::Text{} : sites::Text{text, base::table_hash(text)};
}

// Only what is ranked gets labels: each takes a place under the day's cap.
void set_labels(sites::Candidate& candidate, const ingest::Ping& ping, const lookup::Agent& agent,
                const sites::Settings& settings, const Sender& sender) {
  using counting::Dimension;
  const auto set = [&](Dimension dimension, const sites::Text& text) {
    candidate.labels[static_cast<std::size_t>(dimension)] = text;
  };
  if (candidate.kind == counting::Kind::event && !candidate.bot) set(Dimension::event, text_of(ping.event));
  if (candidate.kind != counting::Kind::pageview || !candidate.counts) return;
  if (!ingest::own_host(ping.referrer, settings)) set(Dimension::referrer, text_of(ping.referrer));
  set(Dimension::campaign, text_of(ping.campaign));
  if (sender.countries != nullptr && sender.address != kNoAddress) {
    const lookup::Country country = sender.countries->find(sender.address);
    set(Dimension::country, {country.code, country.hash});
  }
  set(Dimension::browser, {agent.browser, agent.browser_hash});
  set(Dimension::system, {agent.system, agent.system_hash});
  set(Dimension::device, {agent.device, agent.device_hash});
}

}  // namespace

void fill(sites::Candidate& candidate, LocalSite& local, const ingest::Ping& ping, const lookup::Agent& agent,
          const ingest::Verdict& verdict, std::int64_t at_s, const Sender& sender) {
  const ingest::DayKeys& keys = local.keys.at(at_s);
  candidate.site = local.entry.site;
  candidate.at_s = at_s;
  candidate.utc_offset_s = keys.utc_offset_s;
  candidate.kind = ping.kind;
  candidate.bot = agent.bot;
  candidate.counts = verdict.counts;
  if (sender.import_key != nullptr) {
    candidate.visitor =
        ingest::visitor_id(*sender.import_key, local.entry.settings->name, sender.address, sender.agent);
    candidate.adds_visitor = verdict.adds_visitor;
  } else if (keys.has_key()) {
    candidate.visitor = keys.visitor(sender.address, sender.agent);
    candidate.moved_from = keys.moved_from(at_s, sender.address, sender.agent);
    candidate.touches_presence = verdict.touches_presence;
    candidate.adds_visitor = verdict.adds_visitor;
  }
  candidate.path = text_of(ping.path);
  set_labels(candidate, ping, agent, *local.entry.settings, sender);
}

ingest::Rejection take_item(sites::Candidate& candidate, LocalSite& local, const ingest::Item& item,
                            lookup::ClientLookup& lookup, std::int64_t now_s, const base::SipKey* import_key) {
  const std::int64_t at_s = item.at_s == INT64_MIN ? now_s : item.at_s;
  if (at_s > now_s + kAheadMax_s || at_s < 0) return ingest::Rejection::time;
  // A log without agents tells nothing of them: that is no sign of a crawler.
  static const lookup::Agent kUnknownAgent{};
  const lookup::AgentCache::Found found =
      item.agent.empty() ? lookup::AgentCache::Found{kUnknownAgent, {}} : lookup.agents.find(item.agent);
  const ingest::Verdict verdict = ingest::judge(item.ping, *local.entry.settings, found.agent.bot, true);
  if (verdict.rejection != ingest::Rejection::none) return verdict.rejection;
  fill(candidate, local, item.ping, found.agent, verdict, std::min(at_s, now_s),
       {item.has_address ? item.address.bytes.data() : kNoAddress, item.visitor.empty() ? found.digest : item.visitor,
        import_key, lookup.countries.get()});
  return ingest::Rejection::none;
}

}  // namespace footfall

// SPDX-License-Identifier: Apache-2.0
#include "redis/replicator.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/hash.h"
#include "base/log.h"
#include "redis/server_clock.h"
#include "sites/epoch_text.h"
#include "sites/slot.h"

namespace footfall::redis {
namespace {

constexpr std::size_t kPairsInACommand = 64;

std::string field_of(const base::Incarnation& incarnation, const counting::Epoch& epoch) {
  return base::to_text(incarnation) + ":" + sites::to_text(epoch);
}

// A past has its version in its name: whoever puts back an older one overwrites nothing.
std::string past_field_of(const base::Incarnation& incarnation, const counting::Epoch& epoch, std::uint64_t version) {
  return field_of(incarnation, epoch) + ":" + std::to_string(version);
}

struct Field {
  base::Incarnation incarnation;
  counting::Epoch epoch;
};
std::optional<Field> parse_field(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto incarnation = base::parse_incarnation(text.substr(0, colon));
  const auto epoch = sites::parse_epoch(text.substr(colon + 1));
  if (!incarnation || !epoch) return std::nullopt;
  return Field{*incarnation, *epoch};
}

std::string unreadable_slot(const std::string& name, const std::string& site, const std::string& why) {
  return "slot " + name + " of " + site + " cannot be read: " + why;
}

// Whole numbers, as ZADD wrote them.
std::uint64_t score_of(const Reply& reply) {
  return static_cast<std::uint64_t>(std::max(0.0, std::strtod(reply.text.c_str(), nullptr)));
}

}  // namespace

struct Replicator::Flush {
  std::int64_t begin_ms = 0;
  bool resync = false;
  bool failed = false;
  bool lost = false;  // Redis lost data meanwhile: what the index says may be of before
  std::size_t pending = 0;
  std::function<void()> next;
  std::vector<std::pair<unsigned, std::pair<std::string, std::uint64_t>>> taken;  // bucket, member, score
  std::set<std::string> slots_of, changes_of;                                     // sites to read
  std::vector<std::string> to_read;                                               // the same, the last first
  std::set<std::string> reread;                                                   // of them; given back if that fails
  std::map<std::string, std::set<std::string>> pasts_of;  // site -> the pasts that are there, in a resync
  std::vector<sites::SharedChange> changes;
  std::vector<ReplicatedNode::Learnt> learnt;
  std::map<std::string, std::map<counting::Epoch, counting::Slot>> own;  // as Redis has it
  std::vector<ReplicatedNode::OwnSite> to_write;
};

Replicator::Replicator(Calls& calls, ReplicatedNode& node, Options options)
    : calls_(calls), node_(node), options_(std::move(options)) {}
Replicator::~Replicator() {
  if (flush_ != nullptr) flush_->next = nullptr;  // which holds the flush
}

std::string Replicator::key(const std::string& site, const char* what) const {
  return options_.prefix + ":{" + (site.empty() ? "meta" : site) + "}:" + what;
}
std::string Replicator::index_key(unsigned bucket) const {
  return options_.prefix + ":{index." + std::to_string(bucket) + "}:dirty";
}
std::string Replicator::mark_key(unsigned bucket) const {
  return options_.prefix + ":{index." + std::to_string(bucket) + "}:mark:" + base::to_text(node_.incarnation());
}
unsigned Replicator::bucket_of(std::string_view site) {
  return base::crc32c(site) % kBuckets;
}

void Replicator::complain(const std::string& what) {
  counters_.unreadable.add();
  if (complaints_.size() < 1000 && complaints_.insert(what).second) base::log::warning("Redis: " + what);
}

// --- the steps ---

void Replicator::call(const FlushPtr& flush, const std::vector<std::string>& words,
                      std::function<void(const Reply&)> done) {
  ++flush->pending;
  calls_.call(words, [this, flush, alive = std::weak_ptr<bool>(alive_),
                      done = std::move(done)](const base::Result<Reply>& reply) {
    if (alive.expired()) return;
    if (reply) {
      done(*reply);
    } else {
      flush->failed = true;
    }
    answered(flush);
  });
}

void Replicator::when_answered(const FlushPtr& flush, std::function<void()> next) {
  flush->next = std::move(next);
  if (flush->pending > 0) return;
  ++flush->pending;
  answered(flush);
}

void Replicator::answered(const FlushPtr& flush) {
  if (--flush->pending > 0 || flush->next == nullptr) return;
  std::exchange(flush->next, nullptr)();
}

void Replicator::tick(std::int64_t now_ms, bool up, std::uint64_t connections) {
  now_ms_ = now_ms;
  if (connections != connections_) {
    resync_ = true;
    for (Bucket& bucket : buckets_) bucket.at.clear();
  }
  connections_ = connections;
  if (!up || flush_ != nullptr || now_ms < due_ms_) return;
  begin(now_ms);
}

void Replicator::begin(std::int64_t now_ms) {
  const auto flush = std::make_shared<Flush>();
  flush_ = flush;
  flush->begin_ms = now_ms;
  flush->resync = std::exchange(resync_, false) || now_ms >= resync_due_ms_;
  due_ms_ = now_ms + options_.flush_ms;
  read_index(flush);
}

void Replicator::read_index(const FlushPtr& flush) {
  for (unsigned k = 0; k < kBuckets; ++k) {
    Bucket& bucket = buckets_[k];
    while (bucket.at.size() > 1 && bucket.at[1].first <= flush->begin_ms - options_.late_ms) bucket.at.pop_front();
    const bool settled = !bucket.at.empty() && bucket.at[0].first <= flush->begin_ms - options_.late_ms;
    const std::uint64_t from = settled ? bucket.at[0].second : 0;
    if (bucket.mark > 0) {
      call(flush, {"GET", mark_key(k)}, [this, flush, k](const Reply& reply) { look_at_mark(flush, k, reply); });
    }
    call(flush, {"ZRANGEBYSCORE", index_key(k), std::to_string(from), "+inf", "WITHSCORES"},
         [this, flush, k](const Reply& reply) { take_index(flush, k, reply); });
  }
  when_answered(flush, [this, flush] {
    if (flush->failed) return end(flush);
    if (flush->resync) {
      resync_ = false;
      const bool after_loss = std::exchange(lost_, false);
      counters_.resyncs.add();
      changes_told_.clear();
      told_.clear();
      changes_seen_ = UINT64_MAX;
      for (const std::string& site : node_.sites()) {
        flush->slots_of.insert(site);
        flush->changes_of.insert(site);
        dirty_.insert(site);
        // What others were told of may be there, and its name in the index not: they may not have noticed.
        if (!after_loss) continue;
        unnamed_slots_.insert(site);
        unnamed_changes_.insert(site);
      }
      flush->changes_of.insert("");
      if (after_loss) unnamed_changes_.insert("");
      mark_anew(flush);
    }
    flush->reread = std::exchange(reread_, {});
    for (const std::string& site : flush->reread) {
      flush->slots_of.insert(site);
      flush->changes_of.insert(site);
    }
    std::set<std::string> all = flush->slots_of;
    all.insert(flush->changes_of.begin(), flush->changes_of.end());
    flush->to_read.assign(all.rbegin(), all.rend());
    when_answered(flush, [this, flush] { flush->failed ? end(flush) : read_sites(flush); });
  });
}

// Before a resync reads anything, so that what is lost while it does is noticed; and so that scores go on rising.
void Replicator::mark_anew(const FlushPtr& flush) {
  for (unsigned k = 0; k < kBuckets; ++k) {
    const std::uint64_t mark = ++buckets_[k].mark_tried;
    buckets_[k].mark = 0;
    call(flush, {"SET", mark_key(k), std::to_string(mark)}, [this, k, mark](const Reply&) { buckets_[k].mark = mark; });
    call(flush, {"ZADD", index_key(k), "GT", std::to_string(buckets_[k].greatest), "greatest"}, [](const Reply&) {});
  }
}

// REQUIRES: the bucket's mark was written once.
void Replicator::look_at_mark(const FlushPtr& flush, unsigned k, const Reply& reply) {
  const std::uint64_t there = reply.is(Reply::Type::nil) ? 0 : std::strtoull(reply.text.c_str(), nullptr, 10);
  if (there < buckets_[k].mark || there > buckets_[k].mark_tried) lost(flush);
}

void Replicator::lost(const FlushPtr& flush) {
  if (!flush->resync) counters_.losses.add();
  flush->lost = lost_ = true;
  flush->resync = true;  // if it is too late for that, the next
  resync_ = true;
  // Who began after that knows only low scores, until it sees the greatest of before again: they come a second time.
  for (Bucket& bucket : buckets_) {
    bucket.at.clear();
    bucket.seen.clear();
  }
}

void Replicator::take_index(const FlushPtr& flush, unsigned k, const Reply& reply) {
  Bucket& bucket = buckets_[k];
  const bool all = flush->resync;
  for (std::size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    const std::string& member = reply.elements[i].text;
    const std::uint64_t score = score_of(reply.elements[i + 1]);
    bucket.greatest = std::max(bucket.greatest, score);
    const auto seen = bucket.seen.find(member);
    if (!all && seen != bucket.seen.end() && seen->second == score) continue;
    if (member.starts_with("s/")) {
      flush->slots_of.insert(member.substr(2));
    } else if (member.starts_with("c/")) {
      flush->changes_of.insert(member.substr(2));
    }
    flush->taken.emplace_back(k, std::make_pair(member, score));
  }
  bucket.at.emplace_back(flush->begin_ms, bucket.greatest);
}

void Replicator::read_sites(const FlushPtr& flush) {
  for (std::size_t n = 0; n < options_.sites_in_flight && !flush->to_read.empty(); ++n) {
    read_site(flush, flush->to_read.back());
    flush->to_read.pop_back();
  }
  when_answered(flush, [this, flush] {
    if (flush->failed) return end(flush);
    flush->to_read.empty() ? digest(flush) : read_sites(flush);
  });
}

void Replicator::read_site(const FlushPtr& flush, const std::string& site) {
  if (flush->changes_of.contains(site)) {
    call(flush, {"HGETALL", key(site, "changes")},
         [this, flush, site](const Reply& reply) { take_changes(flush, site, reply); });
  }
  if (!flush->slots_of.contains(site)) return;
  const auto read_slots = [this, flush, site] {
    call(flush, {"HGETALL", key(site, "slots")},
         [this, flush, site](const Reply& reply) { take_slots(flush, site, reply); });
  };
  if (!flush->resync) return read_slots();
  if (node_.epoch(site) != counting::Epoch{}) {
    call(flush, {"HGET", key(site, "adopted"), base::to_text(node_.incarnation())}, [this, site](const Reply& reply) {
      if (const auto epoch = sites::parse_epoch(reply.text)) told_[site].adopted = *epoch;
    });
  }
  call(flush, {"HKEYS", key(site, "pasts")}, [flush, site, read_slots](const Reply& reply) {
    for (const Reply& field : reply.elements) flush->pasts_of[site].insert(field.text);
    read_slots();
  });
}

void Replicator::take_changes(const FlushPtr& flush, const std::string& site, const Reply& reply) {
  for (std::size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    const std::string& id = reply.elements[i].text;
    changes_told_.insert(id);
    if (node_.knows(id) || waiting_.contains(id)) continue;
    base::Result<sites::SharedChange> change = sites::decode_shared_change(reply.elements[i + 1].text);
    if (!change || change->site != site || change->change.id != id) {
      complain("change " + id + " of " + (site.empty() ? "no site" : site) +
               " cannot be read: " + (change ? "it is called otherwise, or of another site" : change.error().detail));
      continue;
    }
    flush->changes.push_back(*std::move(change));
  }
}

void Replicator::take_slots(const FlushPtr& flush, const std::string& site, const Reply& reply) {
  std::set<std::string> there;              // fields that are as new as what is known here
  std::vector<counting::RemoteSlot> older;  // there, than what is known here
  const base::Incarnation self = node_.incarnation();
  for (std::size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    const std::string& name = reply.elements[i].text;
    const auto field = parse_field(name);
    base::Result<counting::Slot> slot = sites::decode_slot(reply.elements[i + 1].text);
    if (!field || !slot) {
      complain(unreadable_slot(name, site, slot ? "its name is none of a slot" : slot.error().detail));
      continue;
    }
    if (field->incarnation == self) {
      auto& [version, past_version] = told_[site].versions[field->epoch];
      if (version != slot->version()) {
        dirty_.insert(site);
        version = slot->version();
        const bool past_there = flush->pasts_of[site].contains(past_field_of(self, field->epoch, slot->past_version));
        past_version = past_there ? slot->past_version : 0;
      }
      flush->own[site][field->epoch] = *std::move(slot);
      continue;
    }
    const std::optional<counting::Slot> known = node_.known_slot(site, field->epoch, field->incarnation);
    if (known && known->version() > slot->version()) {
      older.push_back({field->epoch, field->incarnation, *known});
      continue;
    }
    // Without its past it is of no use to who does not know it.
    if (slot->past_version == 0 ||
        flush->pasts_of[site].contains(past_field_of(field->incarnation, field->epoch, slot->past_version)))
      there.insert(name);
    if (known && known->version() == slot->version()) continue;
    counting::RemoteSlot learnt{field->epoch, field->incarnation, *std::move(slot)};
    if (learnt.slot.past_version == 0 || (known && known->past_version == learnt.slot.past_version)) {
      flush->learnt.push_back({site, std::move(learnt)});
    } else {
      read_past(flush, site, name, std::move(learnt));
    }
  }
  if (flush->resync) {
    older = node_.known_slots(site);
    std::erase_if(older, [&](const counting::RemoteSlot& known) {
      return there.contains(field_of(known.incarnation, known.epoch));
    });
  }
  republish(flush, site, older);
}

void Replicator::read_past(const FlushPtr& flush, const std::string& site, const std::string& field,
                           counting::RemoteSlot slot) {
  const std::string encoded = sites::encode_slot(slot.slot);
  const std::string past = past_field_of(slot.incarnation, slot.epoch, slot.slot.past_version);
  call(flush, {"HGET", key(site, "pasts"), past},
       [this, flush, site, field, encoded, slot = std::move(slot)](const Reply& reply) mutable {
         base::Result<counting::Slot> whole = sites::decode_slot(encoded, reply.text);
         if (whole) {
           slot.slot = *std::move(whole);
           flush->learnt.push_back({site, std::move(slot)});
           return;
         }
         reread_.insert(site);  // a later one took its place meanwhile
         if (!reply.text.empty()) {
           complain("the past of slot " + field + " of " + site + " cannot be read: " + whole.error().detail);
         }
       });
}

// Of others: what Redis lost, or somebody put back who knew less; who counted it may be gone.
void Replicator::republish(const FlushPtr& flush, const std::string& site,
                           const std::vector<counting::RemoteSlot>& lost) {
  std::vector<std::string> slots{"HSET", key(site, "slots")};
  std::vector<std::string> pasts{"HSET", key(site, "pasts")};
  for (const counting::RemoteSlot& known : lost) {
    const std::string field = field_of(known.incarnation, known.epoch);
    slots.insert(slots.end(), {field, sites::encode_slot(known.slot)});
    if (known.slot.past_version == 0) continue;
    const std::string past = past_field_of(known.incarnation, known.epoch, known.slot.past_version);
    if (!flush->pasts_of[site].contains(past)) pasts.insert(pasts.end(), {past, sites::encode_past(known.slot)});
  }
  if (slots.size() == 2) return;
  if (pasts.size() > 2) call(flush, pasts, [](const Reply&) {});
  call(flush, slots, [this, site](const Reply&) { unnamed_slots_.insert(site); });
}

void Replicator::digest(const FlushPtr& flush) {
  for (sites::SharedChange& change : flush->changes) {
    const std::string id = change.change.id;
    waiting_.emplace(id, std::move(change));
  }
  adopt_waiting();
  std::erase_if(flush->learnt, [this](const ReplicatedNode::Learnt& learnt) { return !node_.has_site(learnt.site); });
  if (!flush->learnt.empty()) {
    const std::size_t learnt = flush->learnt.size();
    std::set<std::string> of;
    for (const ReplicatedNode::Learnt& one : flush->learnt) of.insert(one.site);
    if (const base::Result<void> done = node_.learn(std::move(flush->learnt)); done) {
      counters_.slots_learnt.add(learnt);
    } else {
      flush->failed = true;
      reread_.merge(of);
    }
  }
  flush->reread.clear();
  if (!flush->lost) {
    for (const auto& [bucket, entry] : flush->taken) buckets_[bucket].seen[entry.first] = entry.second;
  }
  write_changes(flush);
}

void Replicator::adopt_waiting() {
  std::size_t adoptions = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      if (adoptions == options_.adopted_at_once) {
        hurry();
        return node_.adopted();
      }
      const sites::SharedChange& change = it->second;
      const bool new_site = !change.site.empty() && !node_.has_site(change.site);
      const base::Result<void> adopted = node_.adopt(change);
      if (!adopted && adopted.error().code == base::Errc::unavailable) {
        ++it;
        continue;
      }
      if (adopted) {
        counters_.changes_adopted.add();
        ++adoptions;
        if (new_site) reread_.insert(change.site);
        moved = true;
      } else {
        complain("change " + change.change.id + " is not adopted: " + adopted.error().detail);
      }
      it = waiting_.erase(it);
    }
  }
  if (adoptions > 0) node_.adopted();
}

void Replicator::write_changes(const FlushPtr& flush) {
  const std::uint64_t applied = node_.changes_applied();
  if (applied != changes_seen_) {
    std::map<std::string, std::vector<std::pair<std::string, std::string>>> by_site;  // site -> id, bytes
    node_.each_shared([&](const sites::SharedChange& change) {
      if (!changes_told_.contains(change.change.id))
        by_site[change.site].emplace_back(change.change.id, encode(change));
    });
    for (const auto& [site, changes] : by_site) {
      for (std::size_t first = 0; first < changes.size(); first += kPairsInACommand) {
        std::vector<std::string> words{"HSET", key(site, "changes")};
        std::vector<std::string> ids;
        for (std::size_t i = first; i < std::min(changes.size(), first + kPairsInACommand); ++i) {
          words.insert(words.end(), {changes[i].first, changes[i].second});
          ids.push_back(changes[i].first);
        }
        call(flush, words, [this, site = site, ids](const Reply&) {
          changes_told_.insert(ids.begin(), ids.end());
          counters_.change_writes.add(ids.size());
          unnamed_changes_.insert(site);
        });
      }
    }
    for (const std::string& site : node_.sites()) {
      const counting::Epoch epoch = node_.epoch(site);
      if (epoch == told_[site].adopted || epoch == counting::Epoch{}) continue;
      call(flush, {"HSET", key(site, "adopted"), base::to_text(node_.incarnation()), sites::to_text(epoch)},
           [this, site, epoch](const Reply&) { told_[site].adopted = epoch; });
    }
  }
  write_presence(flush);
  when_answered(flush, [this, flush, applied] {
    if (!flush->failed) changes_seen_ = applied;
    for (std::string& site : node_.take_changed()) dirty_.insert(std::move(site));
    if (dirty_.empty()) return write_index(flush);
    node_.own_slots({dirty_.begin(), dirty_.end()}, [this, flush, alive = std::weak_ptr<bool>(alive_)](
                                                        base::Result<std::vector<ReplicatedNode::OwnSite>> own) {
      if (alive.expired()) return;
      if (!own) {
        flush->failed = true;
        return write_index(flush);
      }
      dirty_.clear();  // what fails is put back; what changes meanwhile comes with take_changed()
      flush->to_write = *std::move(own);
      write_slots(flush);
    });
  });
}

// That it is there, under which id, and that nobody else is to go on under it.
void Replicator::write_presence(const FlushPtr& flush) {
  if (flush->begin_ms >= heartbeat_due_ms_) {
    call(flush, {"TIME"}, [this, flush](const Reply& time) {
      const auto redis_ms = ServerClock::read(time);
      if (!redis_ms) return;
      call(flush,
           {"HSET", key("", "nodes"), base::to_text(node_.incarnation()),
            std::to_string(*redis_ms / 1000) + " " + node_.name()},
           [this, flush](const Reply&) { heartbeat_due_ms_ = flush->begin_ms + options_.heartbeat_ms; });
    });
  }
  if (const auto before = node_.incarnation_before(); before && !before_gone_) {
    call(flush, {"HDEL", key("", "nodes"), base::to_text(*before)}, [this](const Reply&) { before_gone_ = true; });
  }
  if (const auto ticket = node_.ticket(); ticket && flush->resync) {
    call(flush, {"HDEL", key("", "tickets"), base::to_text(*ticket)}, [](const Reply&) {});
  }
}

void Replicator::write_slots(const FlushPtr& flush) {
  for (std::size_t n = 0; n < options_.sites_in_flight && !flush->to_write.empty(); ++n) {
    write_own(flush, flush->to_write.back());
    flush->to_write.pop_back();
  }
  when_answered(flush, [this, flush] {
    if (flush->failed) {
      for (const ReplicatedNode::OwnSite& own : flush->to_write) dirty_.insert(own.site);
      flush->to_write.clear();
    }
    flush->to_write.empty() ? write_index(flush) : write_slots(flush);
  });
}

void Replicator::write_own(const FlushPtr& flush, const ReplicatedNode::OwnSite& own) {
  if (conflict_) return;
  const base::Incarnation self = node_.incarnation();
  std::vector<std::string> slots{"HSET", key(own.site, "slots")};
  std::vector<std::string> pasts{"HSET", key(own.site, "pasts")};
  std::vector<std::string> outdated{"HDEL", key(own.site, "pasts")};
  const auto told = std::make_shared<Told>(told_[own.site]);
  for (const auto& [epoch, slot] : own.slots) {
    auto& [version, past_version] = told->versions[epoch];
    if (version > slot.version()) {
      counters_.ahead.add();
      conflict_ = true;
      const auto& read = flush->own[own.site];
      if (const auto it = read.find(epoch); it != read.end()) node_.own_slot_ahead(own.site, epoch, it->second);
      continue;
    }
    if (version == slot.version() && past_version == slot.past_version) continue;
    slots.insert(slots.end(), {field_of(self, epoch), sites::encode_slot(slot)});
    if (slot.past_version != past_version) {
      pasts.insert(pasts.end(), {past_field_of(self, epoch, slot.past_version), sites::encode_past(slot)});
      if (past_version != 0) outdated.push_back(past_field_of(self, epoch, past_version));
    }
    version = slot.version();
    past_version = slot.past_version;
  }
  if (slots.size() == 2) return;
  dirty_.insert(own.site);  // until both are there
  const auto left = std::make_shared<int>(pasts.size() > 2 ? 2 : 1);
  const auto done = [this, flush, site = own.site, told, left, outdated](const Reply&) {
    if (--*left > 0) return;
    if (outdated.size() > 2) call(flush, outdated, [](const Reply&) {});
    dirty_.erase(site);
    told_[site].versions = told->versions;
    unnamed_slots_.insert(site);
  };
  if (pasts.size() > 2) call(flush, pasts, done);
  counters_.slot_writes.add();
  call(flush, slots, done);
}

void Replicator::write_index(const FlushPtr& flush) {
  std::array<std::vector<std::string>, kBuckets> members;
  for (const std::string& site : unnamed_slots_) members[bucket_of(site)].push_back("s/" + site);
  for (const std::string& site : unnamed_changes_) members[bucket_of(site)].push_back("c/" + site);
  // One mark is raised in any case: an old state of Redis is told from the one that was left, though nothing was
  // written.
  const unsigned turn = static_cast<unsigned>(counters_.flushes.get()) % kBuckets;
  for (unsigned k = 0; k < kBuckets; ++k) {
    if (!members[k].empty()) {
      const std::uint64_t score = buckets_[k].greatest + 1;
      const std::string text = std::to_string(score);
      std::vector<std::string> words{"ZADD", index_key(k), "GT", "CH"};
      for (const std::string& member : members[k]) words.insert(words.end(), {text, member});
      call(flush, words, [this, flush, k, score, named = members[k]](const Reply& reply) {
        buckets_[k].greatest = std::max(buckets_[k].greatest, score);
        // Named again: where readers may have gone on, and where another node gave the same score, which somebody may
        // have seen before this node's slot was there.
        if (now_ms_ - flush->begin_ms > options_.late_ms / 2) return;
        if (reply.integer < static_cast<std::int64_t>(named.size())) return;
        for (const std::string& member : named) {
          (member[0] == 's' ? unnamed_slots_ : unnamed_changes_).erase(member.substr(2));
        }
      });
    } else if (k != turn) {
      continue;
    }
    const std::uint64_t mark = ++buckets_[k].mark_tried;
    call(flush, {"SET", mark_key(k), std::to_string(mark), "GET"}, [this, flush, k, mark](const Reply& reply) {
      look_at_mark(flush, k, reply);
      buckets_[k].mark = mark;
    });
  }
  when_answered(flush, [this, flush] { end(flush); });
}

void Replicator::end(const FlushPtr& flush) {
  flush_ = nullptr;
  if (flush->failed) {
    counters_.failed_flushes.add();
    reread_.merge(flush->reread);
    resync_ = resync_ || flush->resync;
    due_ms_ = std::max(due_ms_, now_ms_ + options_.flush_ms);
    return;
  }
  counters_.flushes.add();
  if (flush->resync) resync_due_ms_ = flush->begin_ms + options_.resync_ms;
  if (!reread_.empty()) hurry();
  if (dirty_.empty() && unnamed_slots_.empty() && unnamed_changes_.empty() && reread_.empty())
    in_step_ms_ = flush->begin_ms;
}

// What the three answers say.
std::vector<Replicator::Adopter> Replicator::adopters_of(const counting::Epoch& epoch, std::int64_t since_s,
                                                         const Reply& nodes, const Reply& adopted) {
  std::map<std::string, counting::Epoch> epochs;
  for (std::size_t i = 0; i + 1 < adopted.elements.size(); i += 2) {
    if (const auto known = sites::parse_epoch(adopted.elements[i + 1].text)) epochs[adopted.elements[i].text] = *known;
  }
  std::vector<Adopter> out;
  for (std::size_t i = 0; i + 1 < nodes.elements.size(); i += 2) {
    const std::string& text = nodes.elements[i + 1].text;
    std::int64_t seen_s = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seen_s);
    if (error != std::errc() || seen_s < since_s) continue;
    Adopter node;
    node.incarnation = nodes.elements[i].text;
    node.name = end < text.data() + text.size() ? std::string(end + 1, text.data() + text.size()) : std::string();
    const auto known = epochs.find(node.incarnation);
    node.adopted = (known == epochs.end() ? counting::Epoch{} : known->second) >= epoch;
    out.push_back(std::move(node));
  }
  return out;
}

void Replicator::adopters(const std::string& site, const counting::Epoch& epoch, std::int64_t recent_s,
                          const std::function<void(base::Result<std::vector<Adopter>>)>& then) {
  struct Answers {
    std::int64_t since_s = 0;
    Reply nodes;
  };
  const auto answers = std::make_shared<Answers>();
  const auto failed = [then](const base::Result<Reply>& reply) {
    if (!reply) then(reply.error());
    return !reply;
  };
  const auto with_adopted = [epoch, then, failed, answers](const base::Result<Reply>& adopted) {
    if (!failed(adopted)) then(adopters_of(epoch, answers->since_s, answers->nodes, *adopted));
  };
  const auto with_nodes = [this, site, failed, answers, with_adopted,
                           alive = std::weak_ptr<bool>(alive_)](base::Result<Reply> nodes) {
    if (alive.expired() || failed(nodes)) return;
    answers->nodes = *std::move(nodes);
    calls_.call({"HGETALL", key(site, "adopted")}, with_adopted);
  };
  calls_.call({"TIME"}, [this, recent_s, then, failed, answers, with_nodes,
                         alive = std::weak_ptr<bool>(alive_)](const base::Result<Reply>& time) {
    if (alive.expired() || failed(time)) return;
    const auto redis_ms = ServerClock::read(*time);
    if (!redis_ms) return then(base::Error{base::Errc::unavailable, "Redis does not say what time it is"});
    answers->since_s = *redis_ms / 1000 - recent_s;
    calls_.call({"HGETALL", key("", "nodes")}, with_nodes);
  });
}

}  // namespace footfall::redis

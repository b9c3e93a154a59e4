// SPDX-License-Identifier: Apache-2.0
#include "redis/replicator.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/hash.h"
#include "base/log.h"
#include "counting/saturating.h"
#include "redis/server_clock.h"
#include "sites/epoch_text.h"
#include "sites/slot.h"

namespace footfall::redis {
namespace {

constexpr std::size_t kPairsInACommand = 64;
constexpr std::size_t kRefusedMax = 10'000;

std::string field_of(const base::Incarnation& incarnation, const counting::Epoch& epoch) {
  return base::to_text(incarnation) + ":" + sites::to_text(epoch);
}

// A past has its version in its name: whoever puts back an older one overwrites nothing.
std::string past_field_of(const base::Incarnation& incarnation, const counting::Epoch& epoch, std::uint64_t version) {
  return field_of(incarnation, epoch) + ":" + std::to_string(version);
}

// In the index. A site's name has no space.
std::string named_field(const std::string& field, const std::string& site) {
  return field + " " + site;
}
struct Named {
  std::string field, site;
};
std::optional<Named> parse_named_field(const std::string& member) {
  const std::size_t space = member.find(' ');
  if (space == std::string::npos) return std::nullopt;
  return Named{member.substr(0, space), member.substr(space + 1)};
}
constexpr std::string_view kTrimmed = "trimmed";

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

// Of fields and their values in turn.
bool any_past(const Reply& slots) {
  for (std::size_t i = 1; i < slots.elements.size(); i += 2) {
    const auto slot = sites::decode_slot(slots.elements[i].text);
    if (slot && slot->past_version != 0) return true;
  }
  return false;
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
  bool new_connection = false;
  std::size_t pending = 0;
  std::function<void()> next;
  struct Taken {
    std::unordered_map<std::string, std::uint64_t>& seen;
    std::string member;
    std::uint64_t score;
  };
  std::vector<Taken> taken;
  std::unordered_set<std::string> slots_of, changes_of;    // sites to read
  std::map<std::string, std::set<std::string>> fields_of;  // site -> of which these slots are to be read
  std::vector<std::string> to_read;                        // all of these, the last first
  std::set<std::string> reread;                            // of them; given back if that fails
  std::map<std::string, std::set<std::string>> pasts_of;   // site -> the pasts that are there, in a resync
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
std::string Replicator::fields_key(unsigned bucket) const {
  return options_.prefix + ":{index." + std::to_string(bucket) + "}:fields";
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
    resync_ = new_connection_ = true;
    for (Bucket& bucket : buckets_) {
      bucket.at.clear();
      bucket.trim_below.reset();
    }
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
  flush->new_connection = std::exchange(new_connection_, false);
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
    call(flush, {"ZRANGEBYSCORE", fields_key(k), std::to_string(from), "+inf", "WITHSCORES"},
         [this, flush, k, from](const Reply& reply) { take_fields(flush, k, from, reply); });
  }
  when_answered(flush, [this, flush] {
    flush->new_connection = false;  // what is lost from here on is lost in service
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
    std::vector<std::string>& all = flush->to_read;
    all.assign(flush->slots_of.begin(), flush->slots_of.end());
    all.insert(all.end(), flush->changes_of.begin(), flush->changes_of.end());
    for (const auto& [site, fields] : flush->fields_of) all.push_back(site);
    std::sort(all.begin(), all.end(), std::greater<>());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    when_answered(flush, [this, flush] { flush->failed ? end(flush) : read_sites(flush); });
  });
}

// Before a resync reads anything, so that what is lost while it does is noticed; and so that scores go on rising.
void Replicator::mark_anew(const FlushPtr& flush) {
  for (unsigned k = 0; k < kBuckets; ++k) {
    const std::uint64_t mark = ++buckets_[k].mark_tried;
    if (flush->lost) buckets_[k].mark = 0;  // what is there is of before
    call(flush, {"SET", mark_key(k), std::to_string(mark), "GET"}, [this, flush, k, mark](const Reply& reply) {
      if (buckets_[k].mark > 0) look_at_mark(flush, k, reply);
      buckets_[k].mark = mark;
    });
    call(flush, {"ZADD", index_key(k), "GT", std::to_string(buckets_[k].greatest), "greatest"}, [](const Reply&) {});
  }
}

// REQUIRES: the bucket's mark was written once.
void Replicator::look_at_mark(const FlushPtr& flush, unsigned k, const Reply& reply) {
  const std::uint64_t there = reply.is(Reply::Type::nil) ? 0 : std::strtoull(reply.text.c_str(), nullptr, 10);
  if (there < buckets_[k].mark || there > buckets_[k].mark_tried) lost(flush);
}

void Replicator::lost(const FlushPtr& flush) {
  if (!flush->lost) {
    counters_.losses.add();
    if (!flush->new_connection) counters_.losses_in_service.add();
  }
  flush->lost = lost_ = true;
  flush->resync = true;  // if it is too late for that, the next
  resync_ = true;
  // Who began after that knows only low scores, until it sees the greatest of before again: they come a second time.
  for (Bucket& bucket : buckets_) {
    bucket.at.clear();
    bucket.seen.clear();
    bucket.seen_fields.clear();
    bucket.trimmed = 0;
    bucket.trim_below.reset();
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
    flush->taken.push_back({bucket.seen, member, score});
  }
  bucket.at.emplace_back(flush->begin_ms, bucket.greatest);
}

// `from`: the score from which on was asked; 0: all.
void Replicator::take_fields(const FlushPtr& flush, unsigned k, std::uint64_t from, const Reply& reply) {
  Bucket& bucket = buckets_[k];
  for (std::size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    const std::string& member = reply.elements[i].text;
    const std::uint64_t score = score_of(reply.elements[i + 1]);
    bucket.greatest = std::max(bucket.greatest, score);
    if (member == kTrimmed) {
      bucket.trimmed = std::max(bucket.trimmed, score);
      if (from > 0 && score > from) {  // some went that were not read yet
        flush->resync = true;
        bucket.at.assign(1, {flush->begin_ms, bucket.greatest});
      }
      continue;
    }
    const auto seen = bucket.seen_fields.find(member);
    if (seen != bucket.seen_fields.end() && seen->second == score) continue;
    // A resync reads all of each site.
    if (auto named = parse_named_field(member); named && !flush->resync)
      flush->fields_of[named->site].insert(std::move(named->field));
    flush->taken.push_back({bucket.seen_fields, member, score});
  }
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
    call(flush, {"HKEYS", key(site, "changes")},
         [this, flush, site](const Reply& reply) { read_changes(flush, site, reply); });
  }
  if (!flush->slots_of.contains(site)) {
    const auto fields = flush->fields_of.find(site);
    if (fields != flush->fields_of.end()) read_fields(flush, site, fields->second);
    return;
  }
  if (flush->resync && node_.epoch(site) != counting::Epoch{}) {
    call(flush, {"HGET", key(site, "adopted"), base::to_text(node_.incarnation())}, [this, site](const Reply& reply) {
      if (const auto epoch = sites::parse_epoch(reply.text)) told_[site].adopted = *epoch;
    });
  }
  call(flush, {"HGETALL", key(site, "slots")}, [this, flush, site](const Reply& slots) {
    readings_[site].fields = slots.elements.size() / 2;
    if (!flush->resync || !any_past(slots)) return take_slots(flush, site, slots);
    call(flush, {"HKEYS", key(site, "pasts")}, [this, flush, site, slots](const Reply& pasts) {
      for (const Reply& field : pasts.elements) flush->pasts_of[site].insert(field.text);
      take_slots(flush, site, slots);
    });
  });
}

void Replicator::read_fields(const FlushPtr& flush, const std::string& site, const std::set<std::string>& fields) {
  std::vector<std::string> words{"HMGET", key(site, "slots")};
  words.insert(words.end(), fields.begin(), fields.end());
  call(flush, words, [this, flush, site, words](const Reply& reply) {
    Reply pairs;
    for (std::size_t i = 0; i < reply.elements.size() && i + 2 < words.size(); ++i) {
      if (reply.elements[i].is(Reply::Type::nil)) {
        reread_.insert(site);  // it was written before it was named: what else is gone?
        continue;
      }
      pairs.elements.emplace_back().text = words[i + 2];
      pairs.elements.push_back(reply.elements[i]);
    }
    take_slots(flush, site, pairs);
  });
}

// Of the ids that are there those that are not known: mostly none, of however many.
void Replicator::read_changes(const FlushPtr& flush, const std::string& site, const Reply& ids) {
  auto unknown = std::make_shared<std::vector<std::string>>();
  for (const Reply& id : ids.elements) {
    const bool knows = node_.knows(id.text);
    if (!knows || !node_.is_past(id.text)) changes_told_.insert(id.text);  // past ones are told no more
    if (!knows && !waiting_.contains(id.text) && !refused_.contains(id.text)) unknown->push_back(id.text);
  }
  read_unknown(flush, site, unknown, 0);
}

// One piece behind another.
void Replicator::read_unknown(const FlushPtr& flush, const std::string& site,
                              const std::shared_ptr<const std::vector<std::string>>& ids, std::size_t first) {
  if (first >= ids->size()) return;
  const std::size_t end = std::min(ids->size(), first + kPairsInACommand);
  std::vector<std::string> words{"HMGET", key(site, "changes")};
  words.insert(words.end(), ids->begin() + static_cast<std::ptrdiff_t>(first),
               ids->begin() + static_cast<std::ptrdiff_t>(end));
  call(flush, words, [this, flush, site, ids, first, end](const Reply& values) {
    take_changes(flush, site, {ids->begin() + static_cast<std::ptrdiff_t>(first), end - first}, values);
    read_unknown(flush, site, ids, end);
  });
}

void Replicator::take_changes(const FlushPtr& flush, const std::string& site, std::span<const std::string> ids,
                              const Reply& values) {
  for (std::size_t i = 0; i < std::min(ids.size(), values.elements.size()); ++i) {
    const std::string& id = ids[i];
    if (values.elements[i].is(Reply::Type::nil)) {  // Redis lost it since
      changes_told_.erase(id);
      continue;
    }
    base::Result<sites::SharedChange> change = sites::decode_shared_change(values.elements[i].text);
    if (!change || change->site != site || change->change.id != id) {
      complain("change " + id + " of " + (site.empty() ? "no site" : site) +
               " cannot be read: " + (change ? "it is called otherwise, or of another site" : change.error().detail));
      continue;
    }
    flush->changes.push_back(*std::move(change));
  }
}

void Replicator::take_slots(const FlushPtr& flush, const std::string& site, const Reply& reply) {
  std::unordered_set<std::string> there;  // fields that are as new as what is known here
  std::unordered_set<std::string> older;  // than what is known here
  const base::Incarnation self = node_.incarnation();
  std::size_t news = 0;
  counters_.slots_read.add(reply.elements.size() / 2);
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
    const auto known = node_.known_versions(site, field->epoch, field->incarnation);
    if (known && known->slot > slot->version()) {
      older.insert(name);
      continue;
    }
    // Without its past it is of no use to who does not know it.
    if (slot->past_version == 0 ||
        flush->pasts_of[site].contains(past_field_of(field->incarnation, field->epoch, slot->past_version)))
      there.insert(name);
    if (known && known->slot == slot->version()) continue;
    ++news;
    counting::RemoteSlot learnt{field->epoch, field->incarnation, *std::move(slot)};
    if (learnt.slot.past_version == 0 || (known && known->past == learnt.slot.past_version)) {
      flush->learnt.push_back({site, std::move(learnt)});
    } else {
      read_past(flush, site, name, std::move(learnt));
    }
  }
  if (!flush->resync) readings_[site].news = news;
  if (!flush->resync && older.empty()) return;
  std::vector<counting::RemoteSlot> lost = node_.known_slots(site);
  std::erase_if(lost, [&](const counting::RemoteSlot& known) {
    const std::string field = field_of(known.incarnation, known.epoch);
    return flush->resync ? there.contains(field) : !older.contains(field);
  });
  republish(flush, site, lost);
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
    for (Flush::Taken& taken : flush->taken) taken.seen[std::move(taken.member)] = taken.score;
  }
  write_changes(flush);
}

// In the order in which they were made, as far as clocks agree: so that of many the latest are those that are
// remembered, and what takes a change back finds it.
void Replicator::adopt_waiting() {
  std::vector<decltype(waiting_)::iterator> order;
  order.reserve(waiting_.size());
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) order.push_back(it);
  std::stable_sort(order.begin(), order.end(),
                   [](auto a, auto b) { return a->second.change.at_s < b->second.change.at_s; });
  std::size_t adoptions = 0;
  for (bool moved = true; moved;) {
    moved = false;
    std::vector<decltype(waiting_)::iterator> left;
    for (const auto it : order) {
      if (adoptions == options_.adopted_at_once) {
        hurry();
        return node_.adopted();
      }
      const sites::SharedChange& change = it->second;
      const bool new_site = !change.site.empty() && !node_.has_site(change.site);
      const base::Result<void> adopted = node_.adopt(change);
      if (!adopted && adopted.error().code == base::Errc::unavailable) {
        left.push_back(it);
        continue;
      }
      if (adopted) {
        counters_.changes_adopted.add();
        ++adoptions;
        if (new_site) reread_.insert(change.site);
        moved = true;
      } else {
        complain("change " + change.change.id + " is not adopted: " + adopted.error().detail);
        if (refused_.size() < kRefusedMax) refused_.insert(change.change.id);
      }
      waiting_.erase(it);
    }
    order = std::move(left);
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
      if (epoch == counting::Epoch{} || epoch == told_[site].adopted) continue;
      call(flush, {"HSET", key(site, "adopted"), base::to_text(node_.incarnation()), sites::to_text(epoch)},
           [this, site, epoch](const Reply&) { told_[site].adopted = epoch; });
    }
  }
  write_presence(flush);
  when_answered(flush, [this, flush, applied] {
    if (!flush->failed) changes_seen_ = applied;
    for (std::string& site : node_.take_changed()) dirty_.insert(std::move(site));
    for (auto site = removed_.begin(); site != removed_.end();) {
      if (!node_.has_site(*site)) {
        ++site;
        continue;
      }
      dirty_.insert(*site);
      site = removed_.erase(site);
    }
    if (dirty_.empty()) return write_index(flush);
    node_.own_slots({dirty_.begin(), dirty_.end()}, [this, flush, alive = std::weak_ptr<bool>(alive_)](
                                                        base::Result<std::vector<ReplicatedNode::OwnSite>> own) {
      if (alive.expired()) return;
      if (!own) {
        flush->failed = true;
        return write_index(flush);
      }
      for (const ReplicatedNode::OwnSite& site : *own) dirty_.erase(site.site);
      removed_.merge(dirty_);  // their hits are told when they are there again
      dirty_.clear();          // what fails is put back; what changes meanwhile comes with take_changed()
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
  std::vector<std::string> fields;
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
    fields.push_back(field_of(self, epoch));
    slots.insert(slots.end(), {fields.back(), sites::encode_slot(slot)});
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
  const auto done = [this, flush, site = own.site, fields = std::move(fields), told, left, outdated](const Reply&) {
    if (--*left > 0) return;
    if (outdated.size() > 2) call(flush, outdated, [](const Reply&) {});
    dirty_.erase(site);
    told_[site].versions = told->versions;
    unnamed_own_[site].insert(fields.begin(), fields.end());
  };
  if (pasts.size() > 2) call(flush, pasts, done);
  counters_.slot_writes.add();
  call(flush, slots, done);
}

// So that it is cheaper to name its slots, and to read these, than to read all that are there.
bool Replicator::few_change(const std::string& site) const {
  const auto reading = readings_.find(site);
  return reading != readings_.end() && 2 * (reading->second.news + 1) <= reading->second.fields;
}

void Replicator::write_index(const FlushPtr& flush) {
  std::array<std::vector<std::string>, kBuckets> sites, fields;
  for (const std::string& site : unnamed_slots_) sites[bucket_of(site)].push_back("s/" + site);
  for (const std::string& site : unnamed_changes_) sites[bucket_of(site)].push_back("c/" + site);
  for (const auto& [site, own] : unnamed_own_) {
    if (unnamed_slots_.contains(site)) continue;
    const unsigned k = bucket_of(site);
    if (!few_change(site)) {
      sites[k].push_back("s/" + site);
      continue;
    }
    for (const std::string& field : own) fields[k].push_back(named_field(field, site));
  }
  // One mark is raised in any case: an old state of Redis is told from the one that was left, though nothing was
  // written.
  const unsigned turn = static_cast<unsigned>(counters_.flushes.get()) % kBuckets;
  for (unsigned k = 0; k < kBuckets; ++k) {
    trim(flush, k);
    if (!sites[k].empty()) name_sites(flush, k, sites[k]);
    if (!fields[k].empty()) name_fields(flush, k, fields[k]);
    if (sites[k].empty() && fields[k].empty() && k != turn) continue;
    const std::uint64_t mark = ++buckets_[k].mark_tried;
    call(flush, {"SET", mark_key(k), std::to_string(mark), "GET"}, [this, flush, k, mark](const Reply& reply) {
      look_at_mark(flush, k, reply);
      buckets_[k].mark = mark;
    });
  }
  when_answered(flush, [this, flush] { end(flush); });
}

// Both name again what readers may have gone past meanwhile, and where another node gave the same score, which somebody
// may have seen before this node's slot was there.
void Replicator::name_sites(const FlushPtr& flush, unsigned k, const std::vector<std::string>& members) {
  const std::uint64_t score = buckets_[k].greatest + 1;
  const std::string text = std::to_string(score);
  std::vector<std::string> words{"ZADD", index_key(k), "GT", "CH"};
  for (const std::string& member : members) words.insert(words.end(), {text, member});
  call(flush, words, [this, flush, k, score, members](const Reply& reply) {
    buckets_[k].greatest = std::max(buckets_[k].greatest, score);
    if (now_ms_ - flush->begin_ms > options_.late_ms / 2) return;
    if (reply.integer < static_cast<std::int64_t>(members.size())) return;
    for (const std::string& member : members) {
      const std::string site = member.substr(2);
      if (member[0] == 'c') {
        unnamed_changes_.erase(site);
        continue;
      }
      unnamed_slots_.erase(site);
      unnamed_own_.erase(site);
    }
  });
}

void Replicator::name_fields(const FlushPtr& flush, unsigned k, const std::vector<std::string>& members) {
  const std::uint64_t score = buckets_[k].greatest + 1;
  const std::string text = std::to_string(score);
  std::vector<std::string> words{"ZADD", fields_key(k), "GT", "CH"};
  for (const std::string& member : members) words.insert(words.end(), {text, member});
  call(flush, words, [this, flush, k, score, members](const Reply& reply) {
    buckets_[k].greatest = std::max(buckets_[k].greatest, score);
    if (now_ms_ - flush->begin_ms > options_.late_ms / 2) return;
    if (reply.integer < static_cast<std::int64_t>(members.size())) return;
    for (const std::string& member : members) {
      const Named of = *parse_named_field(member);
      const auto own = unnamed_own_.find(of.site);
      if (own == unnamed_own_.end()) continue;
      own->second.erase(of.field);
      if (own->second.empty()) unnamed_own_.erase(own);
      // Nobody else names it, but a copy of this process, and then with another score.
      if (!flush->lost) buckets_[k].seen_fields[member] = score;
    }
  });
}

void Replicator::trim(const FlushPtr& flush, unsigned k) {
  Bucket& bucket = buckets_[k];
  if (bucket.trim_below && flush->begin_ms - bucket.trim_below->first < options_.trim_ms) return;
  const auto below = std::exchange(bucket.trim_below, {{flush->begin_ms, bucket.greatest}});
  if (!below) return;
  const auto gone = std::erase_if(bucket.seen_fields, [&](const auto& seen) { return seen.second < below->second; });
  if (gone == 0 || bucket.trimmed >= below->second) return;
  const std::string score = std::to_string(below->second);
  // One after the other: what has gone must have been said.
  call(flush, {"ZADD", fields_key(k), "GT", score, std::string(kTrimmed)}, [this, flush, k, score](const Reply&) {
    call(flush, {"ZREMRANGEBYSCORE", fields_key(k), "-inf", "(" + score}, [](const Reply&) {});
  });
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
  counters_.replicated.set(replicated());
  if (flush->resync) resync_due_ms_ = flush->begin_ms + options_.resync_ms;
  if (!reread_.empty()) hurry();
  if (dirty_.empty() && unnamed_slots_.empty() && unnamed_changes_.empty() && unnamed_own_.empty() && reread_.empty())
    in_step_ms_ = flush->begin_ms;
}

// Cost: a step for each own slot, once a flush, as take_changed() needs for each site.
std::uint64_t Replicator::replicated() const {
  std::uint64_t sum = 0;
  for (const auto& [site, told] : told_) {
    for (const auto& [epoch, versions] : told.versions) counting::add_saturating(sum, versions.first);
  }
  return sum;
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

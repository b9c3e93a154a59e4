// SPDX-License-Identifier: Apache-2.0
#include "redis/replicator.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/hash.h"
#include "base/log.h"
#include "counting/saturating.h"
#include "redis/node_row.h"
#include "redis/server_clock.h"
#include "sites/epoch_text.h"
#include "sites/slot.h"

namespace footfall::redis {
namespace {

constexpr std::size_t kRefusedMax = 10'000;
constexpr const char* kMarkKept_s = "86400";
// Of a site of which a reply was too large: a change is a block of the control stream, of 8 MiB at most.
constexpr std::size_t kFewAtOnce = 4;

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

// Names of the pasts of slots: of fields and their values in turn.
std::vector<std::string> pasts_named(const std::vector<Reply>& slots) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i + 1 < slots.size(); i += 2) {
    const auto slot = sites::decode_slot(slots[i + 1].text);
    if (slot && slot->past_version != 0) out.push_back(slots[i].text + ":" + std::to_string(slot->past_version));
  }
  return out;
}

// Of a mark; 0: there is none.
std::uint64_t number_of(const Reply& mark) {
  return mark.is(Reply::Type::nil) ? 0 : std::strtoull(mark.text.c_str(), nullptr, 10);
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
  std::array<bool, kBuckets> from_here_on{};               // of the bucket nothing that was named before is to be read
  std::unordered_set<std::string> slots_of, changes_of;    // sites to read
  std::map<std::string, std::set<std::string>> fields_of;  // site -> of which these slots are to be read
  std::vector<std::string> to_read;                        // all of these, the last first
  std::set<std::string> reread;                            // of them; given back if that fails
  struct Pasts {
    enum class Read { nothing, all, one_by_one } read = Read::nothing;
    std::set<std::string> there;
  };
  std::map<std::string, Pasts> pasts_of;  // site -> the pasts that are there, in a resync
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
std::string Replicator::mark_key(unsigned tag) const {
  return options_.prefix + ":{index." + std::to_string(tag) + "}:mark:" + base::to_text(node_.incarnation());
}
unsigned Replicator::bucket_of(std::string_view site) {
  return base::crc32c(site) % kBuckets;
}

void Replicator::complain(const std::string& what) {
  counters_.unreadable.add();
  if (complaints_.size() < 1000 && complaints_.insert(what).second)
    base::log::warning("redis_value_unreadable", "Redis: " + what);
}

// --- the steps ---

void Replicator::call(const FlushPtr& flush, const std::vector<std::string>& words,
                      std::function<void(const Reply&)> done, const std::string* of_site) {
  ++flush->pending;
  calls_.call(words,
              [this, flush, alive = std::weak_ptr<bool>(alive_), done = std::move(done),
               site = of_site == nullptr ? std::nullopt : std::optional(*of_site)](const base::Result<Reply>& reply) {
                if (alive.expired()) return;
                if (reply) {
                  done(*reply);
                } else {
                  flush->failed = true;
                  if (site && reply.error().code == base::Errc::too_large) large_.insert(*site);
                }
                answered(flush);
              });
}

Call Replicator::calls_of(const FlushPtr& flush, const std::string& site) {
  return [this, flush, site](const std::vector<std::string>& words, std::function<void(const Reply&)> done) {
    call(flush, words, std::move(done), &site);
  };
}

std::size_t Replicator::at_once(const std::string& site, std::size_t usual) const {
  return large_.contains(site) ? std::min(usual, kFewAtOnce) : usual;
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
  watch();
  for (const auto& [tag, mark] : marks_) {
    if (mark.there == 0) continue;
    call(flush, {"GET", mark_key(tag)},
         [this, flush, tag = tag](const Reply& reply) { look_at_mark(flush, marks_[tag], reply); });
  }
  for (unsigned k = 0; k < kBuckets; ++k) {
    Bucket& bucket = buckets_[k];
    while (bucket.at.size() > 1 && bucket.at[1].first <= flush->begin_ms - options_.late_ms) bucket.at.pop_front();
    const bool settled = !bucket.at.empty() && bucket.at[0].first <= flush->begin_ms - options_.late_ms;
    const std::uint64_t from = settled ? bucket.at[0].second : 0;
    read_names(flush, index_key(k), from, [this, flush, k](const Reply& reply, bool all) {
      if (all) return take_index(flush, k, reply.elements);
      scan(calls_of(flush, ""), "ZSCAN", index_key(k), options_.pairs_at_once,
           [this, flush, k](const std::vector<Reply>& members, const More& more) {
             take_index(flush, k, members);
             if (more) more();
           });
    });
    read_names(flush, fields_key(k), from, [this, flush, k, from](const Reply& reply, bool all) {
      take_fields(flush, k, from, reply.elements);
      if (!all) skip_fields(flush, k);
    });
  }
  when_answered(flush, [this, flush] {
    flush->new_connection = false;  // what is lost from here on is lost in service
    if (flush->failed) return end(flush);
    if (flush->resync) {
      resync_ = false;
      const bool after_loss = std::exchange(lost_, false);
      const bool first = std::exchange(first_resync_, false);
      counters_.resyncs.add();
      changes_told_.clear();
      told_.clear();
      changes_seen_ = UINT64_MAX;
      std::unordered_set<std::string_view> named;  // by what was read now
      for (const Flush::Taken& taken : flush->taken) named.insert(taken.member);
      const auto name_changes = [&](const std::string& site) {
        const std::string member = "c/" + site;
        // A run that ended between a change and its name left one without: who does not know the site would never look.
        if (after_loss || (!named.contains(member) && !buckets_[bucket_of(site)].seen.contains(member)))
          unnamed_changes_.insert(site);
      };
      for (const std::string& site : node_.sites()) {
        flush->slots_of.insert(site);
        flush->changes_of.insert(site);
        dirty_.insert(site);
        // What others were told of may be there, and its name in the index not: they may not have noticed. So may what
        // the run before this one wrote last, which may have been a slot of one before that.
        if (after_loss || first) unnamed_slots_.insert(site);
        name_changes(site);
      }
      flush->changes_of.insert("");
      name_changes("");
      mark_anew(flush);
    }
    look_for_passed_over();
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

// Which marks there are to be: those by which each master has one, now.
void Replicator::watch() {
  const std::vector<unsigned> tags = calls_.index_tags();
  std::erase_if(marks_,
                [&](const auto& mark) { return std::find(tags.begin(), tags.end(), mark.first) == tags.end(); });
  for (const unsigned tag : tags) marks_.try_emplace(tag);
}

void Replicator::raise(const FlushPtr& flush, unsigned tag) {
  const std::uint64_t number = marks_[tag].tried = ++last_mark_;
  call(flush, {"SET", mark_key(tag), std::to_string(number), "EX", kMarkKept_s, "GET"},
       [this, flush, tag, number](const Reply& reply) {
         const auto mark = marks_.find(tag);
         if (mark == marks_.end()) return;
         if (mark->second.there > 0) {
           look_at_mark(flush, mark->second, reply);
         } else {  // of the process before, after a clean stop: no number is given twice
           last_mark_ = std::max(last_mark_, number_of(reply));
         }
         mark->second.there = number;
       });
}

// Before a resync reads anything, so that what is lost while it does is noticed; and so that scores go on rising.
void Replicator::mark_anew(const FlushPtr& flush) {
  for (auto& [tag, mark] : marks_) {
    if (flush->lost) mark.there = 0;  // what is there is of before
    raise(flush, tag);
  }
  for (unsigned k = 0; k < kBuckets; ++k) {
    call(flush, {"ZADD", index_key(k), "GT", std::to_string(buckets_[k].greatest), "greatest"}, [](const Reply&) {});
  }
}

// REQUIRES: the mark was written once.
void Replicator::look_at_mark(const FlushPtr& flush, const Mark& mark, const Reply& reply) {
  const std::uint64_t there = number_of(reply);
  if (there < mark.there || there > mark.tried) lost(flush);
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

// Of an index what was named from this score on. `then` is told whether that was all, or just the first.
void Replicator::read_names(const FlushPtr& flush, const std::string& key, std::uint64_t from,
                            std::function<void(const Reply& reply, bool all)> then) {
  call(flush,
       {"ZRANGEBYSCORE", key, std::to_string(from), "+inf", "WITHSCORES", "LIMIT", "0",
        std::to_string(options_.names_at_once)},
       [this, then = std::move(then)](const Reply& reply) {
         then(reply, reply.elements.size() / 2 < options_.names_at_once);
       });
}

void Replicator::take_index(const FlushPtr& flush, unsigned k, const std::vector<Reply>& members) {
  Bucket& bucket = buckets_[k];
  const bool all = flush->resync;
  for (std::size_t i = 0; i + 1 < members.size(); i += 2) {
    const std::string& member = members[i].text;
    const std::uint64_t score = score_of(members[i + 1]);
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
}

// More slots are named than are read at once: all of all sites is, and what is named from now on.
void Replicator::skip_fields(const FlushPtr& flush, unsigned k) {
  flush->resync = true;
  call(flush, {"ZREVRANGEBYSCORE", fields_key(k), "+inf", "-inf", "WITHSCORES", "LIMIT", "0", "1"},
       [this, flush, k](const Reply& reply) {
         if (reply.elements.size() != 2) return;
         Bucket& bucket = buckets_[k];
         bucket.greatest = std::max(bucket.greatest, score_of(reply.elements[1]));
         flush->from_here_on[k] = true;
       });
}

// `from`: the score from which on was asked; 0: all.
void Replicator::take_fields(const FlushPtr& flush, unsigned k, std::uint64_t from, const std::vector<Reply>& members) {
  Bucket& bucket = buckets_[k];
  for (std::size_t i = 0; i + 1 < members.size(); i += 2) {
    const std::string& member = members[i].text;
    const std::uint64_t score = score_of(members[i + 1]);
    bucket.greatest = std::max(bucket.greatest, score);
    if (member == kTrimmed) {
      bucket.trimmed = std::max(bucket.trimmed, score);
      if (from > 0 && score > from) {  // some went that were not read yet
        flush->resync = true;
        flush->from_here_on[k] = true;
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
  if (flush->changes_of.contains(site)) read_changes(flush, site);
  if (!flush->slots_of.contains(site)) {
    const auto fields = flush->fields_of.find(site);
    if (fields != flush->fields_of.end()) read_named(flush, site, fields->second);
    return;
  }
  if (flush->resync && node_.epoch(site) != counting::Epoch{}) {
    call(flush, {"HGET", key(site, "adopted"), base::to_text(node_.incarnation())}, [this, site](const Reply& reply) {
      if (const auto epoch = sites::parse_epoch(reply.text)) told_[site].adopted = *epoch;
    });
  }
  const auto found = std::make_shared<Found>();
  found->resync = flush->resync;
  scan(calls_of(flush, site), "HSCAN", key(site, "slots"), at_once(site, options_.pairs_at_once),
       [this, flush, site, found](const std::vector<Reply>& slots, const More& more) {
         ++found->pieces;
         const auto take = [this, flush, site, found, more](const std::vector<Reply>& piece) {
           take_slots(flush, site, piece, *found);
           if (more) return more();
           readings_[site].fields = found->fields;
           put_back(flush, site, *found);
         };
         found->resync ? with_pasts(flush, site, slots, take) : take(slots);
       });
}

// Those that were named alone.
void Replicator::read_named(const FlushPtr& flush, const std::string& site, const std::set<std::string>& fields) {
  const auto found = std::make_shared<Found>();
  redis::read_fields(
      calls_of(flush, site), key(site, "slots"), {fields.begin(), fields.end()}, at_once(site, options_.pairs_at_once),
      [this, flush, site, found](std::span<const std::string> names, const std::vector<Reply>& values, bool last) {
        std::vector<Reply> pairs;
        for (std::size_t i = 0; i < names.size(); ++i) {
          if (values[i].is(Reply::Type::nil)) {
            reread_.insert(site);  // it was written before it was named: what else is gone?
            continue;
          }
          pairs.emplace_back().text = names[i];
          pairs.push_back(values[i]);
        }
        take_slots(flush, site, pairs, *found);
        if (last) put_back(flush, site, *found);
      });
}

// `then` gets the slots when it is known which of their pasts are there. Of how many there may be, the names are read
// once; of more it is asked one by one, since a scan would bring their values.
void Replicator::with_pasts(const FlushPtr& flush, const std::string& site, const std::vector<Reply>& slots,
                            const std::function<void(const std::vector<Reply>&)>& then) {
  using Read = Flush::Pasts::Read;
  const Read read = flush->pasts_of[site].read;
  std::vector<std::string> named = pasts_named(slots);
  if (named.empty() || read == Read::all) return then(slots);
  if (read == Read::one_by_one) {
    return which_are_there(calls_of(flush, site), key(site, "pasts"), std::move(named),
                           [flush, site, slots, then](const std::vector<std::string>& there) {
                             flush->pasts_of[site].there.insert(there.begin(), there.end());
                             then(slots);
                           });
  }
  call(flush, {"HLEN", key(site, "pasts")}, [this, flush, site, slots, then](const Reply& count) {
    if (!may_name_all(count)) {
      flush->pasts_of[site].read = Read::one_by_one;
      return with_pasts(flush, site, slots, then);
    }
    const auto take = [flush, site, slots, then](const Reply& pasts) {
      Flush::Pasts& of = flush->pasts_of[site];
      of.read = Read::all;
      for (const Reply& field : pasts.elements) of.there.insert(field.text);
      then(slots);
    };
    call(flush, {"HKEYS", key(site, "pasts")}, take, &site);
  });
}

// Whether a hash of so many fields may be asked for all their names.
bool Replicator::may_name_all(const Reply& count) const {
  return count.integer <= static_cast<std::int64_t>(options_.names_at_once);
}

// Of the ids that are there those that are not known: mostly none, of however many. Of very many ids the values come
// with them.
void Replicator::read_changes(const FlushPtr& flush, const std::string& site) {
  call(flush, {"HLEN", key(site, "changes")}, [this, flush, site](const Reply& count) {
    if (may_name_all(count)) {
      if (count.integer == 0) return;
      const auto take = [this, flush, site](const Reply& names) { read_unknown(flush, site, names); };
      return call(flush, {"HKEYS", key(site, "changes")}, take, &site);
    }
    scan(calls_of(flush, site), "HSCAN", key(site, "changes"), at_once(site, options_.pairs_at_once),
         [this, flush, site](const std::vector<Reply>& pairs, const More& more) {
           for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
             if (is_news(pairs[i].text)) take_change(flush, site, pairs[i].text, pairs[i + 1]);
           }
           if (more) more();
         });
  });
}

// It is there; and it is not known here, nor looked at already.
bool Replicator::is_news(const std::string& change) {
  const bool knows = node_.knows(change);
  if (!knows || !node_.is_past(change)) changes_told_.insert(change);  // past ones are told no more
  return !knows && !waiting_.contains(change) && !refused_.contains(change);
}

void Replicator::read_unknown(const FlushPtr& flush, const std::string& site, const Reply& there) {
  std::vector<std::string> unknown;
  for (const Reply& name : there.elements) {
    if (is_news(name.text)) unknown.push_back(name.text);
  }
  redis::read_fields(calls_of(flush, site), key(site, "changes"), std::move(unknown),
                     at_once(site, options_.changes_at_once),
                     [this, flush, site](std::span<const std::string> names, const std::vector<Reply>& values, bool) {
                       for (std::size_t i = 0; i < names.size(); ++i) take_change(flush, site, names[i], values[i]);
                     });
}

void Replicator::take_change(const FlushPtr& flush, const std::string& site, const std::string& name,
                             const Reply& value) {
  if (value.is(Reply::Type::nil)) {  // Redis lost it since
    changes_told_.erase(name);
    return;
  }
  base::Result<sites::SharedChange> change = sites::decode_shared_change(value.text);
  if (!change || change->site != site || (change->field() != name && change->change.id != name)) {
    complain("change " + name + " of " + (site.empty() ? "no site" : site) +
             " cannot be read: " + (change ? "it is called otherwise, or of another site" : change.error().detail));
    return;
  }
  flush->changes.push_back(*std::move(change));
}

void Replicator::take_slots(const FlushPtr& flush, const std::string& site, const std::vector<Reply>& pairs,
                            Found& found) {
  const base::Incarnation self = node_.incarnation();
  const auto past_is_there = [&pasts = flush->pasts_of[site].there](const std::string& past) {
    return pasts.contains(past);
  };
  found.fields += pairs.size() / 2;
  counters_.slots_read.add(pairs.size() / 2);
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    const std::string& name = pairs[i].text;
    const auto field = parse_field(name);
    base::Result<counting::Slot> slot = sites::decode_slot(pairs[i + 1].text);
    if (!field || !slot) {
      complain(unreadable_slot(name, site, slot ? "its name is none of a slot" : slot.error().detail));
      continue;
    }
    if (field->incarnation == self) {
      auto& [version, past_version] = told_[site].versions[field->epoch];
      if (version != slot->version()) {
        dirty_.insert(site);
        version = slot->version();
        const bool past_there = past_is_there(past_field_of(self, field->epoch, slot->past_version));
        past_version = past_there ? slot->past_version : 0;
      }
      flush->own[site][field->epoch] = *std::move(slot);
      continue;
    }
    const auto known = node_.known_versions(site, field->epoch, field->incarnation);
    if (known && known->slot > slot->version()) {
      found.came(name, false);
      continue;
    }
    // Without its past it is of no use to who does not know it.
    found.came(name, !found.resync || slot->past_version == 0 ||
                         past_is_there(past_field_of(field->incarnation, field->epoch, slot->past_version)));
    if (known && known->slot == slot->version()) continue;
    ++found.news;
    counting::RemoteSlot learnt{field->epoch, field->incarnation, *std::move(slot)};
    if (learnt.slot.past_version == 0 || (known && known->past == learnt.slot.past_version)) {
      flush->learnt.push_back({site, std::move(learnt)});
    } else {
      read_past(flush, site, name, std::move(learnt));
    }
  }
  if (!found.resync) readings_[site].news = found.news;
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

// Of others: what Redis lost, or somebody put back who knew less; who counted it may be gone. What did not come in a
// scan of several pieces may be there nevertheless, and newer: there it is left.
void Replicator::put_back(const FlushPtr& flush, const std::string& site, const Found& found) {
  if (!found.resync && found.unfit.empty()) return;
  Pairs slots, missing, pasts;
  for (const counting::RemoteSlot& known : node_.known_slots(site)) {
    const std::string field = field_of(known.incarnation, known.epoch);
    const bool came = found.unfit.contains(field);
    if (!came && (!found.resync || found.fit.contains(field))) continue;
    (came || found.pieces == 1 ? slots : missing).emplace_back(field, sites::encode_slot(known.slot));
    if (known.slot.past_version == 0) continue;
    const std::string past = past_field_of(known.incarnation, known.epoch, known.slot.past_version);
    if (!flush->pasts_of[site].there.contains(past)) pasts.emplace_back(past, sites::encode_past(known.slot));
  }
  if (slots.empty() && missing.empty()) return;
  // Pasts before the slots that name them.
  const Call send = calls_of(flush, site);
  const auto then = [this, send, site, slots = std::move(slots), missing = std::move(missing)] {
    const auto name = [this, site](std::size_t written) {
      if (written > 0) unnamed_slots_.insert(site);
    };
    write_fields(send, key(site, "slots"), slots, [name, count = slots.size()] { name(count); });
    write_missing(send, key(site, "slots"), missing, name);
  };
  write_fields(send, key(site, "pasts"), std::move(pasts), then);
}

void Replicator::digest(const FlushPtr& flush) {
  for (sites::SharedChange& change : flush->changes) {
    std::string name = change.field();
    waiting_.emplace(std::move(name), std::move(change));
  }
  adopt_waiting();
  std::erase_if(flush->learnt, [this](const ReplicatedNode::Learnt& learnt) {
    if (node_.has_site(learnt.site)) return false;
    passed_over_.insert(learnt.site);
    return true;
  });
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
  // Not before: what a flush that failed had read of the index is read again.
  if (!flush->lost) {
    for (Flush::Taken& taken : flush->taken) taken.seen[std::move(taken.member)] = taken.score;
    for (unsigned k = 0; k < kBuckets; ++k) {
      if (flush->from_here_on[k]) buckets_[k].at.clear();
      buckets_[k].at.emplace_back(now_ms_, buckets_[k].greatest);
    }
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
      const base::Result<void> adopted = node_.adopt(change);
      if (!adopted && adopted.error().code == base::Errc::unavailable) {
        left.push_back(it);
        continue;
      }
      if (adopted) {
        counters_.changes_adopted.add();
        ++adoptions;
        moved = true;
      } else {
        complain("change " + change.change.id + " is not adopted: " + adopted.error().detail);
        if (refused_.size() < kRefusedMax) refused_.insert(it->first);
      }
      waiting_.erase(it);
    }
    order = std::move(left);
  }
  if (adoptions > 0) node_.adopted();
}

// Of sites that were not there: they are read when they are, by whoever's change.
void Replicator::look_for_passed_over() {
  std::erase_if(passed_over_, [this](const std::string& site) {
    if (!node_.has_site(site)) return false;
    reread_.insert(site);
    return true;
  });
}

void Replicator::write_changes(const FlushPtr& flush) {
  const std::uint64_t applied = node_.changes_applied();
  if (applied != changes_seen_) {
    std::map<std::string, Pairs> by_site;  // site -> name, bytes
    node_.each_shared([&](const sites::SharedChange& change) {
      std::string name = change.field();
      if (!changes_told_.contains(name)) by_site[change.site].emplace_back(std::move(name), encode(change));
    });
    for (auto& [site, changes] : by_site) {
      std::vector<std::string> names;
      for (const auto& [name, bytes] : changes) names.push_back(name);
      // What is there was not seen, or came meanwhile, and may say more: pages of a restored snapshot.
      write_missing(calls_of(flush, site), key(site, "changes"), std::move(changes),
                    [this, site = site, names = std::move(names)](std::size_t written) {
                      changes_told_.insert(names.begin(), names.end());
                      counters_.change_writes.add(written);
                      unnamed_changes_.insert(site);
                    });
    }
  }
  write_presence(flush);
  when_answered(flush, [this, flush, applied] { write_adopted(flush, applied); });
}

// Behind its row of nodes: a run that is not there has adopted nothing (departed.h).
void Replicator::write_adopted(const FlushPtr& flush, std::uint64_t applied) {
  if (applied != changes_seen_) {
    for (const std::string& site : node_.sites()) {
      const counting::Epoch epoch = node_.epoch(site);
      if (epoch == counting::Epoch{} || epoch == told_[site].adopted) continue;
      call(flush, {"HSET", key(site, "adopted"), base::to_text(node_.incarnation()), sites::to_text(epoch)},
           [this, site, epoch](const Reply&) { told_[site].adopted = epoch; });
    }
  }
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
            NodeRow{*redis_ms / 1000, node_.name()}.text()},
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
  Pairs slots, pasts;
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
    slots.emplace_back(fields.back(), sites::encode_slot(slot));
    if (slot.past_version != past_version) {
      pasts.emplace_back(past_field_of(self, epoch, slot.past_version), sites::encode_past(slot));
      if (past_version != 0) outdated.push_back(past_field_of(self, epoch, past_version));
    }
    version = slot.version();
    past_version = slot.past_version;
  }
  if (slots.empty()) return;
  dirty_.insert(own.site);  // until both are there
  const auto done = [this, flush, site = own.site, fields = std::move(fields), told, outdated] {
    if (outdated.size() > 2) call(flush, outdated, [](const Reply&) {});
    dirty_.erase(site);
    told_[site].versions = told->versions;
    unnamed_own_[site].insert(fields.begin(), fields.end());
  };
  const Call send = calls_of(flush, own.site);
  const std::string slots_key = key(own.site, "slots");
  write_fields(send, key(own.site, "pasts"), std::move(pasts), [this, send, slots_key, slots = std::move(slots), done] {
    counters_.slot_writes.add();
    write_fields(send, slots_key, slots, done);
  });
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
  for (unsigned k = 0; k < kBuckets; ++k) {
    trim(flush, k);
    if (!sites[k].empty()) name_sites(flush, k, sites[k]);
    if (!fields[k].empty()) name_fields(flush, k, fields[k]);
  }
  // All of them in any case: an old state of a master is told from the one that was left, though nothing was written.
  for (const auto& [tag, mark] : marks_) raise(flush, tag);
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
  look_for_passed_over();
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

void Replicator::adopters(const std::string& site, const counting::Epoch& epoch, std::int64_t recent_s,
                          const std::function<void(base::Result<std::vector<Adopter>>)>& then) {
  struct Asked {
    std::int64_t since_s = 0;
    std::map<std::string, std::string> names;  // of nodes that are there: incarnation -> name
    std::vector<Adopter> out;
  };
  const auto asked = std::make_shared<Asked>();
  // One at a time, so `then` hears of one error at most.
  const Call send = [this, then, alive = std::weak_ptr<bool>(alive_)](const std::vector<std::string>& words,
                                                                      std::function<void(const Reply&)> done) {
    if (alive.expired()) return;
    calls_.call(words, [then, alive, done = std::move(done)](const base::Result<Reply>& reply) {
      if (alive.expired()) return;
      reply ? done(*reply) : then(reply.error());
    });
  };
  const auto with_nodes = [this, site, epoch, then, asked, send] {
    std::vector<std::string> incarnations;
    for (const auto& [incarnation, name] : asked->names) incarnations.push_back(incarnation);
    if (incarnations.empty()) return then(std::vector<Adopter>{});
    redis::read_fields(
        send, key(site, "adopted"), std::move(incarnations), options_.pairs_at_once,
        [epoch, then, asked](std::span<const std::string> nodes, const std::vector<Reply>& epochs, bool last) {
          for (std::size_t i = 0; i < nodes.size(); ++i) {
            const counting::Epoch there = sites::parse_epoch(epochs[i].text).value_or(counting::Epoch{});
            asked->out.push_back({nodes[i], asked->names[nodes[i]], there >= epoch});
          }
          if (last) then(std::move(asked->out));
        });
  };
  send({"TIME"}, [this, recent_s, then, asked, send, with_nodes](const Reply& time) {
    const auto redis_ms = ServerClock::read(time);
    if (!redis_ms) return then(base::Error{base::Errc::unavailable, "Redis does not say what time it is"});
    asked->since_s = *redis_ms / 1000 - recent_s;
    scan(send, "HSCAN", key("", "nodes"), options_.pairs_at_once,
         [asked, with_nodes](const std::vector<Reply>& rows, const More& more) {
           for (std::size_t i = 0; i + 1 < rows.size(); i += 2) {
             const auto seen = NodeRow::parse(rows[i + 1].text);
             if (seen && seen->seen_s >= asked->since_s) asked->names[rows[i].text] = seen->name;
           }
           more ? more() : with_nodes();
         });
  });
}

}  // namespace footfall::redis

// SPDX-License-Identifier: Apache-2.0
// Replicator: what each node says of itself in Redis, and what it learns there of the others. Free of I/O, over Calls.
//
//   every flush   look at the index: which sites, and which of their slots, others wrote
//                 read those: adopt changes, then learn slots
//                 write what changed here: changes; pasts; slots, one packed write per site
//                 name what was written in the index
//
//   PREFIX:{SITE}:changes   hash: change id@digest -> SharedChange          only ever grows
//   PREFIX:{SITE}:slots     hash: INCARNATION:EPOCH -> SLOT                 absolute, each written by its own node
//   PREFIX:{SITE}:pasts     hash: INCARNATION:EPOCH:VERSION -> SLOT_PAST    before the slot that names it
//   PREFIX:{SITE}:adopted   hash: INCARNATION -> the epoch that is current there
//   PREFIX:{meta}:changes   hash: changes of no site alone
//   PREFIX:{meta}:nodes     hash: INCARNATION -> NAME, and a second of Redis's clock
//   PREFIX:{meta}:tickets   hash: TICKET -> who left it, at a clean stop; the start that takes it out goes on
//   PREFIX:{index.K}:dirty  sorted set, K = crc32c(site) % 16: who was written, by a counter that only rises
//   PREFIX:{index.K}:fields sorted set, beside it: which single slots were written
//   PREFIX:{index.N}:mark:INCARNATION   a number that its node raises with each flush; N: one on each master
//
// The index holds "s/SITE" (slots) and "c/SITE" (changes; "c/" alone: of no site), and "greatest", which keeps scores
// from falling. A node writes one more than the greatest score it ever saw there: no clock takes part. It reads from
// the score that was the greatest some seconds ago, so that it sees who wrote late; whoever needs longer than that
// names its sites again.
//
// Where few of a site's slots change at once, their writers name these alone, "INCARNATION:EPOCH SITE" in fields, and
// readers fetch no others: a site has a slot for each node and run that ever counted there. Where many do, or what was
// written are others' slots, the site is named, and read whole; either name says that something is to be read, and
// no more, so that writers may choose differently. Nothing is ever taken out of dirty, by which a new node finds all
// sites. Of fields the names go that are older than trim_ms; who would have had to read some of these sees by
// "trimmed", the score below which they went, that it missed them, and resyncs.
//
// Each write of a mark gets the one before back. One that is not what was written says that Redis lost data: it was
// emptied, put back to an earlier state, or failed over to somebody who had less.
//
// Of a site's changes the names are read, and then those that are not known here, some at a time: there may be many, of
// which none is news. A name is an id and a digest (sites/shared_change.h): two nodes may each have made a change under
// one id.
//
// Slots, changes, and an index of a million sites, are read in pieces (pieces.h), which are not of one moment. What is
// added while they are read is named after that, and the index was read before: the next flush reads it. What comes
// twice is dealt with twice; of a slot the last time counts. What is left out, where Redis became another meanwhile, is
// read with the resync that follows then; and it is not overwritten by what is known here, which may be older.
//
// A resync reads all sites, and writes again what is missing there or older, of this node and of others: at the start,
// when a connection was lost, when Redis lost data, and each resync_ms. That of the start names all sites, so that the
// others read them once more: the run before may have ended between writing slots and naming them. Everything is
// absolute or only grows, so any answer may be lost, and any command be sent again.
//
// What is told of this node is durable before it is sent; what is learnt is journaled before it is used.
//
// Units      milliseconds of a clock that never steps.
// Ownership  keeps references to calls and node. Threading: that of the calls.
// Errors     nothing fails for good: what was not acknowledged is sent again. Values that cannot be read are counted,
//            told once and left.
// Tested by tests/unit/redis/replicator_test.cc: many nodes, a model of Redis, seeded faults.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/counter.h"
#include "base/incarnation.h"
#include "counting/slot.h"
#include "redis/calls.h"
#include "redis/pieces.h"
#include "sites/shared_change.h"

namespace footfall::redis {

// The node that is replicated, as the replicator sees it. Sites by name.
class ReplicatedNode {
 public:
  using Slots = std::vector<std::pair<counting::Epoch, counting::Slot>>;
  struct OwnSite {
    std::string site;
    Slots slots;  // whole
  };
  struct Learnt {
    std::string site;
    counting::RemoteSlot slot;
  };

  ReplicatedNode() = default;
  ReplicatedNode(const ReplicatedNode&) = delete;
  ReplicatedNode& operator=(const ReplicatedNode&) = delete;
  virtual ~ReplicatedNode() = default;

  // Under which it tells its slots: no other process does, ever (store/own_slot.h). The same while the replicator
  // lives.
  virtual base::Incarnation incarnation() = 0;
  // The one that it had until this start, if that was another: nobody is there under it, or says so again.
  virtual std::optional<base::Incarnation> incarnation_before() = 0;
  // What this start took out of Redis. A Redis that goes back to an earlier state must not have it for long.
  virtual std::optional<base::Incarnation> ticket() = 0;
  // For people: in PREFIX:{meta}:nodes.
  virtual std::string name() = 0;
  virtual std::vector<std::string> sites() = 0;
  virtual bool has_site(const std::string& site) = 0;
  // Sites whose own counts changed since the last call.
  virtual std::vector<std::string> take_changed() = 0;
  // The own slots of these sites, when they are durable; not called back when the node ends before.
  virtual void own_slots(std::vector<std::string> sites,
                         std::function<void(base::Result<std::vector<OwnSite>>)> then) = 0;
  // Slots of others.
  virtual std::vector<counting::RemoteSlot> known_slots(const std::string& site) = 0;
  struct Versions {
    std::uint64_t slot = 0, past = 0;
  };
  virtual std::optional<Versions> known_versions(const std::string& site, const counting::Epoch& epoch,
                                                 const base::Incarnation& incarnation) = 0;
  virtual counting::Epoch epoch(const std::string& site) = 0;
  // Journals and applies; those of unknown sites are passed over.
  virtual base::Result<void> learn(std::vector<Learnt> slots) = 0;
  // Journals and applies it, or knows it already. unavailable: it waits for another, or for the disk.
  virtual base::Result<void> adopt(const sites::SharedChange& change) = 0;
  // Some were adopted since the last call.
  virtual void adopted() = 0;
  // Of a change as it is named in Redis (sites::field_of).
  virtual bool knows(const std::string& name) = 0;
  // It is known, and not among those that each_shared() visits any more.
  virtual bool is_past(const std::string& name) = 0;
  virtual void each_shared(const std::function<void(const sites::SharedChange&)>& visit) = 0;
  // Rises with each change that is applied here.
  virtual std::uint64_t changes_applied() = 0;
  // Redis has a slot under this node's incarnation beyond what it counted: the process itself was copied, or put back
  // to an earlier state (a machine with its memory). From now on no slot of it is written, until it starts anew.
  virtual void own_slot_ahead(const std::string& site, const counting::Epoch& epoch, const counting::Slot& slot) = 0;
};

// Written by the replicator's thread, read by any.
struct ReplicatorCounters {
  base::Counter flushes;         // that ended well
  base::Counter failed_flushes;  // some answer was an error, or there was none
  base::Counter slot_writes;     // commands: one per dirty site and flush
  base::Counter change_writes;   // changes that were told
  base::Counter slots_read;      // in answers
  base::Counter slots_learnt;
  base::Counter changes_adopted;
  base::Counter resyncs;
  base::Counter losses;  // Redis had lost data
  // Of these, those that no new connection to a master came with: nobody else can notice them.
  base::Counter losses_in_service;
  base::Counter unreadable;  // values that were none
  base::Counter ahead;       // own slots beyond what was counted here
  // Counted hits and bots of the own slots that Redis has acknowledged, as of the last flush that ended well.
  base::Counter replicated;
};

class Replicator {
 public:
  struct Options {
    std::string prefix = "footfall";
    std::int64_t flush_ms = 1000;
    std::int64_t resync_ms = 60'000;
    std::int64_t late_ms = 10'000;     // how long a writer may take from reading the index to writing it
    std::int64_t trim_ms = 60'000;     // how long names of slots stay, at least; several late_ms
    std::int64_t heartbeat_ms = 5000;  // of PREFIX:{meta}:nodes
    std::size_t sites_in_flight = 256;
    std::size_t adopted_at_once = 500;  // each is a write to the disk
    // Of one reply, far below kElementsMax:
    std::size_t names_at_once = 100'000;  // members of an index; names of changes, of pasts: of more some at a time
    std::size_t pairs_at_once = 1000;     // fields and values
    std::size_t changes_at_once = 64;
  };
  static constexpr unsigned kBuckets = 16;

  Replicator(Calls& calls, ReplicatedNode& node, Options options);
  ~Replicator();
  Replicator(const Replicator&) = delete;
  Replicator& operator=(const Replicator&) = delete;

  // To be called often: begins a flush when one is due. `connections` rises with each new connection to a
  // master, and with each server that becomes one.
  void tick(std::int64_t now_ms, bool up, std::uint64_t connections);
  // A flush at the next tick (a change was made that others should know soon).
  void hurry() { due_ms_ = INT64_MIN; }

  // When a flush that found nothing left to do had begun, or INT64_MIN.
  std::int64_t in_step_ms() const { return in_step_ms_; }
  std::size_t dirty() const { return dirty_.size(); }
  // own_slot_ahead() was called.
  bool conflict() const { return conflict_; }
  const ReplicatorCounters& counters() const { return counters_; }

  // Which nodes have this epoch of the site, or a later one, of those that were there in the last `recent_s` (by
  // Redis's clock: nodes' clocks may differ).
  struct Adopter {
    std::string incarnation;
    std::string name;
    bool adopted = false;
  };
  void adopters(const std::string& site, const counting::Epoch& epoch, std::int64_t recent_s,
                const std::function<void(base::Result<std::vector<Adopter>>)>& then);

 private:
  struct Flush;
  using FlushPtr = std::shared_ptr<Flush>;
  struct Bucket {
    std::uint64_t greatest = 0;                                        // score ever seen
    std::deque<std::pair<std::int64_t, std::uint64_t>> at;             // when all before was dealt with -> the greatest
    std::unordered_map<std::string, std::uint64_t> seen;               // member of dirty -> score that was dealt with
    std::unordered_map<std::string, std::uint64_t> seen_fields;        // the same, of fields
    std::uint64_t trimmed = 0;                                         // as fields says it
    std::optional<std::pair<std::int64_t, std::uint64_t>> trim_below;  // when it was seen -> the greatest then
  };
  struct Mark {
    std::uint64_t there = 0;  // acknowledged; 0: none
    std::uint64_t tried = 0;  // the last that was sent
  };
  struct Told {                                                                   // of a site, acknowledged
    std::map<counting::Epoch, std::pair<std::uint64_t, std::uint64_t>> versions;  // slot's, past's
    counting::Epoch adopted;
  };

  struct Reading {           // of a site's slots, the last
    std::size_t fields = 0;  // that were there
    std::size_t news = 0;    // others' that were news
  };
  struct Found {  // of a site's slots, while they are read
    bool resync = false;
    std::size_t pieces = 0;
    std::size_t fields = 0;
    std::size_t news = 0;
    std::unordered_set<std::string> fit;                // others' that are as new as what is known here, and whole
    std::unordered_set<std::string> unfit;              // others' that are not
    void came(const std::string& field, bool is_fit) {  // the last time counts
      (is_fit ? unfit : fit).erase(field);
      (is_fit ? fit : unfit).insert(field);
    }
  };

  std::string key(const std::string& site, const char* what) const;
  std::string index_key(unsigned bucket) const;
  std::string fields_key(unsigned bucket) const;
  std::string mark_key(unsigned tag) const;
  static unsigned bucket_of(std::string_view site);

  void begin(std::int64_t now_ms);
  void read_index(const FlushPtr& flush);
  void read_names(const FlushPtr& flush, const std::string& key, std::uint64_t from,
                  std::function<void(const Reply& reply, bool all)> then);
  // Members and their scores in turn.
  void take_index(const FlushPtr& flush, unsigned bucket, const std::vector<Reply>& members);
  void take_fields(const FlushPtr& flush, unsigned bucket, std::uint64_t from, const std::vector<Reply>& members);
  void skip_fields(const FlushPtr& flush, unsigned bucket);
  void read_sites(const FlushPtr& flush);
  void read_site(const FlushPtr& flush, const std::string& site);
  void read_named(const FlushPtr& flush, const std::string& site, const std::set<std::string>& fields);
  void with_pasts(const FlushPtr& flush, const std::string& site, const std::vector<Reply>& slots,
                  const std::function<void(const std::vector<Reply>&)>& then);
  bool may_name_all(const Reply& count) const;
  void read_changes(const FlushPtr& flush, const std::string& site);
  void read_unknown(const FlushPtr& flush, const std::string& site, const Reply& there);
  bool is_news(const std::string& change);
  void take_change(const FlushPtr& flush, const std::string& site, const std::string& name, const Reply& value);
  // Fields and their values in turn.
  void take_slots(const FlushPtr& flush, const std::string& site, const std::vector<Reply>& pairs, Found& found);
  void read_past(const FlushPtr& flush, const std::string& site, const std::string& field, counting::RemoteSlot slot);
  void put_back(const FlushPtr& flush, const std::string& site, const Found& found);
  void digest(const FlushPtr& flush);
  void adopt_waiting();
  void look_for_passed_over();
  void write_changes(const FlushPtr& flush);
  void write_presence(const FlushPtr& flush);
  void write_adopted(const FlushPtr& flush, std::uint64_t applied);
  void write_slots(const FlushPtr& flush);
  void write_own(const FlushPtr& flush, const ReplicatedNode::OwnSite& own);
  void write_index(const FlushPtr& flush);
  bool few_change(const std::string& site) const;
  void name_sites(const FlushPtr& flush, unsigned bucket, const std::vector<std::string>& members);
  void name_fields(const FlushPtr& flush, unsigned bucket, const std::vector<std::string>& members);
  void named(const std::string& member);
  void trim(const FlushPtr& flush, unsigned bucket);
  void end(const FlushPtr& flush);
  std::uint64_t replicated() const;
  void watch();
  void raise(const FlushPtr& flush, unsigned tag);
  void mark_anew(const FlushPtr& flush);
  void look_at_mark(const FlushPtr& flush, const Mark& mark, const Reply& reply);
  void lost(const FlushPtr& flush);
  void complain(const std::string& what);

  // One command more of this flush; `done` gets the reply if there is one. `of_site`: less of that site is read at once
  // after a reply that was too large.
  void call(const FlushPtr& flush, const std::vector<std::string>& words, std::function<void(const Reply&)> done,
            const std::string* of_site = nullptr);
  Call calls_of(const FlushPtr& flush, const std::string& site);
  std::size_t at_once(const std::string& site, std::size_t usual) const;
  // `next` when all commands so far are answered.
  void when_answered(const FlushPtr& flush, std::function<void()> next);
  void answered(const FlushPtr& flush);

  Calls& calls_;
  ReplicatedNode& node_;
  const Options options_;
  ReplicatorCounters counters_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // callbacks of Calls and node ask it

  std::array<Bucket, kBuckets> buckets_;
  std::map<unsigned, Mark> marks_;  // N of PREFIX:{index.N}:mark:INCARNATION -> what was written there
  std::uint64_t last_mark_ = 0;     // of all
  std::set<std::string> dirty_;     // sites whose own slots are to be told
  std::set<std::string> removed_;   // the same, while they are not there
  std::set<std::string> unnamed_slots_, unnamed_changes_;     // sites written, and not yet named in the index
  std::map<std::string, std::set<std::string>> unnamed_own_;  // site -> own slots, the same
  std::unordered_map<std::string, Reading> readings_;         // site -> how much of it changes at once
  std::unordered_map<std::string, Told> told_;                // site -> what Redis has of this node
  std::unordered_set<std::string> changes_told_;              // names that Redis has, but for past ones
  std::uint64_t changes_seen_ = UINT64_MAX;                   // changes_applied() when all were looked at
  std::map<std::string, sites::SharedChange> waiting_;        // changes that cannot be adopted yet, by name
  std::unordered_set<std::string> refused_;                   // names of changes that never can be: not read again
  std::set<std::string> reread_;       // sites to read at the next flush, whatever the index says
  std::set<std::string> passed_over_;  // sites whose slots were read while they were not there
  std::set<std::string> large_;        // sites of which a reply was too large
  std::set<std::string> complaints_;

  FlushPtr flush_;  // under way
  bool resync_ = true;
  bool first_resync_ = true;  // none has begun
  bool conflict_ = false;     // somebody else writes as this node: until the next start it writes no slot
  bool before_gone_ = false;  // incarnation_before() was taken out
  bool lost_ = false;         // Redis lost data, and no resync has begun since
  std::uint64_t connections_ = 0;
  bool new_connection_ = false;  // since the last flush began
  std::int64_t due_ms_ = INT64_MIN;
  std::int64_t resync_due_ms_ = INT64_MIN;
  std::int64_t heartbeat_due_ms_ = INT64_MIN;
  std::int64_t now_ms_ = 0;
  std::int64_t in_step_ms_ = INT64_MIN;
};

}  // namespace footfall::redis

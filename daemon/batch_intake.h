// SPDX-License-Identifier: Apache-2.0
// BatchIntake: a batch, from its request to what is to be decided as one block; and what is answered when that is
// durable. Nothing of it is in a block yet.
//
//   key         claimed by the digest of the body: counted before -> the answer of then; else told why not
//   items       parsed, judged, hashed; those that are refused are listed in the answer
//   part        of an import: its source's mark is claimed with the first item, whose site it is of
//   bounds      items, and the bytes of the block: a batch is one block, counted as a whole or not at all
//
// A batch of which nothing is accepted keeps no key: it is judged anew when it is sent again.
//
// Ownership  refers to what it is made with, which outlives it.
// Threading  the shard's thread. Errors: a problem, and nothing is claimed.
// Tested by tests/unit/server/batch_intake_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/problems.h"
#include "http/request.h"
#include "ingest/arena.h"
#include "local_sites.h"
#include "lookup/agents.h"
#include "metrics/shard_counters.h"
#include "sites/batch_claim.h"
#include "sites/decide.h"
#include "sites/registry.h"

namespace footfall {

struct TakenBatch {
  api::Problem problem = api::Problem::count_;  // count_: none
  std::string text;                             // the answer's body, or the problem's detail
  bool replayed = false;                        // the answer of an earlier time
  // To be decided, with the claim's record in the same block. The texts live as long as the arena.
  std::vector<sites::Candidate> candidates;
  std::vector<LocalSite*> owners;  // candidate index -> its site
  sites::BatchClaim claim;
};

class BatchIntake {
 public:
  // `node`: the incarnation, 32 hex digits.
  BatchIntake(std::string_view node, sites::Imports& imports, sites::BatchKeys& keys, LocalSites& sites,
              lookup::AgentCache& agents, ingest::Arena& arena, metrics::ShardCounters& counters)
      : node_(node),
        imports_(imports),
        keys_(keys),
        sites_(sites),
        agents_(agents),
        arena_(arena),
        counters_(counters) {}

  // `token`: the request's, if it is in force. `unavailable`: why nothing can be counted at present; empty: it can.
  TakenBatch take(const http::Request& request, const sites::Token* token, std::int64_t now_s,
                  std::string_view unavailable);

 private:
  class Items;

  // False: `batch` is answered.
  bool claim_key(const http::Request& request, std::int64_t now_s, TakenBatch& batch);

  std::string_view node_;
  sites::Imports& imports_;
  sites::BatchKeys& keys_;
  LocalSites& sites_;
  lookup::AgentCache& agents_;
  ingest::Arena& arena_;
  metrics::ShardCounters& counters_;
};

inline constexpr std::string_view kTokenNeeded = "a batch needs a token of scope ingest: Authorization: Bearer TOKEN";

}  // namespace footfall

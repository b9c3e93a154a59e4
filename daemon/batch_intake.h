// SPDX-License-Identifier: Apache-2.0
// BatchIntake: a batch, from its request to what is to be decided as one block; and what is answered when that is
// durable. Nothing of it is in a block yet.
//
//   body        read as it arrives (begin()), or when the request is complete
//   key         claimed by the digest of the body: counted before -> the answer of then; else told why not
//   items       judged, hashed; those that are refused are listed in the answer
//   part        of an import: its source's mark is claimed with the first item, whose site it is of; of a log that is
//               followed (batch_part.h): claimed before the items, of which there may be none
//   bounds      items, and the bytes of the block: a batch is one block, counted as a whole or not at all
//
// A batch of which nothing is accepted keeps no key: it is judged anew when it is sent again.
//
// Ownership  refers to what it is made with, which outlives it.
// Threading  the shard's thread. Errors: a problem, and nothing is claimed.
// Tested by tests/unit/server/batch_intake_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/problems.h"
#include "batch_body.h"
#include "http/request.h"
#include "local_sites.h"
#include "lookup/client_lookup.h"
#include "metrics/shard_counters.h"
#include "sites/batch_claim.h"
#include "sites/decide.h"
#include "sites/registry.h"

namespace footfall {

struct TakenBatch {
  api::Problem problem = api::Problem::count_;  // count_: none
  std::string text;                             // the answer's body, or the problem's detail
  bool replayed = false;                        // the answer of an earlier time
  // To be decided, with the claim's record in the same block. The texts are the reader's.
  std::vector<sites::Candidate> candidates;
  std::vector<LocalSite*> owners;  // candidate index -> its site
  sites::BatchClaim claim;
  std::unique_ptr<ingest::BatchReader> reader;
};

class BatchIntake {
 public:
  // `node`: the incarnation, 32 hex digits.
  BatchIntake(std::string_view node, sites::Imports& imports, sites::BatchKeys& keys, LocalSites& sites,
              lookup::ClientLookup& lookup, metrics::ShardCounters& counters)
      : node_(node), imports_(imports), keys_(keys), sites_(sites), lookup_(lookup), counters_(counters) {}

  struct Refused {
    api::Problem problem = api::Problem::count_;  // count_: it is not
    std::string_view detail;
  };
  // By its head alone. `token`: the request's, if it is in force.
  static Refused look_at(const http::Request& head, const sites::Token* token);
  // Takes the body of such a request as it comes. REQUIRES: look_at() has nothing against it.
  std::unique_ptr<BatchBody> begin(const http::Request& head);
  // With the body that begin() gave, or a whole one. `unavailable`: why nothing can be counted at present; empty: it
  // can.
  TakenBatch take(const http::Request& request, const sites::Token* token, std::int64_t now_s,
                  std::string_view unavailable);
  // When it is decided: its memory serves the next one.
  void give_back(TakenBatch&& batch);

 private:
  class Items;

  // False: `batch` is answered.
  bool claim_key(const http::Request& request, BatchBody& body, std::int64_t now_s, TakenBatch& batch);

  std::string_view node_;
  sites::Imports& imports_;
  sites::BatchKeys& keys_;
  LocalSites& sites_;
  lookup::ClientLookup& lookup_;
  metrics::ShardCounters& counters_;
  // Of earlier batches, for the next ones: with what they hold.
  std::vector<std::unique_ptr<ingest::BatchReader>> spare_readers_;
  std::vector<sites::Candidate> spare_candidates_;
  std::vector<LocalSite*> spare_owners_;
};

inline constexpr std::string_view kTokenNeeded = "a batch needs a token of scope ingest: Authorization: Bearer TOKEN";

}  // namespace footfall

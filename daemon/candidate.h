// SPDX-License-Identifier: Apache-2.0
// A ping that the rules let through, made into what sites::decide() takes: the visitor and every text hashed, outside
// of any lock. A single ping and an item of a batch are filled in by the same code.
// Tested by tests/unit/server/candidate_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "ingest/batch_item.h"
#include "ingest/ping.h"
#include "ingest/rules.h"
#include "local_sites.h"
#include "lookup/client_lookup.h"
#include "sites/decide.h"

namespace footfall {

// Who sent it.
struct Sender {
  const std::uint8_t* address;  // 16 bytes
  std::string_view agent;       // its digest (lookup::AgentCache), or any text that tells visitors apart
  // Of an import: such visitors add to their days, not to who is online. Null: the key of the day.
  const base::SipKey* import_key = nullptr;
  const lookup::CountryDatabase* countries = nullptr;
};

// Of an item that says nothing of its client.
inline constexpr std::uint8_t kNoAddress[16] = {};

// `candidate` is as it was made; its texts are views of the ping's and the agent's. Where the salt of its day is gone
// the hit counts, without a visitor.
void fill(sites::Candidate& candidate, LocalSite& local, const ingest::Ping& ping, const lookup::Agent& agent,
          const ingest::Verdict& verdict, std::int64_t at_s, const Sender& sender);

// A hit of a batch, or a line of a log, of a sender who is trusted: judged at now_s, its time included, and filled in.
// Where it is refused `candidate` is of no use.
ingest::Rejection take_item(sites::Candidate& candidate, LocalSite& local, const ingest::Item& item,
                            lookup::ClientLookup& lookup, std::int64_t now_s, const base::SipKey* import_key);

}  // namespace footfall

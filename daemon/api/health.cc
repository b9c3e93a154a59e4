// SPDX-License-Identifier: Apache-2.0
#include "api/health.h"

#include "api/text.h"

namespace footfall::api {

namespace {

void fact(std::string& out, bool good, std::string_view text, std::string_view more = {}) {
  out.append(good ? "[+] " : "[-] ").append(text).append(more).push_back('\n');
}

}  // namespace

HealthAnswer livez() {
  return {200, "ok\n"};
}

HealthAnswer readyz(const Readiness& facts, std::string_view query, std::int64_t now_s) {
  const bool ready = facts.recovered && facts.journal_open && !facts.draining;
  HealthAnswer answer{ready ? 200 : 503, {}};
  if (query_value(query, "verbose").has_value()) {
    fact(answer.body, facts.recovered, facts.recovered ? "recovery done" : "recovery under way");
    if (facts.journal_open) {
      fact(answer.body, true, "journal open, durability ", facts.durability);
    } else {
      fact(answer.body, false,
           "journal closed: ", facts.journal_detail.empty() ? "not opened yet" : facts.journal_detail);
    }
    fact(answer.body, !facts.draining, facts.draining ? "draining" : "taking traffic");
    fact(answer.body, true, "sites: ", std::to_string(facts.sites));
    const std::string age =
        facts.last_checkpoint_s == 0 ? "none yet" : std::to_string(now_s - facts.last_checkpoint_s) + " s old";
    fact(answer.body, !facts.checkpoints_fail,
         facts.checkpoints_fail ? "the last checkpoint failed; the one before: " : "checkpoint: ", age);
  }
  answer.body += ready ? "ready\n" : "not ready\n";
  return answer;
}

}  // namespace footfall::api

// SPDX-License-Identifier: Apache-2.0
#include "api/health.h"

#include <algorithm>

#include "api/text.h"
#include "sites/settings.h"

namespace footfall::api {

namespace {

void fact(std::string& out, bool good, std::string_view text, std::string_view more = {}) {
  out.append(good ? "[+] " : "[-] ").append(text).append(more).push_back('\n');
}

}  // namespace

HealthAnswer livez(std::string_view stuck) {
  if (stuck.empty()) return {200, "ok\n"};
  return {503, std::string(stuck) + " is stuck\n"};
}

HealthAnswer startupz(const store::RecoveryProgress* recovering) {
  if (recovering == nullptr) return {200, "started\n"};
  const std::uint64_t streams = recovering->streams;
  if (streams == 0) return {503, "recovering: reading the checkpoint\n"};
  const std::uint64_t bytes = recovering->bytes;
  const std::uint64_t percent = bytes == 0 ? 100 : std::min<std::uint64_t>(recovering->bytes_read * 100 / bytes, 100);
  return {503, "recovering: stream " + std::to_string(recovering->stream) + " of " + std::to_string(streams) + ", " +
                   std::to_string(percent) + " % of " + std::to_string(bytes / 1'000'000) + " MB, " +
                   sites::group_digits(recovering->hits, sites::Grouping::comma) + " hits\n"};
}

HealthAnswer readyz(const Readiness& facts, std::string_view query, std::int64_t now_s) {
  const bool ready = facts.recovered && facts.journal_open && !facts.draining && facts.stuck.empty();
  HealthAnswer answer{ready ? 200 : 503, {}};
  if (query_value(query, "verbose").has_value()) {
    fact(answer.body, facts.recovered, facts.recovered ? "recovery done" : "recovery under way");
    if (facts.journal_open) {
      fact(answer.body, true, "journal open, durability ", facts.durability);
    } else {
      fact(answer.body, false,
           "journal closed: ", facts.journal_detail.empty() ? "not opened yet" : facts.journal_detail);
    }
    if (!facts.control_detail.empty()) fact(answer.body, false, facts.control_detail);
    if (!facts.stuck.empty()) fact(answer.body, false, facts.stuck, " is stuck");
    fact(answer.body, !facts.draining,
         facts.draining    ? "draining"
         : facts.recovered ? "taking traffic"
                           : "not draining");
  }
  if (facts.recovered && query_value(query, "verbose").has_value()) {  // what is not known before
    fact(answer.body, true, "sites: ", std::to_string(facts.sites));
    if (facts.ledger.empty()) fact(answer.body, true, "the ledger balances");
    for (const std::string& sentence : facts.ledger)
      fact(answer.body, false, "the ledger does not balance: ", sentence);
    const std::string age =
        facts.last_checkpoint_s == 0 ? "none yet" : std::to_string(now_s - facts.last_checkpoint_s) + " s old";
    fact(answer.body, !facts.checkpoints_fail,
         facts.checkpoints_fail ? "the last checkpoint failed; the one before: " : "checkpoint: ", age);
    if (facts.redis)
      fact(answer.body, facts.redis_problem.empty(),
           "redis: ", facts.redis_problem.empty() ? "up" : facts.redis_problem);
  }
  answer.body += ready ? "ready\n" : "not ready\n";
  return answer;
}

}  // namespace footfall::api

// SPDX-License-Identifier: Apache-2.0
#include "batch_intake.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "api/auth.h"
#include "api/json.h"
#include "batch_part.h"
#include "candidate.h"
#include "http/ignoring_case.h"
#include "journal/format.h"

namespace footfall {
namespace {

using api::Problem;
using ingest::Rejection;
using metrics::KeyOutcome;

constexpr std::size_t kReasonsMax = 100;
constexpr std::size_t kReasonBytesMax = 512;  // that one takes in the answer
// Of the claim's record: answer, key or source, digest.
constexpr std::size_t kClaimBytesMax = sites::kBatchAnswerMax + 1024;
constexpr std::size_t kSpareReadersMax = 4;
constexpr std::size_t kSpareBytesMax = 4U << 20U;  // of one that is kept

std::optional<ingest::BatchFormat> format_of(const http::Request& head) {
  std::string_view type = head.field(http::Field::content_type);
  type = type.substr(0, type.find_first_of("; \t"));
  if (http::equals_ignoring_case(type, "application/x-protobuf")) return ingest::BatchFormat::protobuf;
  if (http::equals_ignoring_case(type, "application/x-ndjson")) return ingest::BatchFormat::ndjson;
  return std::nullopt;
}

// Whether the body is gzipped; nullopt: it is coded in another way.
std::optional<bool> gzipped(const http::Request& head) {
  const std::string_view coding = head.field(http::Field::content_encoding);
  if (coding.empty() || http::equals_ignoring_case(coding, "identity")) return false;
  if (http::equals_ignoring_case(coding, "gzip") || http::equals_ignoring_case(coding, "x-gzip")) return true;
  return std::nullopt;
}

void refuse(TakenBatch& batch, Problem problem, std::string detail) {
  batch.problem = problem;
  batch.text = std::move(detail);
  batch.candidates.clear();
  batch.owners.clear();
  batch.claim.release();
}

}  // namespace

// One batch, item by item.
class BatchIntake::Items {
 public:
  Items(BatchIntake& intake, const sites::Token& token, std::int64_t now_ms, BatchPart part, TakenBatch& batch)
      : intake_(intake), token_(token), now_ms_(now_ms), now_s_(now_ms / 1000), part_(std::move(part)), batch_(batch) {}

  // Before the items, if it is of a log that is followed. False: `batch` is answered.
  bool claim_followed();

  // Decides what becomes of each, and of the batch as a whole; writes its answer.
  void take(const ingest::BatchReader& reader);

 private:
  void take(std::size_t index, const ingest::Item& item);
  void malformed(std::size_t index, std::string_view reason) {
    ++items_;
    intake_.counters_.received.add();
    reject(index, Rejection::malformed, reason);
  }
  // When all were taken.
  void finish();
  const sites::Imports::Claim& import() const { return batch_.claim.import(); }
  void reject(std::size_t index, Rejection reason, std::string_view text);
  // All that were not rejected alone.
  void reject_rest(Rejection reason) { intake_.counters_.reject(reason, items_ - rejected_); }
  void write_answer();

  BatchIntake& intake_;
  const sites::Token& token_;
  const std::int64_t now_ms_, now_s_;
  const BatchPart part_;
  TakenBatch& batch_;
  LocalSite* import_site_ = nullptr;  // that of the part; of an import that of the first item
  base::SipKey import_key_;           // a follower's hits are live, under the key of their day
  std::vector<std::pair<std::size_t, std::string_view>> reasons_;  // item index, why it was rejected; the first few
  std::size_t items_ = 0, rejected_ = 0;
  std::size_t block_bytes_ = 0;  // that the records take at most
};

void BatchIntake::Items::reject(std::size_t index, Rejection reason, std::string_view text) {
  intake_.counters_.reject(reason);
  ++rejected_;
  if (reasons_.size() < kReasonsMax) reasons_.emplace_back(index, text);
}

void BatchIntake::Items::take(const ingest::BatchReader& reader) {
  const std::vector<ingest::BatchReader::Unreadable>& unreadable = reader.unreadable();
  std::size_t next = 0;
  const auto unreadable_before = [&](std::size_t index) {
    for (; next < unreadable.size() && unreadable[next].index < index; ++next)
      malformed(unreadable[next].index, unreadable[next].reason);
  };
  for (std::size_t n = 0; n < reader.good(); ++n) {
    unreadable_before(reader.index(n));
    take(reader.index(n), reader.item(n));
  }
  unreadable_before(SIZE_MAX);
  finish();
}

void BatchIntake::Items::take(std::size_t index, const ingest::Item& item) {
  ++items_;
  intake_.counters_.received.add();
  LocalSite* local = intake_.sites_.find(item.ping.site);
  if (local == nullptr) return reject(index, Rejection::unknown_site, "unknown_site");
  const sites::SiteId site = local->entry.site->id();
  if (!api::allows(token_, static_cast<std::uint32_t>(sites::Scope::ingest), site))
    return reject(index, Rejection::denied, "denied");
  if (part_.is_part()) {
    if (import_site_ == nullptr) {
      import_site_ = local;
      batch_.claim.claim_part(intake_.imports_, site, part_.source, part_.position, now_s_);
      import_key_ = {import().import.key0, import().import.key1};
    }
    if (import().state != sites::Imports::State::claimed) return;
    if (import_site_ != local) return reject(index, Rejection::denied, "another site than that of the part");
  }
  sites::Candidate& candidate = batch_.candidates.emplace_back();
  Rejection rejection =
      take_item(candidate, *local, item, intake_.lookup_, now_s_, import().import.open ? &import_key_ : nullptr);
  // A log's lines happened, and its mark moves on: what is refused of it would never come again.
  if (rejection == Rejection::none && !part_.is_part() && !intake_.limits_.allow(*local, now_ms_))
    rejection = Rejection::rate;
  if (rejection != Rejection::none) {
    batch_.candidates.pop_back();
    local->entry.site->refusals().add(ingest::name_of(rejection), {}, now_s_);
    return reject(index, rejection, ingest::name_of(rejection));
  }
  batch_.owners.push_back(local);
  // The hit, and a definition of each text.
  block_bytes_ += 128 + candidate.path.text.size();
  for (const sites::Text& label : candidate.labels) block_bytes_ += 16 + label.text.size();
}

bool BatchIntake::Items::claim_followed() {
  using State = sites::Imports::State;
  const auto refused = [this](Problem problem, std::string detail) {
    refuse(batch_, problem, std::move(detail));
    return false;
  };
  if (!part_.followed()) return true;
  import_site_ = intake_.sites_.find(part_.site);
  if (import_site_ == nullptr) return refused(Problem::unknown_site, "site: no site is registered under this name");
  const sites::SiteId site = import_site_->entry.site->id();
  if (!api::allows(token_, static_cast<std::uint32_t>(sites::Scope::ingest), site))
    return refused(Problem::forbidden, "the token may not count for " + part_.site + ": it needs the scope ingest");
  batch_.claim.claim_followed(intake_.imports_, site, part_.source, part_.after, part_.position, part_.mark, now_s_);
  switch (import().state) {
    case State::elsewhere:
      return refused(Problem::conflict, "after: the source was counted to " + std::to_string(import().import.position) +
                                            ", the part begins behind " + std::to_string(part_.after) +
                                            "; begin where the mark is: GET /v1/admin/imports?site=&source=");
    case State::other_kind:
      return refused(Problem::conflict, "source: an import had this name; a follower needs one of its own");
    case State::full:
      return refused(Problem::conflict, "source: the site has its " + std::to_string(sites::kImportSourcesMax) +
                                            " sources, whose marks are kept so that nothing counts twice");
    default:
      return true;
  }
}

void BatchIntake::Items::finish() {
  using State = sites::Imports::State;
  if (import_site_ != nullptr && import().state == State::unknown) {
    reject_rest(Rejection::denied);
    return refuse(batch_, Problem::conflict,
                  "source: no import of this source has begun; POST /v1/admin/imports first");
  }
  if (import().state == State::under_way) {
    reject_rest(Rejection::overload);
    return refuse(batch_, Problem::unavailable,
                  "source: another part of it is on its way to the disk; send this one again");
  }
  if (block_bytes_ + kClaimBytesMax > journal::kPayloadMax) {
    reject_rest(Rejection::too_large);
    return refuse(batch_, Problem::too_large, "the batch does not fit one block of the journal; split it");
  }
  if (import().state == State::counted) reject_rest(Rejection::duplicate);
  write_answer();
  if (!batch_.claim.holds_key()) return;
  if (batch_.candidates.empty()) {
    batch_.claim.release();
  } else {
    batch_.claim.set_answer(batch_.text);
  }
}

void BatchIntake::Items::write_answer() {
  api::JsonWriter json(batch_.text);
  json.begin_object().member("accepted", std::uint64_t{batch_.candidates.size()}).key("rejected").begin_array();
  for (const auto& [index, reason] : reasons_) {
    if (batch_.text.size() + 2 * kReasonBytesMax > sites::kBatchAnswerMax) break;  // and room for its end
    json.begin_object().member("index", std::uint64_t{index}).member("reason", reason).end_object();
  }
  json.end_array().member("rejected_total", std::uint64_t{rejected_});
  const auto apart =
      std::count_if(batch_.candidates.begin(), batch_.candidates.end(),
                    [](const sites::Candidate& candidate) { return candidate.bot && !candidate.counts; });
  json.member("bots", static_cast<std::uint64_t>(apart));  // accepted, and not in the total
  if (part_.is_part()) {
    const bool already = import().state == sites::Imports::State::counted;
    json.member("position", already ? import().import.position : part_.position).member("already_counted", already);
  }
  json.end_object();
}

bool BatchIntake::claim_key(const http::Request& request, BatchBody& body, std::int64_t now_s, TakenBatch& batch) {
  using State = sites::BatchKeys::State;
  const auto refused = [&](KeyOutcome outcome, Problem problem, std::string detail) {
    counters_.key(outcome);
    refuse(batch, problem, std::move(detail));
    return false;
  };
  const std::string_view key = request.field(http::Field::idempotency_key);
  if (!sites::valid_batch_key(key)) {
    return refused(KeyOutcome::malformed, Problem::malformed,
                   "Idempotency-Key: give INCARNATION/NAME, the incarnation as Footfall-Node says it and 1 to 128 of "
                   "A-Z a-z 0-9 . _ : -, or INCARNATION/NAME/NUMBER, numbered from 1");
  }
  if (sites::incarnation_of(key) != node_) {
    return refused(KeyOutcome::wrong_node, Problem::wrong_node,
                   "Idempotency-Key: the key is of another node or data directory than this one, which is " +
                       std::string(node_) + "; whether the batch was counted there is not known here");
  }
  switch (batch.claim.claim_key(keys_, key, body.digest(), now_s).state) {
    case State::claimed:
      counters_.key(KeyOutcome::claimed);
      return true;
    case State::counted:
      counters_.key(KeyOutcome::replayed);
      batch.text = batch.claim.key().key.answer;
      batch.replayed = true;
      return false;
    case State::under_way:
      return refused(
          KeyOutcome::in_progress, Problem::in_progress,
          "Idempotency-Key: the batch of this key, or another of its name, is on its way to the disk; ask again");
    case State::other_body:
      return refused(KeyOutcome::other_body, Problem::key_reused,
                     "Idempotency-Key: the key was given to a batch with another body; a new batch needs a new key");
    case State::passed:
      return refused(KeyOutcome::passed, Problem::key_reused,
                     "Idempotency-Key: a batch of a greater number was counted under this name; a new batch needs the "
                     "next number");
    case State::full:
      return refused(KeyOutcome::full, Problem::keys_full,
                     "Idempotency-Key: no more keys can be kept until one expires; see --batch-keys-max and "
                     "--batch-key-memory-max; number batches under one name, or send larger ones");
  }
  return false;
}

BatchIntake::Refused BatchIntake::look_at(const http::Request& head, const sites::Token* token, bool limited) {
  if (!format_of(head)) {
    return {
        Problem::unsupported_media_type,
        "a batch is application/x-protobuf (footfall.v1.HitBatch), or application/x-ndjson: one JSON object a line"};
  }
  if (!gzipped(head))
    return {Problem::unsupported_media_type, "a batch is sent without Content-Encoding, or with gzip"};
  if (limited) return {Problem::too_many_attempts, kTooManyAttempts};
  if (token == nullptr) return {Problem::unauthorized, kTokenNeeded};
  if ((token->scopes & static_cast<std::uint32_t>(sites::Scope::ingest)) == 0)
    return {Problem::forbidden, "this needs a token of scope ingest"};
  return {};
}

std::unique_ptr<BatchBody> BatchIntake::begin(const http::Request& head) {
  std::unique_ptr<ingest::BatchReader> reader;
  if (spare_readers_.empty()) {
    reader = std::make_unique<ingest::BatchReader>();
  } else {
    reader = std::move(spare_readers_.back());
    spare_readers_.pop_back();
  }
  reader->begin(*format_of(head), *gzipped(head));
  return std::make_unique<BatchBody>(std::move(reader), head.has(http::Field::idempotency_key));
}

void BatchIntake::give_back(TakenBatch&& batch) {
  if (batch.reader && spare_readers_.size() < kSpareReadersMax && batch.reader->memory() <= kSpareBytesMax)
    spare_readers_.push_back(std::move(batch.reader));
  if (batch.candidates.capacity() == 0) return;
  batch.candidates.clear();
  batch.owners.clear();
  spare_candidates_.swap(batch.candidates);
  spare_owners_.swap(batch.owners);
}

TakenBatch BatchIntake::take(const http::Request& request, const sites::Token* token, bool limited, std::int64_t now_ms,
                             std::string_view unavailable) {
  using http::Field;
  TakenBatch batch;
  const auto problem = [&batch](Problem kind, std::string_view detail) {
    refuse(batch, kind, std::string(detail));
    return std::move(batch);
  };
  if (const Refused refused = look_at(request, token, limited); refused.problem != Problem::count_)
    return problem(refused.problem, refused.detail);
  std::unique_ptr<BatchBody> whole;
  auto* body = static_cast<BatchBody*>(request.sink);  // nobody else makes one on this route
  if (body == nullptr) {
    whole = begin(request);
    whole->take(request.body);
    body = whole.get();
  }
  batch.reader = body->release();

  base::Result<BatchPart> part = read_batch_part(request.query);
  if (!part) return problem(Problem::malformed, part.error().detail);
  if (request.has(Field::idempotency_key)) {
    if (part->is_part())
      return problem(Problem::malformed, "Idempotency-Key: source and position make the batch count once already");
    if (!claim_key(request, *body, now_ms / 1000, batch)) return batch;
  }
  if (!unavailable.empty()) return problem(Problem::unavailable, unavailable);

  ingest::BatchReader& reader = *batch.reader;
  reader.finish();
  if (reader.failure() != ingest::BatchReader::Failure::none) {
    const bool large = reader.failure() == ingest::BatchReader::Failure::too_large;
    counters_.received.add(reader.count());
    counters_.reject(large ? Rejection::too_large : Rejection::malformed, reader.count());
    return problem(large ? Problem::too_large : Problem::malformed, reader.detail());
  }
  batch.candidates.swap(spare_candidates_);
  batch.owners.swap(spare_owners_);
  Items items(*this, *token, now_ms, *std::move(part), batch);
  if (items.claim_followed()) items.take(reader);
  return batch;
}

}  // namespace footfall

// SPDX-License-Identifier: Apache-2.0
// Changes: what an admin does, as records of the control stream. Each has an id (doing it twice does it once), a time,
// an actor and a reason, and is its own line of the audit log. Seeds, resets and undo move no number: they change what
// is summed.
//
// An action holds all that applying and undoing it needs (differences, ids, what was in force before), so that a replay
// asks nothing. Registry::plan_* fill them in.
// Tested by tests/unit/sites/changes_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/errors.h"
#include "counting/hit.h"
#include "sites/settings.h"

namespace footfall::sites {

// A new site with the next id and the first epoch; or a name that was removed, under its old id and the epoch after.
struct SiteAdded {
  SiteId site;
  Settings settings;
  counting::Epoch epoch;
};
struct SiteChanged {
  SiteId site;
  Settings before, after;
};
struct SiteRemoved {
  SiteId site;
  Settings before;
};
struct Seeded {
  SiteId site;
  counting::Epoch epoch;
  std::optional<std::string> page;      // a page alone; else the site
  counting::PageId page_id{};           // of `page`, reserved before the change is written; applying defines it
  std::int64_t amount = 0;              // signed difference, fixed when the change was made
  std::uint64_t before = 0, after = 0;  // the total, for the audit
};
struct Reset {
  SiteId site;
  counting::Epoch next;  // becomes current, and alone summed
  std::uint64_t before = 0;
};
// A snapshot's totals, as the seeds of an epoch of their own, in which no hit is counted: so taking it back leaves that
// one out, and keeps what was counted since.
struct Restored {
  struct Page {
    counting::PageId id{};  // reserved before the change is written; applying defines it
    std::string path;
    std::int64_t amount = 0;
  };
  SiteId site;
  counting::Epoch seeded;               // has the seeds
  counting::Epoch next;                 // becomes current; these two alone are summed
  std::string snapshot;                 // its id
  std::uint64_t before = 0, after = 0;  // the total; `after` is the seed of the site
  std::vector<Page> pages;
};
// Takes back the change with the id `undone`: a seed by its opposite, a reset or a restored snapshot by what was summed
// before it, settings by the ones before, a removal by adding the site or token again, an added site or token by
// removing it.
struct Undone {
  std::string undone;
  std::uint64_t before = 0, after = 0;  // the total of the site or page, for the audit; 0 where none is concerned
};
struct TokenAdded {
  std::string id;                         // public name of the token
  std::array<std::uint8_t, 32> digest{};  // SHA-256 of the secret
  std::uint32_t scopes = 0;               // bits of Scope
  std::optional<SiteId> site;             // bound to one site
  std::int64_t expires_s = 0;             // 0: never
};
// An import from `source` into `site` has begun, with the random visitor key of its own; ended.
struct ImportBegun {
  SiteId site;
  std::string source;
  std::uint64_t key0 = 0, key1 = 0;
};
struct ImportEnded {
  SiteId site;
  std::string source;
};

struct TokenRemoved {
  TokenAdded token;  // as it was: the digest tells which of two of one name, and undo brings it back
};
// Pages are read as another from now on, those of hits to come among them, or not at all; no number moves
// (counting/page_marks.h). Of this node alone.
struct PagesMarked {
  enum class Kind : std::uint8_t { merged, renamed, removed };
  struct Page {
    counting::PageId id{};  // reserved before the change is written; applying defines it
    std::string path;
  };
  SiteId site;
  Kind kind = Kind::merged;
  std::vector<Page> from;               // of `renamed` and `removed` one
  std::optional<Page> into;             // none: removed
  std::uint64_t before = 0, after = 0;  // the total of `into`, or of the page that is removed; for the audit
};

// The order is stored: new actions go to the end.
using Action = std::variant<SiteAdded, SiteChanged, SiteRemoved, Seeded, Reset, Undone, TokenAdded, ImportBegun,
                            ImportEnded, Restored, TokenRemoved, PagesMarked>;

// Of a change that another node made and this one adopted: in any order with others, so that nodes which know the same
// changes are in the same state.
struct Origin {
  std::string node;            // its incarnation, in hex
  std::uint64_t revision = 0;  // of the site's settings that the change made there; 0: it is not about them
  friend bool operator==(const Origin&, const Origin&) = default;
};

struct Change {
  std::string id;  // given by the client (Idempotency-Key) or drawn; 1..64 of [A-Za-z0-9._:-]
  std::int64_t at_s = 0;
  std::string actor;  // the token's id
  std::string reason;
  Action action;
  std::optional<Origin> origin = {};  // none: made here
};

bool valid_change_id(std::string_view id);
// The site that it is about by itself; none: a token of all, and an undo.
const SiteId* site_of(const Action& action);
// Of all nodes, not of this one alone (an import, what pages are read as).
bool shareable(const Action& action);
// It took something out of the numbers, which is kept: a reset of a site or page, a restored snapshot, the removal of a
// site or page. (A seed that took a page to nothing is what resetting a page writes.)
bool takes_away(const Action& action);
bool is_page_reset(const Seeded& seeded);
// "site added", "seeded", ...: as in the audit log.
std::string_view name_of(const Action& action);
std::vector<std::string_view> action_names();  // all of them

void encode(const Change& change, base::ByteWriter& out);
// corrupt, or newer_format for an action that this release does not know.
base::Result<void> decode(base::ByteReader& in, Change& change);

void encode(const TokenAdded& token, base::ByteWriter& out);
bool decode(base::ByteReader& in, TokenAdded& token);
void encode(const counting::Epoch& epoch, base::ByteWriter& out);
bool decode(base::ByteReader& in, counting::Epoch& epoch);

// Scopes of a token, as bits.
enum class Scope : std::uint32_t {
  ingest = 1,
  read = 2,
  seed = 4,
  reset = 8,
  config = 16,
  operate = 32,
  restore = 64,
  tokens = 128
};
inline constexpr std::uint32_t kAllScopes = 255;
std::vector<std::string_view> scope_names(std::uint32_t scopes);  // in the order of the bits
// malformed: no scope has the name; the sentence lists those there are.
base::Result<Scope> scope_from(std::string_view name);

}  // namespace footfall::sites

// SPDX-License-Identifier: Apache-2.0
// Changes: their bytes. One pair of functions per action, in the order of the variant.
// Tested by tests/unit/sites/changes_test.cc.
#include "sites/changes.h"

#include <algorithm>

namespace footfall::sites {
namespace {

using base::ByteReader;
using base::ByteWriter;
using base::Errc;
using base::Error;

// In the order of the bits of Scope.
constexpr std::array<std::string_view, 8> kScopeNames{"ingest", "read",    "seed",    "reset",
                                                      "config", "operate", "restore", "tokens"};

bool read_u32(ByteReader& in, std::uint32_t& out) {
  const std::uint64_t v = in.varint();
  out = static_cast<std::uint32_t>(v);
  return in.ok() && v <= UINT32_MAX;
}
bool read(ByteReader& in, SiteId& site) {
  return read_u32(in, site.value);
}
bool read(ByteReader& in, std::string& text) {
  text = in.string();
  return in.ok();
}

void put(const SiteAdded& a, ByteWriter& out) {
  out.varint(a.site.value);
  encode(a.settings, out);
  encode(a.epoch, out);
}
bool get(ByteReader& in, SiteAdded& a) {
  return read(in, a.site) && decode(in, a.settings) && decode(in, a.epoch);
}

void put(const SiteChanged& a, ByteWriter& out) {
  out.varint(a.site.value);
  encode(a.before, out);
  encode(a.after, out);
}
bool get(ByteReader& in, SiteChanged& a) {
  return read(in, a.site) && decode(in, a.before) && decode(in, a.after);
}

void put(const SiteRemoved& a, ByteWriter& out) {
  out.varint(a.site.value);
  encode(a.before, out);
}
bool get(ByteReader& in, SiteRemoved& a) {
  return read(in, a.site) && decode(in, a.before);
}

void put(const Seeded& a, ByteWriter& out) {
  out.varint(a.site.value);
  encode(a.epoch, out);
  out.u8(a.page ? 1 : 0);
  if (a.page) {
    out.varint(a.page_id.value);
    out.string(*a.page);
  }
  out.svarint(a.amount);
  out.varint(a.before);
  out.varint(a.after);
}
bool get(ByteReader& in, Seeded& a) {
  if (!read(in, a.site) || !decode(in, a.epoch)) return false;
  const std::uint8_t has_page = in.u8();
  if (has_page > 1) return false;
  if (has_page == 1) {
    if (!read_u32(in, a.page_id.value)) return false;
    a.page.emplace(in.string());
  }
  a.amount = in.svarint();
  a.before = in.varint();
  a.after = in.varint();
  return in.ok();
}

void put(const Reset& a, ByteWriter& out) {
  out.varint(a.site.value);
  encode(a.next, out);
  out.varint(a.before);
}
bool get(ByteReader& in, Reset& a) {
  if (!read(in, a.site) || !decode(in, a.next)) return false;
  a.before = in.varint();
  return in.ok();
}

void put(const Restored& a, ByteWriter& out) {
  out.varint(a.site.value);
  encode(a.seeded, out);
  encode(a.next, out);
  out.string(a.snapshot);
  out.varint(a.before);
  out.varint(a.after);
  out.varint(a.pages.size());
  for (const Restored::Page& page : a.pages) {
    out.varint(page.id.value);
    out.string(page.path);
    out.svarint(page.amount);
  }
}
bool get(ByteReader& in, Restored& a) {
  if (!read(in, a.site) || !decode(in, a.seeded) || !decode(in, a.next) || !read(in, a.snapshot)) return false;
  a.before = in.varint();
  a.after = in.varint();
  for (std::uint64_t pages = in.varint(); pages > 0 && in.ok(); --pages) {
    Restored::Page page;
    if (!read_u32(in, page.id.value)) return false;
    page.path = in.string();
    page.amount = in.svarint();
    a.pages.push_back(std::move(page));
  }
  return in.ok();
}

void put(const Undone& a, ByteWriter& out) {
  out.string(a.undone);
  out.varint(a.before);
  out.varint(a.after);
}
bool get(ByteReader& in, Undone& a) {
  if (!read(in, a.undone)) return false;
  a.before = in.varint();
  a.after = in.varint();
  return in.ok();
}

void put(const TokenAdded& a, ByteWriter& out) {
  out.string(a.id);
  for (const std::uint8_t byte : a.digest) out.u8(byte);
  out.varint(a.scopes);
  out.varint(a.site ? std::uint64_t{a.site->value} + 1 : 0);  // 0: not bound
  out.svarint(a.expires_s);
}
bool get(ByteReader& in, TokenAdded& a) {
  if (!read(in, a.id)) return false;
  for (std::uint8_t& byte : a.digest) byte = in.u8();
  if (!read_u32(in, a.scopes)) return false;
  const std::uint64_t site = in.varint();
  if (site > std::uint64_t{UINT32_MAX} + 1) return false;
  if (site > 0) a.site = SiteId{static_cast<std::uint32_t>(site - 1)};
  a.expires_s = in.svarint();
  return in.ok();
}

void put(const TokenRemoved& a, ByteWriter& out) {
  put(a.token, out);
}
bool get(ByteReader& in, TokenRemoved& a) {
  return get(in, a.token);
}

void put(const ImportBegun& a, ByteWriter& out) {
  out.varint(a.site.value);
  out.string(a.source);
  out.u64(a.key0);
  out.u64(a.key1);
}
bool get(ByteReader& in, ImportBegun& a) {
  if (!read(in, a.site) || !read(in, a.source)) return false;
  a.key0 = in.u64();
  a.key1 = in.u64();
  return in.ok();
}

void put(const ImportEnded& a, ByteWriter& out) {
  out.varint(a.site.value);
  out.string(a.source);
}
bool get(ByteReader& in, ImportEnded& a) {
  return read(in, a.site) && read(in, a.source);
}

void put(const PagesMarked& a, ByteWriter& out) {
  const auto put_page = [&out](const PagesMarked::Page& page) {
    out.varint(page.id.value);
    out.string(page.path);
  };
  out.varint(a.site.value);
  out.u8(static_cast<std::uint8_t>(a.kind));
  out.varint(a.from.size());
  for (const PagesMarked::Page& page : a.from) put_page(page);
  if (a.into) put_page(*a.into);
  out.varint(a.before);
  out.varint(a.after);
}
bool get(ByteReader& in, PagesMarked& a) {
  const auto get_page = [&in](PagesMarked::Page& page) { return read_u32(in, page.id.value) && read(in, page.path); };
  if (!read(in, a.site)) return false;
  const std::uint8_t kind = in.u8();
  if (kind > static_cast<std::uint8_t>(PagesMarked::Kind::removed)) return false;
  a.kind = static_cast<PagesMarked::Kind>(kind);
  for (std::uint64_t pages = in.varint(); pages > 0 && in.ok(); --pages) {
    if (!get_page(a.from.emplace_back())) return false;
  }
  if (a.kind != PagesMarked::Kind::removed) {
    a.into = PagesMarked::Page{};
    if (!get_page(*a.into)) return false;
  }
  a.before = in.varint();
  a.after = in.varint();
  return in.ok();
}

// Reads the alternative that `index` names, whichever of the variant it is.
template <std::size_t I = 0>
bool get_action(std::size_t index, ByteReader& in, Action& action) {
  if constexpr (I < std::variant_size_v<Action>) {
    if (index == I) return get(in, action.emplace<I>());
    return get_action<I + 1>(index, in, action);
  } else {
    return false;
  }
}

// In the order of Action, up to PagesMarked, which is called by its kind.
constexpr std::array<std::string_view, std::variant_size_v<Action> - 1> kNames{
    "site added",  "site changed", "site removed", "seeded",   "reset",        "undone",
    "token added", "import begun", "import ended", "restored", "token removed"};
constexpr std::array<std::string_view, 3> kMarked{"pages merged", "page renamed", "page removed"};

}  // namespace

bool valid_change_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == ':' || c == '-';
  });
}

const SiteId* site_of(const Action& action) {
  return std::visit(
      [](const auto& a) -> const SiteId* {
        if constexpr (requires { *a.site; }) {
          return a.site ? &*a.site : nullptr;
        } else if constexpr (requires { *a.token.site; }) {
          return a.token.site ? &*a.token.site : nullptr;
        } else if constexpr (requires { a.site.value; }) {
          return &a.site;
        } else {
          return nullptr;
        }
      },
      action);
}

bool shareable(const Action& action) {
  return !std::holds_alternative<ImportBegun>(action) && !std::holds_alternative<ImportEnded>(action) &&
         !std::holds_alternative<PagesMarked>(action);
}

bool is_page_reset(const Seeded& seeded) {
  return seeded.page.has_value() && seeded.after == 0 && seeded.amount <= 0;
}

bool takes_away(const Action& action) {
  const auto* const marked = std::get_if<PagesMarked>(&action);
  const auto* const seeded = std::get_if<Seeded>(&action);
  return std::holds_alternative<Reset>(action) || std::holds_alternative<Restored>(action) ||
         std::holds_alternative<SiteRemoved>(action) || (seeded != nullptr && is_page_reset(*seeded)) ||
         (marked != nullptr && !marked->into);
}

std::string_view name_of(const Action& action) {
  if (const auto* marked = std::get_if<PagesMarked>(&action)) return kMarked.at(static_cast<std::size_t>(marked->kind));
  return kNames.at(action.index());
}

std::vector<std::string_view> action_names() {
  std::vector<std::string_view> names(kNames.begin(), kNames.end());
  names.insert(names.end(), kMarked.begin(), kMarked.end());
  return names;
}

void encode(const Change& change, ByteWriter& out) {
  out.string(change.id);
  out.svarint(change.at_s);
  out.string(change.actor);
  out.string(change.reason);
  out.u8(static_cast<std::uint8_t>(change.action.index() + 1));
  std::visit([&out](const auto& action) { put(action, out); }, change.action);
  out.string(change.origin ? change.origin->node : std::string());
  if (change.origin) out.varint(change.origin->revision);
}

base::Result<void> decode(ByteReader& in, Change& change) {
  change.id = in.string();
  change.at_s = in.svarint();
  change.actor = in.string();
  change.reason = in.string();
  const std::uint8_t kind = in.u8();
  if (!in.ok() || kind == 0) return Error{Errc::corrupt, "a change record is cut short"};
  if (kind > std::variant_size_v<Action>) {
    return Error{Errc::newer_format, "change " + change.id + " is of kind " + std::to_string(kind) +
                                         ", which this release does not know; start the release that wrote it"};
  }
  if (!get_action(kind - std::size_t{1}, in, change.action)) {
    return Error{Errc::corrupt, "the bytes of a change of kind " + std::to_string(kind) + " break their grammar"};
  }
  change.origin.reset();
  if (std::string node(in.string()); !node.empty()) {
    const std::uint64_t revision = in.varint();
    change.origin = Origin{std::move(node), revision};
  }
  if (!in.ok()) return Error{Errc::corrupt, "a change record is cut short"};
  return {};
}

void encode(const TokenAdded& token, ByteWriter& out) {
  put(token, out);
}
bool decode(ByteReader& in, TokenAdded& token) {
  return get(in, token);
}

void encode(const counting::Epoch& epoch, ByteWriter& out) {
  out.varint(epoch.number);
  out.varint(epoch.reset_id);
}
bool decode(ByteReader& in, counting::Epoch& epoch) {
  if (!read_u32(in, epoch.number)) return false;
  epoch.reset_id = in.varint();
  return in.ok();
}

std::vector<std::string_view> scope_names(std::uint32_t scopes) {
  std::vector<std::string_view> names;
  for (std::size_t bit = 0; bit < kScopeNames.size(); ++bit) {
    if ((scopes >> bit & 1U) != 0) names.push_back(kScopeNames.at(bit));
  }
  return names;
}

base::Result<Scope> scope_from(std::string_view name) {
  std::string all;
  for (std::size_t bit = 0; bit < kScopeNames.size(); ++bit) {
    if (kScopeNames.at(bit) == name) return static_cast<Scope>(1U << bit);
    all.append(all.empty() ? "" : ", ").append(kScopeNames.at(bit));
  }
  return Error{Errc::malformed, "no scope is called " + std::string(name.substr(0, 64)) + "; give any of " + all};
}

}  // namespace footfall::sites

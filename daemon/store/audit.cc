// SPDX-License-Identifier: Apache-2.0
// Audit: one function per kind of change.
// Tested by tests/unit/store/audit_test.cc.
#include "store/audit.h"

#include <optional>

namespace footfall::store {
namespace {

using sites::SiteId;

// A flat JSON object of a few members.
class Object {
 public:
  Object& member(std::string_view name, std::string_view text) { return key(name).quoted(text); }
  Object& member(std::string_view name, const char* text) { return member(name, std::string_view(text)); }
  Object& member(std::string_view name, std::uint64_t number) { return key(name).raw(std::to_string(number)); }
  Object& member(std::string_view name, std::int64_t number) { return key(name).raw(std::to_string(number)); }
  Object& member(std::string_view name, bool yes) { return key(name).raw(yes ? "true" : "false"); }
  Object& member(std::string_view name, const std::vector<std::string>& texts) {
    key(name).raw("[");
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (i > 0) raw(",");
      quoted(texts[i]);
    }
    return raw("]");
  }
  std::string take() { return std::move(text_) + "}"; }

 private:
  Object& key(std::string_view name) {
    if (text_.size() > 1) raw(",");
    return quoted(name).raw(":");
  }
  Object& raw(std::string_view bytes) {
    text_ += bytes;
    return *this;
  }
  Object& quoted(std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    raw("\"");
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20) {
        raw("\\u00").raw(kHex.substr(byte >> 4U, 1)).raw(kHex.substr(byte & 15U, 1));
      } else {
        if (c == '"' || c == '\\') text_.push_back('\\');
        text_.push_back(c);
      }
    }
    return raw("\"");
  }

  std::string text_ = "{";
};

std::string settings_json(const sites::Settings& s) {
  std::vector<std::string> ranges;
  for (const base::Cidr& range : s.exclude_addresses) ranges.push_back(base::text_of(range));
  return Object()
      .member("name", s.name)
      .member("hosts", s.hosts)
      .member("timezone", s.timezone)
      .member("lang", s.lang)
      .member("grouping", to_string(s.grouping))
      .member("visibility", to_string(s.visibility))
      .member("window_s", std::int64_t{s.window_s})
      .member("strict_origin", s.strict_origin)
      .member("count_bots", s.count_bots)
      .member("hits_per_second_max", std::uint64_t{s.hits_per_second_max})
      .member("exclude_addresses", ranges)
      .member("exclude_paths", s.exclude_paths)
      .take();
}

std::string total_json(std::uint64_t total) {
  return Object().member("total", total).take();
}

std::string token_json(const sites::Token& token) {
  const std::vector<std::string_view> scopes = sites::scope_names(token.scopes);
  return Object()
      .member("token", token.id)
      .member("scopes", std::vector<std::string>(scopes.begin(), scopes.end()))
      .member("expires_s", token.expires_s)
      .take();
}

// Fills before and after; answers the site that the action concerns.
class Describe {
 public:
  Describe(const sites::Registry& registry, AuditEntry& entry) : registry_(registry), entry_(entry) {}

  std::optional<SiteId> operator()(const sites::SiteAdded& a) {
    entry_.after = settings_json(a.settings);
    return a.site;
  }
  std::optional<SiteId> operator()(const sites::SiteChanged& a) {
    entry_.before = settings_json(a.before);
    entry_.after = settings_json(a.after);
    return a.site;
  }
  std::optional<SiteId> operator()(const sites::SiteRemoved& a) {
    entry_.before = settings_json(a.before);
    return a.site;
  }
  std::optional<SiteId> operator()(const sites::Seeded& a) {
    Object before, after;
    if (a.page) before.member("page", *a.page);
    if (a.page) after.member("page", *a.page);
    entry_.before = before.member("total", a.before).take();
    entry_.after = after.member("total", a.after).member("amount", a.amount).take();
    return a.site;
  }
  std::optional<SiteId> operator()(const sites::Reset& a) {
    entry_.before = total_json(a.before);
    entry_.after = Object().member("total", std::uint64_t{0}).member("epoch", std::uint64_t{a.next.number}).take();
    return a.site;
  }
  std::optional<SiteId> operator()(const sites::Restored& a) {
    entry_.before = total_json(a.before);
    entry_.after = Object()
                       .member("total", a.after)
                       .member("epoch", std::uint64_t{a.next.number})
                       .member("snapshot", a.snapshot)
                       .take();
    return a.site;
  }
  std::optional<SiteId> operator()(const sites::Undone& a) {
    entry_.before = total_json(a.before);
    entry_.after = Object().member("undone", a.undone).member("total", a.after).take();
    const sites::Change* undone = registry_.find_change(a.undone);
    if (undone == nullptr || std::holds_alternative<sites::Undone>(undone->action)) return std::nullopt;
    AuditEntry unused;
    Describe other(registry_, unused);
    return std::visit(other, undone->action);
  }
  std::optional<SiteId> operator()(const sites::TokenAdded& a) {
    entry_.after = token_json(a);
    return a.site;
  }
  std::optional<SiteId> operator()(const sites::TokenRemoved& a) {
    entry_.before = token_json(a.token);
    return a.token.site;
  }
  std::optional<SiteId> operator()(const sites::ImportBegun& a) {
    entry_.after = Object().member("source", a.source).take();
    return a.site;
  }
  std::optional<SiteId> operator()(const sites::ImportEnded& a) {
    entry_.before = Object().member("source", a.source).take();
    return a.site;
  }
  std::optional<SiteId> operator()(const sites::PagesMarked& a) {
    std::vector<std::string> from;
    for (const sites::PagesMarked::Page& page : a.from) from.push_back(page.path);
    entry_.before = Object().member("pages", from).member("total", a.before).take();
    if (a.into) entry_.after = Object().member("page", a.into->path).member("total", a.after).take();
    return a.site;
  }

 private:
  const sites::Registry& registry_;
  AuditEntry& entry_;
};

}  // namespace

AuditEntry audit_entry(const sites::Change& change, const sites::Registry& registry) {
  AuditEntry entry;
  entry.id = change.id;
  entry.at_s = change.at_s;
  entry.actor = change.actor;
  entry.reason = change.reason;
  entry.action = name_of(change.action);
  Describe describe(registry, entry);
  if (const std::optional<SiteId> site = std::visit(describe, change.action)) {
    const sites::Settings* settings = registry.last_settings(*site);
    entry.site = settings == nullptr ? "id " + std::to_string(site->value) : settings->name;
  }
  return entry;
}

}  // namespace footfall::store

// SPDX-License-Identifier: Apache-2.0
// SiteFixture: a registry with sites, tokens and hits, and a clock that stands at 2026-11-23 10:00:00.123 in Viet Nam.
#pragma once

#include <gtest/gtest.h>
#include <simdjson.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/auth.h"
#include "api/read_context.h"
#include "base/hash.h"
#include "sites/registry.h"

namespace footfall::api {

class SiteFixture : public ::testing::Test {
 protected:
  static constexpr std::int64_t kNowMs = 1795402800123;  // 2026-11-23T10:00:00.123+07:00
  static constexpr std::int64_t kNow = kNowMs / 1000;
  static constexpr std::int64_t kMidnight = kNow - 36000;

  SiteFixture() : registry_(counting::Limits{}) {}

  static sites::Settings settings(std::string name, sites::Visibility visibility = sites::Visibility::counter) {
    sites::Settings settings;
    settings.name = name;
    settings.hosts = {std::move(name)};
    settings.timezone = "Asia/Ho_Chi_Minh";
    settings.lang = "vi";
    settings.grouping = sites::Grouping::dot;
    settings.visibility = visibility;
    return settings;
  }

  void apply(sites::Action action, std::string id = "") {
    if (id.empty()) id = "change-" + std::to_string(++changes_);
    const base::Result<void> done = registry_.apply({id, kNow, "tester", "", std::move(action)});
    ASSERT_TRUE(done) << to_string(done.error());
  }
  sites::Site& add_site(const sites::Settings& settings) {
    apply(registry_.plan_add(settings, 1).value());
    return *registry_.find(settings.name);
  }
  void add_token(std::string id, std::string_view secret, std::uint32_t scopes, std::optional<sites::SiteId> site = {},
                 std::int64_t expires_s = 0) {
    apply(sites::TokenAdded{std::move(id), digest_of(secret), scopes, site, expires_s});
  }
  void seed(std::string_view site, std::uint64_t total) {
    apply(registry_.plan_seed_total(site, {}, total, kNow).value());
  }

  // A pageview of a visitor.
  void visit(sites::Site& site, std::string_view path, std::uint64_t visitor, std::int64_t at_s = kNow,
             bool bot = false) {
    const base::MutexLock lock(site.mutex());
    counting::Hit hit;
    hit.at_s = at_s;
    hit.utc_offset_s = registry_zone(site).offset_at(at_s);
    hit.visitor = counting::VisitorId{base::mix64(visitor + 1) | 1U};
    hit.page = site.state().reserve_page(path, base::table_hash(path));
    hit.bot = bot;
    hit.counts = !bot;
    hit.touches_presence = !bot;
    hit.adds_visitor = !bot;
    site.state().apply(site.state().epoch(), std::array{hit});
  }

  const lookup::TimeZone& registry_zone(const sites::Site& site) const {
    return *lookup::TimeZone::find(registry_.last_settings(site.id())->timezone).value();
  }

  ReadContext context(std::string_view name, std::string_view token = "", std::int64_t now_ms = kNowMs) {
    directory_ = registry_.directory(++changes_);
    const sites::Entry& entry = *directory_->find(name);
    return read_context(entry, lookup::TimeZone::find(entry.settings->timezone).value(), *directory_, token, now_ms);
  }

  sites::Registry registry_;
  std::shared_ptr<const sites::Directory> directory_;
  std::uint64_t changes_ = 0;
};

// A JSON text, read back.
class Parsed {
 public:
  explicit Parsed(std::string_view text) : text_(text) {
    EXPECT_EQ(parser_.parse(text_).get(root_), simdjson::SUCCESS) << text;
  }
  // By JSON pointer: "/today/hits".
  std::int64_t number(std::string_view pointer) const { return get<std::int64_t>(pointer); }
  std::uint64_t count(std::string_view pointer) const { return get<std::uint64_t>(pointer); }
  double real(std::string_view pointer) const { return get<double>(pointer); }
  bool flag(std::string_view pointer) const { return get<bool>(pointer); }
  std::string text(std::string_view pointer) const { return std::string(get<std::string_view>(pointer)); }
  bool has(std::string_view pointer) const { return root_.at_pointer(pointer).error() == simdjson::SUCCESS; }
  bool is_null(std::string_view pointer) const {
    simdjson::dom::element element;
    return root_.at_pointer(pointer).get(element) == simdjson::SUCCESS && element.is_null();
  }
  std::size_t size(std::string_view pointer) const { return get<simdjson::dom::array>(pointer).size(); }
  std::vector<std::string> keys(std::string_view pointer = "") const {
    std::vector<std::string> keys;
    for (const auto& member : get<simdjson::dom::object>(pointer)) keys.emplace_back(member.key);
    return keys;
  }

 private:
  template <class T>
  T get(std::string_view pointer) const {
    T value{};
    EXPECT_EQ(root_.at_pointer(pointer).template get<T>().get(value), simdjson::SUCCESS) << "at " << pointer;
    return value;
  }

  simdjson::padded_string text_;
  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
};

}  // namespace footfall::api

// SPDX-License-Identifier: Apache-2.0
#include "sites/snapshot.h"

#include <utility>

#include "base/bytes.h"
#include "base/mutex.h"
#include "counting/page_walk.h"
#include "sites/changes.h"
#include "sites/value_frame.h"

namespace footfall::sites {
namespace {

constexpr std::string_view kMagic = "ffsnap\r\n";
constexpr std::uint64_t kVersion = 1;
constexpr counting::Day kDaysEnd = 3'000'000;  // beyond the year 9999

base::Error corrupt(std::string what) {
  return {base::Errc::corrupt, "a snapshot " + std::move(what)};
}

}  // namespace

Snapshot take_snapshot(Site& site, const Settings& settings, std::string node, std::int64_t now_ms) {
  const std::int64_t now_s = now_ms / 1000;
  Snapshot out;
  out.node = std::move(node);
  out.taken_ms = now_ms;
  out.settings = settings;
  counting::PageWalk walk(counting::PageSort::total, counting::kIdsMax);
  for (bool done = false; !done;) {
    walk.make_room();
    const base::MutexLock lock(site.mutex());
    done = walk.step(site.state(), now_s);
    if (!done) continue;
    // In the hold that the pages' numbers are of.
    const counting::Summary summary = site.state().summary(now_s, counting::calendar_of(0));
    out.epoch = summary.epoch;
    out.total = summary.total;
    out.counted = summary.counted;
    out.bots = summary.bots;
    out.days = site.state().days(INT32_MIN, kDaysEnd);
  }
  const counting::PageTable table = walk.table();
  out.pages.reserve(table.rows.size());
  for (const counting::PageRow& row : table.rows) {
    if (const std::uint64_t total = row.total(); total > 0) out.pages.push_back({std::string(row.path), total});
  }
  return out;
}

std::string encode(const Snapshot& snapshot) {
  std::string bytes;
  open_frame(bytes, kMagic, kVersion);
  base::ByteWriter out(bytes);
  out.string(snapshot.node);
  out.svarint(snapshot.taken_ms);
  encode(snapshot.settings, out);
  encode(snapshot.epoch, out);
  out.varint(snapshot.total);
  out.varint(snapshot.counted);
  out.varint(snapshot.bots);
  out.varint(snapshot.days.size());
  for (const counting::Cell& day : snapshot.days) {
    out.svarint(day.key);
    out.varint(day.hits);
    out.varint(day.bots);
    out.varint(day.visitors);
    out.varint(day.online_max);
  }
  out.varint(snapshot.pages.size());
  for (const Snapshot::Page& page : snapshot.pages) {
    out.string(page.path);
    out.varint(page.total);
  }
  close_frame(bytes);
  return bytes;
}

base::Result<Snapshot> decode_snapshot(std::string_view bytes) {
  base::Result<base::ByteReader> framed = read_frame(bytes, kMagic, kVersion, "a snapshot");
  if (!framed) return framed.error();
  base::ByteReader& in = *framed;
  Snapshot out;
  out.node = in.string();
  out.taken_ms = in.svarint();
  if (!decode(in, out.settings) || !decode(in, out.epoch)) return corrupt("has settings that cannot be read");
  out.total = in.varint();
  out.counted = in.varint();
  out.bots = in.varint();
  for (std::uint64_t days = in.varint(); days > 0 && in.ok(); --days) {
    counting::Cell day;
    day.key = in.svarint();
    day.hits = in.varint();
    day.bots = in.varint();
    day.visitors = in.varint();
    day.online_max = static_cast<std::uint32_t>(in.varint());
    out.days.push_back(day);
  }
  for (std::uint64_t pages = in.varint(); pages > 0 && in.ok(); --pages) {
    Snapshot::Page page;
    page.path = in.string();
    page.total = in.varint();
    out.pages.push_back(std::move(page));
  }
  if (!in.at_end()) return corrupt("is longer or shorter than its fields");
  return out;
}

}  // namespace footfall::sites

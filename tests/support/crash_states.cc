// SPDX-License-Identifier: Apache-2.0
// Crash states: see crash_states.h. The walk keeps what is on the device, and the units that may be there or not.
#include "support/crash_states.h"

#include <algorithm>
#include <map>

namespace footfall::testing {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kSector = 512;

// What reaches the device alone or not at all.
struct Unit {
  enum class Kind { bytes, size, names };
  Kind kind;
  const DiskOp* op;
  std::size_t from = 0, to = 0;  // bytes: which of the write's
  bool abandoned = false;        // a sync failed: no later one writes it, unless its page is changed again

  std::uint64_t page() const { return (op->offset + from) / kPage; }
};

// Applies units in the order of the log. Sizes go their own way: bytes behind the end of a file are not there.
class Application {
 public:
  explicit Application(Disk& disk) : disk_(disk) {}
  ~Application() {
    for (const auto& [node, size] : sizes_) disk_.change_bytes(node).resize(size, '\0');
  }
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  void apply(const Unit& unit) {
    switch (unit.kind) {
      case Unit::Kind::bytes:
        return write(*unit.op, unit.from, unit.to);
      case Unit::Kind::size:
        return resize(*unit.op);
      case Unit::Kind::names:
        return link(*unit.op);
    }
  }
  void write(const DiskOp& op, std::size_t from, std::size_t to) {
    size_of(op.node);
    std::string& bytes = disk_.change_bytes(op.node);
    const std::size_t at = static_cast<std::size_t>(op.offset);
    if (bytes.size() < at + to) bytes.resize(at + to, '\0');
    bytes.replace(at + from, to - from, *op.bytes, from, to - from);
  }

 private:
  std::size_t& size_of(NodeId node) { return sizes_.try_emplace(node, disk_.bytes(node).size()).first->second; }
  void resize(const DiskOp& op) {
    std::size_t& size = size_of(op.node);
    const std::uint64_t end = op.offset + (op.bytes != nullptr ? op.bytes->size() : 0);
    if (op.kind != DiskOp::Kind::resize) {
      size = std::max<std::size_t>(size, end);
      return;
    }
    size = end;
    std::string& bytes = disk_.change_bytes(op.node);
    if (bytes.size() > end) bytes.resize(end);
  }
  void link(const DiskOp& op) {
    Disk::Names& names = disk_.change_names(op.node);
    for (const auto& [name, node] : op.names) {
      if (node) {
        names[name] = *node;
      } else {
        names.erase(name);
      }
    }
  }

  Disk& disk_;
  std::map<NodeId, std::size_t> sizes_;
};

class Walk {
 public:
  explicit Walk(const Disk& begin) : device_(begin) {}

  void advance(const DiskOp& op) {
    switch (op.kind) {
      case DiskOp::Kind::write:
        for (std::size_t from = 0; from < op.bytes->size();) {
          const std::size_t room = kPage - (op.offset + from) % kPage;
          const std::size_t to = std::min(op.bytes->size(), from + room);
          units_.push_back({Unit::Kind::bytes, &op, from, to});
          from = to;
        }
        units_.push_back({Unit::Kind::size, &op});
        return;
      case DiskOp::Kind::grow:
      case DiskOp::Kind::resize:
        units_.push_back({Unit::Kind::size, &op});
        return;
      case DiskOp::Kind::names:
        for (const auto& [name, node] : op.names) {
          while (node && *node >= device_.size()) device_.add(op.directory);
        }
        units_.push_back({Unit::Kind::names, &op});
        return;
      case DiskOp::Kind::sync_fails:
        for (Unit& unit : units_) unit.abandoned |= unit.op->node == op.node && unit.kind == Unit::Kind::bytes;
        return;
      case DiskOp::Kind::sync:
        return settle([&](const Unit& unit) {
          return unit.op->node == op.node && unit.kind != Unit::Kind::names && (!unit.abandoned || written_anew(unit));
        });
      case DiskOp::Kind::sync_names:
        return settle([&](const Unit& unit) { return unit.op->node == op.node && unit.kind == Unit::Kind::names; });
    }
  }

  const std::vector<Unit>& units() const { return units_; }

  // The device with the units that `kept` says; of the one with the number `torn` only the bytes [from, to).
  template <class Kept>
  Disk disk(const Kept& kept, std::size_t torn = SIZE_MAX, std::size_t from = 0, std::size_t to = 0) const {
    Disk out = device_;
    Application application(out);
    for (std::size_t i = 0; i < units_.size(); ++i) {
      if (i == torn) {
        application.write(*units_[i].op, from, to);
      } else if (kept(i)) {
        application.apply(units_[i]);
      }
    }
    return out;
  }
  // The same, with one write torn, if any is longer than a sector.
  template <class Kept>
  Disk disk_torn(const Kept& kept, std::mt19937_64& random) const {
    const std::size_t first = random() % (units_.size() + 1);
    for (std::size_t n = 0; n < units_.size(); ++n) {
      const std::size_t i = (first + n) % units_.size();
      const Unit& unit = units_[i];
      if (unit.kind != Unit::Kind::bytes || unit.to - unit.from <= kSector) continue;
      const std::size_t begin = static_cast<std::size_t>((unit.op->offset + unit.from) % kSector);
      const std::size_t sectors = (begin + unit.to - unit.from - 1) / kSector;  // boundaries inside
      const std::size_t at = unit.from + kSector * (1 + random() % sectors) - begin;
      return random() % 2 == 0 ? disk(kept, i, unit.from, at) : disk(kept, i, at, unit.to);
    }
    return disk(kept);
  }
  // All, but of the last write only the bytes [from, to).
  Disk torn(const DiskOp& last, std::size_t from, std::size_t to) const {
    Disk out = device_;
    Application application(out);
    for (const Unit& unit : units_) {
      if (unit.op != &last || unit.kind != Unit::Kind::bytes) application.apply(unit);
    }
    application.write(last, from, to);
    return out;
  }

 private:
  bool written_anew(const Unit& abandoned) const {
    return std::any_of(units_.begin(), units_.end(), [&](const Unit& unit) {
      return !unit.abandoned && unit.kind == Unit::Kind::bytes && unit.op->node == abandoned.op->node &&
             unit.page() == abandoned.page();
    });
  }
  template <class Durable>
  void settle(const Durable& durable) {
    std::vector<bool> is_durable;
    is_durable.reserve(units_.size());
    for (const Unit& unit : units_) is_durable.push_back(durable(unit));
    device_ = disk([&](std::size_t i) { return is_durable[i]; });
    std::size_t left = 0;
    for (std::size_t i = 0; i < units_.size(); ++i) {
      if (!is_durable[i]) units_[left++] = units_[i];
    }
    units_.erase(units_.begin() + static_cast<std::ptrdiff_t>(left), units_.end());
  }

  Disk device_;
  std::vector<Unit> units_;  // in the order of the log
};

// Each unit with the same chance, and that one drawn too: mostly there, mostly lost, or half.
std::vector<bool> random_subset(const std::vector<Unit>& units, std::mt19937_64& random) {
  const std::uint64_t chance = 1 + random() % 7;
  std::vector<bool> kept;
  kept.reserve(units.size());
  for (std::size_t i = 0; i < units.size(); ++i) kept.push_back(random() % 8 < chance);
  return kept;
}

// As ext4 does: names change in the order in which they were changed, up to some point.
void put_names_in_order(const std::vector<Unit>& units, std::vector<bool>& kept, std::mt19937_64& random) {
  const std::size_t end = random() % (units.size() + 1);
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i].kind == Unit::Kind::names) kept[i] = i < end;
  }
}

}  // namespace

void each_crash_state(const FaultFs& run, unsigned subsets, std::mt19937_64& random,
                      const std::function<void(const CrashState&)>& visit) {
  Walk walk(run.begin());
  std::size_t position = 0;
  const auto show = [&](const Disk& disk, bool killed) { visit({disk, disk.hash(), position, killed}); };
  for (const DiskOp& op : run.log()) {
    walk.advance(op);
    ++position;
    const std::vector<Unit>& units = walk.units();
    show(walk.disk([](std::size_t) { return true; }), true);
    show(walk.disk([](std::size_t) { return false; }), false);
    if (units.empty()) continue;
    show(walk.disk([&](std::size_t i) { return units[i].kind == Unit::Kind::names; }), false);
    show(walk.disk([&](std::size_t i) { return units[i].kind != Unit::Kind::names; }), false);
    for (std::size_t one = 0; one < units.size(); ++one) {
      show(walk.disk([&](std::size_t i) { return i != one; }), false);
      show(walk.disk([&](std::size_t i) { return i == one; }), false);
    }
    for (unsigned n = 0; n < subsets; ++n) {
      std::vector<bool> kept = random_subset(units, random);
      if (n % 2 == 0) put_names_in_order(units, kept, random);
      const auto is_kept = [&kept](std::size_t i) { return kept[i]; };
      show(n % 3 == 0 ? walk.disk_torn(is_kept, random) : walk.disk(is_kept), false);
    }
    if (op.kind != DiskOp::Kind::write) continue;
    for (std::size_t at = kSector - op.offset % kSector; at < op.bytes->size(); at += kSector) {
      show(walk.torn(op, 0, at), false);
      show(walk.torn(op, at, op.bytes->size()), false);
    }
  }
}

Disk random_power_cut(const FaultFs& run, std::mt19937_64& random) {
  Walk walk(run.begin());
  for (const DiskOp& op : run.log()) walk.advance(op);
  std::vector<bool> kept = random_subset(walk.units(), random);
  if (random() % 2 == 0) put_names_in_order(walk.units(), kept, random);
  return walk.disk([&](std::size_t i) { return kept[i]; });
}

}  // namespace footfall::testing

// SPDX-License-Identifier: Apache-2.0
// FaultFileSystem: files in memory that fail when told to, and that forget like a disk when the power is cut.
//
//   file        content (the page cache) and what of it was synced (the device); at a power cut each 4 KiB page that
//               differs survives or not, as the dice fall
//   directory   names, and every state they went through since the last sync_directory(); a power cut goes back to one
//
// Directories themselves are durable at once. Not thread-safe. Locks exclude within this object.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_system.h"

namespace footfall::testing {

class FaultFileSystem final : public base::FileSystem {
 public:
  // ---- Faults ----

  // The next `count` writes succeed; those after them fail, having written half of their bytes.
  void fail_writes_after(std::uint64_t count) { writes_left_ = count; }
  void fail_syncs() { syncs_fail_ = true; }
  void fail_renames() { renames_fail_ = true; }
  void heal() {
    writes_left_ = UINT64_MAX;
    syncs_fail_ = renames_fail_ = false;
  }
  std::uint64_t writes() const { return writes_; }
  std::uint64_t syncs() const { return syncs_; }

  // Open files must not be used afterwards.
  void cut_power(std::mt19937_64& random) {
    for (auto& [path, directory] : directories_) {
      directory.past.push_back(directory.names);
      directory.names = directory.past[random() % directory.past.size()];
      directory.past = {directory.names};
      for (auto& [name, node] : directory.names) node->cut_power(random);
    }
  }

  void remove_all() { directories_.clear(); }

  // ---- For tests that look at or change the bytes ----

  std::string& content(const std::string& path) { return find(path)->content; }

  // ---- FileSystem ----

  base::Result<std::unique_ptr<base::File>> open(const std::string& path, base::OpenMode mode) override {
    auto node = find(path);
    if (node == nullptr) {
      const auto directory = directories_.find(parent(path));
      if (mode != base::OpenMode::create || directory == directories_.end()) return absent(path);
      node = std::make_shared<Node>();
      directory->second.change()[leaf(path)] = node;
    }
    return std::unique_ptr<base::File>(std::make_unique<MemoryFile>(*this, node, mode != base::OpenMode::read));
  }

  base::Result<void> rename(const std::string& from, const std::string& to) override {
    if (renames_fail_) return broken("rename " + from);
    const auto node = find(from);
    if (node == nullptr) return absent(from);
    auto& names = directories_[parent(from)].change();
    names.erase(leaf(from));
    if (parent(from) == parent(to)) {
      names[leaf(to)] = node;
    } else {
      directories_[parent(to)].change()[leaf(to)] = node;
    }
    return {};
  }

  base::Result<void> remove(const std::string& path) override {
    if (find(path) == nullptr) return absent(path);
    directories_[parent(path)].change().erase(leaf(path));
    return {};
  }

  base::Result<bool> exists(const std::string& path) override {
    return find(path) != nullptr || directories_.count(path) > 0;
  }

  base::Result<void> make_directory(const std::string& path) override {
    directories_.try_emplace(path);
    return {};
  }

  base::Result<std::vector<std::string>> list(const std::string& directory) override {
    const auto found = directories_.find(directory);
    if (found == directories_.end()) return absent(directory);
    std::set<std::string> names;
    for (const auto& [name, node] : found->second.names) names.insert(name);
    for (const auto& [path, ignored] : directories_) {
      if (parent(path) == directory && path != directory) names.insert(leaf(path));
    }
    return std::vector<std::string>(names.begin(), names.end());
  }

  base::Result<void> sync_directory(const std::string& path) override {
    if (syncs_fail_) return broken("fsync " + path);
    ++syncs_;
    if (const auto found = directories_.find(path); found != directories_.end()) {
      found->second.past = {found->second.names};
    }
    return {};
  }

  base::Result<std::unique_ptr<base::File>> lock(const std::string& path) override {
    auto file = open(path, base::OpenMode::create);
    if (!file) return file.error();
    const auto node = find(path);
    if (node->locked) return base::Error{base::Errc::in_use, path};
    return std::unique_ptr<base::File>(std::make_unique<Lock>(*this, node));
  }

 private:
  static constexpr std::size_t kPage = 4096;

  struct Node {
    std::string content;
    std::string synced;
    bool locked = false;

    void cut_power(std::mt19937_64& random) {
      if (random() % 2 == 0) content.resize(synced.size());  // the size is metadata: all of it or nothing
      for (std::size_t at = 0; at < content.size(); at += kPage) {
        if (random() % 2 == 0) continue;
        for (std::size_t i = at; i < std::min(at + kPage, content.size()); ++i) {
          content[i] = i < synced.size() ? synced[i] : '\0';
        }
      }
      synced = content;
    }
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;  // name in the directory -> file

  struct Directory {
    Names names;
    std::vector<Names> past{Names{}};  // the durable state, then every later one but the present

    Names& change() {
      past.push_back(names);
      return names;
    }
  };

  class MemoryFile : public base::File {
   public:
    MemoryFile(FaultFileSystem& files, std::shared_ptr<Node> node, bool writable)
        : files_(files), node_(std::move(node)), writable_(writable) {}

    base::Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
      if (!writable_) return broken("write to a file opened for reading");
      const bool fails = files_.writes_left_ == 0;
      if (fails) {
        bytes = bytes.substr(0, bytes.size() / 2);
      } else if (files_.writes_left_ != UINT64_MAX) {
        --files_.writes_left_;
      }
      ++files_.writes_;
      const auto at = static_cast<std::size_t>(offset);
      if (node_->content.size() < at + bytes.size()) node_->content.resize(at + bytes.size(), '\0');
      std::copy(bytes.begin(), bytes.end(), node_->content.begin() + static_cast<std::ptrdiff_t>(at));
      if (fails) return broken("write");
      return {};
    }
    base::Result<std::string> read_at(std::uint64_t offset, std::size_t size) override {
      if (offset >= node_->content.size()) return std::string{};
      return node_->content.substr(static_cast<std::size_t>(offset), size);
    }
    base::Result<std::uint64_t> size() override { return std::uint64_t{node_->content.size()}; }
    base::Result<void> truncate(std::uint64_t size) override {
      node_->content.resize(static_cast<std::size_t>(size), '\0');
      return {};
    }
    base::Result<void> allocate(std::uint64_t size) override {
      if (files_.writes_left_ == 0) return broken("fallocate");
      if (node_->content.size() < size) node_->content.resize(static_cast<std::size_t>(size), '\0');
      return {};
    }
    base::Result<void> sync() override {
      if (files_.syncs_fail_) return broken("fdatasync");
      ++files_.syncs_;
      node_->synced = node_->content;
      return {};
    }

   protected:
    FaultFileSystem& files_;
    std::shared_ptr<Node> node_;
    bool writable_;
  };

  class Lock final : public MemoryFile {
   public:
    Lock(FaultFileSystem& files, std::shared_ptr<Node> node) : MemoryFile(files, std::move(node), true) {
      node_->locked = true;
    }
    ~Lock() override { node_->locked = false; }
  };

  static base::Error absent(const std::string& path) { return {base::Errc::not_found, path}; }
  static base::Error broken(const std::string& what) { return {base::Errc::io, what + ": injected failure"}; }
  static std::string parent(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  }
  static std::string leaf(const std::string& path) { return path.substr(path.rfind('/') + 1); }
  std::shared_ptr<Node> find(const std::string& path) {
    const auto directory = directories_.find(parent(path));
    if (directory == directories_.end()) return nullptr;
    const auto found = directory->second.names.find(leaf(path));
    return found == directory->second.names.end() ? nullptr : found->second;
  }

  std::map<std::string, Directory> directories_;  // path -> what it holds
  std::uint64_t writes_left_ = UINT64_MAX;
  std::uint64_t writes_ = 0;
  std::uint64_t syncs_ = 0;
  bool syncs_fail_ = false;
  bool renames_fail_ = false;
};

}  // namespace footfall::testing

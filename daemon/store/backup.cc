// SPDX-License-Identifier: Apache-2.0
// Backup: see backup.h.
#include "store/backup.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "store/backup_file.h"
#include "store/checkpoint.h"
#include "store/content_hash.h"

namespace footfall::store {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;

// Removes a file or a directory with all in it, unless it is kept.
class Scratch {
 public:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!kept_) fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  void keep() { kept_ = true; }

 private:
  std::string path_;
  bool kept_ = false;
};

std::string parent_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

base::Result<void> check_free(base::FileSystem& files, const std::string& path, std::string_view else_do) {
  auto there = files.exists(path);
  if (!there) return there.error();
  if (*there) return Error{Errc::exists, path + " is there already; " + std::string(else_do)};
  return {};
}

// A backup in the data directory would be lost with it, and could take the name of a file of the daemon's own.
base::Result<void> check_outside(const DataDirectory& directory, const std::string& path) {
  std::error_code failed;
  const fs::path place = fs::canonical(parent_of(path), failed);
  if (failed) return Error{Errc::not_found, parent_of(path) + ": " + failed.message() + "; make the directory first"};
  const fs::path own = fs::canonical(directory.path(), failed);
  const auto [end, ignored] = std::mismatch(own.begin(), own.end(), place.begin(), place.end());
  if (!failed && end != own.end()) return {};
  return Error{Errc::malformed, path + " lies in the data directory; name a place outside of it"};
}

}  // namespace

base::Result<BackupSummary> write_backup(const DataDirectory& directory, History& history,
                                         const counting::Limits& limits, std::int64_t now_s, const std::string& path,
                                         const std::atomic<bool>& cancelled) {
  base::FileSystem& files = directory.files();
  const std::string partial = path + ".partial";
  if (auto outside = check_outside(directory, path); !outside) return outside.error();
  if (auto free = check_free(files, path, "name another file"); !free) return free.error();
  if (auto free = check_free(files, partial, "a backup that did not finish left it: remove it"); !free)
    return free.error();
  auto checkpoints = list_checkpoints(directory);
  if (!checkpoints) return checkpoints.error();
  if (checkpoints->empty()) return Error{Errc::conflict, directory.path() + " has no checkpoint"};

  BackupSummary summary;
  BackupHeader header;
  {
    // Read whole before it is relied on.
    auto state = load_checkpoint(directory, checkpoints->back(), limits);
    if (!state) return state.error();
    summary.sites = state->registry->size();
    header.newest_s = state->newest_s;
    header.hash = content_hash(*state->registry, state->newest_s);
  }
  header.incarnation = directory.incarnation();
  header.slot = directory.slot();
  header.checkpoint = checkpoints->back();
  header.made_s = now_s;

  const Scratch copy(directory.file("history-copy.tmp"));
  std::error_code ignored;
  fs::remove(copy.path(), ignored);  // left by a crash
  if (auto copied = history.copy_to(copy.path()); !copied) return copied.error();

  Scratch unfinished(partial);
  auto writer = BackupWriter::create(files, partial, header);
  if (!writer) return writer.error();
  const std::string checkpoint = directory.file("checkpoint/" + std::to_string(header.checkpoint) + ".ckpt");
  if (auto added = writer->add(BackupMember::checkpoint, checkpoint, cancelled); !added) return added.error();
  if (auto added = writer->add(BackupMember::history, copy.path(), cancelled); !added) return added.error();
  auto bytes = writer->finish();
  if (!bytes) return bytes.error();
  if (auto free = check_free(files, path, "name another file"); !free) return free.error();
  if (auto renamed = files.rename(partial, path); !renamed) return renamed.error();
  unfinished.keep();
  if (auto synced = files.sync_directory(parent_of(path)); !synced) return synced.error();
  summary.checkpoint = header.checkpoint;
  summary.bytes = *bytes;
  summary.hash = header.hash;
  summary.newest_s = header.newest_s;
  summary.made_s = header.made_s;
  return summary;
}

namespace {

struct Adopted {
  std::uint64_t sites = 0;
  std::string hash;  // without the batch keys, which are of the incarnation that was backed up
};

// The checkpoint of the backup becomes one of `directory`.
base::Result<Adopted> adopt_checkpoint(BackupReader& backup, const DataDirectory& directory,
                                       const counting::Limits& limits) {
  const BackupHeader& header = backup.header();
  const Scratch foreign(directory.file("checkpoint/backup.tmp"));
  if (auto done = backup.extract(BackupMember::checkpoint, foreign.path()); !done) return done.error();
  auto state = read_checkpoint(directory.files(), foreign.path(), header.incarnation, header.checkpoint, limits);
  if (!state) return state.error();
  if (content_hash(*state->registry, state->newest_s) != header.hash) {
    return Error{Errc::corrupt,
                 "the checkpoint in the backup gives another content hash than the backup says; take another backup"};
  }
  for (const auto& [stream, hits] : state->stream_hits) state->earlier_hits += hits;
  state->stream_hits.clear();
  state->positions.clear();
  state->registry->batch_keys().clear();
  if (auto written = write_checkpoint(directory, header.checkpoint, *state); !written) return written.error();
  return Adopted{state->registry->size(), content_hash(*state->registry, state->newest_s)};
}

base::Result<void> adopt_history(BackupReader& backup, const DataDirectory& directory) {
  const std::string path = directory.file("history.sqlite");
  if (auto done = backup.extract(BackupMember::history, path); !done) return done;
  auto history = History::open(path);
  if (!history) return history.error();
  auto latest = (*history)->check();
  return latest ? base::Result<void>() : latest.error();
}

}  // namespace

base::Result<RestoreSummary> restore_backup(base::FileSystem& files, const std::string& path, const std::string& target,
                                            const counting::Limits& limits) {
  std::string place = target;
  while (place.size() > 1 && place.back() == '/') place.pop_back();
  auto there = files.exists(place);
  if (!there) return there.error();
  if (*there) {
    auto names = files.list(place);
    if (!names) return Error{Errc::exists, names.error().detail + "; name a directory that is absent or empty"};
    if (!names->empty())
      return Error{Errc::exists,
                   place + " is not empty; name a directory that is absent or empty, and nothing is lost"};
  }
  auto backup = BackupReader::open(files, path);
  if (!backup) return backup.error();
  const std::string unfinished = place + ".restoring";
  if (auto free = check_free(files, unfinished, "a restore that did not finish left it: remove it"); !free)
    return free.error();

  Scratch scratch(unfinished);
  RestoreSummary summary;
  {
    auto directory = DataDirectory::open(files, unfinished, backup->header().slot);
    if (!directory) return directory.error();
    auto adopted = adopt_checkpoint(*backup, **directory, limits);
    if (!adopted) return adopted.error();
    if (auto done = adopt_history(*backup, **directory); !done) return done.error();
    if (auto synced = files.sync_directory(unfinished); !synced) return synced.error();
    const BackupHeader& header = backup->header();
    summary.backup = {header.checkpoint, backup->bytes(), adopted->sites,
                      adopted->hash,     header.newest_s, header.made_s};
    summary.incarnation = (*directory)->incarnation_text();
  }
  if (auto renamed = files.rename(unfinished, place); !renamed) {
    return Error{renamed.error().code, renamed.error().detail +
                                           "; a mount point cannot be replaced: restore beside it, "
                                           "and move what is in the new directory"};
  }
  scratch.keep();
  if (auto synced = files.sync_directory(parent_of(place)); !synced) return synced.error();
  return summary;
}

}  // namespace footfall::store

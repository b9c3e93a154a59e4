// SPDX-License-Identifier: Apache-2.0
// SqliteVfs: see sqlite_vfs.h. SQLite gives a file room for a C struct; what belongs to it hangs on a pointer there.
#include "support/sqlite_vfs.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

namespace footfall::testing {
namespace {

using base::Errc;
using base::OpenMode;

std::string directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<std::size_t>(slash, 1)));
}

}  // namespace

struct SqliteVfs::Calls {
  struct File {
    SqliteVfs& vfs;
    std::uint64_t process;
    std::string path;
    std::unique_ptr<base::File> file;
    bool sync_directory;                         // with the next sync: the name is new
    std::vector<std::unique_ptr<char[]>> index;  // of the write-ahead log, by regions

    bool dead() const { return process != vfs.process_; }
  };
  struct Handle {
    sqlite3_file base;  // first: SQLite sees this
    File* file;
  };

  static SqliteVfs& self(sqlite3_vfs* vfs) { return *static_cast<SqliteVfs*>(vfs->pAppData); }
  static sqlite3_vfs* system() { return sqlite3_vfs_find(nullptr); }
  static File& of(sqlite3_file* handle) { return *reinterpret_cast<Handle*>(handle)->file; }

  // ---- A file ----

  static int close(sqlite3_file* handle) {
    delete reinterpret_cast<Handle*>(handle)->file;
    return SQLITE_OK;
  }
  static int read(sqlite3_file* handle, void* out, int size, sqlite3_int64 offset) {
    File& f = of(handle);
    if (f.dead()) return SQLITE_IOERR_READ;
    const auto wanted = static_cast<std::size_t>(size);
    const auto have = f.file->read_into(static_cast<std::uint64_t>(offset), static_cast<char*>(out), wanted);
    if (!have) return SQLITE_IOERR_READ;
    if (*have == wanted) return SQLITE_OK;
    std::memset(static_cast<char*>(out) + *have, 0, wanted - *have);
    return SQLITE_IOERR_SHORT_READ;
  }
  static int write(sqlite3_file* handle, const void* bytes, int size, sqlite3_int64 offset) {
    File& f = of(handle);
    const std::string_view view(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
    if (f.dead() || !f.file->write_at(static_cast<std::uint64_t>(offset), view)) return SQLITE_IOERR_WRITE;
    return SQLITE_OK;
  }
  static int truncate(sqlite3_file* handle, sqlite3_int64 size) {
    File& f = of(handle);
    if (f.dead() || !f.file->truncate(static_cast<std::uint64_t>(size))) return SQLITE_IOERR_TRUNCATE;
    return SQLITE_OK;
  }
  static int sync(sqlite3_file* handle, int /*flags*/) {
    File& f = of(handle);
    if (f.dead() || !f.file->sync()) return SQLITE_IOERR_FSYNC;
    if (std::exchange(f.sync_directory, false)) static_cast<void>(f.vfs.files_.sync_directory(directory_of(f.path)));
    return SQLITE_OK;
  }
  static int file_size(sqlite3_file* handle, sqlite3_int64* out) {
    File& f = of(handle);
    const auto size = f.file->size();
    if (f.dead() || !size) return SQLITE_IOERR_FSTAT;
    *out = static_cast<sqlite3_int64>(*size);
    return SQLITE_OK;
  }
  // A dead file takes no lock: who closes a connection then leaves the log as it is.
  static int lock(sqlite3_file* handle, int /*level*/) { return of(handle).dead() ? SQLITE_IOERR_LOCK : SQLITE_OK; }
  static int unlock(sqlite3_file* /*handle*/, int /*level*/) { return SQLITE_OK; }
  static int check_reserved(sqlite3_file* /*handle*/, int* out) {
    *out = 0;
    return SQLITE_OK;
  }
  static int control(sqlite3_file* /*handle*/, int /*what*/, void* /*argument*/) { return SQLITE_NOTFOUND; }
  static int sector_size(sqlite3_file* /*handle*/) { return 4096; }
  static int characteristics(sqlite3_file* /*handle*/) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

  static int map_index(sqlite3_file* handle, int region, int size, int extend, void volatile** out) {
    auto& index = of(handle).index;
    const auto at = static_cast<std::size_t>(region);
    *out = nullptr;
    if (at >= index.size() && extend == 0) return SQLITE_OK;
    while (index.size() <= at) index.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
    *out = index[at].get();
    return SQLITE_OK;
  }
  static int lock_index(sqlite3_file* /*handle*/, int /*at*/, int /*count*/, int /*flags*/) { return SQLITE_OK; }
  static void index_barrier(sqlite3_file* /*handle*/) {}
  static int unmap_index(sqlite3_file* handle, int /*remove*/) {
    of(handle).index.clear();
    return SQLITE_OK;
  }

  // ---- The file system ----

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* handle, int flags, int* flags_out) {
    if (path == nullptr) return system()->xOpen(system(), path, handle, flags, flags_out);
    SqliteVfs& of = self(vfs);
    handle->pMethods = nullptr;
    const auto there = of.files_.exists(path);
    if (!there) return SQLITE_CANTOPEN;
    OpenMode mode = (flags & SQLITE_OPEN_READONLY) != 0 ? OpenMode::read : OpenMode::read_write;
    if ((flags & SQLITE_OPEN_CREATE) != 0) mode = OpenMode::create;
    auto file = of.files_.open(path, mode);
    if (!file) return SQLITE_CANTOPEN;
    const int journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    const bool new_journal = !*there && (flags & journals) != 0;
    static const sqlite3_io_methods methods{
        2,           close,          read,    write,       truncate,        sync,      file_size,  lock,
        unlock,      check_reserved, control, sector_size, characteristics, map_index, lock_index, index_barrier,
        unmap_index, nullptr,        nullptr};
    reinterpret_cast<Handle*>(handle)->file = new File{of, of.process_, path, std::move(*file), new_journal, {}};
    handle->pMethods = &methods;
    if (flags_out != nullptr) *flags_out = flags;
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
    SqliteVfs& of = self(vfs);
    if (auto removed = of.files_.remove(path); !removed)
      return removed.error().code == Errc::not_found ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
    if (sync_directory != 0 && !of.files_.sync_directory(directory_of(path))) return SQLITE_IOERR_DIR_FSYNC;
    return SQLITE_OK;
  }
  // An empty file counts as none.
  static int access(sqlite3_vfs* vfs, const char* path, int /*what*/, int* out) {
    *out = 0;
    const auto file = self(vfs).files_.open(path, OpenMode::read);
    if (!file) return file.error().code == Errc::not_found ? SQLITE_OK : SQLITE_IOERR_ACCESS;
    const auto size = (*file)->size();
    if (!size) return SQLITE_IOERR_ACCESS;
    *out = *size > 0 ? 1 : 0;
    return SQLITE_OK;
  }
  static int full_path(sqlite3_vfs* /*vfs*/, const char* path, int size, char* out) {
    return sqlite3_snprintf(size, out, "%s", path) == out ? SQLITE_OK : SQLITE_CANTOPEN;
  }
};

SqliteVfs::SqliteVfs(base::FileSystem& files) : files_(files) {
  static std::atomic<std::uint64_t> count{0};
  name_ = "footfall-" + std::to_string(++count);
  vfs_ = std::make_unique<sqlite3_vfs>(*Calls::system());  // time, randomness and sleep stay the system's
  vfs_->iVersion = 2;
  vfs_->szOsFile = std::max<int>(vfs_->szOsFile, sizeof(Calls::Handle));
  vfs_->pNext = nullptr;
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  vfs_->xOpen = Calls::open;
  vfs_->xDelete = Calls::remove;
  vfs_->xAccess = Calls::access;
  vfs_->xFullPathname = Calls::full_path;
  if (sqlite3_vfs_register(vfs_.get(), 0) != SQLITE_OK) throw std::bad_alloc();
}

SqliteVfs::~SqliteVfs() {
  sqlite3_vfs_unregister(vfs_.get());
}

}  // namespace footfall::testing

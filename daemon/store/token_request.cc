// SPDX-License-Identifier: Apache-2.0
#include "store/token_request.h"

namespace footfall::store {
namespace {

std::string path_of(const DataDirectory& directory) {
  return directory.file("token-request");
}

}  // namespace

base::Result<void> request_token(const DataDirectory& directory) {
  return base::replace_file(directory.files(), path_of(directory), "the next start makes an admin token\n");
}

base::Result<bool> token_requested(const DataDirectory& directory) {
  return directory.files().exists(path_of(directory));
}

base::Result<void> forget_token_request(const DataDirectory& directory) {
  if (auto removed = directory.files().remove(path_of(directory)); !removed) return removed;
  return directory.files().sync_directory(directory.path());
}

}  // namespace footfall::store

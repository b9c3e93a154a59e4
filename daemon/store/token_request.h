// SPDX-License-Identifier: Apache-2.0
// TokenRequest: that the next start is to make an admin token, for an owner who has none that works.
//
//     footfall token recover   lock -> token-request (0600)
//     the next start           admin-token with a new secret -> the change that adds the token -> no token-request
//
// The journal has one writer, the daemon; an offline command that appended to it would have to replay it first. What a
// start does twice, because it was cut short before the last step, is another token, whose secret nobody has.
//
// Threading  none. Errors: of the files, with what to do.
// Tested by tests/unit/store/token_request_test.cc, tests/integration/token_test.py.
#pragma once

#include "base/errors.h"
#include "store/data_directory.h"

namespace footfall::store {

// REQUIRES: the directory's lock is held, if it ever was.
base::Result<void> request_token(const DataDirectory& directory);
base::Result<bool> token_requested(const DataDirectory& directory);
base::Result<void> forget_token_request(const DataDirectory& directory);

}  // namespace footfall::store

// SPDX-License-Identifier: Apache-2.0
// Audit: a change as a line of the audit log. `before` and `after` are short JSON; keys and digests are never in it.
// Tested by tests/unit/store/audit_test.cc.
#pragma once

#include "sites/registry.h"
#include "store/history.h"

namespace footfall::store {

// `registry` gives the names of sites; of one that is not known any more, its id is written.
AuditEntry audit_entry(const sites::Change& change, const sites::Registry& registry);

}  // namespace footfall::store

// SPDX-License-Identifier: Apache-2.0
// What one thread looks up of a client: its agent, and where there is a database of them its country.
#pragma once

#include <memory>

#include "lookup/agents.h"
#include "lookup/countries.h"

namespace footfall::lookup {

struct ClientLookup {
  AgentCache agents;
  std::shared_ptr<const CountryDatabase> countries = nullptr;  // null: countries are not looked up
};

}  // namespace footfall::lookup

// SPDX-License-Identifier: Apache-2.0
#include "cpp/judge.h"

namespace footfall::client {

Next judge(const Try& tried, Standing& standing) {
  if (tried.end == Try::End::not_sent) return Next::again;
  if (tried.end == Try::End::cut || tried.status >= 500) {
    standing.undecided = true;
    return Next::again;
  }
  // Whether the same bytes can ever be taken is known by the node of the key, and to any other while nothing is open.
  const bool final = !standing.undecided || tried.node == standing.node;
  switch (tried.status) {
    case 200:
      return Next::counted;
    case 409:
      standing.undecided = true;
      return Next::again_alone;
    case 421:
      if (standing.undecided) return Next::reconnect;
      return tried.node.empty() ? Next::again : Next::rekey;
    case 413:
      if (!final) return Next::again;
      return standing.items > 1 ? Next::split : Next::refused;
    case 400:
    case 415:
    case 422:
      return final && !tried.node.empty() ? Next::refused : Next::again;
    default:
      return Next::again;
  }
}

}  // namespace footfall::client

// SPDX-License-Identifier: Apache-2.0
// judge: what becomes of a batch after it was sent once. A plain function: no socket, no clock.
//
//   what happened                          is it known that this node has not counted it?      next
//   200                                    -                                                   counted
//   all of it was sent, no answer; 5xx     no: it is undecided from here on                    again
//   409 in-progress                        no                                                  again, alone
//   421 wrong-node                         while it is not undecided: another node's key       rekey
//                                          undecided: only that node knows                     again, alone,
//                                          reconnected
//   413                                    the bytes decide, not the moment                    split, a single item:
//   refused 400, 415, 422 by a node                the same                                            refused anything
//   else, not sent                as before                                           again
//
// Undecided is never taken back: an earlier try may still be in somebody's buffer. So only its own node settles such a
// batch. Tested by tests/unit/client_cpp/judge_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace footfall::client {

struct Try {
  enum class End : std::uint8_t {
    answered,
    not_sent,  // a part of the request did not leave, so nobody can have counted it
    cut        // all of it left; no answer came
  };
  End end = End::not_sent;
  unsigned status = 0;  // of the answer
  std::string node;     // that the answer names: an incarnation; empty: none, so it may be a proxy's
};

struct Standing {
  std::string node;  // the incarnation in the batch's key
  bool undecided = false;
  std::size_t items = 0;
};

enum class Next : std::uint8_t {
  counted,
  refused,      // for good, as a whole
  split,        // into halves with keys of their own
  rekey,        // send it under a key of the node that answered
  again,        // after a pause of everything: the trouble is not this batch's
  again_alone,  // after a pause of this batch
  reconnect     // the same, over another connection
};

// Sets standing.undecided.
Next judge(const Try& tried, Standing& standing);

}  // namespace footfall::client

// SPDX-License-Identifier: Apache-2.0
// Ranked lists of a site: how many pageviews had which page, referrer, campaign, country, browser, system or kind of
// device, or how often an event happened, over local days.
//
//   {"site":"example.vn","dimension":"referrers","from":"2026-11-17","to":"2026-11-23","labels":214,"sum":1830,
//    "error_max":12,"top":[["https://a.example/",311],...],"rest":402}
//
// The rows and the rest add up to the sum. Past the cap of labels of a day hits count under (other), which stands among
// the rows: any other row may be too low by that many, which is error_max. A hit without the dimension is in no row.
//
// Cost       store/ranking_reader.h; not for a shard's thread.
// Tested by tests/unit/api/top_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "api/read_context.h"
#include "base/errors.h"
#include "store/ranking_reader.h"

namespace footfall::api {

// `dimension` as in /top/: "pages", "referrers", ... not_found: there is none of this name.
// `query` as sent: from and to (local dates, both included), or period=day|week|month|year|all, of the calendar, up to
// today (month); limit=1..1000 (10). malformed names the key.
base::Result<std::string> top_json(const ReadContext& context, std::string_view dimension, std::string_view query,
                                   store::RankingReader& reader);

}  // namespace footfall::api

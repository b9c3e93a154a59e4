// SPDX-License-Identifier: Apache-2.0
// WidgetCache: the counters that were rendered last, each as long as its numbers stay. The numbers are read each time,
// under the site's lock, so that nobody gets any that are behind; what is saved is reading the query and writing the
// picture.
//
//     hash of (site, format, query) -> [ settings, rights, query | options, numbers | widget ]     one of kEntries,
//     overwritten
//
// Threading  its shard's. Memory  at most kEntries * kBytesMax; a widget that is larger is not kept.
// Tested by tests/unit/api/widget_cache_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/widget.h"

namespace footfall::api {

class WidgetCache {
 public:
  static constexpr std::size_t kEntries = 256;
  static constexpr std::size_t kBytesMax = 8192;  // of query and body

  // The three steps of widget.h. What is returned stands until the next call.
  base::Result<const Widget*> find(const ReadContext& context, WidgetFormat format, std::string_view query);

  std::uint64_t renderings() const { return renderings_; }

 private:
  struct Entry {
    const sites::Site* site = nullptr;
    std::shared_ptr<const sites::Settings> settings;  // kept, so that no other ones are at its address
    WidgetFormat format = WidgetFormat::html;
    bool may_read_all = false;
    std::string query;
    WidgetOptions options;
    std::vector<std::uint64_t> numbers;
    Widget widget;
  };

  std::vector<Entry> entries_ = std::vector<Entry>(kEntries);
  Widget large_;  // what is not kept
  std::uint64_t renderings_ = 0;
};

}  // namespace footfall::api

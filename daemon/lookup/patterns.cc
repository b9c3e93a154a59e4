// SPDX-License-Identifier: Apache-2.0
#include "lookup/patterns.h"

#include <re2/filtered_re2.h>
#include <re2/re2.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lookup/word_finder.h"

namespace footfall::lookup {
namespace {

constexpr int kWordMin = 3;  // shorter words filter next to nothing
// Per expression, for the program and the states that RE2 builds as it goes: bounds what hostile agents can make it
// keep.
constexpr std::int64_t kMemoryMax = 512 << 10;

}  // namespace

struct Patterns::Impl {
  re2::FilteredRE2 filter{kWordMin};
  std::vector<std::size_t> numbers;  // the filter's id -> the caller's number
  WordFinder words;
  bool finished = false;
};

Patterns::Patterns() : impl_(std::make_unique<Impl>()) {}
Patterns::~Patterns() = default;
Patterns::Patterns(Patterns&&) noexcept = default;
Patterns& Patterns::operator=(Patterns&&) noexcept = default;

std::size_t Patterns::size() const {
  return impl_->numbers.size();
}

bool Patterns::add(std::string_view expression, bool ignore_case, std::size_t number) {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_case_sensitive(!ignore_case);
  options.set_max_mem(kMemoryMax);
  int id = 0;
  if (impl_->filter.Add(std::string(expression), options, &id) != RE2::NoError) return false;
  impl_->numbers.push_back(number);
  return true;
}

void Patterns::finish() {
  if (impl_->numbers.empty()) return;  // the filter warns on standard error when it has nothing to compile
  std::vector<std::string> words;
  impl_->filter.Compile(&words);
  impl_->words = WordFinder(words);
  impl_->finished = true;
}

Patterns::Match Patterns::first_match(std::string_view text) const {
  if (!impl_->finished) return {};
  std::vector<int> found, candidates;
  impl_->words.find(text, found);
  impl_->filter.AllPotentials(found, &candidates);
  std::sort(candidates.begin(), candidates.end());
  const re2::StringPiece subject(text.data(),
                                 text.size());  // newer RE2: Abseil's string_view, which std's may not become
  for (const int id : candidates) {
    const RE2& expression = impl_->filter.GetRE2(id);
    re2::StringPiece groups[2];
    const int wanted = expression.NumberOfCapturingGroups() > 0 ? 2 : 1;
    if (!expression.Match(subject, 0, subject.size(), RE2::UNANCHORED, groups, wanted)) continue;
    Match match{true, impl_->numbers[static_cast<std::size_t>(id)], {}};
    if (wanted == 2 && groups[1].data() != nullptr) match.group = {groups[1].data(), groups[1].size()};
    return match;
  }
  return {};
}

}  // namespace footfall::lookup

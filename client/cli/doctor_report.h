// SPDX-License-Identifier: Apache-2.0
// What footfall doctor found: one line for each check, and what to do where it is not right.
#pragma once

#include <string>
#include <vector>

namespace footfall::cli {

enum class Health { ok, warning, wrong, skipped };  // skipped: it could not be told, and `todo` says what that needs

struct Finding {
  std::string check;  // one word
  Health health = Health::ok;
  std::string found;  // a sentence
  std::string todo;   // empty: nothing
};

class DoctorReport {
 public:
  void add(std::string check, Health health, std::string found, std::string todo = "") {
    findings_.push_back({std::move(check), health, std::move(found), std::move(todo)});
  }
  void ok(std::string check, std::string found) { add(std::move(check), Health::ok, std::move(found)); }
  void warning(std::string check, std::string found, std::string todo) {
    add(std::move(check), Health::warning, std::move(found), std::move(todo));
  }
  void wrong(std::string check, std::string found, std::string todo) {
    add(std::move(check), Health::wrong, std::move(found), std::move(todo));
  }
  void skipped(std::string check, std::string found, std::string todo) {
    add(std::move(check), Health::skipped, std::move(found), std::move(todo));
  }

  bool well() const;  // nothing is wrong; there may be warnings
  std::string text() const;
  // `endpoint`, `site`: empty where they are not known.
  std::string json(const std::string& url, const std::string& endpoint, const std::string& site) const;

 private:
  std::vector<Finding> findings_;
};

}  // namespace footfall::cli

// SPDX-License-Identifier: Apache-2.0
// proto/openapi.yaml and the daemon have the same routes and methods, and the same changes that can be taken back. What
// each route answers is openapi_test.py's, and who may rights_test.py's.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "api/admin.h"
#include "api/router.h"
#include "sites/changes.h"

namespace footfall::api {
namespace {

using http::Method;

constexpr std::array kMethods{Method::get, Method::head, Method::post, Method::put, Method::delete_};

struct Described {
  std::set<Method> methods;
  bool admin = false;  // of the admin listener alone
};

// Of the text: a path stands two spaces in, what it has four, what an operation has six.
std::map<std::string, Described> described_paths() {
  std::map<std::string, Described> paths;
  std::ifstream file(FOOTFALL_OPENAPI);
  Described* path = nullptr;
  bool in_paths = false;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] != ' ') in_paths = line == "paths:";
    if (!in_paths) continue;
    if (line.starts_with("  /")) path = &paths[line.substr(2, line.rfind(':') - 2)];
    if (path == nullptr) continue;
    if (line.starts_with("    servers: ")) path->admin = true;
    for (const auto& [name, method] : std::map<std::string, Method>{
             {"get", Method::get}, {"post", Method::post}, {"put", Method::put}, {"delete", Method::delete_}}) {
      if (!line.starts_with("    " + name + ":")) continue;
      path->methods.insert(method);
      if (method == Method::get) path->methods.insert(Method::head);
    }
    if (line == "      x-footfall-head: false") path->methods.erase(Method::head);
  }
  return paths;
}

std::string with_names(std::string path) {
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"{site}", "example.vn"}, {"{dimension}", "pages"}, {"{name}", "dashboard.0123.js"}}) {
    if (const std::size_t at = path.find(name); at != std::string::npos) path.replace(at, name.size(), value);
  }
  return path;
}

bool is_special(Route route) {
  return route == Route::none || route == Route::preflight || route == Route::method_not_allowed;
}

TEST(OpenApi, DescribesTheRoutesOfThePublicListenerAndNoOthers) {
  std::set<Route> reached;
  for (const auto& [path, described] : described_paths()) {
    for (const Method method : kMethods) {
      const Route route = route_of(method, with_names(path), "").route;
      const bool wanted = !described.admin && described.methods.contains(method);
      EXPECT_EQ(!is_special(route), wanted) << to_string(method) << ' ' << path << " is " << name_of(route);
      reached.insert(route);
    }
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(Route::count_); ++i) {
    const auto route = static_cast<Route>(i);
    EXPECT_TRUE(is_special(route) || reached.contains(route)) << name_of(route) << " is not described";
  }
}

TEST(OpenApi, DescribesTheRoutesOfTheAdminListenerAndNoOthers) {
  std::set<std::string> described, known;
  for (const auto& [path, has] : described_paths()) {
    for (const Method method : has.admin ? has.methods : std::set<Method>()) {
      described.insert(std::string(to_string(method)) + " " + path);
    }
  }
  for (const AdminRoute& route : Admin::routes()) {
    if (!is_special(route_of(route.method, route.path, "").route)) continue;  // livez, readyz: both listeners have them
    known.insert(std::string(to_string(route.method)) + " " + std::string(route.path));
    if (route.method == Method::get) known.insert("HEAD " + std::string(route.path));
  }
  EXPECT_EQ(described, known);
}

TEST(OpenApi, NamesEveryChangeThatCanBeTakenBack) {
  std::ifstream file(FOOTFALL_OPENAPI);
  std::set<std::string> described;
  for (std::string line; std::getline(file, line);) {
    // {seeded: [seed], "a name": [a, b], ...}: on one line, of the only operation whose scope is no list.
    const std::size_t begin = line.find("x-footfall-scope: {");
    if (begin == std::string::npos) continue;
    for (std::size_t at = line.find('{', begin) + 1, colon = 0; (colon = line.find(": [", at)) != std::string::npos;) {
      std::string name = line.substr(at, colon - at);
      if (name.starts_with('"')) name = name.substr(1, name.size() - 2);
      described.insert(name);
      at = std::min(line.size(), line.find(']', colon) + 3);
    }
  }
  EXPECT_EQ(described.erase("seeded, a page to nothing"), 1U);  // which takes another scope than other seeds
  std::set<std::string> known;
  for (const std::string_view name : sites::action_names()) known.emplace(name);
  for (const char* name : {"undone", "import begun", "import ended"}) EXPECT_EQ(known.erase(name), 1U) << name;
  EXPECT_EQ(described, known);
}

}  // namespace
}  // namespace footfall::api

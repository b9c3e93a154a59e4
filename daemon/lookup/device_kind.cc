// SPDX-License-Identifier: Apache-2.0
// device_kind(): the kind of device by the words that browsers agree on. The first line that fits wins: televisions and
// consoles say Android or Linux, too; an Android without "Mobile" is a tablet (what Google asks browsers to send).
#include <array>
#include <initializer_list>

#include "lookup/agents.h"

namespace footfall::lookup {
namespace {

bool has_any(std::string_view agent, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (agent.find(word) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

std::string_view device_kind(std::string_view agent) {
  if (has_any(agent, {"SmartTV",   "SMART-TV",   "Smart TV", "HbbTV", "AppleTV", "Apple TV", "GoogleTV",
                      "Google TV", "Android TV", "BRAVIA",   "Web0S", "NetCast", "NETTV",    "CrKey",
                      "Roku",      "AFTB",       "AFTM",     "AFTS",  "AFTT",    "DTV",      "InettvBrowser"})) {
    return "tv";
  }
  if (has_any(agent, {"PlayStation", "PLAYSTATION", "Xbox", "Nintendo"})) return "console";
  const bool says_mobile = has_any(agent, {"Mobile", "Mobi"});
  if (has_any(agent, {"iPad", "Tablet", "PlayBook", "Kindle", "Silk/", "TouchPad", "Xoom"})) {
    return agent.find("Tablet PC") != std::string_view::npos ? "desktop" : "tablet";
  }
  if (agent.find("Android") != std::string_view::npos) {
    return says_mobile || has_any(agent, {"Dalvik", "Opera Mini", "; U; Android 1", "; U; Android 2"}) ? "mobile"
                                                                                                       : "tablet";
  }
  if (says_mobile || has_any(agent, {"iPhone", "iPod", "Windows Phone", "Windows CE", "BlackBerry", "BB10",
                                     "Opera Mini", "Opera Mobi", "Symbian", "SymbOS", "webOS", "MIDP", "J2ME", "KAIOS",
                                     "Nokia", "SonyEricsson", "UCWEB", "DoCoMo", "KDDI"})) {
    return "mobile";
  }
  if (has_any(agent, {"Windows", "Macintosh", "Mac OS X", "X11", "CrOS", "Linux", "FreeBSD", "OpenBSD", "SunOS",
                      "Win98", "Win95", "Mac_PowerPC"})) {
    return "desktop";
  }
  return "";
}

}  // namespace footfall::lookup

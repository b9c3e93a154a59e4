// SPDX-License-Identifier: Apache-2.0
#include "lookup/agents.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "base/file_system.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "lookup/pattern_list.h"
#include "lookup/patterns.h"

namespace footfall::lookup {
namespace {

constexpr std::size_t kAgentBytesMax = 1024;
constexpr std::size_t kNamesMax = 4096;  // the lists hold about 700
constexpr std::size_t kNameSizeMax = 64;
constexpr std::size_t kKeptMax = 16'384;  // combinations of names; a site sees some hundred
constexpr std::uint64_t kListBytesMax = 16U << 20U;
constexpr std::size_t kBotWord = 0;  // the number of the pattern that kNotBots is asked about

// Ours, letter case ignored. They hold whatever list is installed; the generic words are here because those of bots.yml
// need look-around, which RE2 does not have.
constexpr std::array<std::string_view, 9> kOwnCrawlers = {
    R"(bot(?:[^a-z]|$))",
    R"((?:crawl|crawler|crawling|spider|archiver|transcoder|checker|scraper|slurp|fetcher|validator|indexer)(?:[^a-z]|$))",
    // "(+http://...)": where a crawler says what it is
    R"([(; ]\+ ?https?://)",
    R"(^(?:lib)?(?:curl|wget2?|fetch|python|pycurl|aiohttp|httpx|go|java|jakarta|okhttp|axios|node|undici|got|deno|bun|ruby|php|perl|httpie|dart|faraday|winhttp|reqwest|hyper|apache|guzzlehttp|typhoeus)(?:[/ ;\-]|$))",
    R"((?:python-requests|python-urllib|go-http-client|apache-httpclient|libwww-perl|lwp-trivial|lwp::simple|node-fetch|postmanruntime|insomnia|restsharp|apt-http|apt-curl|apt-cacher-ng|urlgrabber|lftp|aria2|axel|jersey|reactornetty|akka-http|vert\.x-webclient|indy library|http_request2|microsoft-cryptoapi|windows-update-agent)(?:[^a-z]|$))",
    R"(headlesschrome|phantomjs|slimerjs|htmlunit|puppeteer|playwright|selenium|prerender|chrome-lighthouse|google page speed|pagespeed|gtmetrix|webpagetest| ptst/)",
    R"(externalhit|feedfetcher|bingpreview|google web preview|skypeuripreview|embedly|^whatsapp/|^facebot|^twitterbot|ia_archiver|nutch|heritrix)",
    R"(uptime|pingdom|statuscake|site24x7|nagios|zabbix|zgrab|masscan|nmap|nikto|sqlmap|apachebench|^(?:ab|wrk|k6|hey|siege|jmeter|locust|vegeta)(?:[/ ]|$))",
    R"(^mozilla/?[0-9.]*$)",
};
// Phones by the maker Cubot, and others with "bot" in their names.
constexpr std::array<std::string_view, 1> kNotBots = {R"(cubot|power bot|bot tab|bot ?5[0-9])"};

// What bots.yml's expressions are wrapped in by device-detector: a word does not begin inside another.
std::string wrapped(std::string_view regex) {
  return R"((?:^|[^A-Z0-9\-_]|[^A-Z0-9\-]_|sprd-)(?:)" + std::string(regex) + ")";
}

// Does the first group hold what the sender wants? True for a wildcard or a repeated class in it.
bool open_ended(std::string_view regex) {
  std::size_t begin = std::string_view::npos;
  int depth = 0;
  for (std::size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    const char next = i + 1 < regex.size() ? regex[i + 1] : '\0';
    const bool inside = begin != std::string_view::npos;
    if (c == '\\') {
      if (inside && (next == 'w' || next == 'W' || next == 'S' || next == 'D')) return true;
      ++i;
    } else if (c == '[') {
      ++i;
      if (i < regex.size() && regex[i] == '^') {
        if (inside) return true;
        ++i;
      }
      if (i < regex.size() && regex[i] == ']') ++i;  // a ']' that comes first is a member
      while (i < regex.size() && regex[i] != ']') i += regex[i] == '\\' ? 2U : 1U;
      const char behind = i + 1 < regex.size() ? regex[i + 1] : '\0';
      if (inside && (behind == '+' || behind == '*' || behind == '{')) return true;
    } else if (c == '(') {
      if (inside) {
        ++depth;
      } else if (next != '?') {
        begin = i;
        depth = 1;
      }
    } else if (c == ')' && inside) {
      if (--depth == 0) return false;
    } else if (c == '.' && inside) {
      return true;
    }
  }
  return false;
}

// One section of uap-core: patterns and the names they give.
class Families {
 public:
  void add(const PatternEntry& entry) {
    if (!patterns_.add(entry.regex, entry.ignore_case, entries_.size())) {
      ++unusable_;
      return;
    }
    const bool takes_group = entry.replacement.empty() || entry.replacement.find("$1") != std::string::npos;
    const bool takes_others = entry.replacement.find('$') != std::string::npos && !takes_group;
    entries_.push_back({entry.replacement, takes_others || (takes_group && open_ended(entry.regex))});
  }
  void finish() { patterns_.finish(); }
  // The name; empty if nothing matches or the name would be the sender's own words. `out` is written over.
  bool find(std::string_view agent, std::string& out) const {
    out.clear();
    const auto match = patterns_.first_match(agent);
    if (!match.found) return false;
    const Entry& entry = entries_[match.number];
    if (entry.open_ended) return true;
    if (entry.replacement.empty()) {
      out = match.group;
    } else {
      out = entry.replacement;
      if (const auto at = out.find("$1"); at != std::string::npos) out.replace(at, 2, match.group);
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    if (out == "Other" || out.size() > kNameSizeMax) out.clear();
    return true;
  }
  std::size_t size() const { return entries_.size(); }
  std::size_t unusable() const { return unusable_; }

 private:
  struct Entry {
    std::string replacement;
    bool open_ended;
  };
  Patterns patterns_;
  std::vector<Entry> entries_;  // pattern's number -> what it names
  std::size_t unusable_ = 0;
};

bool blank(std::string_view agent) {
  return std::none_of(agent.begin(), agent.end(), [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; });
}

bool names_a_bot(std::string_view family) {
  std::string lower(family);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return (lower.ends_with("bot") && lower != "cubot") || lower.find("spider") != std::string::npos ||
         lower.find("crawler") != std::string::npos;
}

// "1,162"
std::string with_commas(std::size_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

}  // namespace

struct AgentDatabase::Impl {
  Families browsers, systems, devices;
  Patterns own, crawlers, not_bots;
  std::string description;

  mutable base::Mutex mutex;  // for what is kept; never on the way of a cached agent
  mutable std::set<std::string, std::less<>> names GUARDED_BY(mutex);
  // (bot, browser, system, device), as the addresses of interned names -> Agent
  mutable std::map<std::tuple<bool, const char*, const char*, const char*>, Agent> kept GUARDED_BY(mutex);

  std::string_view intern(const std::string& name) const EXCLUDES(mutex) {
    if (name.empty()) return {};
    const base::MutexLock lock(mutex);
    if (const auto it = names.find(name); it != names.end()) return *it;
    if (names.size() >= kNamesMax) return {};
    return *names.insert(name).first;
  }

  bool is_bot(std::string_view agent) const {
    if (blank(agent)) return true;
    const auto own_match = own.first_match(agent);
    if (own_match.found && (own_match.number != kBotWord || !not_bots.first_match(agent).found)) return true;
    return crawlers.first_match(agent).found;
  }
};

AgentDatabase::AgentDatabase() : impl_(std::make_unique<Impl>()) {}
AgentDatabase::~AgentDatabase() = default;
const std::string& AgentDatabase::description() const {
  return impl_->description;
}

std::shared_ptr<const AgentDatabase> AgentDatabase::load(const AgentFiles& files) {
  const std::shared_ptr<AgentDatabase> database(new AgentDatabase());
  Impl& impl = *database->impl_;
  for (std::size_t i = 0; i < kOwnCrawlers.size(); ++i) impl.own.add(kOwnCrawlers[i], true, i);
  impl.own.finish();
  for (const std::string_view regex : kNotBots) impl.not_bots.add(regex, true, 0);
  impl.not_bots.finish();

  const auto uap = base::read_file(base::posix_file_system(), files.uap_regexes, kListBytesMax);
  if (uap) {
    for (const PatternEntry& entry : read_pattern_list(uap.value())) {
      if (entry.section == "user_agent_parsers") impl.browsers.add(entry);
      if (entry.section == "os_parsers") impl.systems.add(entry);
      if (entry.section == "device_parsers") impl.devices.add(entry);
    }
  }
  for (Families* families : {&impl.browsers, &impl.systems, &impl.devices}) families->finish();

  std::size_t unusable = 0;
  const auto add_crawlers = [&](std::string_view list) {
    for (const PatternEntry& entry : read_pattern_list(list)) {
      if (!impl.crawlers.add(wrapped(entry.regex), true, 0)) ++unusable;
    }
  };
  std::string missing;
  if (files.crawlers.empty()) {
    add_crawlers(built_in_crawler_list());
  } else if (const auto list = base::read_file(base::posix_file_system(), files.crawlers, kListBytesMax)) {
    add_crawlers(list.value());
  } else {
    missing = "; " + list.error().detail;
  }
  impl.crawlers.finish();

  const std::size_t uap_count = impl.browsers.size() + impl.systems.size() + impl.devices.size();
  const std::size_t uap_unusable = impl.browsers.unusable() + impl.systems.unusable() + impl.devices.unusable();
  const auto counted = [](std::size_t usable, std::size_t not_usable) {
    return not_usable == 0
               ? std::string()
               : " (" + with_commas(not_usable) + " of " + with_commas(usable + not_usable) + " not usable)";
  };
  impl.description = uap_count == 0
                         ? "no browsers and systems: " + files.uap_regexes + " is not there or empty"
                         : "uap-core " + with_commas(uap_count) + " patterns" + counted(uap_count, uap_unusable);
  impl.description += impl.crawlers.size() == 0 ? "; crawlers by our short list alone"
                                                : "; " + with_commas(impl.crawlers.size()) + " crawlers" +
                                                      counted(impl.crawlers.size(), unusable);
  impl.description += missing;
  return database;
}

Agent AgentDatabase::classify(std::string_view user_agent) const {
  user_agent = user_agent.substr(0, kAgentBytesMax);
  Agent agent;
  std::string name;
  agent.bot = impl_->is_bot(user_agent);
  if (!agent.bot && impl_->devices.find(user_agent, name)) agent.bot = name == "Spider";
  if (!agent.bot) {
    impl_->browsers.find(user_agent, name);
    agent.bot = names_a_bot(name);
    if (!agent.bot) {
      agent.browser = impl_->intern(name);
      impl_->systems.find(user_agent, name);
      agent.system = impl_->intern(name);
    }
  }
  agent.device = agent.bot ? "bot" : device_kind(user_agent);
  agent.browser_hash = base::table_hash(agent.browser);
  agent.system_hash = base::table_hash(agent.system);
  agent.device_hash = base::table_hash(agent.device);
  return agent;
}

const Agent& AgentDatabase::classify_and_keep(std::string_view user_agent) const {
  Agent agent = classify(user_agent);
  const base::MutexLock lock(impl_->mutex);
  if (impl_->kept.size() >= kKeptMax && impl_->kept.find({agent.bot, agent.browser.data(), agent.system.data(),
                                                          agent.device.data()}) == impl_->kept.end()) {
    agent.browser = agent.system = {};
    agent.browser_hash = agent.system_hash = base::table_hash({});
  }
  return impl_->kept.try_emplace({agent.bot, agent.browser.data(), agent.system.data(), agent.device.data()}, agent)
      .first->second;
}

}  // namespace footfall::lookup

#include "drivers/interface.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

namespace evenkeel {
namespace {

namespace fs = std::filesystem;

// As the kernel calls them, and as the command does. rx-gro-list and rx-udp-gro-forwarding are
// nothing without the first.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kMerging = {
    {{"rx-gro", "gro"}, {"rx-lro", "lro"}, {"rx-gro-hw", "rx-gro-hw"}}};

constexpr size_t kBitsPerWord = 32;

// What ethtool's requests are made of.
using Words = std::vector<uint32_t>;

ifreq request_for(const std::string& interface) {
  ifreq request{};
  std::copy_n(interface.begin(), std::min<size_t>(interface.size(), IF_NAMESIZE - 1),
              request.ifr_name);
  return request;
}

bool ask_ethtool(int control, const std::string& interface, void* question) {
  ifreq request = request_for(interface);
  request.ifr_data = static_cast<char*>(question);
  return ::ioctl(control, SIOCETHTOOL, &request) >= 0;
}

// The names of all features that the kernel knows, by their numbers; none: it does not say.
std::vector<std::string> feature_names(int control, const std::string& interface) {
  // A set of strings is asked for by its bit, and its size comes behind the request.
  struct {
    alignas(8) std::array<uint8_t, sizeof(ethtool_sset_info)> request{};
    uint32_t count = 0;
  } sizes;
  const ethtool_sset_info info{
      .cmd = ETHTOOL_GSSET_INFO, .reserved = 0, .sset_mask = 1u << ETH_SS_FEATURES};
  std::memcpy(sizes.request.data(), &info, sizeof(info));
  if (!ask_ethtool(control, interface, &sizes)) return {};
  constexpr size_t kHeader = sizeof(ethtool_gstrings) / sizeof(uint32_t);
  Words words(kHeader + size_t{sizes.count} * ETH_GSTRING_LEN / sizeof(uint32_t));
  words[0] = ETHTOOL_GSTRINGS;
  words[1] = ETH_SS_FEATURES;
  if (!ask_ethtool(control, interface, words.data())) return {};
  std::vector<std::string> ret;
  for (size_t i = 0; i < sizes.count; ++i) {
    std::array<char, ETH_GSTRING_LEN + 1> name{};
    const auto* const text = reinterpret_cast<const char*>(words.data() + kHeader);
    std::memcpy(name.data(), text + i * ETH_GSTRING_LEN, ETH_GSTRING_LEN);
    ret.emplace_back(name.data());
  }
  return ret;
}

// The features that merge packets: bits of words of 32.
Words merging_bits(const std::vector<std::string>& names) {
  Words ret((names.size() + kBitsPerWord - 1) / kBitsPerWord);
  for (size_t i = 0; i < names.size(); ++i) {
    for (const auto& [feature, word] : kMerging) {
      if (names[i] == feature) ret[i / kBitsPerWord] |= 1u << (i % kBitsPerWord);
    }
  }
  return ret;
}

// ETHTOOL_SFEATURES: of each 32 features, which are meant and which of them are to be on.
void switch_off(int control, const std::string& interface, const Words& bits) {
  Words words = {ETHTOOL_SFEATURES, static_cast<uint32_t>(bits.size())};
  for (const uint32_t meant : bits) words.insert(words.end(), {meant, 0u});
  ask_ethtool(control, interface, words.data());  // what is on afterwards says whether it worked
}

// ETHTOOL_GFEATURES: of each 32 features, which are available, wanted, on, and never changed.
Words still_on(int control, const std::string& interface, const Words& bits) {
  constexpr size_t kHeader = 2;
  constexpr size_t kWordsPerBlock = 4;
  constexpr size_t kOn = 2;
  Words words(kHeader + kWordsPerBlock * bits.size());
  words[0] = ETHTOOL_GFEATURES;
  words[1] = static_cast<uint32_t>(bits.size());
  ask_ethtool(control, interface, words.data());
  Words ret = bits;
  for (size_t i = 0; i < ret.size(); ++i) ret[i] &= words[kHeader + kWordsPerBlock * i + kOn];
  return ret;
}

// Of one interface. One that is not here merges nothing.
Status stop_merging_of(int control, const std::string& interface) {
  const std::vector<std::string> names = feature_names(control, interface);
  const Words bits = merging_bits(names);
  // A driver may reset its hardware even for what is off already.
  const Words before = still_on(control, interface, bits);
  if (std::all_of(before.begin(), before.end(), [](uint32_t word) { return word == 0; })) return {};
  switch_off(control, interface, bits);
  const Words on = still_on(control, interface, bits);
  std::string command;
  for (size_t i = 0; i < names.size(); ++i) {
    if ((on[i / kBitsPerWord] >> (i % kBitsPerWord) & 1u) == 0) continue;
    for (const auto& [feature, word] : kMerging) {
      if (names[i] == feature) command += " " + std::string(word) + " off";
    }
  }
  if (command.empty()) return {};
  return Error{"the network interface \"" + interface +
               "\" goes on merging packets, which then come too large and with wrong checksums; "
               "`ethtool -K " +
               interface + command +
               "`, of what it stands on if need be, must succeed first; or use another device."};
}

}  // namespace

Interface::Interface(std::string name)
    : name_(std::move(name)), control_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

std::optional<bool> Interface::is_up() const {
  ifreq request = request_for(name_);
  if (::ioctl(control_.get(), SIOCGIFFLAGS, &request) != 0) return {};
  constexpr int kUp = IFF_UP | IFF_RUNNING;
  return (request.ifr_flags & kUp) == kUp;
}

Status Interface::raise_mtu(uint16_t mtu) {
  ifreq request = request_for(name_);
  if (::ioctl(control_.get(), SIOCGIFMTU, &request) == 0 && request.ifr_mtu >= mtu) return {};
  request.ifr_mtu = mtu;
  if (::ioctl(control_.get(), SIOCSIFMTU, &request) == 0) return {};
  return Error{"the network interface \"" + name_ + "\" does not take an mtu of " +
               std::to_string(mtu) + ": " + std::strerror(errno) + "; lower the port's mtu."};
}

Status Interface::stop_merging() {
  // From below: a macvlan has what its lower interface has.
  std::vector<std::string> names = lower_names();
  std::reverse(names.begin(), names.end());
  names.push_back(name_);
  for (const std::string& name : names) {
    if (Status status = stop_merging_of(control_.get(), name); !status.ok()) return status;
  }
  return {};
}

Status Interface::check_queues(uint32_t queues) const {
  const Channels channels = this->channels();
  if (channels.count == queues) return {};
  return Error{"the network interface \"" + name_ + "\" spreads packets over " +
               std::to_string(channels.count) + " queues, but " + std::to_string(queues) +
               " are taken, one for each worker; `ethtool -L " + name_ + ' ' + channels.kind + ' ' +
               std::to_string(queues) + "`, or name as many cores in cpu.workers."};
}

Interface::Channels Interface::channels() const {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (ask_ethtool(control_.get(), name_, &channels)) {
    return {.count = channels.combined_count + channels.rx_count,
            .kind = channels.max_combined != 0 ? "combined" : "rx"};
  }
  // Its driver does not say, but the kernel has a folder for each queue.
  Channels ret{.count = 0};
  std::error_code none;
  for (const auto& queue : fs::directory_iterator(folder() + "/queues", none)) {
    if (queue.path().filename().string().starts_with("rx-")) ++ret.count;
  }
  ret.count = std::max(ret.count, 1u);
  return ret;
}

std::string Interface::folder() const {
  std::string path = "/sys/class/net/" + name_;
  ifreq request = request_for(name_);
  int index = 0;
  std::ifstream(path + "/ifindex") >> index;
  const bool is_ours =
      ::ioctl(control_.get(), SIOCGIFINDEX, &request) == 0 && request.ifr_ifindex == index;
  return is_ours ? path : "";
}

// Of all floors, the lower ones later: a VLAN of a bond stands on the bond's interfaces, too.
std::vector<std::string> Interface::lower_names() const {
  constexpr std::string_view kLink = "lower_";
  std::vector<std::string> ret;
  std::vector<std::string> folders = {folder()};
  while (!folders.empty() && !folders.back().empty()) {
    const std::string path = folders.back();
    folders.pop_back();
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(path, none)) {
      const std::string link = entry.path().filename();
      if (!link.starts_with(kLink)) continue;
      ret.push_back(link.substr(kLink.size()));
      folders.push_back("/sys/class/net/" + ret.back());
    }
  }
  return ret;
}

}  // namespace evenkeel

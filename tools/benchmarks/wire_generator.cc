// The generator of `tools/bench wire` where rates must be held and delays be told: it replays the
// frames of a pcap file over one DPDK port, as fast as the link takes them or at a given rate, and
// counts and times what comes back.
//
// One core does everything. Each line on standard input, `FILE RATE SECONDS`, is one run (rate 0:
// as fast as it goes), answered by one line of JSON on standard output. Every frame ends in the
// run's number and the time of its sending; only what carries the number of this run is counted, so
// nothing stray hides a loss. What reached the device under test and was lost there, and what the
// link did not take at the asked rate, are both lost.
//
// A virtual machine's core is taken away now and then. What was due in that time is not sent later,
// for a burst that fills every ring would be the generator's fault and counted as the device's.
#include <fcntl.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <span>
#include <string>
#include <vector>

namespace evenkeel::bench {
namespace {

constexpr uint16_t kBurst = 32;
constexpr uint16_t kDescriptors = 1024;
constexpr unsigned kBuffers = 16'383;
// More than this many frames late, and the schedule moves.
constexpr uint64_t kMostLate = uint64_t{2} * kBurst;
constexpr double kDrainSeconds = 0.02;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "wire_generator: %s\n", what.c_str());
  std::exit(1);
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// What every frame carries in its last bytes.
struct [[gnu::packed]] Stamp {
  uint16_t run;
  uint64_t sent_at;
};
static_assert(sizeof(Stamp) == 10);

// The frames of a pcap file, one after the other for ever, read where they lie.
//
// Invariants:
// 1. Every record of the file is whole and its frame has room for a stamp.
// 2. next_ is the place of a record.
class Replay {
 public:
  explicit Replay(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat about{};
    if (file < 0 || fstat(file, &about) != 0) fail(path + ": cannot be read");
    bytes_.resize(static_cast<size_t>(about.st_size));
    size_t have = 0;
    while (have < bytes_.size()) {
      const ssize_t got = read(file, bytes_.data() + have, bytes_.size() - have);
      if (got <= 0) fail(path + ": cannot be read");
      have += static_cast<size_t>(got);
    }
    close(file);
    if (!is_whole()) fail(path + ": is no pcap file of frames of 64 to 2,048 bytes");
  }

  std::span<const uint8_t> next() {
    const std::span<const uint8_t> frame(&bytes_[next_ + kRecordHeader], length_at(next_));
    next_ += kRecordHeader + frame.size();
    if (next_ == bytes_.size()) next_ = kFileHeader;
    return frame;
  }

 private:
  static constexpr size_t kFileHeader = 24;
  static constexpr size_t kRecordHeader = 16;

  uint32_t length_at(size_t record) const {
    uint32_t length = 0;
    std::memcpy(&length, &bytes_[record + 8], sizeof length);
    return length;
  }

  bool is_whole() const {
    size_t at = kFileHeader;
    while (at + kRecordHeader < bytes_.size() && length_at(at) >= 64 && length_at(at) <= 2048) {
      at += kRecordHeader + length_at(at);
    }
    return at > kFileHeader && at == bytes_.size();
  }

  std::vector<uint8_t> bytes_;
  size_t next_ = kFileHeader;
};

// How often a delay occurred: 32 classes for each power of two cycles, so within 3 %.
class Histogram {
 public:
  void add(uint64_t cycles) { ++counts_[std::min(class_of(cycles), counts_.size() - 1)]; }

  // The delay that the given part of all does not exceed, in cycles.
  double quantile(double part) const {
    uint64_t all = 0;
    for (const uint64_t count : counts_) all += count;
    const auto wanted = static_cast<uint64_t>(part * static_cast<double>(all));
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) return middle_of(i);
    }
    return 0;
  }

 private:
  static constexpr unsigned kBits = 5;

  static size_t class_of(uint64_t cycles) {
    const unsigned width = static_cast<unsigned>(std::bit_width(cycles));
    const unsigned shift = width > kBits + 1 ? width - kBits - 1 : 0;
    return (size_t{shift} << kBits) + (cycles >> shift);
  }
  static double middle_of(size_t index) {
    const size_t shift = index < (2u << kBits) ? 0 : (index >> kBits) - 1;
    const size_t lowest = index - (shift << kBits);
    return (static_cast<double>(lowest) + 0.5) * static_cast<double>(uint64_t{1} << shift);
  }

  std::array<uint64_t, 40u << kBits> counts_{};
};

struct Outcome {
  uint64_t sent = 0;
  uint64_t not_taken = 0;  // due, but the link was full
  uint64_t received = 0;
  double seconds = 0;
  double first_at = 0;  // when the first came back, by CLOCK_MONOTONIC
  Histogram delays;
};

class Generator {
 public:
  Generator() {
    pool_ = rte_pktmbuf_pool_create("frames", kBuffers, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                    SOCKET_ID_ANY);
    if (pool_ == nullptr) fail("there is no memory for its buffers");
    const rte_eth_conf settings{};
    if (rte_eth_dev_count_avail() != 1) fail("needs exactly one --vdev");
    if (rte_eth_dev_configure(kPort, 1, 1, &settings) != 0 ||
        rte_eth_rx_queue_setup(kPort, 0, kDescriptors, kAnySocket, nullptr, pool_) != 0 ||
        rte_eth_tx_queue_setup(kPort, 0, kDescriptors, kAnySocket, nullptr) != 0 ||
        rte_eth_dev_start(kPort) != 0) {
      fail("its port cannot be started");
    }
  }
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;
  ~Generator() { rte_eth_dev_stop(kPort); }

  Outcome run(Replay& replay, double rate, double seconds) {
    Outcome outcome;
    ++run_;
    const auto frequency = static_cast<double>(rte_get_tsc_hz());
    const uint64_t start = rte_rdtsc();
    const uint64_t stop = start + static_cast<uint64_t>(seconds * frequency);
    const double cycles_each = rate > 0 ? frequency / rate : 0;
    double due = static_cast<double>(start);  // when the next frame is to leave
    uint64_t now = start;
    for (; now < stop; now = rte_rdtsc()) {
      receive(outcome);
      if (rate == 0) {
        outcome.sent += send(replay, kBurst);
        continue;
      }
      const double late = (static_cast<double>(now) - due) / cycles_each;
      if (late < 0) continue;
      if (late > kMostLate) due = static_cast<double>(now);
      const auto count = static_cast<uint16_t>(std::clamp(late, 1.0, double{kBurst}));
      const uint16_t taken = send(replay, count);
      outcome.sent += taken;
      outcome.not_taken += count - taken;
      due += count * cycles_each;
    }
    outcome.seconds = static_cast<double>(now - start) / frequency;
    received_in_time_ = outcome.received;
    const uint64_t drained = now + static_cast<uint64_t>(kDrainSeconds * frequency);
    while (outcome.received < outcome.sent && rte_rdtsc() < drained) receive(outcome);
    return outcome;
  }

  // Of the last run: before its end, without what came while draining.
  uint64_t received_in_time() const { return received_in_time_; }

 private:
  static constexpr uint16_t kPort = 0;
  static constexpr unsigned kAnySocket = static_cast<unsigned>(SOCKET_ID_ANY);

  uint16_t send(Replay& replay, uint16_t count) {
    std::array<rte_mbuf*, kBurst> packets;
    if (rte_pktmbuf_alloc_bulk(pool_, packets.data(), count) != 0) return 0;
    const Stamp stamp{.run = run_, .sent_at = rte_rdtsc()};
    for (uint16_t i = 0; i < count; ++i) {
      const std::span<const uint8_t> frame = replay.next();
      auto* const data = rte_pktmbuf_mtod(packets[i], uint8_t*);
      std::memcpy(data, frame.data(), frame.size());
      std::memcpy(data + frame.size() - sizeof stamp, &stamp, sizeof stamp);
      packets[i]->data_len = static_cast<uint16_t>(frame.size());
      packets[i]->pkt_len = packets[i]->data_len;
    }
    const uint16_t taken = rte_eth_tx_burst(kPort, 0, packets.data(), count);
    if (taken < count) rte_pktmbuf_free_bulk(&packets[taken], count - taken);
    return taken;
  }

  void receive(Outcome& outcome) {
    std::array<rte_mbuf*, kBurst> packets;
    const uint16_t count = rte_eth_rx_burst(kPort, 0, packets.data(), kBurst);
    const uint64_t now = rte_rdtsc();
    for (uint16_t i = 0; i < count; ++i) {
      const rte_mbuf& packet = *packets[i];
      if (packet.data_len < sizeof(Stamp) || packet.nb_segs != 1) continue;
      Stamp stamp;
      std::memcpy(&stamp,
                  rte_pktmbuf_mtod_offset(&packet, const uint8_t*, packet.data_len - sizeof stamp),
                  sizeof stamp);
      if (stamp.run != run_) continue;
      if (outcome.received == 0) outcome.first_at = seconds_now();
      ++outcome.received;
      outcome.delays.add(now - stamp.sent_at);
    }
    if (count > 0) rte_pktmbuf_free_bulk(packets.data(), count);
  }

  rte_mempool* pool_ = nullptr;
  uint16_t run_ = static_cast<uint16_t>(rte_rdtsc());
  uint64_t received_in_time_ = 0;
};

void answer(const Outcome& outcome, uint64_t received_in_time) {
  const double microseconds = 1e6 / static_cast<double>(rte_get_tsc_hz());
  std::printf(
      "{\"sent\": %lu, \"not_taken\": %lu, \"received\": %lu, \"seconds\": %.6f, "
      "\"received_per_second\": %.0f, \"first_at\": %.6f, \"p50_us\": %.3f, \"p99_us\": %.3f}\n",
      outcome.sent, outcome.not_taken, outcome.received, outcome.seconds,
      static_cast<double>(received_in_time) / outcome.seconds, outcome.first_at,
      outcome.delays.quantile(0.5) * microseconds, outcome.delays.quantile(0.99) * microseconds);
  std::fflush(stdout);
}

void serve() {
  Generator generator;
  std::printf("{\"ready\": true}\n");
  std::fflush(stdout);
  std::string path;
  double rate = 0;
  double seconds = 0;
  while (std::cin >> path >> rate >> seconds) {
    Replay replay{path};
    const Outcome outcome = generator.run(replay, rate, seconds);
    answer(outcome, generator.received_in_time());
  }
}

}  // namespace
}  // namespace evenkeel::bench

int main(int count, char** arguments) {
  if (rte_eal_init(count, arguments) < 0) evenkeel::bench::fail("DPDK does not start, see above");
  evenkeel::bench::serve();
  return rte_eal_cleanup() == 0 ? 0 : 1;
}

#include "firmware/packet/worker.h"

#include <rte_ethdev.h>
#include <rte_pause.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/wire/fragment.h"
#include "firmware/wire/icmp.h"

namespace evenkeel {
namespace {

enum class Disposition : uint8_t { drop, kernel, hold, cut_or_answer };

// What becomes of a packet that the pipeline does not forward.
constexpr Disposition disposition(Reason reason) {
  switch (reason) {
    case Reason::not_ip:
    case Reason::icmp_other:
    case Reason::unsupported_protocol:
    case Reason::no_service:
      return Disposition::kernel;
    case Reason::fragment_later:
      return Disposition::hold;
    case Reason::too_big:
      return Disposition::cut_or_answer;
    default:
      return Disposition::drop;
  }
}

// Loops without a packet after which an adaptive worker sleeps, and for how long.
constexpr uint32_t kQuietLoops = 2'000;
constexpr long kNapNanoseconds = 50'000;

// Packets that the kernel sends, at most in one loop, so that they hold up nobody.
constexpr unsigned kFromKernel = 32;

// "Too big" that a worker tells in a second: so many of what one sender sends to one VIP, which is
// enough for clients that share an address, and nobody takes from others; and so many of all, that
// floods from many addresses cost little time.
constexpr uint32_t kAnswersToOne = 10;
constexpr uint32_t kAnswersPerSecond = 20'000;
constexpr uint32_t kAnswersAtOnce = 2'000;

// Neither a chain nor a buffer without headroom, which no driver should hand over.
bool is_fit(const rte_mbuf* packet) {
  return packet->nb_segs == 1 && packet->data_off >= kFrameHeadroom;
}

Frame frame_of(const rte_mbuf* packet) {
  return {.data = rte_pktmbuf_mtod(packet, uint8_t*),
          .length = packet->data_len,
          .port = static_cast<uint8_t>(packet->port)};
}

// A MAC address in the upper 48 bits, and so by one load of the 8 bytes that a frame begins with.
constexpr unsigned kAddressShift = 16;
constexpr uint64_t kGroupBit = uint64_t{1} << kAddressShift;

uint64_t address_of(const Mac& mac) {
  uint64_t address = 0;
  std::memcpy(&address, mac.data(), mac.size());
  return address << kAddressShift;
}

// Every buffer has 8 bytes, whether they are the frame's or not.
uint64_t destination_of(const rte_mbuf* packet) {
  return load<uint64_t>(rte_pktmbuf_mtod(packet, const uint8_t*)) << kAddressShift;
}

// A function, so that what is rare takes a jump, and what is not none.
[[gnu::cold, gnu::noinline]] void make_empty(Frame& frame) { frame.length = 0; }

// Many at a time.
bool all_leave(std::span<const Reason> reasons) {
  unsigned any = 0;
  for (const Reason reason : reasons) any |= static_cast<unsigned>(reason);
  return any == static_cast<unsigned>(Reason::none);
}

void set_length(rte_mbuf* packet, uint32_t length) {
  packet->data_len = static_cast<uint16_t>(length);
  packet->pkt_len = length;
}

}  // namespace

Worker::Worker(WorkerSpec spec, Slot<Plan>& slot, const TscClock& clock, Pipeline& pipeline,
               Evidence& evidence, Liveness& liveness)
    : spec_(std::move(spec)),
      slot_(slot),
      clock_(clock),
      pipeline_(pipeline),
      evidence_(evidence),
      liveness_(liveness),
      answer_tokens_(kAnswersPerSecond, kAnswersAtOnce) {
  REQUIRE(spec_.ports.size() <= kMaxPorts);
  for (size_t i = 0; i < spec_.ports.size(); ++i) {
    const WorkerSpec::OfPort& port = spec_.ports[i];
    const uint32_t rate = spec_.kernel_packets_per_second;
    ports_.push_back(
        {.ethdev = port.ethdev,
         .receives = port.receives,
         .address = address_of(port.mac),
         .outbox = Outbox(port.ethdev, static_cast<uint16_t>(spec_.number), liveness_.ports[i]),
         .kernel = KernelDoor(spec_.to_kernel, rate, liveness_.ports[i])});
  }
}

void Worker::run() {
  prctl(PR_SET_TIMERSLACK, 1UL);  // else the kernel makes naps twice as long
  Slot<Plan>::Reader reader(slot_, spec_.number);
  liveness_.is_running.write(1);
  while (liveness_.must_stop.read() == 0) rest(reader, step(reader));
  clear();
  liveness_.is_running.write(0);
}

void Worker::clear() {
  for (PortState& port : ports_) port.outbox.clear();
  std::array<WaitingRoom::Guest, WaitingRoom::kRoom> guests;
  for (const WaitingRoom::Guest& guest : held_.take(guests)) {
    drop(Reason::fragment_later, guest.packet);
  }
  liveness_.held.write(0);
}

size_t Worker::step(Slot<Plan>::Reader& reader) {
  const uint64_t start = rte_rdtsc();
  const Plan& plan = reader.read();
  const Microseconds now = clock_.now();
  size_t packets = 0;
  for (size_t port = 0; port < ports_.size(); ++port) {
    ports_[port].outbox.retry();
    if (ports_[port].receives) packets += receive(plan, port, now);
  }
  try_held(plan, now);
  if (spec_.from_kernel != nullptr) packets += send_for_kernel();
  if (packets == 0) {
    pipeline_.run(plan, {}, now, {});
  } else {
    liveness_.busy_loops.add(1);
    liveness_.busy_cycles.add(rte_rdtsc() - start);
  }
  liveness_.inquiry.serve([&](uint64_t flow) { return pipeline_.recollect(flow, now); });
  reader.quiescent();
  liveness_.loops.add(1);
  return packets;
}

size_t Worker::receive(const Plan& plan, size_t port, Microseconds now) {
  const size_t count = rte_eth_rx_burst(ports_[port].ethdev, static_cast<uint16_t>(spec_.number),
                                        packets_.data(), static_cast<uint16_t>(kBurst));
  if (count == 0) return 0;
  liveness_.ports[port].received.add(count);
  came_ = now;
  const uint32_t bytes = process(plan, port, std::span(packets_.data(), count), now);
  evidence_.count_received(count, bytes);
  cut_packets(plan, now);
  return count;
}

// Answers how many bytes they had.
// REQUIRES: at most kBurst packets, which came by that port.
uint32_t Worker::process(const Plan& plan, size_t port, std::span<rte_mbuf*> packets,
                         Microseconds now) {
  const size_t count = packets.size();
  const uint32_t bytes = make_frames(port, packets);
  const std::span<Reason> reasons(reasons_.data(), count);
  pipeline_.run(plan, std::span(frames_.data(), count), now, reasons);
  send(packets.first(all_leave(reasons) ? count : dispose_of_refused(plan, port, packets, now)));
  return bytes;
}

// What is not to the box's own address is empty to the pipeline, as is what is unfit. The data are
// fetched to be written, before the first look at them: else they come twice from where they are.
uint32_t Worker::make_frames(size_t port, std::span<rte_mbuf* const> packets) {
  constexpr size_t kAhead = 12;
  const uint64_t address = ports_[port].address;
  uint32_t bytes = 0;
  Frame* frame = frames_.data();
  for (size_t i = 0; i < packets.size(); ++i) {
    if (i + kAhead < packets.size()) {
      __builtin_prefetch(rte_pktmbuf_mtod(packets[i + kAhead], const uint8_t*), 1);
    }
    const rte_mbuf* const packet = packets[i];
    *frame = {.data = rte_pktmbuf_mtod(packet, uint8_t*),
              .length = packet->data_len,
              .port = static_cast<uint8_t>(port)};
    if (!is_fit(packet) || destination_of(packet) != address) [[unlikely]]
      make_empty(*frame);
    ++frame;
    bytes += packet->pkt_len;
  }
  return bytes;
}

// Packets and frames of those that leave move up: answers how many.
size_t Worker::dispose_of_refused(const Plan& plan, size_t port, std::span<rte_mbuf*> packets,
                                  Microseconds now) {
  size_t kept = 0;
  for (size_t i = 0; i < packets.size(); ++i) {
    if (reasons_[i] != Reason::none) {
      dispose(plan, i, port, packets[i], now);
      continue;
    }
    packets[kept] = packets[i];
    frames_[kept++] = frames_[i];
  }
  return kept;
}

// Each by its frame's port. Nearly always that is one for all.
void Worker::send(std::span<rte_mbuf*> packets) {
  if (packets.empty()) return;
  const uint8_t port = frames_[0].port;
  uint8_t others = 0;
  for (size_t i = 0; i < packets.size(); ++i) {
    rte_mbuf* const packet = packets[i];
    const Frame& frame = frames_[i];
    packet->data_off = static_cast<uint16_t>(frame.data - static_cast<uint8_t*>(packet->buf_addr));
    set_length(packet, frame.length);
    others |= frame.port ^ port;
  }
  if (others == 0) [[likely]] {
    forward(port, packets);
    return;
  }
  for (size_t first = 0; first < packets.size();) {
    size_t end = first + 1;
    while (end < packets.size() && frames_[end].port == frames_[first].port) ++end;
    forward(frames_[first].port, packets.subspan(first, end - first));
    first = end;
  }
}

// Those whose first fragment may have come are let in once more; those whose time is over are not.
// Anybody's first fragment is one that may be waited for: without a pause between two times, who
// sends many of them would have all that is held tried again for each.
void Worker::try_held(const Plan& plan, Microseconds now) {
  constexpr Microseconds kPause = 1'000;
  const uint64_t learned = pipeline_.fragments_learned();
  const bool may_try = learned != learned_ && now - tried_ >= kPause;
  if (held_.size() == 0 || !(may_try || held_.has_expired(now))) return;
  learned_ = learned;
  tried_ = now;
  std::array<WaitingRoom::Guest, WaitingRoom::kRoom> guests;
  for (const WaitingRoom::Guest& guest : held_.take(guests)) {
    rte_mbuf* packet = guest.packet;
    if (WaitingRoom::is_over(guest, now)) {
      drop(Reason::fragment_later, packet);
      continue;
    }
    came_ = guest.came;
    process(plan, packet->port, std::span(&packet, 1), now);
    cut_packets(plan, now);
  }
  liveness_.held.write(held_.size());
}

void Worker::forward(size_t port, std::span<rte_mbuf*> packets) {
  REQUIRE(port < ports_.size());
  ports_[port].outbox.send(packets);
}

void Worker::dispose(const Plan& plan, size_t i, size_t port, rte_mbuf* packet, Microseconds now) {
  const Reason reason = reasons_[i];
  packet->port = static_cast<uint16_t>(port);
  if (destination_of(packet) != ports_[port].address) {
    turn_away(plan, port, packet, now);
    return;
  }
  switch (disposition(reason)) {
    case Disposition::kernel:
      give_to_kernel(plan, port, packet, now);
      return;
    case Disposition::hold:
      if (!held_.add(packet, came_)) break;
      liveness_.held.write(held_.size());
      return;
    case Disposition::cut_or_answer:
      if (keep_for_cutting(i, packet)) return;
      answer_too_big(i, now);
      break;
    case Disposition::drop:
      break;
  }
  drop(reason, packet);
}

void Worker::drop(Reason reason, rte_mbuf* packet) {
  evidence_.count_drop(reason);
  rte_pktmbuf_free(packet);
}

// Until the burst is over: its pieces are a burst of their own.
bool Worker::keep_for_cutting(size_t i, rte_mbuf* packet) {
  Parsed parsed;
  const uint16_t mtu = pipeline_.mtu_before(i);
  if (is_cutting_ || parse_slow(frames_[i], parsed) != Reason::none) return false;
  if (!cut_to_fit(frames_[i], parsed, mtu)) return false;
  too_big_[too_big_count_++] = {.packet = packet, .mtu = mtu};
  return true;
}

void Worker::cut_packets(const Plan& plan, Microseconds now) {
  if (too_big_count_ == 0) [[likely]]
    return;
  is_cutting_ = true;
  for (const TooBig& too_big : std::span(too_big_.data(), std::exchange(too_big_count_, 0))) {
    std::array<rte_mbuf*, kMaxPieces> pieces;
    const size_t count = cut(too_big, pieces);
    if (count == 0) {
      drop(Reason::too_big, too_big.packet);
      continue;
    }
    liveness_.split.add(1);
    liveness_.pieces.add(count);
    process(plan, too_big.packet->port, std::span(pieces.data(), count), now);
    rte_pktmbuf_free(too_big.packet);
  }
  is_cutting_ = false;
}

// Answers how many pieces there are; 0: there are no buffers for them.
size_t Worker::cut(const TooBig& too_big, std::span<rte_mbuf*, kMaxPieces> ret_pieces) {
  const Frame whole = frame_of(too_big.packet);
  Parsed parsed;
  REQUIRE(parse_slow(whole, parsed) == Reason::none);
  const std::optional<Cut> cut = cut_to_fit(whole, parsed, too_big.mtu);
  REQUIRE(cut);
  const auto count = static_cast<unsigned>(cut->pieces);
  if (rte_pktmbuf_alloc_bulk(spec_.pool, ret_pieces.data(), count) != 0) {
    liveness_.no_buffer.add(1);
    return 0;
  }
  for (size_t i = 0; i < cut->pieces; ++i) {
    Frame piece = frame_of(ret_pieces[i]);  // empty
    if (write_piece(whole, parsed, *cut, i, rte_pktmbuf_tailroom(ret_pieces[i]), piece) !=
        Reason::none) {
      rte_pktmbuf_free_bulk(ret_pieces.data(), count);
      return 0;
    }
    set_length(ret_pieces[i], piece.length);
  }
  return cut->pieces;
}

// To whoever wants to know: IPv6 senders do, and IPv4 ones that forbid fragments.
void Worker::answer_too_big(size_t i, Microseconds now) {
  Parsed parsed;
  if (parse_slow(frames_[i], parsed) != Reason::none || parsed.may_fragment) return;
  if (may_tell(frames_[i], parsed) != Reason::none) return;
  if (!answers_.admit(pipeline_.pair_hash(parsed.key), kAnswersToOne, tick_of(now)) ||
      answer_tokens_.take(1, now) == 0) {
    liveness_.untold.add(1);
    return;
  }
  rte_mbuf* answer = rte_pktmbuf_alloc(spec_.pool);
  if (answer == nullptr) {
    liveness_.no_buffer.add(1);
    return;
  }
  Frame frame = frame_of(answer);
  if (make_too_big(frames_[i], parsed, pipeline_.mtu_before(i), rte_pktmbuf_tailroom(answer),
                   frame) != Reason::none) {
    rte_pktmbuf_free(answer);
    return;
  }
  set_length(answer, frame.length);
  liveness_.answers.add(1);
  forward(frame.port, std::span(&answer, 1));
}

// What is sent to others, or to all.
void Worker::turn_away(const Plan& plan, size_t port, rte_mbuf* packet, Microseconds now) {
  if (packet->nb_segs != 1 || packet->data_len < sizeof(EthernetHeader)) {
    drop(Reason::truncated, packet);
  } else if ((destination_of(packet) & kGroupBit) == 0) {
    drop(Reason::not_ours, packet);
  } else {
    give_to_kernel(plan, port, packet, now);
  }
}

void Worker::give_to_kernel(const Plan& plan, size_t port, rte_mbuf* packet, Microseconds now) {
  const Reason reason = ports_[port].kernel.give(packet, *plan.lookup, now);
  if (reason != Reason::none) drop(reason, packet);
}

size_t Worker::send_for_kernel() {
  std::array<void*, kFromKernel> sent;
  const unsigned count =
      rte_ring_sc_dequeue_burst(spec_.from_kernel, sent.data(), kFromKernel, nullptr);
  for (unsigned i = 0; i < count; ++i) {
    auto* packet = static_cast<rte_mbuf*>(sent[i]);
    const size_t port = packet->port;
    REQUIRE(port < ports_.size());
    liveness_.ports[port].from_kernel.add(1);
    forward(port, std::span(&packet, 1));
  }
  return count;
}

// A worker that sleeps holds no plan.
void Worker::rest(Slot<Plan>::Reader& reader, size_t packets) {
  if (packets != 0) {
    idle_loops_ = 0;
    return;
  }
  if (!spec_.is_adaptive || ++idle_loops_ < kQuietLoops) {
    rte_pause();
    return;
  }
  reader.offline();
  const timespec nap{.tv_sec = 0, .tv_nsec = kNapNanoseconds};
  nanosleep(&nap, nullptr);
  liveness_.naps.add(1);
  reader.online();
}

}  // namespace evenkeel

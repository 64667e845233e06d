#include "firmware/packet/pipeline.h"

#include <algorithm>

#include "firmware/base/check.h"
#include "firmware/packet/returns.h"
#include "firmware/wire/emit.h"
#include "firmware/wire/emit_burst.h"
#include "firmware/wire/icmp.h"
#include "firmware/wire/mss.h"
#include "firmware/wire/parse_burst.h"
#include "firmware/wire/translate.h"

namespace evenkeel {
namespace {

// Of any of four; without a branch for each.
template <typename ServiceOf>
bool may_any_ask(const ServiceOf& service_of) {
  uintptr_t previous = 0;
  bool is_sticky = false;
  for (size_t i = 0; i < 4; ++i) {
    previous |= reinterpret_cast<uintptr_t>(service_of(i).previous);
    is_sticky |= service_of(i).affinity == Affinity::sticky;
  }
  return previous != 0 || is_sticky;
}

// Whether a reply refuses, or says that its sender can take no more.
bool says_trouble(const Frame& frame, const Parsed& parsed) {
  const bool has_header = parsed.kind == Kind::transport || parsed.kind == Kind::fragment_first;
  if (!has_header || parsed.key.protocol != static_cast<uint8_t>(Protocol::tcp)) return false;
  return (parsed.signals & kReset) != 0 ||
         load<TcpHeader>(frame.data + parsed.l4_offset).window == Big16(0);
}

// What fits the way to a backend before the packet is put into its form.
uint16_t largest_before(const Forwarding& forwarding, const Parsed& parsed) {
  return forwarding.mode == Mode::nat
             ? mtu_before(forwarding.mtu, parsed, forwarding.new_destination().is_v4())
             : static_cast<uint16_t>(forwarding.mtu - forwarding.overhead);
}

}  // namespace

void Pipeline::run(const Plan& plan, std::span<Frame> frames, Microseconds now,
                   std::span<Reason> ret_reasons) {
  REQUIRE(frames.size() <= kBurst && ret_reasons.size() == frames.size());
  const Tick tick = tick_of(now);
  if (!frames.empty()) {
    classify(plan, frames, now, ret_reasons);
    choose(plan, frames, tick);
    if (sets_.closed.bits() != 0) [[unlikely]]
      recall_closed(plan, tick, ret_reasons);
    recall(plan, tick);
    emit_all(plan, frames, ret_reasons);
    track(plan, frames, now);
    note_sources(tick);
  }
  memory_.maintain(tick);
  handshakes_.expire_some(now);
}

// Which flow, which service, and so which bucket: the one access likely to miss every cache, so it
// is under way before the next packet is looked at. Echo requests for a VIP are answered on the
// spot. Flattened: left to itself, the compiler calls functions that cost less than their call.
[[gnu::flatten]] void Pipeline::classify(const Plan& plan, std::span<Frame> frames,
                                         Microseconds now, std::span<Reason> ret_reasons) {
  for (const Frame& frame : frames) __builtin_prefetch(frame.data, 1);
  sets_ = {};
  std::ranges::fill(ret_reasons, Reason::none);
  parse_eights(frames, plain_);
  sets_.plain = sets_.undescribed = PacketSet(plain_.good);
  const PacketSet all(~uint64_t{0} >> (kBurst - frames.size()));
  const PacketSet found = find_plain_services(plan);
  sets_.live = found;
  sets_.opening = PacketSet(plain_.opening) & found;
  for (const size_t i : all.without(found)) {
    ret_reasons[i] = classify_one(plan, frames[i], i, now);
  }
  const PacketSet ipv6(plain_.ipv6);
  enter_plain<true>(plan, found.without(ipv6), frames);
  enter_plain<false>(plan, found & ipv6, frames);
  enter_others(plan, sets_.live.without(found));
  find_sampled(handshakes_.follow(plan.sample_shift, now));
}

// The short way of find_service(), for plain packets of services with one address and port that
// need nothing special: answers which.
inline Pipeline::PacketSet Pipeline::find_plain_services(const Plan& plan) {
  uint64_t found = 0;
  LastService last_v4;
  LastService last_v6;
  for (size_t first = 0; first < kBurst; first += lanes::kLanes) {
    const uint32_t good = plain_.good >> first & 0xff;
    if (good == 0) continue;
    const bool is_v6 = (plain_.ipv6 >> first & 0xff) != 0;
    const uint64_t ours = is_v6 ? find_eight_services<false>(plan, first, good, last_v6)
                                : find_eight_services<true>(plan, first, good, last_v4);
    found |= ours << first;
  }
  return PacketSet(found);
}

// Of the `good` ones of eight packets of a family. All that are for the service of the one before
// them, as is usual where there are few services, are found at once.
template <bool kIsV4>
[[gnu::always_inline]] inline uint32_t Pipeline::find_eight_services(const Plan& plan, size_t first,
                                                                     uint32_t good,
                                                                     LastService& last) {
  using namespace lanes;  // NOLINT(google-build-using-namespace)
  constexpr size_t kFirstWord = kIsV4 ? 3 : 0;
  const Lanes protocol = kIsV4 ? load<Lanes>(plain_.ttl.data() + first) << 8
                               : load<Lanes>(plain_.hop_limit.data() + first);
  const Lanes more = (protocol & 0xff'0000) | load<Lanes>(plain_.ports.data() + first) >> 16;
  Lanes same = equal(more, all(last.more));
  for (size_t word = kFirstWord; word < last.address.size(); ++word) {
    const auto destination = load<Lanes>(plain_.destination[word].data() + first);
    same &= equal(destination, all(last.address[word]));
  }
  if ((good & ~bits_of(same)) == 0) {
    store(service_.data() + first, _mm_set1_epi16(static_cast<int16_t>(last.number)));
    return last.number != kNoService ? good : 0;
  }
  alignas(32) std::array<uint32_t, kLanes> mores;
  store(mores.data(), more);
  const auto number_of = [&, words = plan.lookup->exact_v4()](size_t i) {
    if constexpr (kIsV4) {
      return words.find(uint64_t{plain_.destination[3][first + i]} << 32 | mores[i], kNoService);
    } else {
      std::array<uint32_t, 4> address{};
      for (size_t word = 0; word < address.size(); ++word) {
        address[word] = plain_.destination[word][first + i];
      }
      return plan.lookup->find_exact_v6(Address::v6(address.data()), mores[i]);
    }
  };
  const Service* const services = plan.services.data();
  uint32_t found = 0;
  for (const size_t i : PacketSet(good)) {
    uint16_t number = number_of(i);
    if (number != kNoService && !services[number].is_plain) [[unlikely]]
      number = kNoService;
    service_[first + i] = number;
    found |= uint32_t{number != kNoService} << i;
  }
  const auto latest = static_cast<size_t>(std::bit_width(good)) - 1;
  last.more = mores[latest];
  last.number = service_[first + latest];
  for (size_t word = kFirstWord; word < last.address.size(); ++word) {
    last.address[word] = plain_.destination[word][first + latest];
  }
  return found;
}

// What the flow hash reads of a plain packet.
template <bool kIsV4>
[[gnu::always_inline]] inline auto Pipeline::blocks_of(const Frame& frame, size_t i) const {
  if constexpr (kIsV4) {
    constexpr size_t kAt = sizeof(EthernetHeader) + offsetof(Ipv4Header, ttl);
    return _mm_and_si128(load<Secret::Block>(frame.data + kAt), Secret::block_mask());
  } else {
    const uint8_t* const ip = frame.data + sizeof(EthernetHeader);
    const uint32_t protocol = plain_.hop_limit[i] >> 16 & 0xff;
    return Secret::BlocksV6{
        .source = load<Secret::Block>(ip + offsetof(Ipv6Header, source)),
        .destination = load<Secret::Block>(ip + offsetof(Ipv6Header, destination)),
        .rest =
            _mm_setr_epi32(static_cast<int>(plain_.ports[i]), static_cast<int>(protocol), 0, 0)};
  }
}

// Those of a family. By fours where all of them are for services that ask nobody. The secret is
// copied so that the compiler keeps its keys in registers.
template <bool kIsV4>
inline void Pipeline::enter_plain(const Plan& plan, PacketSet packets,
                                  std::span<const Frame> frames) {
  constexpr size_t kFour = 4;
  if (packets.bits() == 0) return;
  const Secret secret = secret_;
  const Service* const services = plan.services.data();
  const auto blocks = [&](size_t i) { return blocks_of<kIsV4>(frames[i], i); };
  for (size_t first = 0; first < kBurst; first += kFour) {
    const uint64_t four = packets.bits() >> first & 0xf;
    const uint64_t number = service_[first];
    const bool is_one_service =
        load<uint64_t>(service_.data() + first) == number * 0x0001'0001'0001'0001;
    const auto service_of = [&](size_t i) -> const Service& {
      return services[service_[first + i]];
    };
    if (four == 0xf && !may_any_ask(service_of)) {
      const __m256i flows = secret.flow_hashes(blocks(first), blocks(first + 1), blocks(first + 2),
                                               blocks(first + 3));
      store(flow_.data() + first, flows);
      store(entropy_.data() + first, low_words_of(flows));
      if (is_one_service) {
        find_four_buckets(services[number], first, flows);
      } else {
        find_four_buckets(service_of, first);
      }
      continue;
    }
    for (const size_t i : PacketSet(four << first)) {
      const uint64_t flow = secret.flow_hash(blocks(i));
      enter(services[service_[i]], i, flow, flow);
    }
  }
}

// Of a service that asks nobody.
[[gnu::always_inline]] inline void Pipeline::find_four_buckets(const Service& service, size_t first,
                                                               __m256i flows) {
  static_assert(sizeof(*service.current) == 2);
  const __m256i offsets = _mm256_slli_epi64(buckets_of(flows, service.buckets), 1);
  const __m256i table = _mm256_set1_epi64x(reinterpret_cast<int64_t>(service.current));
  store(static_cast<void*>(current_.data() + first), _mm256_add_epi64(table, offsets));
  for (size_t i = first; i < first + 4; ++i) __builtin_prefetch(current_[i]);
}

// Of a service each, all of which ask nobody. No cache holds the tables of many services: more
// lines can be on their way to L2 at once than to L1, which is 6 % of a packet (512 services,
// Sapphire Rapids).
template <typename ServiceOf>
[[gnu::always_inline]] inline void Pipeline::find_four_buckets(const ServiceOf& service_of,
                                                               size_t first) {
  constexpr int kIntoL2 = 2;
  for (size_t i = 0; i < 4; ++i) {
    const Service& service = service_of(i);
    const uint16_t* const current = service.current + bucket_of(flow_[first + i], service.buckets);
    current_[first + i] = current;
    __builtin_prefetch(current, 0, kIntoL2);
  }
}

inline void Pipeline::enter_others(const Plan& plan, PacketSet packets) {
  for (const size_t i : packets) {
    const FlowKey& key = parsed_[i].key;
    const Service& service = plan.services[service_[i]];
    const uint64_t flow = secret_.flow_hash(key);
    enter(service, i, flow, secret_.steering_hash(service.hash_over, key, flow));
  }
}

// All of a packet that was parsed.
const Parsed& Pipeline::described(size_t i) {
  if (sets_.undescribed.has(i)) {
    plain_.describe(i, parsed_[i]);
    sets_.undescribed.remove(i);
  }
  return parsed_[i];
}

// A packet's bucket, and who else is to be asked.
[[gnu::always_inline]] inline void Pipeline::enter(const Service& service, size_t i, uint64_t flow,
                                                   uint64_t steering) {
  const uint16_t* const current = service.current + bucket_of(steering, service.buckets);
  current_[i] = current;
  flow_[i] = flow;
  entropy_[i] = static_cast<uint32_t>(flow);
  __builtin_prefetch(current);
  if (!may_ask(service)) return;
  const uint16_t* const previous =
      service.previous == nullptr
          ? &kNoPrevious
          : service.previous + bucket_of(steering, service.previous_buckets);
  __builtin_prefetch(previous);
  previous_[i] = previous;
  steering_[i] = steering;
  sets_.asking.add(i);
}

// REQUIRES: parsed_[i] has ports.
Reason Pipeline::find_service(const Plan& plan, const Frame& frame, size_t i, Tick now) {
  const Parsed& parsed = parsed_[i];
  const FlowKey& key = parsed.key;
  const uint16_t number = plan.lookup->find(key.destination, key.protocol, key.destination_port);
  if (number == kNoService) [[unlikely]]
    return Reason::no_service;
  const Service& service = plan.services[number];
  const Reason reason =
      service.is_plain ? Reason::none : pass_guard(service, frame, i, number, now);
  if (reason != Reason::none) return reason;
  service_[i] = number;
  sets_.live.add(i);
  sets_.closed.add_if(service.guard.closed != Reason::none, i);
  sets_.opening.add_if((parsed.signals & kOpening) != 0, i);
  return Reason::none;
}

// An ICMP error counts as its client's, whoever on the way has sent it. Of a closed service, what
// does not open a flow may be of one that goes on: recall_closed() knows.
Reason Pipeline::pass_guard(const Service& service, const Frame& frame, size_t i, uint16_t number,
                            Tick now) {
  const Guard& guard = service.guard;
  const Parsed& parsed = parsed_[i];
  const bool is_opening = (parsed.signals & kOpening) != 0;
  if (guard.closed != Reason::none && (is_opening || service.current == nullptr)) {
    return guard.closed;
  }
  if (!guard.allows(parsed.key.source)) return Reason::denied;
  if (!is_opening) return Reason::none;
  if (guard.new_flows_per_source != 0) {
    const uint32_t mine = (guard.new_flows_per_source + workers_ - 1) / workers_;
    const uint64_t client = secret_.hash(parsed.key.source) + number;
    if (!flow_limit_.admit(client, mine, now)) return Reason::over_limit;
  }
  if (guard.mss != 0) clamp_mss(frame, parsed, guard.mss);
  return Reason::none;
}

// Eight at a time.
inline void Pipeline::find_sampled(uint32_t mask) {
  uint64_t sampled = 0;
  for (size_t i = 0; i < kBurst; i += lanes::kLanes) {
    const auto entropy = load<lanes::Lanes>(entropy_.data() + i);
    sampled |= uint64_t{lanes::bits_of(lanes::equal(entropy & mask, lanes::all(0)))} << i;
  }
  sets_.sampled = PacketSet(sampled) & sets_.live;
}

Reason Pipeline::classify_one(const Plan& plan, Frame& frame, size_t i, Microseconds now) {
  if (!sets_.plain.has(i)) {
    const Reason reason = parse(frame, parsed_[i]);
    if (reason != Reason::none) return reason;
  }
  const Parsed& parsed = described(i);
  if (parsed.kind == Kind::echo) return answer_echo(plan, frame, parsed);
  const bool has_ports = know_ports(i, now);
  if (!has_ports && plan.lookup->has_address(parsed.key.destination)) return Reason::fragment_later;
  const Reason reason = has_ports ? find_service(plan, frame, i, tick_of(now)) : Reason::no_service;
  return reason == Reason::no_service ? return_reply(plan, frame, i, tick_of(now)) : reason;
}

// Whether a packet's ports are known: a later fragment's, from its first one.
bool Pipeline::know_ports(size_t i, Microseconds now) {
  Parsed& parsed = parsed_[i];
  if (parsed.kind != Kind::fragment_first && parsed.kind != Kind::fragment_later) return true;
  const uint64_t hash = secret_.hash(parsed.key.source);
  if (parsed.kind == Kind::fragment_later) return fragments_.give_ports(parsed, hash, now);
  fragments_.remember(parsed, hash, now);
  return true;
}

// On the spot.
Reason Pipeline::answer_echo(const Plan& plan, Frame& frame, const Parsed& parsed) {
  if (!plan.lookup->has_address(parsed.key.destination)) return Reason::no_service;
  const Reason reason = make_echo_reply(frame, parsed);
  if (reason == Reason::none) evidence_.count_forwarded(1, frame.length);
  return reason;
}

// What a server of mode nat answers to a client.
Reason Pipeline::return_reply(const Plan& plan, Frame& frame, size_t i, Tick now) {
  const Parsed& parsed = parsed_[i];
  const bool is_trouble = says_trouble(frame, parsed);
  const Reason reason = translate_reply(plan, frame, parsed, mtu_before_[i]);
  if (reason != Reason::none) return reason;
  evidence_.count_forwarded(1, frame.length);
  if (is_trouble) [[unlikely]]
    note_trouble(plan, parsed, now);
  return Reason::none;
}

// Which backend, as the bucket says. The line before the data, in which an outer header will begin,
// is fetched here and not with the data: of too many prefetches at once the processor does the
// first ones only.
void Pipeline::choose(const Plan& plan, std::span<const Frame> frames, Tick now) {
  const Forwarding* const forwardings = plan.forwardings.data();
  const Evidence::PacketCounts counts = evidence_.packet_counts();
  sets_.live.for_each([&](size_t i) {
    __builtin_prefetch(frames[i].data - 1, 1);
    const uint16_t slot = *current_[i];
    backend_[i] = slot;
    __builtin_prefetch(forwardings + slot);
    counts.prefetch(slot);
  });
  for (const size_t i : sets_.sampled) handshakes_.prefetch(flow_[i]);
  const size_t sample = place_of_sample();
  if (sets_.live.has(sample)) {
    evidence_.sources().prefetch(service_[sample], secret_.source_hash(source_of(sample)), now);
  }
}

// By eights where all of them are plain.
Pipeline::PacketSet Pipeline::emit_eights(const Plan& plan, std::span<Frame> frames,
                                          uint64_t& ret_bytes) {
  uint64_t emitted = 0;
  uint64_t bytes = 0;
  const Evidence::PacketCounts counts = evidence_.packet_counts();
  const Forwarding* const forwardings = plan.forwardings.data();
  const uint64_t ready = (sets_.plain & sets_.live).bits();
  for (size_t first = 0; first + lanes::kLanes <= frames.size(); first += lanes::kLanes) {
    if ((ready >> first & 0xff) != 0xff) continue;
    const auto forwarding_of = [&](size_t i) { return forwardings + backend_[first + i]; };
    const auto note = [&](size_t i, uint32_t length) {
      counts.add(backend_[first + i], plain_.length(first + i));
      bytes += length;
    };
    const auto entropy = load<lanes::Lanes>(entropy_.data() + first);
    const bool is_v6 = (plain_.ipv6 >> first & 1) != 0;
    const uint64_t eight =
        is_v6 ? emit_eight_v6(forwarding_of, note, entropy, plain_, first, frames.data())
              : emit_eight(forwarding_of, note, entropy, plain_, first, frames.data());
    emitted |= eight << first;
  }
  ret_bytes = bytes;
  return PacketSet(emitted);
}

void Pipeline::emit_all(const Plan& plan, std::span<Frame> frames, std::span<Reason> ret_reasons) {
  uint64_t bytes = 0;
  PacketSet emitted = emit_eights(plan, frames, bytes);
  for (const size_t i : sets_.live.without(emitted)) {
    const Forwarding& forwarding = plan.forwardings[backend_[i]];
    const Parsed& parsed = described(i);
    const Reason reason = forwarding.mode == Mode::nat
                              ? translate_to_backend(forwarding, frames[i], parsed)
                              : emit(forwarding, frames[i], parsed, entropy_[i]);
    ret_reasons[i] = reason;
    if (reason == Reason::too_big) mtu_before_[i] = largest_before(forwarding, parsed);
    if (reason != Reason::none) continue;
    emitted.add(i);
    evidence_.count_packet(backend_[i], parsed.l3_length);
    bytes += frames[i].length;
  }
  evidence_.count_forwarded(emitted.size(), bytes);
  // What we drop ourselves says nothing about a backend.
  sets_.live = emitted;
  sets_.opening = sets_.opening & emitted;
  sets_.sampled = sets_.sampled & emitted;
}

}  // namespace evenkeel

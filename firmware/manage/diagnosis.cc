#include "firmware/manage/diagnosis.h"

#include <utility>

#include "firmware/base/address.h"
#include "firmware/manage/specimen.h"
#include "firmware/settings/keys.h"
#include "firmware/table/steer.h"
#include "firmware/wire/emit.h"
#include "firmware/wire/icmp.h"
#include "firmware/wire/translate.h"

namespace evenkeel {
namespace {

// What stands before the buckets, but for the limit of new flows, which only workers know. A closed
// service that has kept its buckets refuses by flow.
Reason guard(const Service& service, const FlowKey& key) {
  if (service.current == nullptr) return service.guard.closed;
  return service.guard.allows(key.source) ? Reason::none : Reason::denied;
}

class Diagnostician {
 public:
  Diagnostician(const Plan& plan, const Secret& secret, const FlowKey& key, Tick now)
      : plan_(plan), secret_(secret), now_(now) {
    found_.key = key;
  }

  Diagnosis diagnose(std::span<const std::optional<FlowMemory::Found>> remembered) {
    Specimen specimen(found_.key, false);
    Parsed parsed;
    found_.reason = parse_slow(specimen.frame(), parsed);
    if (found_.reason == Reason::none && parsed.kind == Kind::echo) {
      answer_echo(specimen, parsed);
      return std::move(found_);
    }
    if (found_.reason == Reason::none) find_service();
    if (found_.reason == Reason::none) find_bucket(remembered);
    return std::move(found_);
  }

 private:
  void answer_echo(Specimen& specimen, const Parsed& parsed) {
    const bool is_ours = plan_.lookup->has_address(found_.key.destination);
    found_.reason = is_ours ? make_echo_reply(specimen.frame(), parsed) : Reason::no_service;
    found_.is_answered = found_.reason == Reason::none;
    if (found_.is_answered) found_.headers = specimen.headers();
  }

  void find_service() {
    const FlowKey& key = found_.key;
    number_ = plan_.lookup->find(key.destination, key.protocol, key.destination_port);
    if (number_ == kNoService) {
      found_.reason = Reason::no_service;
      return;
    }
    found_.service = plan_.service_records[number_].name;
    found_.reason = guard(plan_.services[number_], key);
  }

  void find_bucket(std::span<const std::optional<FlowMemory::Found>> remembered) {
    const Service& service = plan_.services[number_];
    const uint64_t flow = secret_.flow_hash(found_.key);
    found_.hash = secret_.steering_hash(service.hash_over, found_.key, flow);
    found_.buckets = service.buckets;
    found_.bucket = bucket_of(found_.hash, service.buckets);
    bucket_ = plan_.bucket(number_, found_.hash);
    found_.current = name_of_backend(bucket_.current);
    if (bucket_.moved()) found_.previous = name_of_backend(bucket_.previous);
    FlowMemory::Found known;
    for (const std::optional<FlowMemory::Found>& answer : remembered) {
      found_.memory.push_back(memory_of(found_.memory.size(), answer));
      if (answer && answer->backend != kNoBackend) known = *answer;
    }
    found_.opening = verdict(true, known);
    found_.established = verdict(false, known);
  }

  std::string name_of_backend(uint16_t slot) const { return plan_.backend_records[slot].name; }

  Recollection memory_of(size_t worker, const std::optional<FlowMemory::Found>& answer) const {
    Recollection memory{.worker = worker, .has_answered = answer.has_value(), .backend = {}};
    if (!answer || answer->backend == kNoBackend) return memory;
    memory.backend = name_of_backend(answer->backend);
    memory.state = answer->state;
    memory.age = answer->age;
    return memory;
  }

  // REQUIRES: the opening's is asked for first, so that what is kept of the headers is the other's.
  FlowVerdict verdict(bool is_opening, const FlowMemory::Found& known) {
    const Affinity affinity = plan_.services[number_].affinity;
    const bool is_v4 = found_.key.source.is_v4();
    const uint16_t home = plan_.home_of(known.backend, is_v4, now_, known.age);
    const uint16_t remembered = home != kNoBackend ? home : known.backend;
    const auto is_alive = [&](uint16_t slot) {
      return slot == remembered ? home != kNoBackend : plan_.lives[slot].is_alive;
    };
    const Steered steered = steer(affinity, bucket_, is_opening, remembered, is_alive);
    const Reason closed = plan_.services[number_].guard.closed;
    if (closed != Reason::none && (steered.begins || !plan_.lives[steered.backend].is_alive)) {
      return {.reason = closed,
              .backend = {},
              .because = steered.begins ? "its service is closed: nobody takes new flows"
                                        : "its service is closed, and its backend is not alive"};
    }
    FlowVerdict verdict{.reason = Reason::none,
                        .backend = name_of_backend(steered.backend),
                        .because = because(affinity, is_opening, steered, known)};
    verdict.reason = emit_to(steered.backend, is_opening);
    return verdict;
  }

  std::string because(Affinity affinity, bool is_opening, const Steered& steered,
                      const FlowMemory::Found& known) const {
    if (!needs_memory(affinity, bucket_)) return "its bucket is steady";
    if (!is_opening && steered.touch) return "it is remembered there";
    if (steered.backend == bucket_.previous && steered.backend != bucket_.current) {
      return "its bucket has moved, and it is not known to be newer than that";
    }
    if (is_opening) return "it opens, and goes where its bucket goes now";
    if (known.backend != kNoBackend) return "the backend that it was on is gone";
    return affinity == Affinity::sticky ? "it is not remembered yet"
                                        : "its bucket's previous backend is gone";
  }

  Reason emit_to(uint16_t slot, bool is_opening) {
    const Forwarding& forwarding = plan_.forwardings[slot];
    Specimen specimen(found_.key, is_opening);
    Parsed parsed;
    Reason reason = parse_slow(specimen.frame(), parsed);
    if (reason == Reason::none) {
      const auto entropy = static_cast<uint32_t>(secret_.flow_hash(found_.key));
      reason = forwarding.mode == Mode::nat
                   ? translate_to_backend(forwarding, specimen.frame(), parsed)
                   : emit(forwarding, specimen.frame(), parsed, entropy);
    }
    if (reason != Reason::none) return reason;
    found_.slot = slot;
    found_.mode = to_text(modes_of(forwarding.mode));
    found_.port = forwarding.port;
    found_.headers = specimen.headers();
    found_.mtu = forwarding.mtu;
    found_.overhead = forwarding.overhead;
    return reason;
  }

  const Plan& plan_;
  const Secret& secret_;
  const Tick now_;
  Diagnosis found_;
  uint16_t number_ = kNoService;
  Bucket bucket_;
};

}  // namespace

uint64_t memory_hash(const Secret& secret, const FlowKey& key) { return secret.flow_hash(key); }

Diagnosis diagnose(const Plan& plan, const Secret& secret, const FlowKey& key,
                   std::span<const std::optional<FlowMemory::Found>> remembered, Tick now) {
  return Diagnostician(plan, secret, key, now).diagnose(remembered);
}

}  // namespace evenkeel

// From (address, protocol, port) to a service, at a cost that does not depend on what is
// configured.
//
// Almost every packet is for a service with one address and one port: one probe of a sparse hash
// table that holds those. All else - port ranges, all ports, prefixes - is found by at most one
// probe per prefix length in use, each leading to a map of all ports of that prefix and protocol.
//
// An IPv4 address, its protocol and port fit in one word, which is hashed and compared at once: 25
// instructions a packet less than the general table takes (gcc 12).
//
// The most specific wins: the longest prefix that has a service for the port, and within a prefix
// the narrowest range. Ranges may nest; that two cross or are equal is refused.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "firmware/base/address.h"
#include "firmware/base/limits.h"
#include "firmware/base/status.h"
#include "firmware/table/mix.h"

namespace evenkeel {

// Where one service is reached. `prefix_length` counts from 128 bits: an IPv4 /n is 96 + n.
struct ServicePoint {
  Address address;
  uint8_t prefix_length = 128;
  uint8_t protocol = 0;  // TCP, UDP or SCTP
  uint16_t first_port = 0;
  uint16_t last_port = 0;
  uint16_t service = kNoService;

  friend bool operator==(const ServicePoint&, const ServicePoint&) = default;
};

// A hash table from an address and a few bits more to 16 bits, built once. Sparse enough that every
// key lies within kProbes places of its home.
class ProbeTable {
 public:
  static constexpr uint32_t kProbes = 8;

  struct Entry {
    Address address;
    uint32_t more = 0;
    uint16_t value = 0;
    bool used = false;
  };

  ProbeTable() : ProbeTable(std::span<const Entry>()) {}
  // REQUIRES: no key twice.
  explicit ProbeTable(std::span<const Entry> entries);

  // The value, or `none`.
  uint16_t find(const Address& address, uint32_t more, uint16_t none) const {
    const Place* place = places_.data() + home(address, more);
    for (uint32_t i = 0; i < kProbes && place[i].entry.used; ++i) {
      if (place[i].entry.more == more && place[i].entry.address == address) {
        return place[i].entry.value;
      }
    }
    return none;
  }

 private:
  struct alignas(32) Place {
    Entry entry;
  };

  uint32_t home(const Address& address, uint32_t more) const {
    constexpr uint64_t kFirst = 0x9e3779b97f4a7c15;
    constexpr uint64_t kSecond = 0xd6e8feb86659fd93;
    const uint64_t rest = address.low() ^ (more * kSecond);
    // `rest` once more, or all addresses of which the other factor is 0 had the same home.
    const uint64_t key = multiply_fold(address.high() ^ kFirst, rest) ^ rest;
    return static_cast<uint32_t>(key >> shift_);
  }
  bool fill(std::span<const Entry> entries, unsigned bits);

  unsigned shift_ = 64;
  std::vector<Place> places_;  // and kProbes more, so that a probe never wraps
};

// As ProbeTable, but from a word that is not 0.
class WordTable {
 public:
  struct Entry {
    uint64_t key = 0;             // 0: unused
    uint16_t value = kNoService;  // of an unused place, which key 0 finds
  };

  WordTable() : WordTable(std::span<const Entry>()) {}
  // REQUIRES: no key twice, and none 0.
  explicit WordTable(std::span<const Entry> entries);

  // To be held by who looks up many: where the table is then need not be read again for each.
  class Reader {
   public:
    explicit Reader(const WordTable& table) : places_(table.places_.data()), shift_(table.shift_) {}

    uint16_t find(uint64_t key, uint16_t none) const {
      const Entry* const place = places_ + home(key, shift_);
      for (uint32_t i = 0; i < ProbeTable::kProbes; ++i) {
        if (place[i].key == key) return place[i].value;
      }
      return none;
    }

   private:
    const Entry* places_;
    unsigned shift_;
  };
  uint16_t find(uint64_t key, uint16_t none) const { return Reader(*this).find(key, none); }

 private:
  static uint64_t home(uint64_t key, unsigned shift) {
    return multiply_fold(key, 0x9e3779b97f4a7c15) >> shift;
  }
  bool fill(std::span<const Entry> entries, unsigned bits);

  unsigned shift_ = 63;
  std::vector<Entry> places_;  // and kProbes more, so that a probe never wraps
};

using NameOfService = std::function<std::string(uint16_t number)>;

class ServiceLookup {
 public:
  ServiceLookup() = default;
  // Refuses, naming the points at fault: crossing or equal ranges, bits set beyond a prefix, a
  // range that ends before it begins, port 0 alone, more than kMaxPrefixLengths lengths.
  // `name_of` is how a message calls a service.
  static Result<ServiceLookup> build(
      std::span<const ServicePoint> points,
      const NameOfService& name_of = [](uint16_t number) { return std::to_string(number); });

  // The service's number, or kNoService.
  uint16_t find(const Address& address, uint8_t protocol, Big16 port) const {
    const uint16_t service = address.is_v4() ? find_exact_v4(word_key(address, protocol, port))
                                             : find_exact_v6(address, exact_key(protocol, port));
    return service != kNoService || lengths_.empty() ? service : find_wide(address, protocol, port);
  }
  // Of those with one IPv4 address and one port only: the address, the protocol in 16 bits and the
  // port, each as it stands in memory.
  WordTable::Reader exact_v4() const { return WordTable::Reader(exact_v4_); }
  uint16_t find_exact_v4(uint64_t key) const { return exact_v4_.find(key, kNoService); }
  // Likewise, with one IPv6 address; `more` is the protocol in 16 bits and the port, as above.
  uint16_t find_exact_v6(const Address& address, uint32_t more) const {
    return exact_.find(address, more, kNoService);
  }
  // Whether any service has this address: whether its echo requests are ours to answer.
  bool has_address(const Address& address) const;

 private:
  using Page = std::array<uint16_t, 256>;  // of 256 neighbouring ports, or of 256 pages
  using PageNumbers = std::map<Page, uint16_t>;

  static uint32_t exact_key(uint8_t protocol, Big16 port) {
    return uint32_t{protocol} << 16 | port.raw();
  }
  static uint64_t word_key(const Address& address, uint8_t protocol, Big16 port) {
    return uint64_t{address.as_v4().raw()} << 32 | exact_key(protocol, port);
  }
  static uint32_t wide_key(uint8_t length, uint8_t protocol) {
    return uint32_t{length} << 8 | protocol;
  }
  uint16_t find_wide(const Address& address, uint8_t protocol, Big16 port) const;
  uint16_t make_map(std::span<const ServicePoint> points, PageNumbers& page_numbers);
  uint16_t page_with(const Page& page, PageNumbers& page_numbers);

  WordTable exact_v4_;            // one address, one port -> service
  ProbeTable exact_;              // the same, for IPv6
  ProbeTable wide_;               // prefix, protocol -> map; protocol 0 marks the prefix as ours
  std::vector<uint8_t> lengths_;  // in use by wide_, longest first
  std::vector<uint8_t> all_lengths_;  // and by exact_
  std::vector<Page> maps_;            // port / 256 -> page
  std::vector<Page> pages_;           // port % 256 -> service
};

}  // namespace evenkeel

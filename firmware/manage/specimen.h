// A packet of a flow, made to see what would become of it, and its headers put into words.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "firmware/base/limits.h"
#include "firmware/wire/frame.h"
#include "firmware/wire/parse.h"

namespace evenkeel {

struct HeaderText {
  std::string name;  // "ethernet", "ipv4", "udp" ...
  std::string text;  // its fields: "203.0.113.254 > 10.0.0.2, protocol 4, ttl 64"

  friend bool operator==(const HeaderText&, const HeaderText&) = default;
};

// Invariant: frame() has kFrameHeadroom writable bytes before it.
class Specimen {
 public:
  // An opening packet, or one of an established flow; of ICMP an echo request, whose identifier is
  // the source port. REQUIRES: TCP, UDP, SCTP, or the ICMP of its family; families alike.
  Specimen(const FlowKey& key, bool is_opening);
  Specimen(const Specimen&) = delete;
  Specimen& operator=(const Specimen&) = delete;

  Frame& frame() { return frame_; }

  // Of the frame as it is now, outermost first.
  std::vector<HeaderText> headers() const;

 private:
  template <typename Header>
  void append(const Header& header);
  void append_ip(const FlowKey& key, size_t payload);
  void append_transport(const FlowKey& key, bool is_opening);
  void append_echo_request(const FlowKey& key);

  alignas(kCacheLine) std::array<uint8_t, 256> bytes_{};
  Frame frame_;
};

}  // namespace evenkeel

// Asks VIPs of single backends by the very way that traffic takes there: encapsulated alike, as
// large as the way's MTU allows. What a plain check cannot see shows: a server that does not unpack
// a tunnel any more, or has no VIP, or is behind a link through which only small packets fit.
//
// The control thread makes the packet and lets the kernel's end of the port send it, so that it
// leaves as the box's own traffic does; the answer comes to the box's own address, and is heard at
// the same place, since the kernel itself refuses what comes from an address of its own. Workers
// see nothing of either but packets from and for the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "drivers/packet_socket.h"
#include "firmware/base/address.h"
#include "firmware/base/clock.h"
#include "firmware/base/event_loop.h"
#include "firmware/base/status.h"
#include "firmware/health/path_message.h"
#include "firmware/health/readiness.h"
#include "firmware/health/verdict.h"
#include "firmware/settings/settings.h"
#include "firmware/wire/forwarding.h"

namespace evenkeel {

// What the backends of a service are asked, and by which ways: as way_of() has them (settings/
// way.h), but for the backend's address.
struct SamePaths {
  struct Target {
    Address vip;
    uint16_t port = 0;  // of TCP; 0: by an ICMP echo request

    friend bool operator==(const Target&, const Target&) = default;
  };

  std::vector<Target> targets;  // none: its check does not ask for it
  ForwardingSpec way_v4;
  ForwardingSpec way_v6;

  friend bool operator==(const SamePaths&, const SamePaths&) = default;
};
SamePaths same_paths_of(const ServiceSettings& service);

class PathProbe;

// What all same-path probes share: the sockets, and who is to be told of which answer.
class SamePath final : private Readiness::Watcher {
 public:
  struct Way {
    Forwarding forwarding;  // without a VLAN's tag, which the kernel path adds
    Address source;         // the box's own, of the VIP's family
  };
  // REQUIRES: none is empty once there is a probe.
  // NOLINTBEGIN(readability-redundant-member-init): gcc 12 warns of members without.
  struct Parts {
    // With what the next hop decides; it fails if there is none.
    std::function<Result<Way>(const ForwardingSpec& way)> way = {};
    // Of the ports' kernel ends, by port number, with path_answer_filter(); called once they are
    // needed.
    std::function<Result<std::vector<PacketSocket>>()> open = {};
    std::function<uint64_t()> random = {};
  };
  // NOLINTEND(readability-redundant-member-init)

  // REQUIRES: the context outlives it, and it all probes.
  SamePath(boost::asio::io_context& context, Parts parts);
  SamePath(const SamePath&) = delete;
  SamePath& operator=(const SamePath&) = delete;

 private:
  friend class PathProbe;

  Status prepare();
  uint32_t remember(PathProbe& probe);
  void forget(uint32_t token) { asked_.erase(token); }
  Status ask(const PathQuestion& question, size_t length, const Way& way);
  void reset(const PathQuestion& question, Big32 next, const Way& way);
  Status send(Frame frame, const Way& way);
  void on_ready(uint32_t events) override;
  void hear(PacketSocket& socket);

  const Parts parts_;
  Readiness readiness_;
  std::vector<PacketSocket> sockets_;  // by port number; none: not opened yet
  std::vector<Readiness::Watch> watches_;
  std::unordered_map<uint32_t, PathProbe*> asked_;  // by token
  std::vector<uint8_t> room_;
};

// Invariant: while there is a done_, it is under way: it ends by calling that, once, or by being
// given up or going.
class PathProbe : public std::enable_shared_from_this<PathProbe> {
 public:
  using Done = std::function<void(const ProbeAnswer&)>;

  struct Question {
    SamePaths::Target target;
    ForwardingSpec way;  // as way_of() has it
    // Whether a small packet is to tell, too, if it is its size that is in the way.
    bool asks_small = false;
  };

  // REQUIRES: owned by a shared_ptr.
  PathProbe(SamePath& path, Question question, Done done);
  ~PathProbe();
  PathProbe(const PathProbe&) = delete;
  PathProbe& operator=(const PathProbe&) = delete;

  // Calls `done` once, perhaps from within, unless given up before.
  void start();
  // Ends it: the answer of a backend that has not answered within this time.
  ProbeAnswer give_up(Microseconds timeout);

 private:
  friend class SamePath;

  struct Asked {
    PathQuestion question;
    size_t length = 0;  // of the packet as it is sent
    bool is_answered = false;
  };

  Status ask(size_t length);
  void take(const PathAnswer& answer);
  bool is_of_target(const PathAnswer& answer) const;
  void end(ProbeAnswer::Kind kind, std::string text);
  void clear();
  std::string who() const;

  SamePath& path_;
  const Question question_;
  Done done_;
  SamePath::Way way_;         // once it is asked
  std::vector<Asked> asked_;  // the large one first
};

}  // namespace evenkeel

#include "drivers/kernel_path.h"

#include <pthread.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <optional>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/endian.h"

namespace evenkeel {
namespace {

// While nothing has come for kCalm, rings are looked at every kIdle: in a virtual machine each time
// costs 15 us, together less than one per cent of a core. Else oftener, since packets come in
// company.
constexpr Microseconds kCalm = 10'000;
constexpr timespec kIdle{.tv_sec = 0, .tv_nsec = 2'000'000};
constexpr timespec kWakeful{.tv_sec = 0, .tv_nsec = 200'000};
constexpr timespec kBusy{.tv_sec = 0, .tv_nsec = 0};

constexpr size_t kMaxSegments = 16;
constexpr size_t kMacs = 12;  // what stands before a tag
constexpr uint16_t kVlanId = 0x0fff;

uint8_t* bytes_of(rte_mbuf* frame) { return rte_pktmbuf_mtod(frame, uint8_t*); }

// REQUIRES: room for a tag before the frame.
void insert_tag(rte_mbuf* frame, uint16_t vlan) {
  const uint8_t* before = bytes_of(frame);
  auto* now = reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(frame, sizeof(VlanTag)));
  std::memmove(now, before, kMacs);
  store(now + kMacs, Big16(static_cast<uint16_t>(EtherType::vlan)));
  store(now + kMacs + 2, Big16(vlan));
}

// Takes off the tag if there is one, and answers the VLAN; 0 of an untagged frame.
std::optional<uint16_t> remove_tag(rte_mbuf* frame) {
  const auto type = load<Big16>(bytes_of(frame) + kMacs);
  if (type == Big16(static_cast<uint16_t>(EtherType::service_vlan))) return std::nullopt;
  if (type != Big16(static_cast<uint16_t>(EtherType::vlan))) return uint16_t{0};
  if (frame->data_len < sizeof(EthernetHeader) + sizeof(VlanTag)) return std::nullopt;
  const uint16_t control = load<Big16>(bytes_of(frame) + kMacs + 2).value();
  std::memmove(bytes_of(frame) + sizeof(VlanTag), bytes_of(frame), kMacs);
  rte_pktmbuf_adj(frame, sizeof(VlanTag));
  return static_cast<uint16_t>(control & kVlanId);
}

bool write_frame(int tap, const rte_mbuf* frame) {
  std::array<iovec, kMaxSegments> parts{};
  if (frame->nb_segs > kMaxSegments) return false;
  size_t count = 0;
  for (const rte_mbuf* part = frame; part != nullptr; part = part->next) {
    parts[count++] = {.iov_base = rte_pktmbuf_mtod(part, void*), .iov_len = part->data_len};
  }
  return ::writev(tap, parts.data(), static_cast<int>(count)) >= 0;
}

}  // namespace

void KernelPath::FreeRing::operator()(rte_ring* ring) const {
  void* frame = nullptr;
  while (rte_ring_sc_dequeue(ring, &frame) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
  rte_ring_free(ring);
}

Result<std::unique_ptr<KernelPath>> KernelPath::start(Spec spec) {
  std::unique_ptr<KernelPath> path(new KernelPath(std::move(spec)));
  const Status status = path->prepare();
  if (!status.ok()) return Error{status.message()};
  path->thread_ = std::thread([self = path.get()] { self->run(); });
  return path;
}

KernelPath::KernelPath(Spec spec)
    : spec_(std::move(spec)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      counts_(spec_.ports.size()),
      published_(spec_.ports.size()),
      announcements_(spec_.ports.size()),
      links_(spec_.ports.size(), true) {
  REQUIRE(spec_.ports.size() <= kMaxPorts && spec_.workers <= kMaxWorkers);
}

KernelPath::~KernelPath() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  CHECK(::write(wake_.get(), &one, sizeof(one)) == sizeof(one));
  thread_.join();
}

Status KernelPath::prepare() {
  const size_t room = rte_pktmbuf_data_room_size(spec_.pool);
  for (size_t port = 0; port <= spec_.ports.size(); ++port) {
    const bool is_port = port < spec_.ports.size();
    if (is_port && room < RTE_PKTMBUF_HEADROOM + sizeof(EthernetHeader) + sizeof(VlanTag) +
                              spec_.ports[port].mtu) {
      return Error{"Buffers of " + std::to_string(room) + " bytes do not hold a packet of MTU " +
                   std::to_string(spec_.ports[port].mtu) + "; lower the port's mtu."};
    }
    epoll_event event{.events = EPOLLIN, .data = {.u64 = port}};
    const int descriptor = is_port ? spec_.ports[port].tap.descriptor() : wake_.get();
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
      return Error{std::string("The kernel path cannot wait for its TAPs: ") +
                   std::strerror(errno) + "; raise the limit of open files."};
    }
  }
  for (size_t i = 0; i <= spec_.workers; ++i) {
    const bool is_worker = i < spec_.workers;
    const std::string name = is_worker ? "to_kernel_" + std::to_string(i) : "from_kernel";
    Ring ring(rte_ring_create(name.c_str(), kRingSize, SOCKET_ID_ANY,
                              RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ));
    if (!ring) {
      return Error{"There is no memory for the ring " + name + ": " + rte_strerror(rte_errno) +
                   "; give the box more (memory.mib)."};
    }
    if (is_worker) {
      to_kernel_.push_back(std::move(ring));
    } else {
      from_kernel_ = std::move(ring);
    }
  }
  return {};
}

void KernelPath::set_vips(const std::vector<Address>& vips) {
  const std::scoped_lock lock(mutex_);
  announcements_.set_vips(vips, spec_.now());
}

Status KernelPath::set_link(size_t port, bool is_up) {
  REQUIRE(port < spec_.ports.size());
  if (links_[port] == is_up) return {};
  links_[port] = is_up;
  if (is_up) {
    const std::scoped_lock lock(mutex_);
    announcements_.repeat(port, spec_.now());
  }
  return spec_.ports[port].tap.set_carrier(is_up);
}

std::vector<KernelPathCounts> KernelPath::counts() const {
  const std::scoped_lock lock(mutex_);
  return published_;
}

void KernelPath::run() {
  ::pthread_setname_np(::pthread_self(), "kernel-path");
  std::array<epoll_event, kMaxPorts + 1> events{};
  const timespec* patience = &kIdle;
  Microseconds last_work = 0;
  while (true) {
    const int count = ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                     patience, nullptr);
    CHECK(count >= 0 || errno == EINTR);
    size_t done = 0;
    for (int i = 0; i < count; ++i) {
      const size_t port = events[static_cast<size_t>(i)].data.u64;
      if (port == spec_.ports.size()) return;
      done += read_tap(port);
    }
    for (const Ring& ring : to_kernel_) done += drain(ring.get());
    done += announce();
    const Microseconds now = spec_.now();
    if (done > 0) {
      last_work = now;
      const std::scoped_lock lock(mutex_);
      published_ = counts_;
    }
    patience = done > 0 ? &kBusy : now < last_work + kCalm ? &kWakeful : &kIdle;
  }
}

// Gives the frames of a worker's ring to the kernel.
size_t KernelPath::drain(rte_ring* ring) {
  std::array<void*, kAtOnce> frames{};
  const unsigned count = rte_ring_sc_dequeue_burst(ring, frames.data(), kAtOnce, nullptr);
  for (unsigned i = 0; i < count; ++i) {
    auto* frame = static_cast<rte_mbuf*>(frames[i]);
    write_to_tap(frame);
    rte_pktmbuf_free(frame);
  }
  return count;
}

void KernelPath::write_to_tap(rte_mbuf* frame) {
  REQUIRE(frame->port < spec_.ports.size());
  const Port& port = spec_.ports[frame->port];
  KernelPathCounts& counts = counts_[frame->port];
  const bool is_frame = frame->data_len >= sizeof(EthernetHeader);
  if (is_frame && remove_tag(frame) != port.vlan) {
    ++counts.wrong_vlan;
  } else if (is_frame && write_frame(port.tap.descriptor(), frame)) {
    ++counts.to_kernel;
  } else {
    ++counts.refused;
  }
}

// Hands what the kernel sends to the worker.
size_t KernelPath::read_tap(size_t port) {
  const int tap = spec_.ports[port].tap.descriptor();
  for (size_t i = 0; i < kAtOnce; ++i) {
    rte_mbuf* frame = make_frame();
    if (frame == nullptr) {
      // A read takes the frame off, however little of it there is room for.
      char none = 0;
      if (::read(tap, &none, sizeof(none)) < 0) return i;
      ++counts_[port].no_buffer;
      continue;
    }
    const ssize_t length = ::read(tap, bytes_of(frame), rte_pktmbuf_tailroom(frame));
    if (length < static_cast<ssize_t>(sizeof(EthernetHeader))) {
      rte_pktmbuf_free(frame);
      if (length < 0) return i;
      continue;
    }
    rte_pktmbuf_append(frame, static_cast<uint16_t>(length));
    if (send(port, frame)) ++counts_[port].from_kernel;
  }
  return kAtOnce;
}

// Null if the pool is empty.
rte_mbuf* KernelPath::make_frame() {
  rte_mbuf* frame = rte_pktmbuf_alloc(spec_.pool);
  // A tag must not cost the headroom that every frame has.
  if (frame != nullptr) frame->data_off = static_cast<uint16_t>(frame->data_off + sizeof(VlanTag));
  return frame;
}

bool KernelPath::send(size_t port, rte_mbuf* frame) {
  frame->port = static_cast<uint16_t>(port);
  if (spec_.ports[port].vlan != 0) insert_tag(frame, spec_.ports[port].vlan);
  if (rte_ring_sp_enqueue(from_kernel_.get(), frame) == 0) return true;
  rte_pktmbuf_free(frame);
  ++counts_[port].worker_full;
  return false;
}

size_t KernelPath::announce() {
  for (size_t i = 0; i < kAtOnce; ++i) {
    std::optional<Announcements::One> one;
    {
      const std::scoped_lock lock(mutex_);
      one = announcements_.next(spec_.now());
    }
    if (!one) return i;
    const AnnouncementFrame content = announcement(one->vip, spec_.ports[one->port].mac);
    rte_mbuf* frame = make_frame();
    if (frame == nullptr) {
      ++counts_[one->port].no_buffer;
      continue;
    }
    std::memcpy(bytes_of(frame), content.bytes.data(), content.length);
    rte_pktmbuf_append(frame, static_cast<uint16_t>(content.length));
    if (send(one->port, frame)) ++counts_[one->port].announced;
  }
  return kAtOnce;
}

}  // namespace evenkeel

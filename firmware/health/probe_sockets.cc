#include "firmware/health/probe_sockets.h"

#include <sys/socket.h>

#include <optional>
#include <utility>

#include "drivers/netns.h"
#include "firmware/base/check.h"
#include "firmware/health/probe_socket.h"

namespace evenkeel {

ProbeSockets::ProbeSockets(std::string network_namespace)
    : network_namespace_(std::move(network_namespace)) {}

std::vector<Result<ProbeSocket>> ProbeSockets::take(const std::vector<Want>& wanted) {
  std::vector<Result<ProbeSocket>> sockets;
  std::vector<size_t> missing;
  for (const Want& want : wanted) {
    Free& free = free_[want.is_v4];
    if (is_over_tcp(want.type) && !free.empty()) {
      sockets.emplace_back(std::move(free.back()));
      free.pop_back();
    } else {
      missing.push_back(sockets.size());
      sockets.emplace_back(Error{});
    }
  }
  if (missing.empty()) return sockets;
  const Status visited = in_network_namespace(network_namespace_, [&]() -> Status {
    for (const size_t number : missing) sockets[number] = open(wanted[number]);
    return {};
  });
  if (visited.ok()) return sockets;
  for (const size_t number : missing) sockets[number] = Error{visited.message()};
  return sockets;
}

Result<ProbeSocket> ProbeSockets::open(const Want& want) {
  Result<Descriptor> descriptor = open_probe_descriptor(want.type, want.is_v4);
  if (!descriptor.ok()) return Error{descriptor.message()};
  ProbeSocket socket;
  socket.descriptor = std::move(descriptor.value());
  if (is_over_tcp(want.type)) socket.home = weak_from_this();
  return socket;
}

void ProbeSockets::give_back(ProbeSocket socket, bool is_v4) {
  Free& free = free_[is_v4];
  const sockaddr nobody = {.sa_family = AF_UNSPEC, .sa_data = {}};
  if (free.size() == kMaxFreeSockets) return;
  if (::connect(socket.descriptor.get(), &nobody, sizeof(nobody)) != 0) return;
  socket.watch.tell(nullptr);
  free.push_back(std::move(socket));
}

}  // namespace evenkeel

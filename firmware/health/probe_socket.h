// The descriptors that probes begin with, and what the kernel's errors say of a backend.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "drivers/descriptor.h"
#include "firmware/base/address.h"
#include "firmware/base/status.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socket_address(const Address& address, uint16_t port);

// For one probe by a check of this type, of an address of this family: a socket, or of a command
// the network namespace itself. It belongs to the namespace in which it is made.
// REQUIRES: a type that asks.
Result<Descriptor> open_probe_descriptor(CheckType type, bool is_v4);

// Whether a check of this type makes a connection.
bool is_over_tcp(CheckType type);

// Of errno: what the box lacks, not the backend.
bool is_own_fault(int error);
std::string reason_of(int error);

}  // namespace evenkeel

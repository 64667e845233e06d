// The box's side towards the kernel may live in a network namespace of its own. A socket belongs to
// the namespace in which it was opened for as long as it is open; so only opening needs a visit.
#pragma once

#include <functional>
#include <string>

#include "drivers/descriptor.h"
#include "firmware/base/status.h"

namespace evenkeel {

// Runs `work` with this thread in the network namespace /run/netns/`name`, and comes back; other
// threads stay where they are. "" is where the thread is already.
Status in_network_namespace(const std::string& name, const std::function<Status()>& work);
// The same, of a namespace that the descriptor is of.
Status in_network_namespace(const Descriptor& there, const std::function<Status()>& work);

}  // namespace evenkeel

#include "drivers/netns.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <cstring>

#include "drivers/descriptor.h"
#include "firmware/base/check.h"

namespace evenkeel {

Status in_network_namespace(const std::string& name, const std::function<Status()>& work) {
  if (name.empty()) return work();
  const std::string path = "/run/netns/" + name;
  if (name.find('/') != std::string::npos) {
    return Error{"The network namespace \"" + name + "\" must be a name as `ip netns` lists it."};
  }
  const Descriptor there(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!there.is_open()) {
    return Error{"There is no network namespace \"" + name + "\" (" + path + ": " +
                 std::strerror(errno) + "); make it with `ip netns add " + name + "`."};
  }
  return in_network_namespace(there, work);
}

Status in_network_namespace(const Descriptor& there, const std::function<Status()>& work) {
  const Descriptor back(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!back.is_open()) {
    return Error{std::string("/proc/thread-self/ns/net cannot be opened: ") + std::strerror(errno) +
                 "; mount /proc."};
  }
  if (::setns(there.get(), CLONE_NEWNET) != 0) {
    return Error{std::string("The network namespace cannot be entered: ") + std::strerror(errno) +
                 "; run as root (CAP_SYS_ADMIN)."};
  }
  Status status = work();
  // Whoever cannot come back would go on in a network that is not his.
  CHECK(::setns(back.get(), CLONE_NEWNET) == 0);
  return status;
}

}  // namespace evenkeel

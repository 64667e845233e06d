#include "firmware/health/children.h"

#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "drivers/netns.h"
#include "firmware/base/check.h"
#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

constexpr const char* kHelper = "/usr/bin/setpriv";

struct User {
  uid_t user = 0;
  gid_t group = 0;
};

// Users of this box only: others' names are asked for over the network, which may take its time.
std::optional<User> find_user(const std::string& name) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/etc/passwd", "re"), std::fclose);
  if (file == nullptr) return std::nullopt;
  std::array<char, 4'096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  while (::fgetpwent_r(file.get(), &entry, buffer.data(), buffer.size(), &found) == 0) {
    if (name == entry.pw_name) return User{.user = entry.pw_uid, .group = entry.pw_gid};
  }
  return std::nullopt;
}

// As posix_spawn() wants them, of texts that outlive them.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> with_helper(const Children::Command& command, const User& user) {
  std::vector<std::string> arguments = {kHelper,
                                        "--reuid=" + std::to_string(user.user),
                                        "--regid=" + std::to_string(user.group),
                                        "--clear-groups",
                                        "--inh-caps=-all",
                                        "--bounding-set=-all",
                                        "--no-new-privs",
                                        "--pdeathsig=KILL",
                                        "--"};
  arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
  return arguments;
}

// How the new process differs from this one: it has no descriptor of it but its output, no signal
// blocked or ignored, and a session of its own.
class Attributes {
 public:
  explicit Attributes(int output) {
    CHECK(::posix_spawnattr_init(&attributes_) == 0);
    CHECK(::posix_spawn_file_actions_init(&actions_) == 0);
    CHECK(::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0) == 0 &&
          ::posix_spawn_file_actions_adddup2(&actions_, output, 1) == 0 &&
          ::posix_spawn_file_actions_adddup2(&actions_, output, 2) == 0 &&
          ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3) == 0 &&
          ::posix_spawn_file_actions_addchdir_np(&actions_, "/") == 0);
    sigset_t none{};
    sigset_t all{};
    ::sigemptyset(&none);
    ::sigfillset(&all);
    CHECK(::posix_spawnattr_setsigmask(&attributes_, &none) == 0 &&
          ::posix_spawnattr_setsigdefault(&attributes_, &all) == 0 &&
          ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                       POSIX_SPAWN_SETSID) == 0);
  }
  ~Attributes() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  const posix_spawnattr_t* get() const { return &attributes_; }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
};

Result<pid_t> spawn(const Children::Command& command, const User& user, int output,
                    const Descriptor& network_namespace) {
  std::vector<std::string> arguments = with_helper(command, user);
  std::vector<std::string> environment = command.environment;
  const std::vector<char*> argument_list = pointers_to(arguments);
  const std::vector<char*> environment_list = pointers_to(environment);
  const Attributes attributes(output);
  pid_t process = -1;
  const Status status = in_network_namespace(network_namespace, [&]() -> Status {
    const int error = ::posix_spawn(&process, kHelper, attributes.actions(), attributes.get(),
                                    argument_list.data(), environment_list.data());
    if (error == 0) return {};
    return Error{std::string(kHelper) + " cannot be started: " + std::strerror(error)};
  });
  if (!status.ok()) return Error{status.message()};
  return process;
}

}  // namespace

Children::~Children() {
  for (auto& [number, child] : children_) {
    ::kill(-child->process, SIGKILL);
    ::waitpid(child->process, nullptr, WNOHANG);
  }
}

Result<Children::Running> Children::run(const Command& command, const Descriptor& network_namespace,
                                        Done done) {
  if (children_.size() >= kMaxCommands) {
    return Error{std::to_string(kMaxCommands) + " commands are under way already"};
  }
  const std::optional<User> user = find_user(command.user);
  if (!user) return Error{"there is no user " + command.user + " in /etc/passwd"};
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return Error{std::string("no pipe can be made: ") + std::strerror(errno)};
  }
  Running running{.number = next_, .output = Descriptor(ends[0])};
  const Descriptor output(ends[1]);
  CHECK(::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
  const Result<pid_t> process = spawn(command, *user, output.get(), network_namespace);
  if (!process.ok()) return Error{process.message()};
  auto child = std::make_unique<Child>();
  child->owner = this;
  child->number = next_++;
  child->process = process.value();
  child->done = std::move(done);
  child->handle = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, process.value(), 0)));
  CHECK(child->handle.is_open());
  Result<Readiness::Watch> watch = readiness_.watch(child->handle.get(), *child);
  CHECK(watch.ok());
  child->watch = std::move(watch.value());
  children_.emplace(running.number, std::move(child));
  return running;
}

void Children::kill(uint64_t number) {
  const auto found = children_.find(number);
  if (found == children_.end()) return;
  found->second->done = nullptr;
  ::kill(-found->second->process, SIGKILL);
}

void Children::Child::on_ready(uint32_t /*events*/) { owner->reap(*this); }

void Children::reap(Child& child) {
  ::kill(-child.process, SIGKILL);
  int status = 0;
  if (::waitpid(child.process, &status, WNOHANG) != child.process) return;
  End end;
  if (WIFEXITED(status)) end.status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  const Done done = std::move(child.done);
  children_.erase(child.number);
  if (done) done(end);
}

}  // namespace evenkeel

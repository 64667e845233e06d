#include "tests/crash/tracer.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

constexpr std::array kTraced{
    SYS_open,      SYS_openat,    SYS_creat,          SYS_write,     SYS_pwrite64, SYS_writev,
    SYS_pwritev,   SYS_rename,    SYS_renameat,       SYS_renameat2, SYS_link,     SYS_linkat,
    SYS_symlink,   SYS_symlinkat, SYS_unlink,         SYS_unlinkat,  SYS_mkdir,    SYS_mkdirat,
    SYS_rmdir,     SYS_fsync,     SYS_fdatasync,      SYS_sync,      SYS_syncfs,   SYS_truncate,
    SYS_ftruncate, SYS_fallocate, SYS_sync_file_range};

constexpr size_t kPage = 4'096;

// In the child: what is traced stops for the tracer, all else runs at full speed.
void install_filter() {
  std::vector<sock_filter> filter;
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const long number : kTraced) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{.len = static_cast<unsigned short>(filter.size()),
                           .filter = filter.data()};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

struct Call {
  long number;
  std::array<unsigned long long, 6> arguments;
};

// The memory and the open files of the traced process.
class Process {
 public:
  explicit Process(pid_t id) : id_(id) {}

  pid_t id() const { return id_; }

  user_regs_struct registers() const {
    user_regs_struct registers{};
    CHECK(ptrace(PTRACE_GETREGS, id_, nullptr, &registers) == 0);
    return registers;
  }
  void set_registers(const user_regs_struct& registers) const {
    CHECK(ptrace(PTRACE_SETREGS, id_, nullptr, &registers) == 0);
  }

  std::string bytes(unsigned long long address, size_t size) const {
    std::string result(size, '\0');
    const iovec local{result.data(), size};
    const iovec remote{reinterpret_cast<void*>(address), size};
    CHECK(process_vm_readv(id_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size));
    return result;
  }
  std::string text(unsigned long long address) const {
    std::string result;
    while (result.find('\0') == std::string::npos) {
      // The next page may not be there.
      const size_t size = kPage - address % kPage;
      result += bytes(address, size);
      address += size;
    }
    return result.c_str();
  }

  std::string path_of(int file) const {
    const std::string link = "/proc/" + std::to_string(id_) + "/fd/" + std::to_string(file);
    std::array<char, PATH_MAX> path{};
    const ssize_t length = readlink(link.c_str(), path.data(), path.size());
    return length < 0 ? "" : std::string(path.data(), static_cast<size_t>(length));
  }
  std::string path_at(unsigned long long folder, unsigned long long name) const {
    const std::string path = text(name);
    const int number = static_cast<int>(folder);
    if (path.starts_with('/') || number == AT_FDCWD) return path;
    return path_of(number) + "/" + path;
  }
  unsigned long long position_of(int file) const {
    std::ifstream info("/proc/" + std::to_string(id_) + "/fdinfo/" + std::to_string(file));
    std::string key;
    unsigned long long position = 0;
    info >> key >> position;
    return position;
  }

 private:
  const pid_t id_;
};

std::string hexadecimal(const std::string& bytes) {
  static constexpr const char* kDigits = "0123456789abcdef";
  std::string result;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    result += kDigits[value >> 4];
    result += kDigits[value & 15];
  }
  return result;
}

json::object change(const char* what, const std::string& path) {
  return {{"what", what}, {"path", path}};
}

json::object change(const char* what, const std::string& path, const std::string& to) {
  return {{"what", what}, {"path", path}, {"to", to}};
}

json::object written(const std::string& path, unsigned long long offset, const std::string& bytes) {
  return {{"what", "write"}, {"path", path}, {"offset", offset}, {"bytes", hexadecimal(bytes)}};
}

std::string vector_bytes(const Process& process, unsigned long long address, size_t count) {
  std::string all;
  const std::string raw = process.bytes(address, count * sizeof(iovec));
  for (size_t index = 0; index < count; ++index) {
    iovec each{};
    std::memcpy(&each, raw.data() + index * sizeof(iovec), sizeof(iovec));
    all += process.bytes(reinterpret_cast<unsigned long long>(each.iov_base), each.iov_len);
  }
  return all;
}

bool changes(unsigned long long flags) { return (flags & (O_CREAT | O_TRUNC)) != 0; }

json::object opened(const std::string& path, unsigned long long flags) {
  return {{"what", "open"}, {"path", path}, {"truncates", (flags & O_TRUNC) != 0}};
}

// What a call by file descriptor would do.
json::object change_by_descriptor(const Process& process, const Call& call) {
  const auto& [number, a] = call;
  const int file = static_cast<int>(a[0]);
  const std::string path = process.path_of(file);
  switch (number) {
    case SYS_write:
      return written(path, process.position_of(file), process.bytes(a[1], a[2]));
    case SYS_pwrite64:
      return written(path, a[3], process.bytes(a[1], a[2]));
    case SYS_writev:
      return written(path, process.position_of(file), vector_bytes(process, a[1], a[2]));
    case SYS_pwritev:
      return written(path, a[3], vector_bytes(process, a[1], a[2]));
    case SYS_ftruncate:
      return {{"what", "truncate"}, {"path", path}, {"size", a[1]}};
    case SYS_fallocate:
      return {{"what", "grow"}, {"path", path}, {"size", a[2] + a[3]}};
    default:
      return change(number == SYS_sync_file_range ? "none" : "sync", path);
  }
}

// What it would do; empty: nothing to the disk.
json::object change_of(const Process& process, const Call& call) {
  const auto& [number, a] = call;
  constexpr unsigned long long kHere = static_cast<unsigned long long>(AT_FDCWD);
  switch (number) {
    case SYS_open:
      return changes(a[1]) ? opened(process.text(a[0]), a[1]) : json::object();
    case SYS_creat:
      return opened(process.text(a[0]), O_CREAT | O_TRUNC);
    case SYS_openat:
      return changes(a[2]) ? opened(process.path_at(a[0], a[1]), a[2]) : json::object();
    case SYS_rename:
      return change("rename", process.text(a[0]), process.text(a[1]));
    case SYS_renameat:
    case SYS_renameat2:
      return change("rename", process.path_at(a[0], a[1]), process.path_at(a[2], a[3]));
    case SYS_link:
      return change("link", process.text(a[0]), process.text(a[1]));
    case SYS_linkat:
      return change("link", process.path_at(a[0], a[1]), process.path_at(a[2], a[3]));
    case SYS_symlink:
      return change("symlink", process.text(a[1]));
    case SYS_symlinkat:
      return change("symlink", process.path_at(a[1], a[2]));
    case SYS_unlink:
      return change("unlink", process.text(a[0]));
    case SYS_unlinkat:
      return change((a[2] & AT_REMOVEDIR) != 0 ? "rmdir" : "unlink", process.path_at(a[0], a[1]));
    case SYS_mkdir:
      return change("mkdir", process.path_at(kHere, a[0]));
    case SYS_mkdirat:
      return change("mkdir", process.path_at(a[0], a[1]));
    case SYS_rmdir:
      return change("rmdir", process.text(a[0]));
    case SYS_truncate:
      return {{"what", "truncate"}, {"path", process.text(a[0])}, {"size", a[1]}};
    default:
      return change_by_descriptor(process, call);
  }
}

class Tracer {
 public:
  Tracer(const TracePlan& plan, pid_t child) : plan_(plan), child_(child) {
    if (!plan.log.empty()) log_.open(plan.log);
  }

  // Returns what to exit with.
  int run() {
    int status = 0;
    CHECK(waitpid(child_, &status, 0) == child_ && WIFSTOPPED(status));
    const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD |
                         PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    CHECK(ptrace(PTRACE_SETOPTIONS, child_, nullptr, options) == 0);
    resume(child_, PTRACE_CONT, 0);
    while (true) {
      const pid_t thread = waitpid(-1, &status, __WALL);
      if (thread < 0) return 3;
      if (WIFSTOPPED(status)) {
        go_on(thread, status);
      } else if (thread == child_) {
        if (WIFSIGNALED(status)) return was_killed_ ? 0 : 3;
        return plan_.mode == TracePlan::Mode::kill ? 2 : WEXITSTATUS(status);
      }
    }
  }

 private:
  // One that is being killed may be gone.
  static void resume(pid_t thread, __ptrace_request how, int signal) {
    CHECK(ptrace(how, thread, nullptr, signal) == 0 || errno == ESRCH);
  }

  void go_on(pid_t thread, int status) {
    const int event = status >> 16;
    if (was_killed_) return;
    if (event == PTRACE_EVENT_SECCOMP) return stopped(Process(thread));
    // A new thread begins with a stop that is the tracer's only.
    const bool is_new = threads_.insert(thread).second && WSTOPSIG(status) == SIGSTOP;
    resume(thread, PTRACE_CONT, event != 0 || is_new ? 0 : WSTOPSIG(status));
  }

  bool is_ours(const std::string& path) const {
    return path == plan_.folder || path.starts_with(plan_.folder + "/");
  }

  bool is_counting() {
    is_counting_ = is_counting_ || plan_.begin.empty() || access(plan_.begin.c_str(), F_OK) == 0;
    return is_counting_;
  }

  void stopped(const Process& process) {
    const user_regs_struct registers = process.registers();
    const Call call{.number = static_cast<long>(registers.orig_rax),
                    .arguments = {registers.rdi, registers.rsi, registers.rdx, registers.r10,
                                  registers.r8, registers.r9}};
    if (call.number == SYS_write && registers.rdi == STDOUT_FILENO) {
      log({{"what", "mark"}, {"text", process.bytes(registers.rsi, registers.rdx)}});
      return resume(process.id(), PTRACE_CONT, 0);
    }
    json::object found = change_of(process, call);
    const json::value* path = found.if_contains("path");
    if (path == nullptr || !is_ours(std::string(path->as_string())) || !is_counting()) {
      return resume(process.id(), PTRACE_CONT, 0);
    }
    ++count_;
    if (plan_.mode == TracePlan::Mode::record) {
      found["ok"] = finish(process);
    } else if (count_ == plan_.number || (count_ > plan_.number && plan_.is_always)) {
      interfere(process, registers);
    }
    log(found);
    if (!was_killed_) resume(process.id(), PTRACE_CONT, 0);
  }

  void log(const json::object& line) {
    if (log_.is_open()) log_ << json::serialize(line) << "\n" << std::flush;
  }

  // Whether the call does what it is to do.
  static bool finish(const Process& process) {
    resume(process.id(), PTRACE_SYSCALL, 0);
    int status = 0;
    CHECK(waitpid(process.id(), &status, __WALL) == process.id() && WIFSTOPPED(status));
    return static_cast<long long>(process.registers().rax) >= 0;
  }

  void interfere(const Process& process, user_regs_struct registers) {
    if (plan_.mode == TracePlan::Mode::kill) {
      was_killed_ = true;
      CHECK(kill(child_, SIGKILL) == 0);
      return;
    }
    registers.orig_rax = static_cast<unsigned long long>(-1);
    registers.rax = static_cast<unsigned long long>(-plan_.error);
    process.set_registers(registers);
  }

  const TracePlan& plan_;
  const pid_t child_;
  std::set<pid_t> threads_{child_};
  std::ofstream log_;
  unsigned long count_ = 0;
  bool is_counting_ = false;
  bool was_killed_ = false;
};

}  // namespace

int trace(const TracePlan& plan, const std::function<void()>& work) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0);
    CHECK(raise(SIGSTOP) == 0);
    install_filter();
    work();
    _exit(0);
  }
  return Tracer(plan, child).run();
}

}  // namespace evenkeel

// A disk of a few kilobytes that a test can fill or make read-only, in a mount namespace of the
// test's own: it goes with the process, however that ends.
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "firmware/base/check.h"
#include "tests/settings/files.h"

namespace evenkeel {

// What a test runner takes for "skipped".
inline constexpr int kSkipped = 77;

// False, and says so, where this may not be done.
inline bool enter_own_mounts() {
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNS) != 0) {
    std::printf("skipped: needs root, for a mount namespace of its own\n");
    return false;
  }
  CHECK(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  return true;
}

class Disk {
 public:
  explicit Disk(size_t kilobytes) {
    const std::string size = "size=" + std::to_string(kilobytes) + "k";
    CHECK(::mount("none", path("").c_str(), "tmpfs", 0, size.c_str()) == 0);
  }
  ~Disk() { CHECK(::umount2(path("").c_str(), MNT_DETACH) == 0); }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  std::string path(const std::string& name) const { return folder_.path(name); }

  void fill() const {
    std::ofstream file(path("filler"), std::ios::binary);
    const std::string block(4'096, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void make_room() const { std::filesystem::remove(path("filler")); }
  void set_read_only(bool is_read_only) const {
    const unsigned long flags = is_read_only ? MS_REMOUNT | MS_RDONLY : MS_REMOUNT;
    CHECK(::mount("none", path("").c_str(), nullptr, flags, nullptr) == 0);
  }

 private:
  Folder folder_;
};

}  // namespace evenkeel

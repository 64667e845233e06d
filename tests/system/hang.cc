// A disk that hangs, injected from outside: preloaded into keeld (LD_PRELOAD), it lets nobody bring
// anything to the disk while the file that HANG_FILE names is there.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

namespace {

void wait_for_the_disk() {
  static const char* const name = std::getenv("HANG_FILE");
  while (name != nullptr && access(name, F_OK) == 0) usleep(1'000);
}

}  // namespace

extern "C" {
int fsync(int file) {
  wait_for_the_disk();
  return static_cast<int>(syscall(SYS_fsync, file));
}
int fdatasync(int file) {
  wait_for_the_disk();
  return static_cast<int>(syscall(SYS_fdatasync, file));
}
}

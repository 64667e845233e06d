// A fault to be injected from outside: preloaded into keeld (LD_PRELOAD), it takes every packet
// buffer there is when the pipe that EXHAUST_PIPE names says 't', and gives them back at 'g'.
#include <fcntl.h>
#include <rte_mempool.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>
#include <vector>

namespace {

constexpr const char* kPool = "packets";  // as drivers/pool.cc calls it

void take(std::vector<void*>& taken) {
  rte_mempool* const pool = rte_mempool_lookup(kPool);
  if (pool == nullptr) std::abort();
  void* buffer = nullptr;
  // What workers keep at hand comes back to the pool little by little.
  for (int tries = 0; tries < 1'000; ++tries) {
    while (rte_mempool_get(pool, &buffer) == 0) taken.push_back(buffer);
    usleep(10);
  }
}

void give(std::vector<void*>& taken) {
  rte_mempool* const pool = rte_mempool_lookup(kPool);
  for (void* buffer : taken) rte_mempool_put(pool, buffer);
  taken.clear();
}

void listen(int pipe) {
  std::vector<void*> taken;
  char word = 0;
  while (read(pipe, &word, 1) == 1) {
    if (word == 't') take(taken);
    if (word == 'g') give(taken);
  }
}

// Before keeld's main().
__attribute__((constructor)) void begin() {
  const char* const name = std::getenv("EXHAUST_PIPE");
  // Opened for writing too, so that it never ends.
  const int pipe = name == nullptr ? -1 : open(name, O_RDWR | O_CLOEXEC);
  if (pipe >= 0) std::thread(listen, pipe).detach();
}

}  // namespace

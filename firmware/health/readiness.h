// Which of many descriptors are ready: thousands, each watched for one probe, or for one after the
// other.
//
// They are in an epoll of their own, of which the event loop watches only the one descriptor: a
// loop's own watching of a descriptor costs an allocation and several system calls, this one call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "firmware/base/event_loop.h"
#include "firmware/base/status.h"

namespace evenkeel {

// Invariants:
// 1. A place is in places_ for each watch, and for each number in free_; of those the watcher is
//    null.
// 2. What epoll reports of a place that has had another watch since, or that it has reported before
//    the watcher came, is not passed on.
class Readiness {
 public:
  class Watcher {
   public:
    // What epoll(7) says, each time that something has become ready. It may end any watch.
    virtual void on_ready(uint32_t events) = 0;

   protected:
    ~Watcher() = default;
  };

  // Ends its watch when it goes. Its descriptor is to be closed with it.
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&& other) noexcept;
    ~Watch();

    // From now on this one is told, of what becomes ready from now on; null: nobody.
    // REQUIRES: a watch of watch(); the watcher outlives that.
    void tell(Watcher* watcher);
    bool is_open() const { return readiness_ != nullptr; }

   private:
    friend class Readiness;
    Watch(Readiness& readiness, uint32_t place) : readiness_(&readiness), place_(place) {}

    Readiness* readiness_ = nullptr;
    uint32_t place_ = 0;
  };

  // REQUIRES: the context outlives it, and it all watches.
  explicit Readiness(boost::asio::io_context& context);
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  // From now on, each time it becomes readable or writable: who is told does all that can be done.
  // REQUIRES: the watcher outlives the watch.
  Result<Watch> watch(int descriptor, Watcher& watcher);

 private:
  struct Epoll;
  struct Place {
    Watcher* watcher = nullptr;
    uint32_t generation = 0;  // of the watch
    uint64_t look = 0;        // the last one before the watcher came
  };

  void tell(uint32_t number, Watcher* watcher);
  void release(uint32_t number);
  void await();
  void pass_on();

  // What is ready when all this goes calls back all the same.
  const std::shared_ptr<Epoll> epoll_;
  std::vector<Place> places_;
  std::vector<uint32_t> free_;
  uint64_t looks_ = 0;  // at what is ready
  bool is_awaited_ = false;
};

}  // namespace evenkeel

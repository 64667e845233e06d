#include "firmware/base/errand.h"

#include <csignal>
#include <utility>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

// No signal is for the thread that this starts. If none can be started, the work is done when
// somebody waits for it.
std::future<void> begin(std::function<void()> work) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::future<void> begun = std::async(std::launch::async | std::launch::deferred, std::move(work));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return begun;
}

bool is_done_within(std::future<void>& work, Errand::Patience patience) {
  return work.wait_for(patience) != std::future_status::timeout;
}

}  // namespace

bool Errand::run(std::function<void()> work, std::function<void()> late) {
  REQUIRE(!under_way_.valid());
  if (!patience_) {
    work();
    return true;
  }
  under_way_ = begin(std::move(work));
  if (is_done_within(under_way_, *patience_)) {
    under_way_.get();
    return true;
  }
  late_ = std::move(late);
  return false;
}

bool Errand::is_free() {
  if (under_way_.valid() && is_done_within(under_way_, Patience(0))) end();
  return !under_way_.valid();
}

void Errand::wait() {
  while (under_way_.valid()) end();
}

// `late_` may begin something new.
void Errand::end() {
  under_way_.get();
  std::exchange(late_, nullptr)();
}

}  // namespace evenkeel

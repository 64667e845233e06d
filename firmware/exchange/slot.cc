// The fences of the slot. Most are DPDK's and inline, so that ThreadSanitizer sees them; each
// function here names those it relies on and adds the ones that C++ asks for beyond them.
#include "firmware/exchange/slot.h"

#include <rte_config.h>
// Needs rte_config.h before it.
#include <rte_rcu_qsbr.h>

#include <new>

namespace evenkeel {

namespace {

constexpr std::align_val_t kAlignment{alignof(rte_rcu_qsbr)};

// Acquire; partner: the release stores of a worker's counter in quiescent() and offline(). All that
// the worker read before them happened before what we do next, such as freeing it.
uint64_t counter_of(const rte_rcu_qsbr* variable, size_t worker) {
  return __atomic_load_n(&variable->qsbr_cnt[worker].cnt, __ATOMIC_ACQUIRE);
}

}  // namespace

void Quiescence::Release::operator()(rte_rcu_qsbr* variable) const {
  ::operator delete(variable, kAlignment);
}

Quiescence::Quiescence(size_t workers) : workers_(workers) {
  REQUIRE(workers >= 1 && workers <= kMaxWorkers);
  const auto count = static_cast<uint32_t>(workers);
  variable_.reset(
      static_cast<rte_rcu_qsbr*>(::operator new(rte_rcu_qsbr_get_memsize(count), kAlignment)));
  CHECK(rte_rcu_qsbr_init(variable_.get(), count) == 0);
  for (uint32_t worker = 0; worker < count; ++worker) {
    CHECK(rte_rcu_qsbr_thread_register(variable_.get(), worker) == 0);
  }
}

void Quiescence::online(size_t worker) {
  REQUIRE(worker < workers_);
  // Partner: the acquire of counter_of() and rte_rcu_qsbr_check(). The counter is about to be set
  // by a relaxed store, and may say the newest token at once; without this fence, whoever reads it
  // would not know that what was read before the last offline() is over.
  std::atomic_thread_fence(std::memory_order_release);
  // Ends with a full fence; partner: the one in start(). Between the store of our counter and our
  // first load of the pointer, so that either control sees us or we see its new pointer.
  rte_rcu_qsbr_thread_online(variable_.get(), static_cast<unsigned>(worker));
}

void Quiescence::quiescent(size_t worker) {
  // Loads the token with acquire; partner: the release add in start(). Who has seen the token reads
  // the new pointer afterwards. Stores the counter with release; partner: counter_of().
  rte_rcu_qsbr_quiescent(variable_.get(), static_cast<unsigned>(worker));
}

void Quiescence::offline(size_t worker) {
  // Stores the counter with release; partner: counter_of().
  rte_rcu_qsbr_thread_offline(variable_.get(), static_cast<unsigned>(worker));
}

Quiescence::Token Quiescence::start() {
  // Partner: the full fence that ends online(). Between the caller's store of the new pointer and
  // the loads of the counters in lagging(); the release add below would not order those.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  // Adds with release; partner: the acquire load of the token in quiescent().
  return rte_rcu_qsbr_start(variable_.get());
}

std::optional<size_t> Quiescence::lagging(Token token) const {
  // Loads the counters with acquire, as counter_of().
  if (rte_rcu_qsbr_check(variable_.get(), token, false) != 0) return std::nullopt;
  for (size_t worker = 0; worker < workers_; ++worker) {
    const uint64_t counter = counter_of(variable_.get(), worker);
    if (counter != __RTE_QSBR_CNT_THR_OFFLINE && counter < token) return worker;
  }
  return std::nullopt;  // the last one moved on between the two looks
}

bool Quiescence::is_online(size_t worker) const {
  REQUIRE(worker < workers_);
  return counter_of(variable_.get(), worker) != __RTE_QSBR_CNT_THR_OFFLINE;
}

bool Quiescence::is_idle() const {
  for (size_t worker = 0; worker < workers_; ++worker) {
    if (is_online(worker)) return false;
  }
  return true;
}

}  // namespace evenkeel

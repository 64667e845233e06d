#include "firmware/health/readiness.h"

#include <sys/epoll.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

// What is passed on in one turn of the loop, which has other things to do.
constexpr size_t kPerTurn = 256;

constexpr uint32_t kAll = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

int new_epoll() {
  const int number = ::epoll_create1(EPOLL_CLOEXEC);
  CHECK(number >= 0);
  return number;
}

}  // namespace

Readiness::Watch::Watch(Watch&& other) noexcept
    : readiness_(std::exchange(other.readiness_, nullptr)), place_(other.place_) {}

Readiness::Watch& Readiness::Watch::operator=(Watch&& other) noexcept {
  std::swap(readiness_, other.readiness_);
  std::swap(place_, other.place_);
  return *this;
}

Readiness::Watch::~Watch() {
  if (readiness_ != nullptr) readiness_->release(place_);
}

void Readiness::Watch::tell(Watcher* watcher) {
  REQUIRE(is_open());
  readiness_->tell(place_, watcher);
}

struct Readiness::Epoll {
  explicit Epoll(boost::asio::io_context& context) : descriptor(context, new_epoll()) {}

  boost::asio::posix::stream_descriptor descriptor;
};

Readiness::Readiness(boost::asio::io_context& context) : epoll_(std::make_shared<Epoll>(context)) {}

Result<Readiness::Watch> Readiness::watch(int descriptor, Watcher& watcher) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(places_.size()));
    places_.emplace_back();
  }
  const uint32_t number = free_.back();
  epoll_event event{};
  event.events = kAll;
  event.data.u64 = static_cast<uint64_t>(places_[number].generation) << 32 | number;
  if (::epoll_ctl(epoll_->descriptor.native_handle(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
    return Error{std::string("a descriptor cannot be watched: ") + std::strerror(errno)};
  }
  free_.pop_back();
  tell(number, &watcher);
  if (!is_awaited_) await();
  return Watch(*this, number);
}

void Readiness::tell(uint32_t number, Watcher* watcher) {
  places_[number].watcher = watcher;
  places_[number].look = looks_;
}

void Readiness::release(uint32_t number) {
  Place& place = places_[number];
  place.watcher = nullptr;
  ++place.generation;
  free_.push_back(number);
}

void Readiness::await() {
  is_awaited_ = true;
  epoll_->descriptor.async_wait(
      boost::asio::posix::stream_descriptor::wait_read,
      [this, life = std::weak_ptr(epoll_)](const boost::system::error_code& error) {
        if (error || life.expired()) return;
        is_awaited_ = false;
        pass_on();
        if (!is_awaited_) await();
      });
}

void Readiness::pass_on() {
  std::array<epoll_event, kPerTurn> events;
  ++looks_;
  const int count =
      ::epoll_wait(epoll_->descriptor.native_handle(), events.data(), events.size(), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    const Place place = places_[static_cast<uint32_t>(event.data.u64)];
    const bool is_its =
        place.generation == static_cast<uint32_t>(event.data.u64 >> 32) && place.look < looks_;
    if (is_its && place.watcher != nullptr) place.watcher->on_ready(event.events);
  }
}

}  // namespace evenkeel

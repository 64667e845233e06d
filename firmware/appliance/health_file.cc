#include "firmware/appliance/health_file.h"

#include <chrono>
#include <csignal>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/change/files.h"

namespace evenkeel {
namespace {

// No signal is for the thread that this starts; if none can be started, what it is to do is done
// when its result is asked for.
std::future<Status> start_writing(const std::string& path, std::string text) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::future<Status> writing =
      std::async(std::launch::async | std::launch::deferred,
                 [path, text = std::move(text)] { return replace_file(path, text); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return writing;
}

}  // namespace

Result<std::optional<std::string>> HealthFile::read() const {
  return read_file(path_, kMaxHealthFile);
}

void HealthFile::tick(const Source& source, Microseconds now) {
  if (writing_.valid()) {
    if (writing_.wait_for(std::chrono::seconds(0)) == std::future_status::timeout) return;
    end();
  }
  const Microseconds pause = source.revision == written_ ? kRefresh : kInterval;
  if (begun_ && now - *begun_ < pause) return;
  begun_ = now;
  begin(source);
}

void HealthFile::finish(const Source& source) {
  if (writing_.valid()) end();
  begin(source);
  if (writing_.valid()) end();
}

void HealthFile::begin(const Source& source) {
  std::string text = source.text();
  written_ = source.revision;
  if (!text.empty()) writing_ = start_writing(path_, std::move(text));
}

void HealthFile::end() {
  const Status written = writing_.get();
  trouble_ = written.ok()
                 ? ""
                 : "what is known of backends may not survive a restart: " + written.message() +
                       "; mend the disk, or make room";
  if (!written.ok()) written_ = 0;
}

}  // namespace evenkeel

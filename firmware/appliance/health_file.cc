#include "firmware/appliance/health_file.h"

#include <memory>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/change/files.h"

namespace evenkeel {

HealthFile::HealthFile(const std::string& state) : path_(state + "/health.json") {
  errand_.set_patience(Errand::Patience(0));
}

Result<std::optional<std::string>> HealthFile::read() const {
  return read_file(path_, kMaxHealthFile);
}

void HealthFile::tick(const Source& source, Microseconds now) {
  if (!errand_.is_free()) return;
  const Microseconds pause = source.revision == written_ ? kRefresh : kInterval;
  if (begun_ && now - *begun_ < pause) return;
  begun_ = now;
  write(source);
}

void HealthFile::finish(const Source& source) {
  errand_.wait();
  write(source);
  errand_.wait();
}

void HealthFile::write(const Source& source) {
  std::string text = source.text();
  written_ = source.revision;
  if (text.empty()) return;
  const auto written = std::make_shared<Status>();
  const auto end_of = [this, written] { end(*written); };
  if (errand_.run(
          [path = path_, text = std::move(text), written] { *written = replace_file(path, text); },
          end_of)) {
    end_of();
  }
}

void HealthFile::end(const Status& written) {
  trouble_ = written.ok()
                 ? ""
                 : "what is known of backends may not survive a restart: " + written.message() +
                       "; mend the disk, or make room";
  if (!written.ok()) written_ = 0;
}

}  // namespace evenkeel

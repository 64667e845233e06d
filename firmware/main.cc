// keeld, from its command line to its end.
#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>

#include "firmware/appliance/appliance.h"
#include "firmware/appliance/log.h"
#include "firmware/appliance/options.h"
#include "firmware/settings/load.h"

namespace {

constexpr int kFailed = 1;
constexpr int kMisused = 2;

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what is thrown, for want of memory, ends it.
int main(int argument_count, char** arguments) {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)

  // 1. What is to be done.
  const std::span<const char* const> all(arguments, static_cast<size_t>(argument_count));
  const Result<Options> options = parse_options(all.subspan(all.empty() ? 0 : 1));
  if (!options.ok()) {
    std::fprintf(stderr, "keeld: %s\n", options.message().c_str());
    return kMisused;
  }
  if (options.value().command == Command::help) return std::fputs(kUsage, stdout) < 0;
  if (options.value().command == Command::version) return std::puts("keeld " VERSION) < 0;

  // 2. Settings, or all that is wrong with them.
  Loaded loaded = load_settings_file(options.value().settings_path);
  if (!loaded.ok()) {
    std::fprintf(stderr, "%s", loaded.message().c_str());
    return kFailed;
  }
  if (options.value().command == Command::check) {
    std::printf("%s: the settings hold\n", options.value().settings_path.c_str());
    return EXIT_SUCCESS;
  }

  // 3. The box.
  const Log log(std::getenv("JOURNAL_STREAM") != nullptr);
  const Status status =
      run_appliance(options.value().settings_path, std::move(loaded.settings), log);
  if (status.ok()) return EXIT_SUCCESS;
  log.error(status.message());
  return kFailed;
}

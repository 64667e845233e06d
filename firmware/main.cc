// keeld, from its command line to its end.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "firmware/appliance/appliance.h"
#include "firmware/appliance/boot.h"
#include "firmware/appliance/log.h"
#include "firmware/appliance/management.h"
#include "firmware/appliance/options.h"
#include "firmware/settings/difference.h"
#include "firmware/settings/load.h"

namespace evenkeel {
namespace {

constexpr int kFailed = 1;
constexpr int kMisused = 2;

// What is wrong with settings is many lines, and for a person.
int fail(const std::string& message) {
  std::fprintf(stderr, "%s%s", message.c_str(), message.ends_with('\n') ? "" : "\n");
  return kFailed;
}

int import_file(const Options& options) {
  const Result<uint64_t> number = import_settings(options.state, options.settings_path, wall_now());
  if (!number.ok()) return fail(number.message());
  std::printf("%s: generation %lu, which the next start boots\n", options.settings_path.c_str(),
              number.value());
  return EXIT_SUCCESS;
}

// Of the settings, what a box that is run by its file alone has no use for.
void warn_of_unused(const Settings& settings, const Log& log) {
  constexpr std::array<std::string_view, 9> kOfManagement = {"alerts.",      "api.",     "change.",
                                                             "credentials.", "journal.", "metrics.",
                                                             "prometheus.",  "rollout.", "rules."};
  const Settings usual;
  for (const Difference& difference : differences(usual, settings)) {
    const auto is_of = [&](std::string_view group) { return difference.path.starts_with(group); };
    if (!std::ranges::any_of(kOfManagement, is_of)) continue;
    log.warning(difference.path + " does nothing with --config; without it, keel manages the box");
  }
}

int run_box(const Options& options) {
  const Log log(std::getenv("JOURNAL_STREAM") != nullptr);
  Status status;
  if (options.command == Command::manage) {
    status = run_managed(options.state, options.settings_path, log);
  } else {
    Loaded loaded = load_settings_file(options.settings_path);
    if (!loaded.ok()) return fail(loaded.message());
    warn_of_unused(loaded.settings, log);
    status = run_by_file(options.settings_path, std::move(loaded.settings), log);
  }
  if (status.ok()) return EXIT_SUCCESS;
  log.error(status.message());
  return kFailed;
}

int check_file(const Options& options) {
  const Loaded loaded = load_settings_file(options.settings_path);
  if (!loaded.ok()) return fail(loaded.message());
  std::printf("%s: the settings hold\n", options.settings_path.c_str());
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace evenkeel

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

  // 2. It is done.
  switch (options.value().command) {
    case Command::help:
      return std::fputs(kUsage, stdout) < 0;
    case Command::version:
      return std::puts("keeld " VERSION) < 0;
    case Command::check:
      return check_file(options.value());
    case Command::import_file:
      return import_file(options.value());
    case Command::manage:
    case Command::run:
      break;
  }
  return run_box(options.value());
}

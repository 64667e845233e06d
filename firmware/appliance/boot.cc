#include "firmware/appliance/boot.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "firmware/change/rules_facts.h"
#include "firmware/settings/edit.h"
#include "firmware/settings/load.h"

namespace evenkeel {
namespace {

constexpr const char* kKeeld = "keeld";
constexpr size_t kOldest = 1'000;  // generations looked through for one that can be used

Result<Archive> open_archive(const std::string& state) {
  constexpr mode_t kOwnerOnly = 0700;
  struct stat found{};
  if (stat(state.c_str(), &found) != 0 && mkdir(state.c_str(), kOwnerOnly) != 0) {
    return Error{"the folder " + state + " cannot be made: " + std::strerror(errno) +
                 "; make it, or name another one with --state"};
  }
  return Archive::open(state);
}

std::string generation_text(uint64_t number) { return "generation " + std::to_string(number); }

// None: this keeld cannot use that text.
std::optional<Confirmed> usable(const Generation& generation,
                                std::vector<std::string>& ret_warnings) {
  Loaded loaded = load_settings_text(generation.text, generation_text(generation.number));
  if (loaded.ok()) {
    return Confirmed{.generation = generation.number,
                     .text = generation.text,
                     .settings = std::move(loaded.settings)};
  }
  ret_warnings.push_back(
      generation_text(generation.number) +
      " is not booted, for this keeld finds mistakes in it: " + loaded.message());
  return std::nullopt;
}

// The newest that can be, from the confirmed one back through what it was made from: what was tried
// beside them was never confirmed.
std::optional<Confirmed> find_usable(const Archive& archive,
                                     std::vector<std::string>& ret_warnings) {
  std::optional<Generation> generation = archive.confirmed();
  for (size_t i = 0; i < kOldest && generation; ++i) {
    std::optional<Confirmed> confirmed = usable(*generation, ret_warnings);
    if (confirmed) return confirmed;
    if (generation->base == 0) break;
    Result<Generation> older = archive.read(generation->base);
    generation = older.ok() ? std::optional(std::move(older.value())) : std::nullopt;
  }
  return std::nullopt;
}

Result<Confirmed> read_file(const std::string& path) {
  Result<std::string> text = flatten_file(path);
  if (!text.ok()) return Error{text.message()};
  Loaded loaded = load_settings_text(text.value(), path);
  if (!loaded.ok()) return Error{loaded.message()};
  return Confirmed{
      .generation = 0, .text = std::move(text.value()), .settings = std::move(loaded.settings)};
}

// What rules refuse in them, though it is not so already; a line each.
std::string refusals_of(const Confirmed& wanted, const std::optional<Confirmed>& before) {
  Side was;
  if (before) was.settings = &before->settings;
  Side is;
  is.settings = &wanted.settings;
  const Traffic nothing;
  Facts facts = gather(was, is, nothing, std::thread::hardware_concurrency());
  facts.is_first = true;  // only the settings count, not how far they are from those before
  std::string lines;
  for (const Hit& hit : hits(facts)) {
    if (hit.severity != Severity::refuse) continue;
    lines.append("\n").append(hit.rule).append(": ").append(hit.where + ": " + hit.what);
  }
  return lines;
}

// Answers their number.
Result<uint64_t> keep(Archive& archive, const std::string& text, const std::string& why,
                      WallTime wall) {
  const std::optional<Generation>& before = archive.confirmed();
  const uint64_t base = before ? before->number : 0;
  Result<uint64_t> number =
      archive.store({.text = text, .who = kKeeld, .why = why, .when = wall, .base = base});
  if (!number.ok()) return number;
  const Status confirmed = archive.confirm(number.value());
  if (!confirmed.ok()) return Error{confirmed.message()};
  return number;
}

}  // namespace

Result<Boot> boot(const std::string& state, const std::string& seed, WallTime wall) {
  Result<Archive> archive = open_archive(state);
  if (!archive.ok()) return Error{archive.message()};
  std::vector<std::string> warnings = archive.value().damage();
  std::optional<Confirmed> confirmed = find_usable(archive.value(), warnings);
  if (confirmed) {
    return Boot{.archive = std::move(archive.value()),
                .confirmed = std::move(*confirmed),
                .warnings = std::move(warnings)};
  }
  Result<Confirmed> first = read_file(seed);
  if (!first.ok()) {
    std::string message = "there are no confirmed settings in " + state +
                          ", and the file to begin with cannot be used: " + first.message();
    for (const std::string& warning : warnings) message += "\n" + warning;
    return Error{std::move(message)};
  }
  const Result<uint64_t> number =
      keep(archive.value(), first.value().text, "the first settings, from " + seed, wall);
  if (number.ok()) {
    first.value().generation = number.value();
  } else {
    warnings.push_back(number.message());
  }
  return Boot{.archive = std::move(archive.value()),
              .confirmed = std::move(first.value()),
              .warnings = std::move(warnings)};
}

Result<uint64_t> import_settings(const std::string& state, const std::string& path, WallTime wall) {
  const Result<Confirmed> wanted = read_file(path);
  if (!wanted.ok()) return Error{wanted.message()};
  Result<Archive> archive = open_archive(state);
  if (!archive.ok()) return Error{archive.message()};
  std::vector<std::string> warnings;
  const std::string refusals = refusals_of(wanted.value(), find_usable(archive.value(), warnings));
  if (!refusals.empty()) {
    return Error{path + " is not imported, for rules refuse it; change what they name:" + refusals};
  }
  return keep(archive.value(), wanted.value().text, "imported from " + path, wall);
}

}  // namespace evenkeel

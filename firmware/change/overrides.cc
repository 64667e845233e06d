#include "firmware/change/overrides.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/change/files.h"
#include "firmware/change/overrides_file.h"

namespace evenkeel {
namespace {

constexpr std::array<std::string_view, 3> kKinds{"weight", "drain", "maintenance"};

// Of a stepped-back clock, too: never longer than was asked for.
Microseconds left_at(const Override& each, WallTime wall) {
  return each.ends > wall ? std::min(each.ends - wall, each.request.lasts) : 0;
}

}  // namespace

std::string_view name_of(OverrideKind kind) { return kKinds.at(static_cast<size_t>(kind)); }

std::optional<OverrideKind> override_kind_of(std::string_view name) {
  const auto found = std::ranges::find(kKinds, name);
  if (found == kKinds.end()) return std::nullopt;
  return static_cast<OverrideKind>(found - kKinds.begin());
}

Overrides::Overrides(std::string path, Microseconds now, WallTime wall) : path_(std::move(path)) {
  const Status loaded = load(now, wall);
  if (loaded.ok()) return;
  is_damaged_ = true;
  trouble_ = "the overrides in " + path_ + " are not in force: " + loaded.message() +
             "; make those that are still needed again, the file is kept beside it";
}

Status Overrides::load(Microseconds now, WallTime wall) {
  const Result<std::optional<std::string>> read = read_file(path_, kMaxOverridesFile);
  if (!read.ok()) return Error{read.message()};
  const std::optional<std::string>& text = read.value();
  if (!text) return {};
  Result<OverridesFile> file = read_overrides(*text);
  if (!file.ok()) return Error{file.message()};
  next_id_ = file.value().next_id;
  overrides_ = std::move(file.value().overrides);
  for (Override& each : overrides_) each.ends_at = now + left_at(each, wall);
  return {};
}

// The file written anew: what for, and what came of it.
struct Overrides::Saving {
  std::string path;
  std::string text;
  bool is_damaged = false;
  // NOLINTBEGIN(readability-redundant-member-init): gcc 12 warns of members without.
  Status status{};
  std::string doubt{};  // it is done, but a power cut may take it back: why
  // NOLINTEND(readability-redundant-member-init)

  // Until the new file has its name, the old one has it.
  void carry_out() {
    if (is_damaged) {
      const std::optional<std::string> kept = name_to_keep(path);
      if (!kept || link(path.c_str(), kept->c_str()) != 0) {
        status = Error{"the damaged " + path + " cannot be kept under another name (" +
                       std::strerror(errno) + "): move it away"};
        return;
      }
      is_damaged = false;
    }
    status = replace_file(path, text);
    if (status.ok()) return;
    // What a restart would see counts.
    const Result<std::optional<std::string>> now = read_file(path, kMaxOverridesFile);
    if (!now.ok() || now.value() != text) return;
    doubt = status.message();
    status = Status();
  }
};

Status Overrides::save(const std::vector<Override>& overrides) {
  const Error hangs{"the disk of " + path_ + " does not answer: look after it"};
  if (!errand_.is_free()) return hangs;
  const auto saving = std::make_shared<Saving>(
      Saving{.path = path_,
             .text = write_overrides({.next_id = next_id_, .overrides = overrides}),
             .is_damaged = is_damaged_});
  // Whoever was told that nothing has changed goes by that.
  const auto late = [this, saving] {
    (void)end(*saving);
    (void)save(overrides_);
  };
  if (!errand_.run([saving] { saving->carry_out(); }, late)) return hangs;
  return end(*saving);
}

Status Overrides::end(const Saving& saving) {
  is_damaged_ = saving.is_damaged;
  if (!saving.status.ok()) return saving.status;
  trouble_ = saving.doubt.empty() ? "" : "an override may not survive a power cut: " + saving.doubt;
  return {};
}

Result<uint64_t> Overrides::add(const OverrideRequest& request, Microseconds now, WallTime wall) {
  if (Status checked = check_override(request); !checked.ok()) return Error{checked.message()};
  std::vector<Override> wanted = overrides_;
  std::erase_if(wanted, [&](const Override& each) {
    return each.request.backend == request.backend && each.request.kind == request.kind;
  });
  if (wanted.size() >= kMaxOverrides) {
    return Error{"there are " + std::to_string(kMaxOverrides) +
                 " overrides already: end some, or change the settings"};
  }
  wanted.push_back({.id = next_id_,
                    .request = request,
                    .made = wall,
                    .ends = wall + request.lasts,
                    .ends_at = now + request.lasts});
  ++next_id_;
  if (Status saved = save(wanted); !saved.ok()) return Error{saved.message()};
  overrides_ = std::move(wanted);
  return overrides_.back().id;
}

Result<Override> Overrides::remove(uint64_t id) {
  const auto found = std::ranges::find(overrides_, id, &Override::id);
  if (found == overrides_.end()) {
    return Error{"there is no override " + std::to_string(id) + ": it may have ended"};
  }
  Override removed = *found;
  std::vector<Override> wanted = overrides_;
  wanted.erase(wanted.begin() + (found - overrides_.begin()));
  if (Status saved = save(wanted); !saved.ok()) return Error{saved.message()};
  overrides_ = std::move(wanted);
  return removed;
}

std::set<uint64_t> Overrides::due(Microseconds now) const {
  std::set<uint64_t> ids;
  for (const Override& each : overrides_) {
    if (each.ends_at <= now) ids.insert(each.id);
  }
  return ids;
}

std::vector<Override> Overrides::expire(Microseconds now, const std::set<uint64_t>& staying) {
  std::vector<Override> ended;
  std::vector<Override> open;
  (void)errand_.is_free();
  for (const Override& each : overrides_) {
    const bool ends = each.ends_at <= now && !staying.contains(each.id);
    (ends ? ended : open).push_back(each);
  }
  if (ended.empty()) return ended;
  overrides_ = std::move(open);
  // What stays in the file ends at the next start, by the wall clock.
  if (const Status saved = save(overrides_); !saved.ok()) {
    trouble_ = "an override has ended, and still stands in its file: " + saved.message();
  }
  return ended;
}

const Override* override_of(const std::vector<Override>& all, std::string_view service,
                            std::string_view backend) {
  const std::string full = std::string(service) + "/" + std::string(backend);
  const Override* best = nullptr;
  const auto rank = [&](const Override& each) {
    return std::pair(each.request.kind, each.request.backend == full);
  };
  for (const Override& each : all) {
    if (each.request.backend != full && each.request.backend != backend) continue;
    if (best == nullptr || rank(each) > rank(*best)) best = &each;
  }
  return best;
}

const Override* Overrides::of(std::string_view service, std::string_view backend) const {
  return override_of(overrides_, service, backend);
}

std::optional<Microseconds> Overrides::next_end() const {
  const auto first = std::ranges::min_element(overrides_, {}, &Override::ends_at);
  if (first == overrides_.end()) return std::nullopt;
  return first->ends_at;
}

}  // namespace evenkeel

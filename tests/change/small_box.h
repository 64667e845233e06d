// A box for tests of changes: settings become real plans, everything is reachable, and nothing is
// forwarded. With the archive, the journal and the overrides that go with it, in a folder of its
// own, on a disk that can be made to fail.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/change/override_settings.h"
#include "firmware/change/transaction.h"
#include "firmware/exchange/build.h"
#include "firmware/settings/difference.h"
#include "firmware/settings/load.h"
#include "tests/settings/files.h"

namespace evenkeel {

inline Settings settings_of(const std::string& text) {
  Loaded loaded = load_settings_text(text, "test");
  CHECK(loaded.ok());
  return std::move(loaded.settings);
}

// Settings without what overrides change; no text of this test sets it.
inline Settings bare(Settings settings) {
  for (ServiceSettings& service : settings.services) {
    for (BackendSettings& backend : service.backends) {
      backend.weight = 1;
      backend.in_maintenance = false;
    }
  }
  return settings;
}

class SmallBox final : public Box {
 public:
  explicit SmallBox(Settings settings)
      : settings_(std::make_shared<const Settings>(std::move(settings))), started_(*settings_) {
    Result<Preview> preview = SmallBox::preview(settings_);
    CHECK(preview.ok());
    preview_ = std::move(preview.value());
  }

  std::vector<std::string> needs_restart(const Settings& wanted) const override {
    return restarting_differences(started_, wanted);
  }

  std::vector<Mistake> mistakes_in_files(std::vector<CredentialSettings> credentials) override {
    asked_of = std::move(credentials);
    return asked_of.empty() ? std::vector<Mistake>() : bad_files;
  }

  Result<Preview> preview(std::shared_ptr<const Settings> settings) override {
    const PortState port = {.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1'500};
    const Surroundings surroundings = {
        .ports = std::span(&port, 1),
        .next_hop =
            [this](const Address& address) {
              NextHop hop = {
                  .resolved = std::ranges::find(unreachable, address) == unreachable.end(),
                  .port = 0,
                  .destination = {2, 0, 0, 0, 0, 9},
                  .source = settings_->ports.front().addresses.front().address,
                  .gateway = address,
                  .why = {}};
              if (!hop.resolved) hop.why = "does not answer";
              return hop;
            },
        .ways = {}};
    Compiled compiled = compile(*settings, surroundings, 1);
    Result<std::shared_ptr<const Plan>> plan = build_plan(compiled.spec, secret_, {}, 1'000);
    if (!plan.ok()) return Error{plan.message()};
    return Preview{.plan = std::move(plan.value()), .states = std::move(compiled.states)};
  }

  Result<Preview> look_at(const Settings& settings) override {
    for (const ServiceSettings& service : settings.services) looked_at.push_back(service.name);
    return SmallBox::preview(std::make_shared<const Settings>(settings));
  }

  Status roll_out(std::shared_ptr<const Settings> settings, const RolloutSettings& how) override {
    steps = how.steps;
    return SmallBox::publish(std::move(settings));
  }
  bool is_rolling_out() const override { return rolls_out; }
  Status publish(std::shared_ptr<const Settings> settings) override {
    if (before_publish) before_publish(*settings);
    if (refuses) return Error{"no plan today"};
    Result<Preview> preview = SmallBox::preview(settings);
    if (!preview.ok()) return Error{preview.message()};
    settings_ = std::move(settings);
    preview_ = std::move(preview.value());
    ++published;
    return {};
  }
  void keep_ready(std::shared_ptr<const Settings> settings) override {
    ready = std::move(settings);
  }

  Side in_force() const override {
    return {.settings = settings_.get(), .plan = preview_.plan.get(), .states = preview_.states};
  }
  Traffic traffic() const override { return {}; }
  uint32_t cores() const override { return 0; }
  Microseconds now() const override { return 0; }

  // As when a backend comes back or goes.
  void look_again() {
    Result<Preview> preview = SmallBox::preview(settings_);
    CHECK(preview.ok());
    preview_ = std::move(preview.value());
  }

  std::function<void(const Settings&)> before_publish;
  bool refuses = false;
  bool rolls_out = false;
  std::vector<uint32_t> steps;  // of the last rollout
  std::vector<Address> unreachable;
  std::vector<Mistake> bad_files;  // of any credentials
  std::vector<CredentialSettings> asked_of;
  size_t published = 0;
  std::vector<std::string> looked_at;  // services, one after the other
  std::shared_ptr<const Settings> ready;

 private:
  const uint8_t seed_ = 1;
  const Secret secret_{std::span(&seed_, 1)};
  std::shared_ptr<const Settings> settings_;
  Settings started_;
  Preview preview_;
};

// While there is one, files of this process take no byte more.
class FullDisk {
 public:
  FullDisk() {
    CHECK(std::signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    CHECK(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit none = {.rlim_cur = 0, .rlim_max = before_.rlim_max};
    CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
  }
  ~FullDisk() { CHECK(setrlimit(RLIMIT_FSIZE, &before_) == 0); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
};

// All that a transaction needs; restart() is what the end of the process and a new one come to.
class Machine {
 public:
  explicit Machine(const std::string& seed) : first_(seed) { start(); }

  void restart() {
    transaction.reset();
    box.reset();
    overrides.reset();
    journal.reset();
    archive.reset();
    start();
  }

  Caller caller(const std::string& user, Role role = Role::changer) const {
    return {.who = {.user = user, .uid = static_cast<uint32_t>(1'000 + user.front()), .role = role},
            .now = now,
            .wall = wall};
  }
  void tick(Microseconds passed) {
    now += passed;
    wall += passed;
    transaction->tick(now, wall);
  }
  // The newest first.
  std::vector<Event> events(const std::string& kind) { return journal->list({.kind = kind}); }
  Settings wanted(const std::string& text) const {
    return with_overrides(settings_of(text), *overrides);
  }

  Microseconds now = 1'000'000'000;
  WallTime wall = 1'795'000'000'000'000;
  std::optional<Archive> archive;
  std::optional<Journal> journal;
  std::optional<Overrides> overrides;
  std::optional<SmallBox> box;
  std::optional<Transaction> transaction;

 private:
  void start() {
    Result<Archive> opened = Archive::open(folder_.path(""));
    CHECK(opened.ok());
    archive.emplace(std::move(opened.value()));
    if (!archive->confirmed().has_value()) {
      const Result<uint64_t> number = archive->store({.text = first_,
                                                      .who = "keeld",
                                                      .why = "first",
                                                      .when = wall,
                                                      .waivers = {},
                                                      .outcome = {}});
      CHECK(number.ok() && archive->confirm(number.value()).ok());
    }
    const Generation& confirmed = *archive->confirmed();
    const Settings settings = settings_of(confirmed.text);
    journal.emplace(folder_.path("journal.sqlite"),
                    JournalBounds{.age = 90 * 86'400 * kMicrosecondsPerTick, .bytes = 64u << 20},
                    wall);
    overrides.emplace(folder_.path("overrides.json"), now, wall);
    box.emplace(with_overrides(settings, *overrides));
    transaction.emplace(
        Confirmed{.generation = confirmed.number, .text = confirmed.text, .settings = settings},
        *archive, *journal, *overrides, *box);
    transaction->start(wall);
  }

  const Folder folder_;
  const std::string first_;
};

}  // namespace evenkeel

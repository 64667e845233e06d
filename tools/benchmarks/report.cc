#include "tools/benchmarks/report.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "firmware/base/check.h"

namespace evenkeel::bench {
namespace {

bool cannot_write(const std::string& path) {
  std::fprintf(stderr, "cannot write %s: %s\n", path.c_str(), std::strerror(errno));
  return false;
}

}  // namespace

Figure figure_of(std::vector<double> rounds) {
  REQUIRE(!rounds.empty());
  std::ranges::sort(rounds);
  return {.min = rounds.front(), .median = rounds[rounds.size() / 2], .max = rounds.back()};
}

void Report::section(const std::string& title, const std::string& unit) {
  section_ = title;
  unit_ = unit;
  std::printf("\n%s\n  %-58s %9s %9s %9s  %s\n", title.c_str(), ("[" + unit + "]").c_str(), "min",
              "median", "max", "goal");
}

void Report::row(const std::string& name, const Figure& figure, double goal) {
  std::printf("  %-58s %9.2f %9.2f %9.2f", name.c_str(), figure.min, figure.median, figure.max);
  if (goal > 0) {
    std::printf("  %6.2f %s", goal, figure.median <= goal ? "reached" : "missed");
  }
  std::printf("\n");
  std::fflush(stdout);
  rows_.push_back({section_, unit_, name, 0, figure, goal});
}

void Report::point(const std::string& series, double x, const Figure& figure) {
  char name[128];
  std::snprintf(name, sizeof name, "%s %.0f", series.c_str(), x);
  row(name, figure);
  rows_.back().series = series;
  rows_.back().x = x;
}

void Report::note(const std::string& line) { std::printf("  %s\n", line.c_str()); }

bool Report::save(const std::string& path) const {
  if (path.empty()) return true;
  std::FILE* const file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return cannot_write(path);
  std::fprintf(file, "[\n");
  for (size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    std::fprintf(file,
                 "  {\"section\": \"%s\", \"unit\": \"%s\", \"series\": \"%s\", \"x\": %.17g, "
                 "\"min\": %.6g, \"median\": %.6g, \"max\": %.6g, \"goal\": %.6g}%s\n",
                 row.section.c_str(), row.unit.c_str(), row.series.c_str(), row.x, row.figure.min,
                 row.figure.median, row.figure.max, row.goal, i + 1 == rows_.size() ? "" : ",");
  }
  std::fprintf(file, "]\n");
  return std::fclose(file) == 0 || cannot_write(path);
}

}  // namespace evenkeel::bench

// Figures as benchmarks give them: the minimum, median and maximum over many rounds, as a table for
// people and as JSON for plots.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace evenkeel::bench {

struct Figure {
  double min = 0;
  double median = 0;
  double max = 0;
};

Figure figure_of(std::vector<double> rounds);

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Report {
 public:
  // Rows of one table: what was measured, in which unit, and the goal if there is one (0: none).
  void section(const std::string& title, const std::string& unit);
  void row(const std::string& name, const Figure& figure, double goal = 0);
  // A curve's point: rows with the same section and series make one line of a plot.
  void point(const std::string& series, double x, const Figure& figure);
  void note(const std::string& line);

  // As JSON, if a path is given; says why it cannot be written, and answers whether it was.
  bool save(const std::string& path) const;

 private:
  struct Row {
    std::string section;
    std::string unit;
    std::string series;
    double x = 0;
    Figure figure;
    double goal = 0;
  };
  std::string section_;
  std::string unit_;
  std::vector<Row> rows_;
};

}  // namespace evenkeel::bench

// Writes metrics as Prometheus reads them (the text format, version 0.0.4): family after family,
// each with its help and type once, then its samples. What a name or a label may have in it is up
// to who calls; values of labels may be any text.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace evenkeel {

// As the header `Content-Type` has it.
inline constexpr std::string_view kMetricsContent = "text/plain; version=0.0.4; charset=utf-8";

struct Label {
  std::string_view name;
  std::string_view value;
};

// What a histogram has counted up to a bound, from the smallest on: not cumulative.
struct HistogramBucket {
  double bound = 0;  // in the metric's unit; what is larger than all is counted apart
  uint64_t count = 0;
};

class Exposition {
 public:
  using Labels = std::initializer_list<Label>;

  // Counters, whose names end with _total; what rises and falls; and histograms. Samples follow.
  void counter(std::string_view name, std::string_view help) { begin(name, "counter", help); }
  void gauge(std::string_view name, std::string_view help) { begin(name, "gauge", help); }
  void histogram(std::string_view name, std::string_view help) { begin(name, "histogram", help); }

  // Of the family begun last.
  void sample(Labels labels, uint64_t value);
  void sample(Labels labels, double value);
  void sample(Labels labels, std::span<const HistogramBucket> buckets, uint64_t beyond, double sum);

  // One family with one sample.
  void counter(std::string_view name, std::string_view help, uint64_t value);
  void gauge(std::string_view name, std::string_view help, uint64_t value);

  // Labels that many samples have, written once: made by written(), used by sample_of().
  static std::string written(Labels labels);
  void sample_of(std::string_view written_labels, uint64_t value);
  void sample_of(std::string_view written_labels, double value);

  std::string& text() { return text_; }

 private:
  void begin(std::string_view name, std::string_view type, std::string_view help);
  void begin_sample(std::string_view suffix, Labels labels);
  void end_sample(uint64_t value);
  void end_sample(double value);

  std::string_view name_;
  std::string text_;
};

}  // namespace evenkeel

#include "firmware/manage/exposition.h"

#include <array>
#include <charconv>

namespace evenkeel {
namespace {

constexpr size_t kNumberBytes = 32;

template <typename Number>
void append_number(std::string& text, Number number) {
  std::array<char, kNumberBytes> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  text.append(digits.data(), end);
}

void append_escaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
}

void append_labels(std::string& text, Exposition::Labels labels) {
  bool is_first = true;
  for (const Label& label : labels) {
    if (!is_first) text += ',';
    is_first = false;
    text += label.name;
    text += "=\"";
    append_escaped(text, label.value);
    text += '"';
  }
}

}  // namespace

void Exposition::begin(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help);
  text_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void Exposition::begin_sample(std::string_view suffix, Labels labels) {
  text_.append(name_).append(suffix);
  if (labels.size() == 0) return;
  text_ += '{';
  append_labels(text_, labels);
  text_ += '}';
}

void Exposition::end_sample(uint64_t value) {
  text_ += ' ';
  append_number(text_, value);
  text_ += '\n';
}

void Exposition::end_sample(double value) {
  text_ += ' ';
  append_number(text_, value);
  text_ += '\n';
}

void Exposition::sample(Labels labels, uint64_t value) {
  begin_sample("", labels);
  end_sample(value);
}

void Exposition::sample(Labels labels, double value) {
  begin_sample("", labels);
  end_sample(value);
}

void Exposition::sample(Labels labels, std::span<const HistogramBucket> buckets, uint64_t beyond,
                        double sum) {
  const std::string common = written(labels);
  const auto add_bucket = [&](const std::string& bound, uint64_t count) {
    text_.append(name_).append("_bucket{").append(common);
    text_.append(common.empty() ? "le=\"" : ",le=\"").append(bound).append("\"}");
    end_sample(count);
  };
  uint64_t count = 0;
  for (const HistogramBucket& bucket : buckets) {
    count += bucket.count;
    std::string bound;
    append_number(bound, bucket.bound);
    add_bucket(bound, count);
  }
  count += beyond;
  add_bucket("+Inf", count);
  begin_sample("_sum", labels);
  end_sample(sum);
  begin_sample("_count", labels);
  end_sample(count);
}

void Exposition::counter(std::string_view name, std::string_view help, uint64_t value) {
  counter(name, help);
  sample({}, value);
}

void Exposition::gauge(std::string_view name, std::string_view help, uint64_t value) {
  gauge(name, help);
  sample({}, value);
}

std::string Exposition::written(Labels labels) {
  std::string text;
  append_labels(text, labels);
  return text;
}

void Exposition::sample_of(std::string_view written_labels, uint64_t value) {
  text_.append(name_).append("{").append(written_labels).append("}");
  end_sample(value);
}

void Exposition::sample_of(std::string_view written_labels, double value) {
  text_.append(name_).append("{").append(written_labels).append("}");
  end_sample(value);
}

}  // namespace evenkeel

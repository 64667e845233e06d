// Settings as text for tests: good ones, with room for a line in each group.
#pragma once

#include <array>
#include <cstddef>
#include <string>

namespace evenkeel {

// The groups, in the order of the text.
enum class Place { outermost, port, service, tunnel, backend };
inline constexpr size_t kPlaces = 5;

// Null: where the line of the next place goes.
inline constexpr const char* kLinesOfText[] = {
    nullptr,  // 1
    "ports = ( { name = \"wan\"; device = \"net_null0\";",
    nullptr,  // 3
    "} );",
    "services = ( { name = \"shop\"; vips = [\"192.0.2.10\"]; ports = \"80\";",
    nullptr,  // 6
    "tunnel = {",
    nullptr,  // 8
    "};",
    "backends = ( { name = \"web1\"; address = \"10.0.0.1\";",
    nullptr,  // 11
    "} ); } );",
};
inline constexpr unsigned kLineOfPlace[kPlaces] = {1, 3, 6, 8, 11};

inline std::string text_with(const std::array<std::string, kPlaces>& lines) {
  std::string text;
  size_t place = 0;
  for (const char* const line : kLinesOfText) {
    text += line == nullptr ? lines.at(place++) : line;
    text += '\n';
  }
  return text;
}

inline std::string text_with(Place place, const std::string& line) {
  std::array<std::string, kPlaces> lines;
  lines.at(static_cast<size_t>(place)) = line;
  return text_with(lines);
}

inline unsigned line_of(Place place) { return kLineOfPlace[static_cast<size_t>(place)]; }

// The services alone are a test's: `services` is what stands in the list.
inline std::string text_with_services(const std::string& services) {
  return "ports = ( { name = \"wan\"; device = \"net_null0\"; addresses = [\"192.0.2.2/24\"]; } "
         ");\n"
         "services = (\n" +
         services + ");\n";
}

}  // namespace evenkeel

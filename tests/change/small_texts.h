// Settings of one service for tests of changes; whatever is not said is harmless.
#pragma once

#include <string>

namespace evenkeel {

struct SmallText {
  unsigned mss = 1'400;
  bool approval = false;
  unsigned backends = 4;
  std::string more{};  // lines at the outermost level

  std::string text() const {
    std::string servers;
    for (unsigned i = 1; i <= backends; ++i) {
      const std::string number = std::to_string(i);
      servers += std::string(i == 1 ? "" : ",\n") + "    { name = \"web" + number +
                 "\"; address = \"10.0.0." + number + "\"; }";
    }
    return std::string("change = { confirm = \"60s\"; approval = \"") +
           (approval ? "required" : "none") + "\"; };\n" + more +
           "ports = ( { name = \"wan\"; device = \"net_null0\"; addresses = [\"10.0.0.254/24\"]; } "
           ");\n"
           "services = (\n"
           "  { name = \"shop\"; vips = [\"192.0.2.10\"]; ports = \"80\"; buckets = 4099;\n"
           "    mss = " +
           std::to_string(mss) + ";\n    backends = (\n" + servers + " ); } );\n";
  }
};

inline std::string text_of(const SmallText& text) { return text.text(); }

}  // namespace evenkeel

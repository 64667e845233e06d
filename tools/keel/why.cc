#include "tools/keel/why.h"

#include "tools/keel/fields.h"

namespace evenkeel::keel {
namespace {

void add(Table& table, const char* name, std::string text, Colour colour = Colour::plain) {
  if (!text.empty()) table.add({{name, Colour::dim}, {std::move(text), colour}});
}

std::string bucket_of(const boost::json::value& answer) {
  if (!has(answer, "bucket")) return "";
  const std::string_view state = !has(answer, "moved")      ? ""
                                 : flag_of(answer, "moved") ? ", moved lately"
                                                            : ", steady";
  return text_of(answer, "bucket") + std::string(state);
}

std::string memory_of(const boost::json::value& answer) {
  const std::string memory = text_of(answer, "memory");
  if (memory == "remembered") return "the flow is remembered, and stays where it was";
  if (memory == "not-remembered") return "the flow is not remembered";
  return memory == "not-asked" ? "not asked: the bucket alone decides" : memory;
}

std::string with_address(const boost::json::value& answer) {
  const std::string address = text_of(answer, "address");
  return text_of(answer, "backend") + (address.empty() ? "" : "   " + address);
}

std::string next_hop_of(const boost::json::value& answer) {
  if (!has(answer, "next_hop")) return "";
  const boost::json::value& hop = field(answer, "next_hop");
  std::string text = text_of(hop, "address");
  if (!text_of(hop, "port").empty()) text += " by port " + text_of(hop, "port");
  text += ", " + (text_of(hop, "mac").empty() ? "MAC address not known" : text_of(hop, "mac"));
  return text + ", " + text_of(hop, "state");
}

std::string verdict_of(const boost::json::value& answer, const Style& style) {
  const std::string verdict = text_of(answer, "verdict");
  const bool is_served = verdict == "forwarded" || verdict == "answered";
  std::string text(is_served ? good_mark(style) : bad_mark(style));
  text += " " + verdict;
  if (!text_of(answer, "reason").empty()) text += " (" + text_of(answer, "reason") + ")";
  const Colour colour = is_served             ? Colour::green
                        : verdict == "kernel" ? Colour::yellow
                                              : Colour::red;
  return painted(style, colour, text) + ": " + text_of(answer, "because") + "\n";
}

}  // namespace

std::string render_why(const boost::json::value& answer, const Style& style) {
  std::string text =
      painted(style, Colour::bold,
              text_of(answer, "protocol") + " " + text_of(answer, "source") + " " +
                  std::string(arrow(style)) + " " + text_of(answer, "vip")) +
      painted(style, Colour::dim, ", by generation " + text_of(answer, "generation")) + "\n";
  Table table({{""}, {"", false, Narrow::wraps}}, 2);
  add(table, "service", text_of(answer, "service"));
  add(table, "hash", text_of(answer, "hash"));
  add(table, "bucket", bucket_of(answer));
  add(table, "arm", text_of(answer, "arm"));
  add(table, "memory", memory_of(answer));
  add(table, "current", text_of(answer, "current"));
  add(table, "previous", text_of(answer, "previous"));
  add(table, "backend", with_address(answer), Colour::bold);
  add(table, "mode", text_of(answer, "mode"));
  add(table, "next hop", next_hop_of(answer));
  const char* title = "headers";
  for (const boost::json::value& header : list_of(answer, "headers")) {
    add(table, title, text_of(header, "name") + "  " + text_of(header, "text"), Colour::cyan);
    title = "";
  }
  return text + table.text(style) + verdict_of(answer, style);
}

}  // namespace evenkeel::keel

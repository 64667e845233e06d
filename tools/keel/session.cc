#include "tools/keel/session.h"

#include <array>
#include <cstdio>
#include <utility>

#include "tools/keel/fields.h"
#include "tools/keel/plan.h"
#include "tools/keel/rows.h"
#include "tools/keel/terminal.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

constexpr std::chrono::seconds kTimeout{60};
constexpr std::chrono::milliseconds kPatience{400};

void write_error(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace

Session::Session(Setup setup)
    : setup_(std::move(setup)),
      client_(setup_.socket_path, kTimeout,
              [this](std::chrono::milliseconds took) { return go_on_waiting(took); }) {}

Session::~Session() { hide_waiting(); }

bool Session::go_on_waiting(std::chrono::milliseconds took) {
  if (setup_.is_interactive && take_interrupt()) return false;
  if (setup_.error_style.width == 0 || took < kPatience) return true;
  constexpr std::array<std::string_view, 4> kTurns = {"|", "/", "-", "\\"};
  const auto tenths = static_cast<size_t>(took.count() / 100);
  std::string line = "\r";
  line += kTurns[tenths % kTurns.size()];
  line += " waiting for keeld, " + std::to_string(tenths / 10) + " s\x1b[K";
  write_error(line);
  is_waiting_shown_ = true;
  return true;
}

void Session::hide_waiting() {
  if (std::exchange(is_waiting_shown_, false)) write_error("\r\x1b[K");
}

Reply Session::told(std::string_view target, const Result<Answer>& answer) {
  hide_waiting();
  if (!answer.ok()) return {.exit = complain(Exit::unreachable, answer.message()), .body = nullptr};
  const unsigned status = answer.value().status;
  Result<boost::json::value> body = answer.value().body();
  if (!body.ok()) return {.exit = no_json(target, body.message()), .body = nullptr};
  boost::json::value& given = body.value();
  if (answer.value().is_good()) return {.exit = Exit::done, .body = std::move(given)};
  if (!has(given, "error/message")) {
    return {.exit = complain(Exit::unreachable, "keeld answered with HTTP status " +
                                                    std::to_string(status) +
                                                    " and no reason; see journalctl -u keeld"),
            .body = nullptr};
  }
  if (json()) print(to_line(given) + "\n");
  write_error(render_error(given, setup_.error_style));
  const bool is_about_role = status == 401 || status == 403;
  return {.exit = is_about_role ? Exit::forbidden : Exit::refused, .body = std::move(given)};
}

Exit Session::no_json(std::string_view target, std::string_view why) const {
  return complain(Exit::unreachable, "what keeld answered to " + std::string(target) +
                                         " is no JSON (" + std::string(why) +
                                         "); are keel and keeld of one version?");
}

boost::json::value Session::quietly_get(std::string_view target,
                                        std::chrono::seconds patience) const {
  const Client client(setup_.socket_path, patience, [](std::chrono::milliseconds) { return true; });
  const Result<Answer> answer = client.get(target);
  if (!answer.ok() || !answer.value().is_good()) return nullptr;
  Result<boost::json::value> body = answer.value().body();
  return body.ok() ? std::move(body.value()) : nullptr;
}

Exit Session::show_list(std::string_view target, const RenderText& render) {
  const Result<Answer> answer = client_.get(target);
  if (!answer.ok() || !answer.value().is_good()) return told(target, answer).exit;
  hide_waiting();
  const std::string& text = answer.value().text;
  Result<std::string> shown = json() ? line_of(text) : render(text, setup_.style);
  if (!shown.ok()) return no_json(target, shown.message());
  if (json()) shown.value() += '\n';
  print(std::move(shown.value()));
  return Exit::done;
}

Exit Session::show(const Reply& reply, const Render& render) {
  if (!reply.is_good()) return reply.exit;
  print(json() ? to_line(reply.body) + "\n" : render(reply.body, setup_.style));
  return Exit::done;
}

Exit Session::complain(Exit exit, std::string_view sentence) const {
  write_error(painted(setup_.error_style, Colour::red, "keel: ") + printable(sentence) + "\n");
  return exit;
}

std::string render_error(const boost::json::value& body, const Style& style) {
  const boost::json::value& error = field(body, "error");
  std::string text = painted(style, Colour::red, "refused: ") + text_of(error, "message") + "\n";
  for (const boost::json::value& mistake : list_of(error, "mistakes")) {
    text += render_mistake(mistake, style);
  }
  for (const boost::json::value& hit : list_of(error, "hits")) {
    text += render_hit(hit, nullptr, style);
  }
  if (has(error, "diff")) text += render_diff(raw_text_of(error, "diff"), style);
  if (!text_of(error, "advice").empty()) text += next_step(style, text_of(error, "advice"));
  return text;
}

}  // namespace evenkeel::keel

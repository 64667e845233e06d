// What a command has around it: the box to ask, how output looks, and where it goes. Answers go to
// `output()`, which whoever runs the command prints or pages; complaints go to standard error, and
// end with what to do next.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "tools/keel/client.h"
#include "tools/keel/commands.h"
#include "tools/keel/style.h"

namespace evenkeel::keel {

struct Setup {
  // NOLINTNEXTLINE(readability-redundant-member-init): gcc 12 warns of members without.
  std::string socket_path{};
  Style style{};        // of standard output
  Style error_style{};  // of standard error
  bool json = false;    // print what the API answers
  bool is_interactive = false;
};

// What the box answered, or why there is nothing to show. The complaint has been made already.
struct Reply {
  Exit exit = Exit::done;
  boost::json::value body;

  bool is_good() const { return exit == Exit::done; }
};

class Session {
 public:
  explicit Session(Setup setup);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Reply get(std::string_view target) { return told(target, client_.get(target)); }
  Reply post(std::string_view target, const boost::json::value& body) {
    return told(target, client_.post(target, body));
  }
  Reply remove(std::string_view target) { return told(target, client_.remove(target)); }
  // For what is nice to have: says nothing if it cannot be had, and waits less.
  boost::json::value quietly_get(std::string_view target,
                                 std::chrono::seconds patience = std::chrono::seconds(2)) const;

  // Shows a list, which can be long: `render` has the text of the answer, and says if it is no
  // JSON.
  using RenderText = std::function<Result<std::string>(std::string_view, const Style&)>;
  Exit show_list(std::string_view target, const RenderText& render);

  // Shows what the box answered: as JSON if that was asked for, else what `render` makes of it.
  using Render = std::function<std::string(const boost::json::value&, const Style&)>;
  Exit show(const Reply& reply, const Render& render);

  void print(std::string text) {
    if (output_.empty()) {
      output_ = std::move(text);
    } else {
      output_ += text;
    }
  }
  // What has been printed since the last call.
  std::string take_output() { return std::exchange(output_, {}); }

  // One sentence, printable or not, with what to do.
  Exit complain(Exit exit, std::string_view sentence) const;

  const Style& style() const { return setup_.style; }
  bool json() const { return setup_.json; }
  void set_json(bool json) { setup_.json = json; }
  bool is_interactive() const { return setup_.is_interactive; }
  const std::string& socket_path() const { return setup_.socket_path; }

  bool is_over() const { return is_over_; }
  void end() { is_over_ = true; }

 private:
  Reply told(std::string_view target, const Result<Answer>& answer);
  Exit no_json(std::string_view target, std::string_view why) const;
  bool go_on_waiting(std::chrono::milliseconds took);
  void hide_waiting();

  Setup setup_;
  Client client_;
  std::string output_;
  bool is_waiting_shown_ = false;
  bool is_over_ = false;
};

// What is wrong with a request, as the box says it: message, mistakes, rules, diff, advice.
std::string render_error(const boost::json::value& body, const Style& style);

}  // namespace evenkeel::keel

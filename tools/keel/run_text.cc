// The commands that give the box a whole text: from a file, or from an editor.
#include <boost/json/object.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "firmware/settings/edit.h"
#include "tools/keel/child.h"
#include "tools/keel/fields.h"
#include "tools/keel/plan.h"
#include "tools/keel/run.h"
#include "tools/keel/session.h"
#include "tools/keel/show.h"
#include "tools/keel/terminal.h"
#include "tools/keel/units.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

Reply offer(Session& session, uint64_t base, const std::string& text) {
  boost::json::object body;
  body["base"] = base;
  body["text"] = text;
  return session.post("/v1/change", body);
}

std::string after_text(const boost::json::value& answer, const Style& style) {
  return render_change(change_in(answer), style) + next_step(style, "keel plan");
}

// What to edit, and the generation that it comes from.
struct Draft {
  uint64_t base = 0;
  std::string text;
};

Reply fetch_draft(Session& session, Draft& ret_draft) {
  Reply status = session.get("/v1/status");
  if (!status.is_good()) return status;
  // What is live already is not edited: a new candidate begins with what is confirmed.
  const bool is_candidate = has(status.body, "change") && !has(status.body, "change/deadline_s");
  Reply settings = session.get(is_candidate ? "/v1/settings?generation=candidate" : "/v1/settings");
  if (!settings.is_good()) return settings;
  ret_draft = {.base = count_of(settings.body, "base"), .text = raw_text_of(settings.body, "text")};
  return settings;
}

std::vector<std::string> editor_words() {
  for (const char* name : {"VISUAL", "EDITOR"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
    if (value == nullptr) continue;
    std::vector<std::string> words = split_words(value).words;
    if (!words.empty()) return words;
  }
  return {"vi"};
}

bool wants_again() {
  if (size_of(0).columns == 0) return false;
  std::fputs("Edit again? [Y/n] ", stderr);
  std::string answer;
  std::getline(std::cin, answer);
  return std::cin.good() && (answer.empty() || answer[0] == 'y' || answer[0] == 'Y');
}

// What somebody has written is not lost because the box did not take it.
void keep_text(Session& session, TemporaryFile& file, uint64_t base) {
  session.complain(Exit::local, "what you wrote is kept: keel load --base " + std::to_string(base) +
                                    " " + file.keep());
}

}  // namespace

Exit run_load(Session& session, const Given& given) {
  const std::string path = given.argument(0);
  uint64_t base = 0;
  if (given.has("--base")) {
    const std::optional<uint64_t> number = parse_id(given.value("--base"));
    if (!number) {
      return session.complain(Exit::usage, "--base needs a generation's number, not '" +
                                               given.value("--base") +
                                               "'; keel history lists them");
    }
    base = *number;
  }
  Result<std::string> text = path == "-" ? read_file(path) : flatten_file(path);
  if (!text.ok()) return session.complain(Exit::local, text.message());
  if (base == 0) {
    const Reply status = session.get("/v1/status");
    if (!status.is_good()) return status.exit;
    base = count_of(status.body, "confirmed");
  }
  return session.show(offer(session, base, text.value()), after_text);
}

Exit run_edit(Session& session, const Given&) {
  Draft draft;
  const Reply fetched = fetch_draft(session, draft);
  if (!fetched.is_good()) return fetched.exit;
  Result<TemporaryFile> file = TemporaryFile::with(draft.text);
  if (!file.ok()) return session.complain(Exit::local, file.message());
  std::vector<std::string> words = editor_words();
  words.push_back(file.value().path());
  while (true) {
    const Result<int> ended = run_child(words);
    if (!ended.ok()) return session.complain(Exit::local, ended.message());
    if (ended.value() != 0) {
      return session.complain(Exit::local, words[0] + " ended with " +
                                               std::to_string(ended.value()) +
                                               "; the candidate is what it was");
    }
    const Result<std::string> text = read_file(file.value().path());
    if (!text.ok()) return session.complain(Exit::local, text.message());
    if (text.value() == draft.text) {
      session.print("Nothing was changed.\n");
      return Exit::done;
    }
    const Reply reply = offer(session, draft.base, text.value());
    if (reply.exit == Exit::refused && wants_again()) continue;
    const Exit exit = session.show(reply, after_text);
    if (exit != Exit::done) keep_text(session, file.value(), draft.base);
    return exit;
  }
}

}  // namespace evenkeel::keel

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

// The same base would be refused as often as it is offered.
bool is_stale(const Reply& reply) { return text_of(reply.body, "error/code") == "stale-base"; }

// What an editor has made of a draft, and how the last offer of it ended.
struct Edited {
  std::string text;
  Reply reply;
};

// What somebody has written is not lost because the box did not take it.
void keep_text(Session& session, TemporaryFile& file, uint64_t base, const Edited& edited) {
  const std::string path = quoted(file.keep());
  if (!is_stale(edited.reply)) {
    session.complain(Exit::local, "what you wrote is kept: keel load --base " +
                                      std::to_string(base) + " " + path);
    return;
  }
  session.complain(Exit::local,
                   "what you wrote is kept in " + path + "; it was made from generation " +
                       std::to_string(base) +
                       ", and what was confirmed since then is not in it, as the difference above "
                       "says. Run keel edit anew, and merge it in: diff " +
                       path + " <(keel show settings) has what differs");
}

// Until the box takes the text, or nobody wants to go on.
Exit edit_and_offer(Session& session, const std::string& path, const Draft& draft,
                    const Reply& fetched, Edited& ret_edited) {
  std::vector<std::string> words = editor_words();
  words.push_back(path);
  while (true) {
    const Result<int> ended = run_child(words);
    Result<std::string> text = read_file(path);
    if (text.ok()) ret_edited.text = std::move(text.value());
    if (!ended.ok()) return session.complain(Exit::local, ended.message());
    if (ended.value() != 0) {
      return session.complain(Exit::local, words[0] + " ended with " +
                                               std::to_string(ended.value()) +
                                               "; the candidate is what it was");
    }
    if (!text.ok()) return session.complain(Exit::local, text.message());
    if (ret_edited.text == draft.text) {
      return session.show(fetched, [](const boost::json::value&, const Style&) {
        return std::string("Nothing was changed.\n");
      });
    }
    ret_edited.reply = offer(session, draft.base, ret_edited.text);
    const bool is_mendable = ret_edited.reply.exit == Exit::refused && !is_stale(ret_edited.reply);
    if (!is_mendable || !wants_again()) return session.show(ret_edited.reply, after_text);
  }
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
  Edited edited{.text = draft.text, .reply = {}};
  const Exit exit = edit_and_offer(session, file.value().path(), draft, fetched, edited);
  if (exit != Exit::done && edited.text != draft.text) {
    keep_text(session, file.value(), draft.base, edited);
  }
  return exit;
}

}  // namespace evenkeel::keel

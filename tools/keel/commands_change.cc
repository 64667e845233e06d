// The rows of what changes the settings.
#include "tools/keel/commands.h"
#include "tools/keel/run.h"

namespace evenkeel::keel {
namespace {

constexpr Argument kPath = {
    "PATH", "A key, as in services.shop.backends.web1.weight; lists of groups go by name.",
    Names::key_path};
constexpr Argument kSet[] = {kPath, {"VALUE", "As settings write it.", Names::value}};
constexpr Argument kDelete[] = {kPath};
constexpr Argument kLoad[] = {{"FILE", "Settings; \"-\" reads standard input.", Names::file}};
constexpr Argument kId[] = {{"ID", "Of the change; `keel status` says it."}};
constexpr Argument kGeneration[] = {{"N", "The generation's number; `keel history` says it."}};
constexpr std::string_view kGenerationWord[] = {"generation"};
constexpr Argument kRollback[] = {
    {"ID", "Of the live change, or the word generation.", Names::choices, true, kGenerationWord},
    {"N", "After the word generation: its number.", Names::none, true}};

constexpr Option kLoadOptions[] = {
    {"--base", "N", "The generation that FILE was made from; else the confirmed one."}};
constexpr Option kCommitOptions[] = {
    {"--confirm", "TIME", "How long the change may live unconfirmed; else what settings say."},
    {"--why", "TEXT",
     "What it is for; it stays with the generation for good. Only a candidate of rollback "
     "generation "
     "may do without, for that has said why."},
    {"--waive", "RULE",
     "Set this refusal aside, for this change only. Also `latched`, and `trial`: it comes into "
     "force "
     "at once, and only its deadline takes it back.",
     Names::rule, false, true},
    {"--reason", "TEXT", "Why, for each --waive, in their order.", Names::none, false, true},
};
constexpr Option kWhy[] = {
    {"--why", "TEXT", "Why; it stays in the journal. A live change goes back without it, too."}};
constexpr Option kNeededWhy[] = {
    {"--why", "TEXT", "Why; it stays in the journal.", Names::none, true}};
constexpr Option kLimit[] = {{"--limit", "N", "So many, the newest first; else 20."}};

constexpr std::string_view kEditExamples[] = {"keel edit", "EDITOR=nano keel edit"};
constexpr std::string_view kSetExamples[] = {"keel set services.shop.backends.web3.weight 2",
                                             "keel set services.shop.check.interval 500ms"};
constexpr std::string_view kDeleteExamples[] = {"keel delete services.shop.backends.web3"};
constexpr std::string_view kLoadExamples[] = {"keel load evenkeel.conf",
                                              "keel load --base 12 evenkeel.conf"};
constexpr std::string_view kCheckExamples[] = {"keel check"};
constexpr std::string_view kDiffExamples[] = {"keel diff"};
constexpr std::string_view kPlanExamples[] = {"keel plan", "keel plan --json | jq .hits"};
constexpr std::string_view kCommitExamples[] = {
    "keel commit --confirm 5m --why 'web4 joins'",
    "keel commit --why 'new rack' --waive mass-change --reason 'as planned in ticket 812'"};
constexpr std::string_view kApproveExamples[] = {"keel approve 7"};
constexpr std::string_view kConfirmExamples[] = {"keel confirm 7"};
constexpr std::string_view kRollbackExamples[] = {"keel rollback", "keel rollback 7 --why 'slow'",
                                                  "keel rollback generation 12 --why 'it worked'"};
constexpr std::string_view kUnlatchExamples[] = {"keel unlatch 13 --why 'the switch was at fault'"};
constexpr std::string_view kDiscardExamples[] = {"keel discard"};
constexpr std::string_view kHistoryExamples[] = {"keel history --limit 50"};

constexpr Command kCommands[] = {
    {"edit",
     Section::change,
     "Edit the candidate in your editor",
     "Opens the candidate, or the confirmed settings if there is none, in $VISUAL, $EDITOR or vi. "
     "What you save becomes the candidate; nothing is live before commit. A text that the box does "
     "not take is opened again, if you like; `keel check` tells its mistakes.",
     {},
     {},
     "the box does not take the text, or another one was confirmed meanwhile; what you wrote is "
     "kept",
     kEditExamples,
     "operator",
     run_edit},
    {"set",
     Section::change,
     "Set one key of the candidate",
     "Opens a candidate if there is none. Comments and layout of the text stay as they are. A name "
     "that a list does not have yet adds a group of that name.",
     kSet,
     {},
     "there is no such key, or it cannot have this value",
     kSetExamples,
     "operator",
     run_set},
    {"delete",
     Section::change,
     "Take one key or group out of the candidate",
     "What is taken out has its default again; of a list, one group goes.",
     kDelete,
     {},
     "there is no such key",
     kDeleteExamples,
     "operator",
     run_delete},
    {"load", Section::change, "Make a file the candidate",
     "Files that it includes are taken in here, and their comments stay. If another generation was "
     "confirmed since --base, the box refuses and shows what changed meanwhile.",
     kLoad, kLoadOptions, "another change is on its way, or its base is stale", kLoadExamples,
     "operator", run_load},
    {"check",
     Section::change,
     "Check the candidate: mistakes and rules",
     "Tells every mistake with file and line, and every rule that refuses or warns. Checking never "
     "confirms and never changes anything.",
     {},
     {},
     "there is a mistake, or a rule refuses that is not waived",
     kCheckExamples,
     "operator",
     run_check},
    {"diff",
     Section::change,
     "Show what the candidate changes in the text",
     "Against the generation that it was made from, as a unified diff.",
     {},
     {},
     "there is no candidate",
     kDiffExamples,
     "viewer",
     run_diff},
    {"plan",
     Section::change,
     "Show what the candidate would do to the traffic",
     "From the compiled tables and the traffic of the last minute: what is added, changed and "
     "removed; the share of each backend before and after; how many flows move; health checks side "
     "by side; headroom with one backend down; the rules that are hit; what to look at before you "
     "commit; and the next command to type. It changes nothing.",
     {},
     {},
     "there is no candidate, or it cannot be compiled",
     kPlanExamples,
     "viewer",
     run_plan},
    {"commit",
     Section::change,
     "Make the candidate live, on probation",
     "The box checks it again, stores it as a generation and publishes it. Unless it is confirmed "
     "in time it goes back by itself; so it does after a crash or a power cut.\n\n"
     "A rule that refuses can be set aside by its name, with a reason that stays with the "
     "generation: --waive RULE --reason TEXT, in pairs.",
     {},
     kCommitOptions,
     "there is a mistake, a rule refuses, or the base is stale",
     kCommitExamples,
     "operator",
     run_commit},
    {"approve",
     Section::change,
     "Release a change that somebody else made",
     "Where settings say `approval = \"required\"`, whoever did not make the change releases it.",
     kId,
     {},
     "it is your own change, or no such change waits",
     kApproveExamples,
     "approver",
     run_approve},
    {"confirm",
     Section::change,
     "Keep the live change for good",
     "Nothing else confirms. From here on the box boots this generation.",
     kId,
     {},
     "no such change is on probation",
     kConfirmExamples,
     "operator",
     run_confirm},
    {"rollback", Section::change, "Go back: from the live change, or to any generation",
     "Without arguments, or with the change's id: the confirmed settings are in force again at "
     "once. With `generation N`: its text becomes the candidate, through the same gates as any "
     "other; look at plan, then commit.",
     kRollback, kWhy, "there is nothing to go back from, or no such generation", kRollbackExamples,
     "operator", run_rollback},
    {"unlatch", Section::change, "Let a generation that went back by itself be committed again",
     "What went back without a person asking for it is latched: the same text is refused until "
     "somebody who knows why lets it through.",
     kGeneration, kNeededWhy, "there is no such generation, or it is not latched", kUnlatchExamples,
     "operator", run_unlatch},
    {"discard",
     Section::change,
     "Throw the candidate away",
     "Before it is live. A live change is taken back by rollback.",
     {},
     {},
     "there is no candidate, or it is live",
     kDiscardExamples,
     "operator",
     run_discard},
    {"history",
     Section::change,
     "List the generations: who, when, why, and what came of it",
     "They are commits of a git repository on the box, in /var/lib/evenkeel/settings.git.",
     {},
     kLimit,
     "",
     kHistoryExamples,
     "viewer",
     run_history},
};

}  // namespace

std::span<const Command> change_commands() { return kCommands; }

}  // namespace evenkeel::keel

// The rows of what is about keel itself, and of captures.
#include "tools/keel/commands.h"
#include "tools/keel/run.h"

namespace evenkeel::keel {
namespace {

constexpr std::string_view kShells[] = {"bash", "words"};
constexpr Argument kCapture[] = {
    {"PORT", "Its name or number in the settings; else the first.", Names::port, true}};
constexpr Argument kCompletion[] = {
    {"SHELL", "bash; `words` lists what the last of WORD... can be.", Names::choices, false,
     kShells},
    {"WORD...", "A command line so far, after `--`.", Names::none, true}};
constexpr Argument kHelp[] = {{"COMMAND", "Say all of this one.", Names::command, true}};

constexpr Option kCaptureOptions[] = {
    {"--to", "FILE", "Where to; else keel-PORT-TIME.pcapng.", Names::file},
    {"--for", "TIME", "How long; else 10s."},
    {"--packets", "N", "So many at most; else 100000."},
    {"--bytes", "N", "The first so many of each packet; else 256."},
    {"--filter", "EXPRESSION", "What to take, as tcpdump writes it: 'host 203.0.113.10'."}};

constexpr std::string_view kCaptureExamples[] = {
    "keel capture wan --filter 'tcp port 443' --to /tmp/wan.pcapng"};
constexpr std::string_view kVersionExamples[] = {"keel version"};
constexpr std::string_view kCompletionExamples[] = {"source <(keel completion bash)"};
constexpr std::string_view kHelpExamples[] = {"keel help commit"};

constexpr Command kCommands[] = {
    {"capture", Section::other, "Record packets of a port into a pcapng file",
     "By dpdk-dumpcap, which needs root and a box that runs on huge pages. It is bounded: it ends "
     "by time or by number, whichever comes first; Ctrl-C ends it too. Whole bursts are taken, so "
     "that "
     "there may be some packets more; and DPDK 22.11 dates all by one wrong offset: trust the "
     "times "
     "between packets.",
     kCapture, kCaptureOptions, "", kCaptureExamples, "viewer", run_capture},
    {"version",
     Section::other,
     "Say which version keel is, and keeld",
     "",
     {},
     {},
     "",
     kVersionExamples,
     "viewer",
     run_version},
    {"completion",
     Section::other,
     "Print the completion for a shell",
     "The script asks keel itself, so that live names complete too.",
     kCompletion,
     {},
     "",
     kCompletionExamples,
     "",
     run_completion},
    {"help",
     Section::other,
     "Say what the commands do",
     "",
     kHelp,
     {},
     "",
     kHelpExamples,
     "",
     run_help},
    {"exit",
     Section::other,
     "Leave the interactive mode",
     "Ctrl-D does too.",
     {},
     {},
     "",
     {},
     "",
     run_exit,
     true},
};

}  // namespace

std::span<const Command> other_commands() { return kCommands; }

}  // namespace evenkeel::keel

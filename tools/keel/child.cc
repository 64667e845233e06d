#include "tools/keel/child.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "firmware/base/limits.h"

namespace evenkeel::keel {
namespace {

std::string reason() { return std::strerror(errno); }  // NOLINT(concurrency-mt-unsafe): one thread

// Only exec, and what is safe between fork and exec.
[[noreturn]] void become(const std::vector<std::string>& words, Says says) {
  std::vector<char*> arguments;
  for (const std::string& word : words) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): execvp changes nothing.
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGPIPE, SIG_DFL);
  sigset_t none{};
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (says == Says::on_stderr) dup2(STDERR_FILENO, STDOUT_FILENO);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

Result<int> run_child(const std::vector<std::string>& words, Says says) {
  std::fflush(nullptr);
  const auto before = std::signal(SIGINT, SIG_IGN);
  const pid_t child = fork();
  if (child == 0) become(words, says);
  int status = 0;
  pid_t ended = child;
  while (child > 0 && (ended = waitpid(child, &status, 0)) < 0 && errno == EINTR) {
  }
  std::signal(SIGINT, before);
  if (child < 0 || ended < 0) return Error{"cannot start " + words[0] + ": " + reason()};
  if (!WIFEXITED(status)) return Error{words[0] + " was ended by a signal; nothing was done"};
  if (WEXITSTATUS(status) == 127) {
    return Error{"there is no program " + words[0] + "; install it, or name another one"};
  }
  return WEXITSTATUS(status);
}

Result<std::string> read_file(const std::string& path) {
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  const File file = path == "-" ? File(stdin, [](std::FILE*) { return 0; })
                                : File(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) return Error{"cannot read " + path + ": " + reason()};
  std::string text;
  std::array<char, 65'536> part{};
  size_t got = 0;
  while ((got = std::fread(part.data(), 1, part.size(), file.get())) > 0) {
    text.append(part.data(), got);
    if (text.size() > kMaxSettingsBytes) {
      return Error{path + " is larger than " + std::to_string(kMaxSettingsBytes >> 20) +
                   " MiB; settings are not"};
    }
  }
  if (std::ferror(file.get()) != 0) return Error{"cannot read " + path + ": " + reason()};
  return text;
}

Result<TemporaryFile> TemporaryFile::with(const std::string& text) {
  const char* folder = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): one thread
  std::string path = folder != nullptr && *folder == '/' ? folder : "/tmp";
  path += "/keel-XXXXXX.conf";
  const int file = mkstemps(path.data(), 5);
  if (file < 0) return Error{"cannot make a file like " + path + ": " + reason()};
  TemporaryFile made(std::move(path));
  const bool is_whole = write_all(file, text);
  const int error = errno;
  close(file);
  if (!is_whole) {
    errno = error;
    return Error{"cannot write " + made.path() + ": " + reason()};
  }
  return made;
}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

}  // namespace evenkeel::keel

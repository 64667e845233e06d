// Probes asked one by one, for tests, and the real servers that they meet: started from the shell,
// and gone with the test however it ends.
#pragma once

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/health/probe_maker.h"
#include "firmware/health/probe_sockets.h"
#include "tests/health/servers.h"

namespace evenkeel {

inline CheckSettings check_of(CheckType type) {
  CheckSettings check;
  check.type = type;
  return check;
}

inline std::string text_of(const ProbeAnswer& answer) {
  const char* const kinds[] = {"good: ", "bad: ", "not asked: "};
  return kinds[static_cast<size_t>(answer.kind)] + answer.text;
}
inline std::string text_of(const std::optional<ProbeAnswer>& answer) {
  return answer ? text_of(*answer) : "more";
}

struct Asked {
  std::shared_ptr<Probe> probe;
  std::optional<ProbeAnswer> answer = std::nullopt;

  // What has not been answered is over with it.
  ~Asked() {
    if (probe) probe->cancel();
  }
};

// Who asks, and its event loop.
class Asker {
 public:
  boost::asio::io_context& context() { return context_; }

  std::shared_ptr<Asked> ask(const char* address, uint16_t port, const CheckSettings& check) {
    const Address to = *parse_address(address);
    std::vector<Result<ProbeSocket>> sockets =
        sockets_->take({{.type = check.type, .is_v4 = to.is_v4()}});
    CHECK(sockets.front().ok());
    struct stat status{};
    CHECK(::fstat(sockets.front().value().descriptor.get(), &status) == 0);
    socket_ = status.st_ino;
    const auto asked = std::make_shared<Asked>();
    Result<std::shared_ptr<Probe>> probe =
        maker_.make(std::move(sockets.front().value()),
                    {.address = to,
                     .port = port,
                     .check = std::make_shared<const CheckSettings>(check),
                     .backend = "shop/web1"},
                    [asked = asked.get()](const ProbeAnswer& answer) {
                      CHECK(!asked->answer);
                      asked->answer = answer;
                    });
    if (!probe.ok()) {
      asked->answer = {.kind = ProbeAnswer::Kind::not_asked, .text = probe.message()};
      return asked;
    }
    asked->probe = probe.value();
    asked->probe->start();
    return asked;
  }

  // Which socket the last probe began with.
  ino_t socket() const { return socket_; }
  // From now on sockets are of another home.
  void move_sockets() { sockets_ = std::make_shared<ProbeSockets>(""); }

  // "good: status 200"; what does not come within `patience` is given up.
  std::string answer_of(const char* address, uint16_t port, const CheckSettings& check,
                        Microseconds patience = 20'000'000) {
    const auto asked = ask(address, port, check);
    comes_true(context_, [&] { return asked->answer.has_value(); }, patience);
    return text_of(asked->answer ? *asked->answer : asked->probe->give_up());
  }

  // Whether it is answered so within a deadline, asked again and again: servers take time to start.
  bool answers(const char* address, uint16_t port, const CheckSettings& check,
               const std::string& expected) {
    std::string last;
    const bool is_good = comes_true(context_, [&] {
      const bool is_first = last.empty();
      last = answer_of(address, port, check, 5'000'000);
      if (!is_first && last != expected) context_.run_one_for(std::chrono::milliseconds(20));
      return last == expected;
    });
    if (!is_good) std::printf("%s, not: %s\n", last.c_str(), expected.c_str());
    return is_good;
  }

 private:
  boost::asio::io_context context_{1};
  std::mt19937_64 generator_{1};
  ProbeMaker maker_{context_, [this] { return generator_(); }};
  std::shared_ptr<ProbeSockets> sockets_ = std::make_shared<ProbeSockets>("");
  ino_t socket_ = 0;
};

// A shell's `exec COMMAND`, in a session of its own.
class ServerProcess {
 public:
  explicit ServerProcess(const std::string& command) {
    const pid_t parent = ::getpid();
    process_ = ::fork();
    CHECK(process_ >= 0);
    if (process_ != 0) return;
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::execl("/bin/bash", "bash", "-c", ("exec " + command).c_str(), nullptr);
    ::_exit(1);
  }
  ~ServerProcess() {
    ::kill(-process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

 private:
  pid_t process_ = -1;
};

// A folder that goes with its owner.
class TestFolder {
 public:
  TestFolder() {
    std::string path = "/tmp/health-XXXXXX";
    CHECK(::mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~TestFolder() { CHECK(shell("rm -rf " + path_)); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name) << text;
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

// In a folder: ca.pem, who signs; and NAME.pem with NAME.key of good, valid for shop.example and
// both loopback addresses; of expired; of early, not valid yet; of other, for another name; and of
// stranger, which nobody has signed.
inline void make_certificates(const TestFolder& folder) {
  folder.write("ca.cnf", R"([ca]
default_ca = d
[d]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = p
unique_subject = no
[p]
commonName = supplied
)");
  folder.write("make", R"(set -e
touch index; echo 01 >serial
key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $key -keyout ca.key -out ca.pem -days 2 -subj /CN=ca
for name in good expired early other; do
  openssl req $key -keyout $name.key -out $name.csr -subj /CN=$name
  names=DNS:shop.example,IP:127.0.0.1,IP:::1 from=20200101000000Z to=20990101000000Z
  [ $name != expired ] || to=20210101000000Z
  [ $name != early ] || from=20980101000000Z
  [ $name != other ] || names=DNS:other.example
  openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in $name.csr -out $name.pem \
    -notext -startdate $from -enddate $to -extfile <(echo subjectAltName=$names)
done
openssl req -x509 $key -keyout stranger.key -out stranger.pem -days 2 -subj /CN=stranger \
  -addext subjectAltName=DNS:shop.example
)");
  CHECK(shell("cd " + folder.path() + " && bash make >log 2>&1 || { cat log; false; }"));
}

}  // namespace evenkeel

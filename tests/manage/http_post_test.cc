#include "firmware/manage/http_post.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <exception>
#include <optional>
#include <string>

#include "tests/cmocka.h"
#include "tests/manage/hook.h"
#include "tests/manage/remote_client.h"
#include "tests/manage/secret_file.h"
#include "tests/manage/tls_hook.h"

namespace evenkeel {
namespace {

namespace asio = boost::asio;

struct Post {
  asio::io_context context;
  PostOffice office;

  void follow(std::vector<CredentialSettings> credentials) {
    office.credentials.follow(std::move(credentials));
    office.tick(1'000'000'000);
  }
  // How it ended; it always does.
  std::string outcome(const std::string& url, const std::string& body = "{}") {
    std::optional<std::string> said;
    const std::optional<Url> parsed = parse_url(url);
    CHECK(parsed.has_value());
    asio::co_spawn(context, post(*parsed, body, office),
                   [&said](const std::exception_ptr& thrown, const Status& status) {
                     CHECK(thrown == nullptr);
                     said = status.ok() ? "taken" : status.message();
                   });
    CHECK(comes_true(context, [&said] { return said.has_value(); }));
    return *said;
  }
};

void test_posts_json(void**) {
  Post post;
  Hook hook(post.context);
  assert_string_equal(post.outcome(hook.url("/a?b=c"), R"({"x": 1})").c_str(), "taken");
  assert_int_equal(hook.heard().size(), 1);
  const Hook::Heard& heard = hook.heard()[0];
  assert_string_equal(heard.target.c_str(), "/a?b=c");
  assert_string_equal(heard.body.c_str(), R"({"x": 1})");
  assert_string_equal(heard.type.c_str(), "application/json");
  assert_string_equal(heard.host.c_str(), ("127.0.0.1:" + std::to_string(hook.port())).c_str());
}

void test_names_are_looked_up(void**) {
  Post post;
  Hook hook(post.context);
  const std::string port = std::to_string(hook.port());
  assert_string_equal(post.outcome("http://localhost:" + port + "/").c_str(), "taken");
  const std::string unknown = post.outcome("http://no-such-name.invalid:" + port + "/");
  assert_true(unknown.starts_with("its name is not known"));
}

struct Row {
  const char* description;
  std::string reply;
  const char* says;
};

void test_bad_answers_are_failures(void**) {
  Post post;
  Hook hook(post.context);
  const Row rows[] = {
      {"no content", "HTTP/1.1 204 No Content\r\n\r\n", "taken"},
      {"an endless body behind a good header",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\nx", "taken"},
      {"sent elsewhere", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
       "it answers 302 Found"},
      {"an error", "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "it answers 500 Oh"},
      {"garbage", "\x01\x02\x03 what?\r\n\r\n", "it does not answer: "},
      {"nothing", "", "it does not answer: "},
      {"an endless header", "HTTP/1.1 200 OK\r\nX: " + std::string(1'000'000, 'x'),
       "it does not answer: "},
  };
  for (const Row& row : rows) {
    hook.answer(row.reply);
    const std::string said = post.outcome(hook.url());
    if (!said.starts_with(row.says)) print_error("%s: %s\n", row.description, said.c_str());
    assert_true(said.starts_with(row.says));
  }
}

void test_nobody_is_waited_for_long(void**) {
  Post post;
  TestServer silent(post.context, "127.0.0.1", {.is_silent = true});
  const Microseconds begin = real_now();
  const std::string said = post.outcome("http://127.0.0.1:" + std::to_string(silent.port()));
  const Microseconds took = real_now() - begin;
  assert_true(said.starts_with("it does not answer"));
  assert_true(took >= 4'900'000 && took < 15'000'000);
  const std::string refused = post.outcome("http://127.0.0.1:" + std::to_string(free_port()));
  assert_true(refused.starts_with("it cannot be reached"));
}

struct Asking {
  const char* description;
  std::string reply;
  const char* says;  // status, reason and body; or what is wrong
};

void test_asks_by_a_form(void**) {
  Post post;
  Hook hook(post.context);
  const auto outcome = [&] {
    std::string said;
    const auto ask = [&]() -> asio::awaitable<void> {
      const Result<PostAnswer> answer =
          co_await post_form(*parse_url(hook.url("/q")), "query=up", 100, post.office);
      said = answer.ok() ? std::to_string(answer.value().status) + " " + answer.value().reason +
                               ": " + answer.value().body
                         : answer.message();
    };
    asio::co_spawn(post.context, ask(), asio::detached);
    CHECK(comes_true(post.context, [&said] { return !said.empty(); }));
    return said;
  };
  const std::string full(100, 'x');
  const Asking rows[] = {
      {"an answer", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup", "200 OK: up"},
      {"one without a length",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
       "2\r\nup\r\n0\r\n\r\n",
       "200 OK: up"},
      {"an error has a body too", "HTTP/1.1 400 Bad\r\nContent-Length: 4\r\n\r\nwhat",
       "400 Bad: what"},
      {"cut off", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nup", "it does not answer: "},
      {"too long", "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + full + "x",
       "it answers more than 100 bytes"},
      {"endless", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n" + full + full,
       "it answers more than 100 bytes"},
      {"garbage", "\x01\x02\x03 what?\r\n\r\n", "it does not answer: "},
  };
  for (const Asking& row : rows) {
    hook.answer(row.reply);
    const std::string said = outcome();
    if (!said.starts_with(row.says)) print_error("%s: %s\n", row.description, said.c_str());
    assert_true(said.starts_with(row.says));
  }
  assert_string_equal(hook.heard()[0].type.c_str(), "application/x-www-form-urlencoded");
  assert_string_equal(hook.heard()[0].body.c_str(), "query=up");
}

// Whoever else is asked, and wherever one is sent, learns nothing.
void test_credentials_go_to_their_url_only(void**) {
  Post post;
  const Folder folder;
  const std::string file = write_secret(folder, "token", "Bearer abc\n");
  Hook hook(post.context);
  Hook other(post.context);
  post.follow({{.name = "a", .url = hook.url("/a"), .authorization_file = file, .ca_file = {}}});
  assert_string_equal(post.outcome(hook.url("/a/b")).c_str(), "taken");
  assert_string_equal(post.outcome(hook.url("/ab")).c_str(), "taken");
  assert_string_equal(post.outcome(other.url("/a")).c_str(), "taken");
  hook.answer("HTTP/1.1 307 Over there\r\nLocation: " + other.url("/a") +
              "\r\nContent-Length: 0\r\n\r\n");
  assert_string_equal(post.outcome(hook.url("/a")).c_str(), "it answers 307 Over there");
  assert_int_equal(hook.heard().size(), 3);
  assert_string_equal(hook.heard()[0].authorization.c_str(), "Bearer abc");
  assert_string_equal(hook.heard()[1].authorization.c_str(), "");
  assert_string_equal(hook.heard()[2].authorization.c_str(), "Bearer abc");
  assert_int_equal(other.heard().size(), 1);
  assert_string_equal(other.heard()[0].authorization.c_str(), "");
}

void test_nothing_goes_without_its_credentials(void**) {
  Post post;
  Hook hook(post.context);
  post.follow({{.name = "a", .url = hook.url(), .authorization_file = "/none", .ca_file = {}}});
  assert_string_equal(post.outcome(hook.url()).c_str(),
                      "the authorization file /none cannot be opened: No such file or directory");
  assert_true(hook.heard().empty());
}

// One whose certificate the test's own authority has signed, which the system does not know.
void test_https_believes_whom_credentials_name(void**) {
  Post post;
  const Certificates certificates;
  TlsHook hook(post.context, certificates.folder, "localhost");
  const std::string url = "https://localhost:" + std::to_string(hook.port()) + "/";
  const auto outcome_with = [&](const std::string& authorities) {
    post.follow({{.name = "a",
                  .url = url,
                  .authorization_file = {},
                  .ca_file = certificates.folder.path(authorities)}});
    return post.outcome(url);
  };
  assert_true(post.outcome(url).starts_with("TLS: certificate verify failed"));
  assert_true(outcome_with("stranger_ca.pem").starts_with("TLS: certificate verify failed"));
  assert_string_equal(outcome_with("ca.pem").c_str(), "taken");
  // It is somebody else's by its name.
  TlsHook box(post.context, certificates.folder, "box");
  const std::string another = "https://localhost:" + std::to_string(box.port()) + "/";
  post.follow({{.name = "a",
                .url = another,
                .authorization_file = {},
                .ca_file = certificates.folder.path("ca.pem")}});
  assert_true(post.outcome(another).starts_with("TLS: certificate verify failed"));
}

// It speaks no TLS, or has a certificate that nobody vouches for.
void test_https_believes_only_whom_the_system_does(void**) {
  Post post;
  Hook plain(post.context);
  const std::string said = post.outcome("https://127.0.0.1:" + std::to_string(plain.port()));
  assert_true(said.starts_with("TLS: "));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_posts_json),
      cmocka_unit_test(test_names_are_looked_up),
      cmocka_unit_test(test_bad_answers_are_failures),
      cmocka_unit_test(test_nobody_is_waited_for_long),
      cmocka_unit_test(test_asks_by_a_form),
      cmocka_unit_test(test_credentials_go_to_their_url_only),
      cmocka_unit_test(test_nothing_goes_without_its_credentials),
      cmocka_unit_test(test_https_believes_whom_credentials_name),
      cmocka_unit_test(test_https_believes_only_whom_the_system_does),
  };
  return cmocka_run_group_tests_name("manage/http_post", tests, nullptr, nullptr);
}

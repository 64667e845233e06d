#include "firmware/manage/prometheus.h"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <span>
#include <string_view>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/manage/http_post.h"
#include "firmware/manage/query_answer.h"
#include "firmware/settings/requests.h"

namespace evenkeel {
namespace {

namespace asio = boost::asio;

// What is not asked for by us is not to be worked on any more either.
constexpr std::string_view kTimeout = "5s";
static_assert(kPostTime == std::chrono::seconds(5));

std::string form_of(std::string_view query) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string form = "query=";
  for (const char c : query) {
    const bool is_plain =
        (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const auto byte = static_cast<unsigned char>(c);
    if (is_plain) {
      form += c;
    } else {
      form.append({'%', kDigits[byte >> 4], kDigits[byte & 0xf]});
    }
  }
  return form.append("&timeout=").append(kTimeout);
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): who spawns it keeps
// `office`.
asio::awaitable<QueryAnswer> answer_to(Url url, std::string form, PostOffice& office) {
  const Result<PostAnswer> said =
      co_await post_form(std::move(url), std::move(form), kMaxQueryAnswer, office);
  if (said.ok()) {
    const PostAnswer& answer = said.value();
    co_return read_query_answer(answer.status, answer.reason, answer.body);
  }
  QueryAnswer none;
  none.why = said.message();
  co_return none;
}

}  // namespace

struct Prometheus::Question {
  std::string service;
  std::string name;
  std::string form;
  bool is_busy = false;
  Microseconds next = 0;              // not before
  std::optional<QueryAnswer> answer;  // that tick() has yet to hand on
};

Prometheus::Prometheus(asio::io_context& context)
    : context_(context),
      office_(std::make_shared<PostOffice>()),
      under_way_(std::make_shared<size_t>(0)) {}

Prometheus::~Prometheus() = default;

void Prometheus::follow(const Settings& settings) {
  questions_.clear();
  first_ = 0;
  interval_ = settings.prometheus.interval;
  url_ = query_url(settings.prometheus);
  if (!url_) return office_->credentials.follow({});  // nobody
  office_->credentials.follow(
      credentials_of(std::span<const Url>(&*url_, 1), settings.credentials));
  for (const ServiceSettings& service : settings.services) {
    for (const QuerySettings& query : service.queries) {
      auto question = std::make_shared<Question>();
      question->service = service.name;
      question->name = query.name;
      question->form = form_of(query.query);
      questions_.push_back(std::move(question));
    }
  }
}

std::vector<Prometheus::Answered> Prometheus::tick(Microseconds now) {
  office_->tick(now);
  std::vector<Answered> all;
  for (const std::shared_ptr<Question>& question : questions_) {
    std::optional<QueryAnswer> answer = std::exchange(question->answer, std::nullopt);
    if (!answer) continue;
    all.push_back(
        {.service = question->service, .name = question->name, .answer = std::move(*answer)});
  }
  for (size_t i = 0; i < questions_.size(); ++i) {
    const size_t place = (first_ + i) % questions_.size();
    const std::shared_ptr<Question>& question = questions_[place];
    if (question->is_busy || now < question->next) continue;
    if (*under_way_ >= kMaxQueriesUnderWay) {
      first_ = place;
      break;
    }
    question->next = now + interval_;
    ask(question);
  }
  return all;
}

std::vector<Alert> Prometheus::troubles() const { return office_->credentials.troubles(); }

void Prometheus::ask(const std::shared_ptr<Question>& question) {
  CHECK(url_.has_value());
  question->is_busy = true;
  ++*under_way_;
  const auto end = [question, office = office_, under_way = under_way_](
                       const std::exception_ptr& thrown, QueryAnswer answer) {
    --*under_way;
    question->is_busy = false;
    if (thrown != nullptr) answer.why = "no memory";
    question->answer = std::move(answer);
  };
  asio::co_spawn(context_, answer_to(*url_, question->form, *office_), end);
}

}  // namespace evenkeel

#include "firmware/health/http2_dialogue.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/health/grpc_message.h"
#include "firmware/health/http_answer.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

// All that is read of a connection: header, body, and frames around them.
constexpr size_t kMostBytes = kMaxProbeHeader + 2 * kMaxProbeBody;

constexpr std::string_view kOldBegin = "HTTP/1";

ProbeAnswer bad(std::string text) {
  return {.kind = ProbeAnswer::Kind::bad, .text = std::move(text)};
}

// Names of fields are lower case in HTTP/2 (RFC 9113 8.2.1).
struct Fields {
  void add(std::string name, std::string value) {
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    texts.emplace_back(std::move(name), std::move(value));
  }
  void add(const std::string& field) {
    const size_t colon = field.find(':');
    const size_t value = std::min(field.find_first_not_of(' ', colon + 1), field.size());
    add(field.substr(0, colon), field.substr(value));
  }

  std::vector<nghttp2_nv> list() {
    std::vector<nghttp2_nv> list;
    for (auto& [name, value] : texts) {
      list.push_back({.name = reinterpret_cast<uint8_t*>(name.data()),
                      .value = reinterpret_cast<uint8_t*>(value.data()),
                      .namelen = name.size(),
                      .valuelen = value.size(),
                      .flags = NGHTTP2_NV_FLAG_NONE});
    }
    return list;
  }

  std::vector<std::pair<std::string, std::string>> texts;
};

std::string_view view(const uint8_t* bytes, size_t count) {
  return {reinterpret_cast<const char*>(bytes), count};
}

bool is_informational(unsigned status) { return status < 200; }

Http2Dialogue& dialogue_of(void* user) { return *static_cast<Http2Dialogue*>(user); }

}  // namespace

Http2Dialogue::Http2Dialogue(const CheckSettings& check, const Address& address, uint16_t port)
    : check_(check), wanted_(unescape(check.contains).value_or(check.contains)) {
  REQUIRE(check.type == CheckType::h2 || check.type == CheckType::grpc);
  nghttp2_session* session = nullptr;
  nghttp2_session_callbacks* const called = callbacks();
  CHECK(nghttp2_session_client_new(&session, called, this) == 0);
  nghttp2_session_callbacks_del(called);
  session_.reset(session);
  const nghttp2_settings_entry no_push = {.settings_id = NGHTTP2_SETTINGS_ENABLE_PUSH, .value = 0};
  CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &no_push, 1) == 0);
  ask(address, port);
}

nghttp2_session_callbacks* Http2Dialogue::callbacks() {
  nghttp2_session_callbacks* called = nullptr;
  CHECK(nghttp2_session_callbacks_new(&called) == 0);
  nghttp2_session_callbacks_set_on_header_callback(called, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(called, on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(called, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(called, on_close);
  return called;
}

void Http2Dialogue::ask(const Address& address, uint16_t port) {
  Fields fields;
  fields.add(":method", is_grpc() ? "POST" : check_.method);
  fields.add(":scheme", uses_tls(check_) ? "https" : "http");
  fields.add(":authority", authority_of(check_, address, port));
  fields.add(":path", is_grpc() ? "/grpc.health.v1.Health/Check" : check_.path);
  fields.add("user-agent", "evenkeel");
  if (is_grpc()) {
    fields.add("content-type", "application/grpc");
    fields.add("te", "trailers");
    request_body_ = grpc_health_request(check_.grpc_service);
  } else {
    for (const std::string& field : check_.headers) fields.add(field);
  }
  const std::vector<nghttp2_nv> list = fields.list();
  nghttp2_data_provider body{};
  body.read_callback = on_read;
  stream_ = nghttp2_submit_request(session_.get(), nullptr, list.data(), list.size(),
                                   is_grpc() ? &body : nullptr, nullptr);
  CHECK(stream_ > 0);
}

void Http2Dialogue::write() {
  const uint8_t* piece = nullptr;
  ssize_t count = 0;
  while ((count = nghttp2_session_mem_send(session_.get(), &piece)) > 0) {
    output_ += view(piece, static_cast<size_t>(count));
  }
}

std::string Http2Dialogue::to_send() {
  write();
  return std::exchange(output_, {});
}

std::optional<ProbeAnswer> Http2Dialogue::take(std::string_view bytes) {
  begin_ += bytes.substr(0, kOldBegin.size() - begin_.size());
  if (begin_ == kOldBegin) return bad("an answer in HTTP/1, not HTTP/2");
  taken_ += bytes.size();
  const ssize_t used = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (std::optional<ProbeAnswer> answer = judge()) return answer;
  if (used < 0) {
    return bad(std::string("no HTTP/2 answer (") + nghttp2_strerror(static_cast<int>(used)) + ")");
  }
  write();  // the farewell, if it is one, behind which nothing is read
  if (nghttp2_session_want_read(session_.get()) == 0) return bad("no HTTP/2 answer");
  if (taken_ > kMostBytes) {
    return bad("more than " + std::to_string(kMostBytes) + " bytes before an end");
  }
  return std::nullopt;
}

ProbeAnswer Http2Dialogue::end() {
  return bad(begin_.empty() ? "closed without an answer" : "closed within the answer");
}

std::string Http2Dialogue::how_far() const {
  return has_header_ ? "only a part of an answer" : "connected, but no answer";
}

std::optional<ProbeAnswer> Http2Dialogue::judge() const {
  if (!is_grpc() && has_header_) {
    if (std::optional<ProbeAnswer> answer = judge_http()) return answer;
  }
  if (!closed_) return std::nullopt;
  if (*closed_ != NGHTTP2_NO_ERROR) {
    return bad(std::string("the stream was reset (") + nghttp2_http2_strerror(*closed_) + ")");
  }
  if (!has_header_) return bad("no HTTP/2 answer");
  return judge_grpc();
}

std::optional<ProbeAnswer> Http2Dialogue::judge_http() const {
  ProbeAnswer answer = judge_status(check_, status_);
  const bool is_found = body_.find(wanted_) != std::string::npos;
  if (answer.kind == ProbeAnswer::Kind::bad || is_found) return answer;
  const bool is_over = closed_.has_value() || body_.size() == kMaxProbeBody;
  return is_over ? std::optional(without_what_it_should(check_, status_)) : std::nullopt;
}

ProbeAnswer Http2Dialogue::judge_grpc() const {
  if (status_ != 200) return bad("status " + std::to_string(status_) + ", not of gRPC");
  if (grpc_status_ != "0") {
    return bad(grpc_status_.empty() ? "no answer of gRPC" : "gRPC status " + grpc_status_);
  }
  const std::optional<ServingStatus> serving = grpc_serving_status(body_);
  if (!serving) return bad("an answer of gRPC that is broken");
  const bool is_good = serving == ServingStatus::serving;
  return {.kind = is_good ? ProbeAnswer::Kind::good : ProbeAnswer::Kind::bad,
          .text = name_of(*serving)};
}

// --- What nghttp2 calls --------------------------------------------------------------------------

int Http2Dialogue::on_header(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                             const uint8_t* name, size_t name_length, const uint8_t* value,
                             size_t value_length, uint8_t /*flags*/, void* user) {
  Http2Dialogue& dialogue = dialogue_of(user);
  if (frame->hd.stream_id != dialogue.stream_) return 0;
  const std::string_view its_name = view(name, name_length);
  const std::string_view its_value = view(value, value_length);
  if (its_name == ":status") {
    dialogue.status_ = 0;
    std::from_chars(its_value.data(), its_value.data() + its_value.size(), dialogue.status_);
  } else if (its_name == "grpc-status") {
    const bool is_number =
        !its_value.empty() && its_value.size() <= 2 &&
        std::ranges::all_of(its_value, [](char c) { return c >= '0' && c <= '9'; });
    dialogue.grpc_status_ = is_number ? its_value : "unknown";
  }
  return 0;
}

int Http2Dialogue::on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
  Http2Dialogue& dialogue = dialogue_of(user);
  const bool is_its = frame->hd.stream_id == dialogue.stream_;
  if (is_its && frame->hd.type == NGHTTP2_HEADERS && !is_informational(dialogue.status_)) {
    dialogue.has_header_ = true;
  }
  return 0;
}

int Http2Dialogue::on_data(nghttp2_session* /*session*/, uint8_t /*flags*/, int32_t stream,
                           const uint8_t* bytes, size_t count, void* user) {
  Http2Dialogue& dialogue = dialogue_of(user);
  if (stream != dialogue.stream_) return 0;
  dialogue.body_ += view(bytes, std::min(count, kMaxProbeBody - dialogue.body_.size()));
  return 0;
}

int Http2Dialogue::on_close(nghttp2_session* /*session*/, int32_t stream, uint32_t error,
                            void* user) {
  Http2Dialogue& dialogue = dialogue_of(user);
  if (stream == dialogue.stream_) dialogue.closed_ = error;
  return 0;
}

ssize_t Http2Dialogue::on_read(nghttp2_session* /*session*/, int32_t /*stream*/, uint8_t* bytes,
                               size_t count, uint32_t* flags, nghttp2_data_source* /*source*/,
                               void* user) {
  std::string& left = dialogue_of(user).request_body_;
  const size_t taken = std::min(count, left.size());
  std::copy_n(left.data(), taken, bytes);
  left.erase(0, taken);
  if (left.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(taken);
}

}  // namespace evenkeel

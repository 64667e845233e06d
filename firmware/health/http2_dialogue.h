// A probe's HTTP/2, by nghttp2: one request, and its answer's status, trailers and body as far as
// they are looked at; of type h2, or gRPC's health service in it.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "firmware/base/address.h"
#include "firmware/health/dialogue.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

class Http2Dialogue final : public Dialogue {
 public:
  // REQUIRES: a check of type h2 or grpc, which outlives it.
  Http2Dialogue(const CheckSettings& check, const Address& address, uint16_t port);

  std::string to_send() override;
  std::optional<ProbeAnswer> take(std::string_view bytes) override;
  ProbeAnswer end() override;
  std::string how_far() const override;

 private:
  struct Free {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  void write();
  void ask(const Address& address, uint16_t port);
  bool is_grpc() const { return check_.type == CheckType::grpc; }
  std::optional<ProbeAnswer> judge() const;
  std::optional<ProbeAnswer> judge_http() const;
  ProbeAnswer judge_grpc() const;

  // What nghttp2 calls; `user` is the dialogue.
  static nghttp2_session_callbacks* callbacks();
  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                       size_t name_length, const uint8_t* value, size_t value_length, uint8_t flags,
                       void* user);
  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int on_data(nghttp2_session* session, uint8_t flags, int32_t stream, const uint8_t* bytes,
                     size_t count, void* user);
  static int on_close(nghttp2_session* session, int32_t stream, uint32_t error, void* user);
  static ssize_t on_read(nghttp2_session* session, int32_t stream, uint8_t* bytes, size_t count,
                         uint32_t* flags, nghttp2_data_source* source, void* user);

  const CheckSettings& check_;
  const std::string wanted_;  // in the body
  std::string request_body_;
  std::unique_ptr<nghttp2_session, Free> session_;
  int32_t stream_ = -1;
  std::string output_;  // not told by to_send() yet
  size_t taken_ = 0;
  std::string begin_;    // the first bytes of what has come
  unsigned status_ = 0;  // 0: not yet
  bool has_header_ = false;
  std::string grpc_status_;
  std::string body_;
  std::optional<uint32_t> closed_;  // the stream, by this error
};

}  // namespace evenkeel

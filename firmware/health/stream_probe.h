// Probes over a TCP connection: that it is made, TLS in it if the check says so, and in that what a
// dialogue says. All kinds are one engine; only their dialogues differ.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "firmware/health/dialogue.h"
#include "firmware/health/probe.h"
#include "firmware/health/tls_stream.h"

namespace evenkeel {

class StreamProbe final : public Probe {
 public:
  // `tls` is null without TLS, `dialogue` where the connection is all that is asked for.
  StreamProbe(Readiness& readiness, ProbeSocket socket, Question question, Done done,
              std::shared_ptr<const TlsContext> tls, std::unique_ptr<Dialogue> dialogue);

 private:
  enum class Stage : uint8_t { connecting, greeting, talking };
  enum class Step : uint8_t { done, blocked, over };

  void begin() override;
  void go_on(uint32_t events) override;
  std::string how_far() const override;
  void close() override { stream_ = nullptr; }

  void on_connected(uint32_t events);
  void greet();
  void talk(uint32_t events);
  Step send();
  Step receive();
  TlsStream::Outcome read(std::span<char> bytes);
  TlsStream::Outcome write(std::string_view bytes);

  const std::shared_ptr<const TlsContext> tls_;
  std::unique_ptr<TlsStream> stream_;  // null: without TLS
  const std::unique_ptr<Dialogue> dialogue_;
  Stage stage_ = Stage::connecting;
  std::string output_;
  size_t sent_ = 0;  // of it
};

}  // namespace evenkeel

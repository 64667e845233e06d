#include "firmware/packet/outbox.h"

#include <rte_ethdev.h>

#include <algorithm>

#include "firmware/base/check.h"

namespace evenkeel {

// In their order: behind those who wait already.
void Outbox::send(std::span<rte_mbuf*> packets) {
  REQUIRE(packets.size() <= kBurst);
  size_t sent = 0;
  if (waiting_ == 0) [[likely]] {
    sent = rte_eth_tx_burst(ethdev_, queue_, packets.data(), static_cast<uint16_t>(packets.size()));
    tally_.transmitted.add(sent);
    if (sent == packets.size()) [[likely]]
      return;
  }
  const size_t kept = std::min(packets.size() - sent, kRoom - waiting_);
  std::ranges::copy(packets.subspan(sent, kept), packets_.begin() + waiting_);
  waiting_ += kept;
  give_up(packets.subspan(sent + kept));
}

void Outbox::retry_waiting() {
  const size_t sent =
      rte_eth_tx_burst(ethdev_, queue_, packets_.data(), static_cast<uint16_t>(waiting_));
  tally_.transmitted.add(sent);
  std::copy(packets_.data() + sent, packets_.data() + waiting_, packets_.data());
  waiting_ -= sent;
  fruitless_ = sent == 0 ? fruitless_ + 1 : 0;
  if (fruitless_ < kPatience) return;
  give_up(std::span(packets_.data(), waiting_));
  waiting_ = 0;
  fruitless_ = 0;
}

void Outbox::clear() {
  give_up(std::span(packets_.data(), waiting_));
  waiting_ = 0;
}

void Outbox::give_up(std::span<rte_mbuf*> packets) {
  if (packets.empty()) return;
  rte_pktmbuf_free_bulk(packets.data(), static_cast<unsigned>(packets.size()));
  tally_.transmit_full.add(packets.size());
}

}  // namespace evenkeel

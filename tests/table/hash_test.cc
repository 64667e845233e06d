#include "firmware/table/hash.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

const std::array<uint8_t, 3> kKey = {1, 2, 3};
const std::array<uint8_t, 3> kOtherKey = {1, 2, 4};

Address address(const char* text) { return *parse_address(text); }

FlowKey key(const char* source, const char* destination, uint16_t source_port,
            uint16_t destination_port, uint8_t protocol = 6) {
  return {.source = address(source),
          .destination = address(destination),
          .source_port = source_port,
          .destination_port = destination_port,
          .protocol = protocol};
}

const std::array<FlowKey, 2> kFlows = {key("198.51.100.7", "192.0.2.1", 40000, 443),
                                       key("2001:db8:f::7", "2001:db8:2::1", 40000, 443)};

void test_depends_on_the_key_alone(void**) {
  const Secret secret(kKey);
  const Secret same(kKey);
  const Secret other(kOtherKey);
  const Secret of_nothing(std::span<const uint8_t>{});
  for (const FlowKey& flow : kFlows) {
    const uint64_t hash = secret.flow_hash(flow);
    assert_true(hash == same.flow_hash(flow));
    assert_true(hash != other.flow_hash(flow));
    assert_true(hash != of_nothing.flow_hash(flow));
    for (const HashOver over : {HashOver::source, HashOver::source_destination}) {
      assert_true(secret.steering_hash(over, flow, hash) == same.steering_hash(over, flow, hash));
      assert_true(secret.steering_hash(over, flow, hash) != other.steering_hash(over, flow, hash));
    }
  }
  assert_true(secret.hash("web-1") != other.hash("web-1"));
  assert_true(secret.hash("web-1") != secret.hash("web-2"));
}

// Boxes of one cluster may run different versions of the firmware, so a hash must never change.
void test_golden(void**) {
  const Secret secret(kKey);
  assert_int_equal(secret.flow_hash(kFlows[0]), 0x2c26b3d8c37e46c);
  assert_int_equal(secret.flow_hash(kFlows[1]), 0xad8bf2ed9ec9da5c);
  assert_int_equal(secret.hash("web-1"), 0xee23ef460985bcc2);
}

// A plain packet's bytes from its TTL to its ports, masked, are the block of its flow.
void test_block_is_what_a_packet_has(void**) {
  const Secret secret(kKey);
  const FlowKey& flow = kFlows[0];
  std::array<uint8_t, 16> bytes = {64, flow.protocol, 0x12, 0x34};
  std::memcpy(bytes.data() + 4, flow.source.bytes.data() + 12, 4);
  std::memcpy(bytes.data() + 8, flow.destination.bytes.data() + 12, 4);
  std::memcpy(bytes.data() + 12, &flow.source_port, 4);
  const auto block = _mm_and_si128(load<Secret::Block>(bytes.data()), Secret::block_mask());
  assert_true(secret.flow_hash(flow) == secret.flow_hash(block));
  const FlowKey& flow6 = kFlows[1];
  const Secret::BlocksV6 blocks = {
      .source = load<Secret::Block>(flow6.source.bytes.data()),
      .destination = load<Secret::Block>(flow6.destination.bytes.data()),
      .rest = _mm_setr_epi32(load<int32_t>(&flow6.source_port), flow6.protocol, 0, 0)};
  assert_true(secret.flow_hash(flow6) == secret.flow_hash(blocks));
}

void test_four_at_once_are_four(void**) {
  const Secret secret(kKey);
  const auto block = [](int i) { return _mm_set_epi32(7 * i, -i, 1 << i, 6 << 8); };
  const __m256i four = secret.flow_hashes(block(0), block(1), block(2), block(3));
  const auto hashes = load<std::array<uint64_t, 4>>(&four);
  for (const uint32_t buckets : {kMinBuckets, kDefaultBuckets, kMaxBuckets}) {
    const __m256i found = buckets_of(load<__m256i>(hashes.data()), buckets);
    const auto numbers = load<std::array<uint64_t, 4>>(&found);
    for (size_t i = 0; i < hashes.size(); ++i) {
      assert_true(hashes[i] == secret.flow_hash(block(static_cast<int>(i))));
      assert_int_equal(numbers[i], bucket_of(hashes[i], buckets));
    }
  }
}

void test_four_at_once_are_four_v6(void**) {
  const Secret secret(kKey);
  const auto blocks = [](int i) {
    return Secret::BlocksV6{.source = _mm_set_epi32(i, 7 * i, -i, 0x2001),
                            .destination = _mm_set_epi32(3, 1 << i, i, 0x2002),
                            .rest = _mm_setr_epi32(80 + i, 6, 0, 0)};
  };
  const __m256i four = secret.flow_hashes(blocks(0), blocks(1), blocks(2), blocks(3));
  const auto hashes = load<std::array<uint64_t, 4>>(&four);
  for (size_t i = 0; i < hashes.size(); ++i) {
    assert_true(hashes[i] == secret.flow_hash(blocks(static_cast<int>(i))));
  }
}

void test_v4_equals_its_mapped_form(void**) {
  const Secret secret(kKey);
  const FlowKey mapped = key("::ffff:198.51.100.7", "::ffff:192.0.2.1", 40000, 443);
  const FlowKey& plain = kFlows[0];
  const uint64_t flow = secret.flow_hash(plain);
  assert_true(secret.flow_hash(mapped) == flow);
  for (const HashOver over : {HashOver::source, HashOver::source_destination}) {
    assert_true(secret.steering_hash(over, mapped, flow) ==
                secret.steering_hash(over, plain, flow));
  }
}

// Every bit of the five-tuple that can differ, of either family.
void test_every_bit_counts(void**) {
  const Secret secret(kKey);
  for (const FlowKey& flow : kFlows) {
    const uint64_t hash = secret.flow_hash(flow);
    for (size_t bit = 0; bit < 8 * offsetof(FlowKey, zero); ++bit) {
      const size_t byte_of_address = bit / 8 % 16;
      if (flow.source.is_v4() && bit / 8 < 32 && byte_of_address < 12) continue;
      FlowKey other = flow;
      reinterpret_cast<uint8_t*>(&other)[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
      const int differing = std::popcount(hash ^ secret.flow_hash(other));
      assert_in_range(differing, 12, 52);
    }
  }
}

struct OverCase {
  const char* description;
  FlowKey other;  // than kFlows[0]
  bool same_five_tuple;
  bool same_source;
  bool same_source_destination;
};

void test_what_is_hashed_over(void**) {
  const std::array<OverCase, 6> cases = {{
      {"the same flow", key("198.51.100.7", "192.0.2.1", 40000, 443), true, true, true},
      {"another port of the client", key("198.51.100.7", "192.0.2.1", 40001, 443), false, true,
       true},
      {"another service of the VIP", key("198.51.100.7", "192.0.2.1", 40000, 80), false, true,
       true},
      {"another protocol", key("198.51.100.7", "192.0.2.1", 40000, 443, 17), false, true, true},
      {"another VIP", key("198.51.100.7", "192.0.2.2", 40000, 443), false, true, false},
      {"another client", key("198.51.100.8", "192.0.2.1", 40000, 443), false, false, false},
  }};
  const Secret secret(kKey);
  const auto steering = [&](HashOver over, const FlowKey& flow) {
    return secret.steering_hash(over, flow, secret.flow_hash(flow));
  };
  for (const OverCase& c : cases) {
    print_message("  %s\n", c.description);
    const auto same = [&](HashOver over) {
      return steering(over, c.other) == steering(over, kFlows[0]);
    };
    assert_int_equal(same(HashOver::five_tuple), c.same_five_tuple);
    assert_int_equal(same(HashOver::source), c.same_source);
    assert_int_equal(same(HashOver::source_destination), c.same_source_destination);
  }
  assert_true(steering(HashOver::five_tuple, kFlows[0]) == secret.flow_hash(kFlows[0]));
}

// Standard deviations by which chi-square is off its mean, over buckets.
double excess(const std::vector<uint64_t>& hashes, uint32_t buckets) {
  std::vector<uint32_t> counts(buckets, 0);
  for (const uint64_t hash : hashes) ++counts[bucket_of(hash, buckets)];
  const double expected = static_cast<double>(hashes.size()) / buckets;
  double chi_square = 0;
  for (const uint32_t count : counts) chi_square += (count - expected) * (count - expected);
  const double freedom = buckets - 1.0;
  return (chi_square / expected - freedom) / std::sqrt(2 * freedom);
}

double worst_excess(const std::vector<uint64_t>& hashes) {
  double worst = 0;
  for (const uint32_t buckets : {251u, 1'024u, 4'099u}) {
    worst = std::max(worst, std::abs(excess(hashes, buckets)));
  }
  return worst;
}

// Neighbouring clients and ports, as real ones are.
double worst_excess_of_flows(FlowKey flow, HashOver over) {
  const Secret secret(kKey);
  std::vector<uint64_t> hashes;
  for (uint32_t i = 0; i < 200'000; ++i) {
    if (over == HashOver::five_tuple) flow.source_port = static_cast<uint16_t>(1'024 + i % 100);
    const uint32_t client = over == HashOver::five_tuple ? i / 100 : i;
    flow.source.bytes[15] = static_cast<uint8_t>(client);
    flow.source.bytes[14] = static_cast<uint8_t>(client >> 8);
    flow.source.bytes[13] = static_cast<uint8_t>(client >> 16);
    hashes.push_back(secret.steering_hash(over, flow, secret.flow_hash(flow)));
  }
  return worst_excess(hashes);
}

void test_spreads_evenly(void**) {
  for (const FlowKey& flow : kFlows) {
    for (const HashOver over :
         {HashOver::five_tuple, HashOver::source, HashOver::source_destination}) {
      assert_true(worst_excess_of_flows(flow, over) < 5);
    }
  }
}

// 200,000 hashes of which one in ten is pulled into an eighth: what the bound must notice.
void test_bound_notices_a_bias(void**) {
  const Secret secret(kKey);
  std::vector<uint64_t> hashes;
  for (uint64_t i = 0; i < 200'000; ++i) {
    hashes.push_back(secret.hash(&i, sizeof i) / (i % 10 == 0 ? 8 : 1));
  }
  const double worst = worst_excess(hashes);
  assert_true(worst > 5);
}

void test_bucket_of(void**) {
  for (const uint32_t buckets : {kMinBuckets, kDefaultBuckets, kMaxBuckets}) {
    assert_int_equal(bucket_of(0, buckets), 0);
    assert_int_equal(bucket_of(~uint64_t{0}, buckets), buckets - 1);
    assert_int_equal(bucket_of(uint64_t{1} << 63, buckets), buckets / 2);
    assert_int_equal(bucket_of(0xffffffff, buckets), 0);  // the lower half does not count
    uint32_t before = 0;
    bool all_in_order = true;
    uint32_t seen = 1;
    for (uint64_t high = 0; high < uint64_t{1} << 32; high += 509) {
      const uint32_t bucket = bucket_of(high << 32, buckets);
      all_in_order = all_in_order && (bucket == before || bucket == before + 1);
      seen += bucket != before ? 1 : 0;
      before = bucket;
    }
    assert_true(all_in_order);
    assert_int_equal(seen, buckets);
  }
}

void test_group_of(void**) {
  assert_int_equal(group_of(0), 0);
  assert_int_equal(group_of(~uint64_t{0}), kBucketGroups - 1);
  const Secret secret(kKey);
  for (uint64_t i = 0; i < 100'000; ++i) {
    const uint64_t hash = secret.hash(&i, sizeof i);
    assert_int_equal(group_of(hash), bucket_of(hash, kBucketGroups));
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_depends_on_the_key_alone),
      cmocka_unit_test(test_golden),
      cmocka_unit_test(test_block_is_what_a_packet_has),
      cmocka_unit_test(test_four_at_once_are_four),
      cmocka_unit_test(test_four_at_once_are_four_v6),
      cmocka_unit_test(test_v4_equals_its_mapped_form),
      cmocka_unit_test(test_every_bit_counts),
      cmocka_unit_test(test_what_is_hashed_over),
      cmocka_unit_test(test_spreads_evenly),
      cmocka_unit_test(test_bound_notices_a_bias),
      cmocka_unit_test(test_bucket_of),
      cmocka_unit_test(test_group_of),
  };
  return cmocka_run_group_tests_name("table/hash", tests, nullptr, nullptr);
}

// Rules on shares, each just before and just behind its threshold.
#include "tests/change/rows.h"

namespace evenkeel {
namespace {

const Row kSingleNode[] = {
    {"all weight on one", "single-node", nothing,
     [](Settings& s) { set_weights(s, {100, 1, 1, 1}); }, kRefuse},
    {"60 % is allowed", "single-node", nothing, [](Settings& s) { set_weights(s, {6, 2, 1, 1}); },
     kNoHit},
    {"just above 60 %", "single-node", nothing,
     [](Settings& s) { set_weights(s, {602, 200, 100, 98}); }, kRefuse},
    {"a threshold of its own", "single-node", nothing,
     [](Settings& s) {
       s.rules.max_share = 50;
       set_weights(s, {6, 2, 1, 1});
     },
     kRefuse},
    {"all others are removed", "single-node", nothing,
     [](Settings& s) { shop(s).backends.resize(1); }, kRefuse},
    {"all others are drained", "single-node", nothing,
     [](Settings& s) { set_weights(s, {1, 0, 0, 0}); }, kRefuse},
    {"there only ever was one", "single-node", [](Settings& s) { shop(s).backends.resize(1); },
     [](Settings& s) { shop(s).mss = 1'300; }, kNoHit},
    {"it was so, and something else is mended", "single-node",
     [](Settings& s) { set_weights(s, {100, 1, 1, 1}); }, [](Settings& s) { shop(s).mss = 1'300; },
     kWarn},
    {"it was so, and gets better", "single-node",
     [](Settings& s) { set_weights(s, {100, 1, 1, 1}); },
     [](Settings& s) { set_weights(s, {90, 10, 1, 1}); }, kWarn},
    {"it was so, and gets worse", "single-node",
     [](Settings& s) { set_weights(s, {90, 10, 1, 1}); },
     [](Settings& s) { set_weights(s, {100, 1, 1, 1}); }, kRefuse},
    {"it was another one", "single-node", [](Settings& s) { set_weights(s, {100, 1, 1, 1}); },
     [](Settings& s) { set_weights(s, {1, 100, 1, 1}); }, kRefuse},
};
void single_node(void** /*state*/) { expect(kSingleNode); }

const Row kUnevenSpread[] = {
    {"weights follow capacity", "uneven-spread", nothing,
     [](Settings& s) {
       set_capacities(s, {3'000, 2'000, 1'000, 1'000});
       set_weights(s, {3, 2, 1, 1});
     },
     kNoHit},
    {"weights 5 % off", "uneven-spread", nothing,
     [](Settings& s) { set_weights(s, {104, 100, 100, 96}); }, kNoHit},
    {"weights 6 % off", "uneven-spread", nothing,
     [](Settings& s) { set_weights(s, {100, 100, 100, 94}); }, kNoHit},
    {"an idle one, 7 % off", "uneven-spread", nothing,
     [](Settings& s) { set_weights(s, {102, 102, 102, 93}); }, kRefuse},
    {"capacity of one is not known: by weights", "uneven-spread", nothing,
     [](Settings& s) {
       set_capacities(s, {1'000, 1'000, 1'000, 0});
       set_weights(s, {5, 1, 1, 1});
     },
     kNoHit},
    {"a table too small for its weights", "uneven-spread", nothing,
     [](Settings& s) {
       set_capacities(s, {0, 0, 0, 0});
       set_weights(s, {100, 100, 100, 1});
       shop(s).buckets = 251;
     },
     kRefuse},
    {"it was so", "uneven-spread", [](Settings& s) { set_weights(s, {2, 1, 1, 1}); },
     [](Settings& s) { shop(s).mss = 1'300; }, kWarn},
    {"a drained one has no share to differ", "uneven-spread", nothing,
     [](Settings& s) { set_weights(s, {1, 1, 1, 0}); }, kNoHit},
};
void uneven_spread(void** /*state*/) { expect(kUnevenSpread); }

const Row kDrainedToZero[] = {
    {"one drained", "drained-to-zero", nothing, [](Settings& s) { set_weights(s, {1, 1, 1, 0}); },
     kNoHit},
    {"only one that does not answer has weight", "drained-to-zero", nothing,
     [](Settings& s) { set_weights(s, {1, 0, 0, 0}); }, kRefuse, 0, 0, "10.0.0.4"},
    {"it was so", "drained-to-zero", [](Settings& s) { set_weights(s, {1, 0, 0, 0}); },
     [](Settings& s) { shop(s).mss = 1'300; }, kWarn, 0, 0, "10.0.0.4"},
};
void drained_to_zero(void** /*state*/) { expect(kDrainedToZero); }

const Row kNMinus1[] = {
    {"three take what four did: just", "n-minus-1", nothing, nothing, kNoHit, 60 * 3'000},
    {"three cannot", "n-minus-1", nothing, [](Settings& s) { set_capacities(s, {999}); }, kRefuse,
     60 * 3'000},
    {"it was so already", "n-minus-1", [](Settings& s) { set_capacities(s, {999}); },
     [](Settings& s) { shop(s).mss = 1'300; }, kWarn, 60 * 3'000},
    {"a backend less", "n-minus-1", nothing, [](Settings& s) { shop(s).backends.pop_back(); },
     kRefuse, 60 * 2'400},
    {"no traffic, as if half were used", "n-minus-1", nothing,
     [](Settings& s) { set_capacities(s, {500, 1'000, 1'000, 1'000}); }, kWarn},
    {"no traffic, and enough of it", "n-minus-1", nothing,
     [](Settings& s) { set_capacities(s, {800, 1'000, 1'000, 1'000}); }, kNoHit},
    {"nothing is known of capacity", "n-minus-1", nothing,
     [](Settings& s) { set_capacities(s, {0, 0, 0, 0}); }, kNoHit, 60'000'000},
    {"only one's is known, and it is too little", "n-minus-1", nothing,
     [](Settings& s) { set_capacities(s, {0, 0, 0, 900}); }, kRefuse, 60 * 3'000},
};
void n_minus_1(void** /*state*/) { expect(kNMinus1); }

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(single_node),
      cmocka_unit_test(uneven_spread),
      cmocka_unit_test(drained_to_zero),
      cmocka_unit_test(n_minus_1),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

// What the API shows of the box at work, from what control knows of this moment.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "firmware/appliance/backend_totals.h"
#include "firmware/appliance/control.h"
#include "firmware/appliance/sample.h"
#include "firmware/change/overrides.h"
#include "firmware/change/query_judge.h"
#include "firmware/manage/diagnosis.h"
#include "firmware/manage/views.h"

namespace evenkeel {

class BoxViews final : public Views {
 public:
  // What is in force but for the overrides.
  using Configured = std::function<const Settings&()>;

  // REQUIRES: all outlive it.
  BoxViews(Control& control, const Secret& secret, const Overrides& overrides,
           const QueryJudge& queries, Configured configured)
      : control_(control),
        secret_(secret),
        overrides_(overrides),
        queries_(queries),
        configured_(std::move(configured)),
        started_(control.dataplane().clock().now()),
        totals_(control.dataplane().evidence()) {}

  // Often.
  void tick() {
    samples_.observe(control_, now());
    totals_.follow(control_.plan());
  }

  boost::json::object status(boost::json::storage_ptr storage) const override;
  boost::json::array services(boost::json::storage_ptr storage) const override;
  Status backends(std::string_view service, const RowSink& sink) const override;
  Status health(std::string_view service, const RowSink& sink) const override;
  boost::json::array workers(boost::json::storage_ptr storage) const override;
  boost::json::array ports(boost::json::storage_ptr storage) const override;
  boost::json::array neighbours(boost::json::storage_ptr storage) const override;
  boost::json::array drops(boost::json::storage_ptr storage) const override;
  boost::json::array queries(boost::json::storage_ptr storage) const override;
  void metrics(Exposition& ret_page) const override;
  Result<boost::json::object> why(const FlowQuestion& flow, const Settings* settings,
                                  boost::json::storage_ptr storage) const override;

 private:
  Microseconds now() const { return control_.dataplane().clock().now(); }
  boost::json::object next_hop(const Address& destination, boost::json::storage_ptr storage) const;
  static void tell(const Rollout& rollout, boost::json::object& ret_answer);
  // Of that name; empty: of any.
  static Status has_service(const Settings& settings, std::string_view service);
  static const char* state_of(const BackendState& state, const Override* one);
  void tell_box(Exposition& ret_page) const;
  void tell_services(Exposition& ret_page) const;
  void tell_backends(Exposition& ret_page) const;
  void tell_workers(Exposition& ret_page) const;
  void tell_ports(Exposition& ret_page) const;
  void tell(const Diagnosis& diagnosis, const Settings& settings,
            boost::json::object& ret_answer) const;

  Control& control_;
  const Secret& secret_;
  const Overrides& overrides_;
  const QueryJudge& queries_;
  const Configured configured_;
  const Microseconds started_;
  Samples samples_;
  mutable BackendTotals totals_;  // that are brought up to date when somebody looks
};

}  // namespace evenkeel

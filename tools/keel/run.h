// What each command does: asks the box, and shows the answer. The rows of commands.h point here.
#pragma once

#include "tools/keel/commands.h"

namespace evenkeel::keel {

// Of the change.
Exit run_edit(Session& session, const Given& given);
Exit run_set(Session& session, const Given& given);
Exit run_delete(Session& session, const Given& given);
Exit run_load(Session& session, const Given& given);
Exit run_check(Session& session, const Given& given);
Exit run_diff(Session& session, const Given& given);
Exit run_plan(Session& session, const Given& given);
Exit run_commit(Session& session, const Given& given);
Exit run_approve(Session& session, const Given& given);
Exit run_confirm(Session& session, const Given& given);
Exit run_rollback(Session& session, const Given& given);
Exit run_unlatch(Session& session, const Given& given);
Exit run_discard(Session& session, const Given& given);
Exit run_history(Session& session, const Given& given);

// Of looking, and of overrides.
Exit run_status(Session& session, const Given& given);
Exit run_show(Session& session, const Given& given);
Exit run_why(Session& session, const Given& given);
Exit run_top(Session& session, const Given& given);
Exit run_journal(Session& session, const Given& given);
Exit run_overrides(Session& session, const Given& given);
Exit run_drain(Session& session, const Given& given);
Exit run_maintenance(Session& session, const Given& given);
Exit run_weight(Session& session, const Given& given);
Exit run_undrain(Session& session, const Given& given);

// Of keel itself.
Exit run_capture(Session& session, const Given& given);
Exit run_version(Session& session, const Given& given);
Exit run_completion(Session& session, const Given& given);
Exit run_help(Session& session, const Given& given);
Exit run_exit(Session& session, const Given& given);

}  // namespace evenkeel::keel

// What a command was refused, as its filter tells: for a report, not for a decision.
//
// With SandboxConfig::report_violations the filter does not answer EPERM by itself: it asks, and the supervisor does.
// And calls that name a path are looked at on their way. They go on whatever is seen, since Landlock and the mounts
// decide about them; so it does not matter here that a program may change the path behind the look.
//
// Not seen: what is refused without a call of its own (a page fault, a descriptor that was opened before), stat(2) and
// its kin, and calls that are answered with another error (ENOSYS, EOPNOTSUPP).
#pragma once

#include <linux/filter.h>

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/backend.h"
#include "core/plan.h"
#include "platform/linux/supervisor_caller.h"

namespace leash::platform {

class Observer {
 public:
  // `filter`: what the command's filter would be without a report. `audited`: what Landlock refuses is reported by the
  // kernel itself (audit_watch.h), and not to be counted twice.
  Observer(const core::Plan& plan, std::shared_ptr<core::ViolationSink> sink, std::span<const sock_filter> filter,
           bool namespaces, bool audited)
      : plan_(plan), sink_(std::move(sink)), filter_(filter), namespaces_(namespaces), audited_(audited) {}

  enum class Verdict { kRefuse, kLetGoOn, kPerform };
  // What is to be done with a call; reports it where that is a refusal. `started`: the command runs its program by now.
  // What it does before is leash's own, and partly meant to be refused.
  Verdict Look(const Caller& caller, bool started) const;

  // A call that the supervisor has refused on behalf.
  void Denied(const Caller& caller) const;

 private:
  struct Act {
    std::string operation;
    std::string path;
  };

  std::optional<Act> ActOf(const Caller& caller) const;
  bool IsRefused(Act& act) const;
  void Report(const Caller& caller, ViolationKind kind, std::string operation, std::string object) const;

  const core::Plan& plan_;
  const std::shared_ptr<core::ViolationSink> sink_;
  const std::span<const sock_filter> filter_;
  const bool namespaces_;
  const bool audited_;
};

}  // namespace leash::platform

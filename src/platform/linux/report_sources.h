// Where a report of refusals is to go, and one source of it.
#pragma once

#include <memory>

#include "core/backend.h"
#include "platform/linux/audit_watch.h"

namespace leash::platform {

// Both null: no report. `audit` alone null: the kernel does not tell, and the sink has been told why.
struct ReportSources {
  std::shared_ptr<core::ViolationSink> sink;
  std::shared_ptr<AuditWatch> audit;
};

}  // namespace leash::platform

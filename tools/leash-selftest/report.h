// Results as a table for people and as JSON.
#pragma once

#include <string>
#include <vector>

#include "session.h"

namespace leash::selftest {

// Every row, without trying it.
std::string List(const std::vector<const Row*>& rows);

// Grouped by theme, with a line of counts a column. `details` adds what was said under each row.
std::string Table(const std::vector<Result>& results, const std::vector<Column>& columns, bool details);

std::string Json(const std::vector<Result>& results, const std::vector<Column>& columns);

}  // namespace leash::selftest

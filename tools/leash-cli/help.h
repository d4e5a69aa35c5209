// Help texts, made from the option table.
#pragma once

#include <string>

#include "option_table.h"

namespace leash::cli {

std::string GeneralHelp();
std::string HelpOf(const CommandInfo& command);

}  // namespace leash::cli

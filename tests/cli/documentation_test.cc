// The reference pages name everything that exists.
#include <set>
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "help.h"
#include "leash-selftest/row.h"
#include "option_table.h"
#include "temporary_directory.h"

namespace leash::cli {
namespace {

std::string Page(const char* name) {
  const std::string text = testing::ReadFile(std::string(LEASH_SOURCE_DIR) + "/docs/" + name);
  EXPECT_FALSE(text.empty()) << name;
  return text;
}

// In man pages a dash that stands for itself is written "\-".
std::string WithoutEscapes(std::string text) {
  for (std::size_t at = text.find("\\-"); at != std::string::npos; at = text.find("\\-", at)) text.erase(at, 1);
  return text;
}

TEST(Documentation, NamesEveryOption) {
  const std::string reference = Page("cli.md");
  const std::string manual = WithoutEscapes(Page("man/leash.1"));
  for (const Option& option : Options()) {
    if (option.id == OptionId::kNoToggle) continue;
    const std::string name = "--" + std::string(option.name);
    EXPECT_NE(reference.find("`" + name), std::string::npos) << name << " is not in docs/cli.md";
    EXPECT_NE(manual.find(name), std::string::npos) << name << " is not in docs/man/leash.1";
  }
}

TEST(Documentation, NamesEveryCommand) {
  const std::string reference = Page("cli.md");
  const std::string manual = Page("man/leash.1");
  for (const CommandInfo& command : Commands()) {
    EXPECT_NE(reference.find("leash " + std::string(command.name)), std::string::npos) << command.name;
    EXPECT_NE(manual.find(command.name), std::string::npos) << command.name;
  }
}

TEST(Documentation, NamesEveryToggleOfTheFile) {
  const std::string reference = Page("config.md");
  for (const Toggle& toggle : Toggles()) {
    EXPECT_NE(reference.find("`" + std::string(toggle.name) + "`"), std::string::npos) << toggle.name;
  }
}

// The rows of docs/escape.md begin "| `NAME` WORDS |", with a star where the act is harmless.
TEST(Documentation, HasTheSelftestsRowsAndNoOthers) {
  std::set<std::string> documented;
  std::istringstream page(Page("escape.md"));
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| `")) documented.insert(line.substr(2, line.find(" |", 2) - 2));
  }
  std::set<std::string> rows;
  for (const selftest::Row& row : selftest::Rows()) {
    const std::string words = "`" + std::string(row.id) + "` " + std::string(row.words);
    EXPECT_TRUE(rows.insert(words + (row.harmless.empty() ? "" : " &#42;")).second) << row.id << " is there twice";
    EXPECT_TRUE(row.harmless.empty() || Page("escape.md").find("`" + std::string(row.id) + "`: ") != std::string::npos)
        << "docs/escape.md does not say why " << row.id << " is harmless";
  }
  EXPECT_EQ(documented, rows);
}

TEST(Help, ListsEveryOptionOfItsCommand) {
  for (const CommandInfo& command : Commands()) {
    const std::string help = HelpOf(command);
    EXPECT_NE(help.find("Examples:\n  leash " + std::string(command.name)), std::string::npos) << command.name;
    for (const Option& option : Options()) {
      const bool listed = help.find("--" + std::string(option.name)) != std::string::npos;
      const bool wanted = (option.where & WhereOf(command.id)) != 0 && !option.group.empty();
      if (wanted) {
        EXPECT_TRUE(listed) << command.name << " --" << option.name;
      }
    }
  }
}

TEST(Help, FitsATerminal) {
  for (const CommandInfo& command : Commands()) {
    const std::string help = HelpOf(command);
    for (std::size_t begin = 0; begin < help.size();) {
      const std::size_t end = help.find('\n', begin);
      EXPECT_LE(end - begin, 80U) << help.substr(begin, end - begin);
      begin = end + 1;
    }
  }
}

}  // namespace
}  // namespace leash::cli

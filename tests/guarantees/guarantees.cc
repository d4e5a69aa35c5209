#include "guarantees.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <iostream>
#include <set>
#include <sstream>

#include "tree.h"

namespace leash::guarantees {
namespace {

constexpr int kReached = 0;
constexpr int kRefused = 10;
constexpr int kCannot = 20;

// Held while an act reaches the victims of other test programs too.
class Everybody {
 public:
  explicit Everybody(bool wanted) {
    if (!wanted) return;
    fd_ = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    flock(fd_, LOCK_EX);
  }
  Everybody(const Everybody&) = delete;
  Everybody& operator=(const Everybody&) = delete;
  ~Everybody() {
    if (fd_ != -1) close(fd_);
  }

 private:
  int fd_ = -1;
};

unsigned BitOf(Isolation tier) {
  switch (tier) {
    case Isolation::kStrict:
      return kStrict;
    case Isolation::kDefault:
      return kDefault;
    case Isolation::kPermissive:
      return kPermissive;
  }
  return 0;
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

bool Injected(const Result& result) { return result.terminal.find('i') != std::string::npos; }

// What was made and undone has changed the times of the directory that it was in, and its own.
std::string WithoutTimes(std::string report) {
  const std::string word = " changed ";
  for (std::size_t at = report.find(word); at != std::string::npos; at = report.find(word, at)) {
    report.erase(at, report.find_first_not_of("0123456789. ", at + word.size()) - at);
  }
  return report;
}

// The lines that only one of two reports has.
std::string Difference(const std::string& before, const std::string& after) {
  const auto lines = [](const std::string& text) {
    std::istringstream in(text);
    std::set<std::string> all;
    for (std::string line; std::getline(in, line);) all.insert(line);
    return all;
  };
  const std::set<std::string> old_lines = lines(before), new_lines = lines(after);
  std::string text;
  for (const std::string& line : old_lines) text += new_lines.count(line) == 0 ? "\n- " + line : "";
  for (const std::string& line : new_lines) text += old_lines.count(line) == 0 ? "\n+ " + line : "";
  return text;
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

// Facts that this machine does not have stay in braces.
bool HasUnknownFact(const std::vector<std::string>& args) {
  for (const std::string& arg : args) {
    if (arg.find('{') != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::string SettingName(const testing::TestParamInfo<Setting>& info) {
  return std::string(IsolationName(std::get<0>(info.param))) + "_" + WhoName(std::get<1>(info.param)) +
         (std::get<2>(info.param) == Mechanism::kNamespaces ? "_namespaces" : "_process");
}

std::string UserName(const testing::TestParamInfo<Who>& info) { return WhoName(info.param); }

bool HasNamespaces(const World& world) {
  return world.Inside({"--isolation", "strict", "--namespaces", "require"}, {"/bin/true"}).code == 0;
}

void Guarantees::SetUp() {
  const std::string why = WhyNot(std::get<1>(GetParam()));
  if (!why.empty()) GTEST_SKIP() << why;
  if (with_namespaces() && !HasNamespaces(world())) GTEST_SKIP() << "namespaces: refused to this user here";
  world().StartVictim();
}

void ForEachUser::SetUp() {
  const std::string why = WhyNot(GetParam());
  if (!why.empty()) GTEST_SKIP() << why;
}

std::vector<std::string> Guarantees::TierFlags() const {
  return {"--isolation", std::string(IsolationName(tier())), "--namespaces", with_namespaces() ? "require" : "off"};
}

Extra Guarantees::ExtraOf(const Row& row) const {
  Extra extra;
  if (!row.directory.empty()) extra.directory = world().Expand(row.directory);
  for (const std::string& variable : row.environment) extra.environment.push_back(world().Expand(variable));
  extra.terminal = row.terminal;
  return extra;
}

void Guarantees::ExpectReached(const std::vector<std::string>& flags, const std::vector<std::string>& act,
                               const Extra& extra) {
  World& w = world();
  w.Reset();
  std::vector<std::string> all = TierFlags();
  all.insert(all.end(), {"--executable", w.root() + "/bin"});
  for (const std::string& flag : flags) all.push_back(w.Expand(flag));
  std::vector<std::string> argv = {w.probe()};
  for (const std::string& word : act) argv.push_back(w.Expand(word));
  const Result result = w.Inside(all, argv, extra);
  EXPECT_EQ(result.code, kReached) << "contrast: leash-probe " << Joined(act) << ": " << result.Describe();
}

std::string Guarantees::RunControl(const Row& row, const std::vector<std::string>& args) {
  if (HasUnknownFact(args)) return "this machine has no " + Joined(args);
  World& w = world();
  w.Reset();
  const std::string files = w.TreeReport(), victim = w.VictimReport();
  // The launcher stands where leash stands in the denial: it is the probe's parent.
  std::vector<std::string> argv = {w.probe(), "launch", w.probe(), row.probe};
  argv.insert(argv.end(), args.begin(), args.end());
  const Result result = w.Outside(argv, ExtraOf(row));
  if (result.code == kRefused || result.code == kCannot) return FirstLine(result.output);
  EXPECT_EQ(result.code, kReached) << "control: " << result.Describe();
  switch (row.effect) {
    case Effect::kNone:
      break;
    case Effect::kTree:
      EXPECT_NE(w.TreeReport(), files) << "control: the act changed no file";
      break;
    case Effect::kVictim:
      EXPECT_NE(w.VictimReport(), victim) << "control: the victim saw nothing";
      break;
    case Effect::kTerminal:
      EXPECT_TRUE(Injected(result)) << "control: nothing came up on the terminal";
      break;
  }
  return "";
}

std::string Guarantees::RunDenial(const Row& row, const std::vector<std::string>& args) {
  World& w = world();
  w.Reset();
  std::vector<std::string> flags = TierFlags();
  flags.insert(flags.end(), {"--executable", w.root() + "/bin"});
  for (const std::string& flag : row.flags) flags.push_back(w.Expand(flag));
  std::vector<std::string> argv = {w.probe(), row.probe};
  argv.insert(argv.end(), args.begin(), args.end());
  const std::string before = w.Report();
  const Result result = w.Inside(flags, argv, ExtraOf(row));
  const Instead instead = with_namespaces() ? row.instead : Instead::kRefusal;
  if (row.refusal == Refusal::kTold && instead == Instead::kRefusal) {
    EXPECT_EQ(result.code, kRefused) << result.Describe();
    EXPECT_NE(result.output.find("refused: "), std::string::npos) << result.Describe();
  } else {
    EXPECT_TRUE(result.code == kRefused || result.code == kReached) << result.Describe();
  }
  if (instead == Instead::kUndone && result.code == kReached) {
    EXPECT_NE(result.errors.find(", which is protected: "), std::string::npos) << result.Describe();
    EXPECT_EQ(Difference(WithoutTimes(before), WithoutTimes(w.Report())), "") << "the act had an effect outside";
  } else {
    EXPECT_EQ(result.errors, "");
    EXPECT_EQ(Difference(before, w.Report()), "") << "the act had an effect outside";
  }
  EXPECT_FALSE(Injected(result)) << "a character came up on the terminal";
  return result.output.empty() ? "nothing happened" : FirstLine(result.output);
}

void Guarantees::CheckRows(const std::vector<Row>& rows) {
  int tried = 0;
  std::vector<std::string> skipped;
  for (const Row& row : rows) {
    if ((row.tiers & BitOf(tier())) == 0) continue;
    if ((row.mechanisms & (with_namespaces() ? kWithNamespaces : kWithoutNamespaces)) == 0) continue;
    if (row.everybody && world().who() == Who::kRoot) continue;
    const Everybody lock(row.everybody);
    world().CountEverybody(row.everybody);
    std::vector<std::string> args;
    for (const std::string& arg : row.args) args.push_back(world().Expand(arg));
    SCOPED_TRACE(row.promise + " (leash-probe " + row.probe + " " + Joined(args) + ")");
    const std::string why = RunControl(row, args);
    if (!why.empty()) {
      skipped.push_back(row.probe + (row.args.empty() ? "" : " " + Joined(row.args)) + " (" + why + ")");
      continue;
    }
    std::cout << row.promise << ": leash-probe " << row.probe << ": " << RunDenial(row, args) << '\n';
    ++tried;
  }
  ListRows(tried, skipped);
}

void Guarantees::ListRows(int tried, const std::vector<std::string>& skipped) const {
  std::cout << tried << " rows were tried, " << skipped.size() << " do not apply\n";
  if (!skipped.empty()) std::cout << "SKIP: not applicable here: " << Joined(skipped) << std::endl;
  RecordProperty("rows_tried", tried);
  RecordProperty("rows_not_applicable", static_cast<int>(skipped.size()));
  if (tried == 0 && !skipped.empty()) GTEST_SKIP() << "no row applies: " << Joined(skipped);
}

}  // namespace leash::guarantees

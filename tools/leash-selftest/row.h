// One escape probe as users see it: an act, and how it shows that it worked.
#pragma once

#include <span>
#include <string_view>

namespace leash::selftest {

// Where an act that worked shows, looked for outside the sandbox.
enum class Effect {
  kNone,      // nowhere: the probe's word counts
  kFiles,     // a file outside the working directory is another one
  kPlanted,   // the file that the first argument names is another one
  kVictim,    // the victim process notices
  kTerminal,  // a character comes up on the launcher's terminal
  kCall,      // a call from outside to 127.0.0.1 {serve_port} is taken while the act lasts
};

struct Row {
  std::string_view id;
  std::string_view theme;
  std::string_view words;  // the act, for people
  std::string_view probe;
  std::string_view arguments = "";  // separated by spaces; {names} are facts of the World
  Effect effect = Effect::kNone;
  // Why the act does no harm by itself. Such a row is shown and does not count; empty: it counts.
  std::string_view harmless = "";
  bool terminal = false;  // with the launcher's terminal as stdin
};

// In the order in which they are tried and shown; rows of one theme stand together.
std::span<const Row> Rows();

}  // namespace leash::selftest

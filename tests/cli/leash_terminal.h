// leash in the foreground of a terminal, with the test at the other end as the user.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <string>
#include <string_view>

#include "leash_process.h"

namespace leash::testing {

// The terminal is 33 rows by 111 columns. Between the test and leash stands a process in the place of the user's shell:
// it leads the session, and sees leash stop and end. All are killed with this object.
class LeashTerminal {
 public:
  LeashTerminal(const std::string& binary, const Start& start);
  ~LeashTerminal();
  LeashTerminal(const LeashTerminal&) = delete;
  LeashTerminal& operator=(const LeashTerminal&) = delete;

  // The user's keys: all of them, reading the screen meanwhile.
  void Type(std::string_view keys);
  // Waits until `text` has appeared since the last call that found something; 30 s at most.
  bool Shows(std::string_view text);
  // Types `keys` again and again until `text` appears, for keys that may come too early to have their effect.
  bool TypeUntilShows(std::string_view keys, std::string_view text);
  const std::string& screen() const { return screen_; }  // all that ever appeared

  void Resize(unsigned short rows, unsigned short columns);
  // rows * 1000 + columns
  int Size() const;
  // Everything that tcgetattr(3) tells, and the flags of the open file that leash got as its streams.
  std::string State() const;
  bool IsRaw() const;
  bool BecomesRaw() const;

  void Signal(int signal) const;
  // Waits until leash has stopped.
  bool Stops();
  // Closes the user's end.
  void HangUp();
  // Waits for the end, 60 s at most; the exit status as shells print it, -1 when there was none in time.
  int Finish();

 private:
  struct Report {
    char kind;  // 'P' leash's process id, 'S' it stopped, 'E' it ended
    int value;
  };
  [[noreturn]] void Keep(const std::string& binary, const Start& start, int reports) const;
  bool ReadScreen(int timeout_ms);
  bool ReadReport(char kind, int& value, int seconds);

  int master_ = -1;
  int slave_ = -1;
  int reports_ = -1;
  pid_t keeper_ = -1;
  int leash_ = -1;
  bool ended_ = false;
  std::string screen_;
  std::size_t seen_ = 0;
};

}  // namespace leash::testing

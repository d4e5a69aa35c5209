#include "leash/pty.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "base/status.h"
#include "base/write_all.h"

namespace leash {
namespace {

absl::Status HungUp() { return base::Error(ErrorCode::kClosed, "the command's terminal has been hung up"); }

}  // namespace

absl::StatusOr<std::size_t> Pty::Read(std::span<char> buffer) {
  if (master_ < 0) return HungUp();
  while (true) {
    const ssize_t size = ::read(master_, buffer.data(), buffer.size());
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno == EIO) return std::size_t{0};
    if (errno != EINTR) return base::ErrnoError(ErrorCode::kIo, errno, "cannot read from the command's terminal");
  }
}

absl::Status Pty::Write(std::string_view bytes) {
  if (master_ < 0) return HungUp();
  if (base::WriteAll(master_, bytes)) return absl::OkStatus();
  return base::ErrnoError(ErrorCode::kIo, errno, "cannot write to the command's terminal");
}

absl::Status Pty::Resize(WindowSize size) {
  if (master_ < 0) return HungUp();
  const winsize wanted = {size.rows, size.columns, 0, 0};
  if (::ioctl(master_, TIOCSWINSZ, &wanted) == 0) return absl::OkStatus();
  return base::ErrnoError(ErrorCode::kIo, errno, "cannot resize the command's terminal");
}

void Pty::HangUp() {
  if (const int master = std::exchange(master_, -1); master >= 0) ::close(master);
}

}  // namespace leash

#include "leash/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <mutex>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "base/write_all.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace leash {
namespace {

const char* NameOf(Arrival arrival) {
  switch (arrival) {
    case Arrival::kTransparent:
      return "transparent";
    case Arrival::kConnect:
      return "connect";
    case Arrival::kHttp:
      return "http";
    case Arrival::kSocks:
      return "socks";
    case Arrival::kDns:
      return "dns";
  }
  return "";
}

const char* NameOf(Protocol protocol) {
  switch (protocol) {
    case Protocol::kTcp:
      return "tcp";
    case Protocol::kTls:
      return "tls";
    case Protocol::kHttp:
      return "http";
    case Protocol::kHttps:
      return "https";
    case Protocol::kDns:
      return "dns";
  }
  return "";
}

}  // namespace

std::string NetworkEventJson(const std::string& sandbox, const NetworkEvent& event) {
  const NetworkRequest& request = event.request;
  nlohmann::ordered_json line = {
      {"time", absl::FormatTime(absl::RFC3339_full, event.time, absl::UTCTimeZone())},
      {"sandbox", sandbox},
      {"connection", event.connection},
      {"arrival", NameOf(request.arrival)},
      {"protocol", NameOf(request.protocol)},
      {"host", request.host},
      {"port", request.port},
      {"verdict", event.verdict == Verdict::kDeny ? "deny" : "allow"},
      {"rule", event.rule},
      {"outcome", NetworkOutcomeName(event.outcome)},
  };
  if (!event.detail.empty()) line["detail"] = event.detail;
  if (!request.method.empty()) line["method"] = request.method;
  if (!request.path.empty()) line["path"] = request.path;
  if (!request.addresses.empty()) line["addresses"] = request.addresses;
  if (!event.peer.empty()) line["peer"] = event.peer;
  if (event.status != 0) line["status"] = event.status;
  if (request.pid != 0) line["pid"] = request.pid;
  if (!request.executable.empty()) line["executable"] = request.executable;
  line["bytes_sent"] = event.bytes_sent;
  line["bytes_received"] = event.bytes_received;
  line["milliseconds"] = absl::ToDoubleMilliseconds(event.duration);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

struct AuditLog::Rep {
  std::string path;
  AuditLogOptions options;
  mutable std::mutex mutex;
  base::UniqueFd file;  // guarded by mutex, as what follows
  std::uint64_t size = 0;
  absl::Status status;

  absl::Status OpenFile() {
    file.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600));
    struct stat info;
    if (!file || ::fstat(file.get(), &info) != 0) return Failed("open");
    size = S_ISREG(info.st_mode) ? static_cast<std::uint64_t>(info.st_size) : 0;
    return absl::OkStatus();
  }

  absl::Status Failed(const char* what) const {
    return base::ErrnoError(ErrorCode::kIo, errno,
                            fmt::format("cannot {} the audit log {}", what, base::Printable(path)));
  }

  // A rename that fails leaves the file as it is: a log that grows is better than one that ends.
  void Rotate() {
    if (options.keep < 1) return;
    for (int i = options.keep - 1; i > 0; --i) {
      (void)::rename(fmt::format("{}.{}", path, i).c_str(), fmt::format("{}.{}", path, i + 1).c_str());
    }
    if (::rename(path.c_str(), fmt::format("{}.1", path).c_str()) == 0) status.Update(OpenFile());
  }
};

AuditLog::AuditLog(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
AuditLog::~AuditLog() = default;

absl::StatusOr<std::shared_ptr<AuditLog>> AuditLog::Open(std::string path, AuditLogOptions options) {
  auto rep = std::make_unique<Rep>();
  rep->path = std::move(path);
  rep->options = options;
  LEASH_RETURN_IF_ERROR(rep->OpenFile());
  return std::shared_ptr<AuditLog>(new AuditLog(std::move(rep)));
}

void AuditLog::Write(const std::string& sandbox, const NetworkEvent& event) {
  const std::string line = NetworkEventJson(sandbox, event) + "\n";
  const std::lock_guard lock(rep_->mutex);
  if (rep_->size > 0 && rep_->size + line.size() > rep_->options.max_bytes) rep_->Rotate();
  if (base::WriteAll(rep_->file.get(), line)) {
    rep_->size += line.size();
  } else {
    rep_->status.Update(rep_->Failed("write to"));
  }
}

NetworkEventCallback AuditLog::ForSandbox(std::string sandbox) {
  return [log = shared_from_this(), sandbox = std::move(sandbox)](const NetworkEvent& event) {
    log->Write(sandbox, event);
  };
}

absl::Status AuditLog::status() const {
  const std::lock_guard lock(rep_->mutex);
  return rep_->status;
}

}  // namespace leash

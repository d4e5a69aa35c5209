// net/client_hello.h: no answer is taken back when more bytes come.
#include "fuzz/fuzz.h"
#include "net/client_hello.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using leash::fuzz::Check;
  using leash::net::ClientHelloStatus;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = leash::net::InspectClientHello(bytes);
  if (whole.server_name.has_value()) {
    Check(whole.status == ClientHelloStatus::kDone && !whole.server_name->empty(), "a name is that of a whole message");
    Check(whole.server_name->find('\0') == std::string::npos, "a name has no NUL");
  }
  auto status = ClientHelloStatus::kNeedMore;
  leash::fuzz::Sizes sizes(size);
  for (std::size_t at = 0; at < size; at += sizes.Next()) {
    const auto part = leash::net::InspectClientHello(bytes.substr(0, at));
    Check(status == ClientHelloStatus::kNeedMore || part.status == status, "an answer stays");
    status = part.status;
    if (status == ClientHelloStatus::kDone) {
      Check(part.server_name == whole.server_name && part.encrypted_client_hello == whole.encrypted_client_hello,
            "what follows a ClientHello does not matter");
    }
  }
  Check(status == ClientHelloStatus::kNeedMore || whole.status == status, "an answer stays");
  return 0;
}

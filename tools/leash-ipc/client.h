// One connection to the host: docs/ipc.md. Blocking; one call at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace leash_ipc {

using Json = nlohmann::ordered_json;  // arguments and answers keep their order

// Why there is no response: a code of docs/ipc.md, or "unreachable" when the host cannot be talked to.
struct Failure {
  std::string code;
  std::string message;
};

class Client {
 public:
  // Connects to the socket at `path`.
  explicit Client(const std::string& path);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  // The host's commands, as docs/ipc.md has them.
  bool Describe(Json& commands, Failure& failure);
  // Hands each item to `item` as it comes. `timeout_ms` 0: as long as the host allows.
  bool Call(std::string_view name, const Json& arguments, std::uint32_t timeout_ms,
            const std::function<void(const Json&)>& item, Json& response, Failure& failure);

 private:
  bool Send(std::uint8_t kind, std::string_view body);
  bool Receive(std::uint8_t& kind, std::string_view& body);
  bool Finish(const std::function<void(const Json&)>& item, Json& response, Failure& failure);

  int socket_ = -1;
  std::uint32_t id_ = 0;
  std::vector<char> frame_;
  std::string trouble_;  // why the host cannot be talked to
};

}  // namespace leash_ipc

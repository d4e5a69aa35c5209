#include "base/status.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace leash {
namespace {

TEST(Status, CarriesItsErrorCode) {
  const absl::Status status = base::Error(ErrorCode::kPathNotFound, "granted path /x does not exist");
  EXPECT_EQ(GetErrorCode(status), ErrorCode::kPathNotFound);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrorCodeName(ErrorCode::kPathNotFound), "path_not_found");
}

TEST(Status, AStatusOfSomebodyElseHasNoCode) {
  EXPECT_EQ(GetErrorCode(absl::InternalError("x")), ErrorCode::kUnknown);
  EXPECT_EQ(GetErrorCode(absl::OkStatus()), ErrorCode::kUnknown);
}

TEST(Status, ErrnoErrorsEndWithTheSystemsReason) {
  EXPECT_EQ(std::string(base::ErrnoError(ErrorCode::kIo, EACCES, "cannot open /x").message()),
            "cannot open /x: Permission denied");
}

absl::Status Fails() { return base::Error(ErrorCode::kIo, "first"); }
absl::Status PassesOn() {
  LEASH_RETURN_IF_ERROR(Fails());
  return absl::OkStatus();
}
absl::StatusOr<int> Value(bool ok) {
  if (!ok) return Fails();
  return 7;
}
absl::StatusOr<int> Adds(bool ok) {
  LEASH_ASSIGN_OR_RETURN(const int value, Value(ok));
  return value + 1;
}

TEST(Status, MacrosPassErrorsOnWithTheirCode) {
  EXPECT_EQ(GetErrorCode(PassesOn()), ErrorCode::kIo);
  EXPECT_EQ(*Adds(true), 8);
  EXPECT_EQ(GetErrorCode(Adds(false).status()), ErrorCode::kIo);
}

}  // namespace
}  // namespace leash

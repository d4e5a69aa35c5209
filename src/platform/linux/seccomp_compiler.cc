#include "platform/linux/seccomp_compiler.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>

#include "base/status.h"
#include "base/unique_fd.h"
#include "fmt/format.h"
#include "platform/linux/seccomp_table.h"

namespace leash::platform {
namespace {

using Context = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

absl::Status Failed(int error, std::string_view what) {
  return base::ErrnoError(ErrorCode::kNotEnforced, -error,
                          fmt::format("cannot build the system call filter: {}", what));
}

scmp_arg_cmp Compare(const ArgCondition& condition) {
  switch (condition.test) {
    case ArgTest::kMaskedEqual:
      return scmp_arg_cmp{condition.index, SCMP_CMP_MASKED_EQ, condition.mask, condition.value};
    case ArgTest::kNotEqual:
      return scmp_arg_cmp{condition.index, SCMP_CMP_NE, condition.value, 0};
    case ArgTest::kAtLeast:
      return scmp_arg_cmp{condition.index, SCMP_CMP_GE, condition.value, 0};
    case ArgTest::kEqual:
    case ArgTest::kNone:
      break;
  }
  return scmp_arg_cmp{condition.index, SCMP_CMP_EQ, condition.value, 0};
}

std::uint32_t ActionOf(const SyscallRule& rule, const SyscallProfile& profile) {
  const bool told = rule.errno_value < 0 || (profile.reported && rule.errno_value == EPERM);
  return told ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(static_cast<unsigned>(rule.errno_value));
}

// Whether a rule without conditions tells the supervisor of every such call: then no other is needed, and libseccomp
// takes none beside it.
bool ToldAlways(std::string_view name, const SyscallProfile& profile) {
  for (const SyscallGroup& group : SyscallTable()) {
    if (!AppliesTo(group.scope, profile)) continue;
    for (const SyscallRule& rule : group.rules) {
      if (rule.name == name && rule.errno_value == kLookAt) return true;
    }
  }
  return false;
}

absl::Status AddRule(scmp_filter_ctx context, const SyscallRule& rule, const SyscallProfile& profile) {
  const int number = seccomp_syscall_resolve_name(std::string(rule.name).c_str());
  // Negative: this architecture has no such call, or this libseccomp does not know its name: kNewerThanLibseccomp.
  if (number < 0) return absl::OkStatus();
  std::array<scmp_arg_cmp, 2> conditions;
  unsigned count = 0;
  for (const ArgCondition& condition : {rule.first, rule.second}) {
    if (condition.test != ArgTest::kNone) conditions[count++] = Compare(condition);
  }
  const int result = seccomp_rule_add_exact_array(context, ActionOf(rule, profile), number, count, conditions.data());
  if (result != 0) return Failed(result, rule.name);
  return absl::OkStatus();
}

// System calls that the distribution's libseccomp may not know by name yet.
struct RawRule {
  std::uint32_t number;
  int errno_value;
};
constexpr RawRule kNewerThanLibseccomp[] = {
    {457, EPERM},       // statmount
    {458, EPERM},       // listmount
    {460, EPERM},       // lsm_set_self_attr
    {463, EOPNOTSUPP},  // setxattrat
    {466, EOPNOTSUPP},  // removexattrat
    {467, EPERM},       // open_tree_attr
    {469, EOPNOTSUPP},  // file_setattr
};

#if defined(__x86_64__)
constexpr std::uint32_t kNativeArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kNativeArch = AUDIT_ARCH_AARCH64;
#else
#error "leash has no system call table for this architecture"
#endif
constexpr std::uint32_t kX32Bit = 0x40000000;
constexpr std::uint32_t kFchmodat2 = 452;

sock_filter Load(std::size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
sock_filter Return(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }
// Runs the next instruction when the accumulator is `value` (`op` BPF_JEQ) or at least it (BPF_JGE), else skips it.
sock_filter OnlyIf(unsigned op, std::uint32_t value) {
  return BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | op | BPF_K), value, 0, 1);
}
std::uint32_t Errno(int error) { return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error); }

// Only these values of personality(2): asking (all ones), Linux, 32-bit Linux, and those two with the old uname. Every
// other one turns off a protection of the address space.
constexpr std::uint32_t kPersonalities[] = {0xffffffff, 0x0, 0x8, 0x20000, 0x20008};

// The lower half of an argument; both architectures above are little-endian.
sock_filter LoadArgument(unsigned index) { return Load(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t)); }

// What libseccomp cannot say: ranges of numbers, "none of these values", and calls it has no name for.
std::vector<sock_filter> Prologue(const SyscallProfile& profile) {
  std::vector<sock_filter> program = {
      Load(offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kNativeArch, 1, 0),
      Return(SECCOMP_RET_KILL_PROCESS),
      Load(offsetof(seccomp_data, nr)),
      OnlyIf(BPF_JGE, kX32Bit),
      Return(SECCOMP_RET_KILL_PROCESS),
      OnlyIf(BPF_JGT, kNewestSystemCall),
      Return(Errno(ENOSYS)),
      // fchmodat2 with a set-ID bit in its mode, and without.
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kFchmodat2, 0, 4),
      LoadArgument(2),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, S_ISUID | S_ISGID, 0, 1),
      Return(Errno(EPERM)),
      Return(profile.supervised ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW),
  };
  constexpr std::uint8_t kCount = std::size(kPersonalities);
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_personality, 0, kCount + 3));
  program.push_back(LoadArgument(0));
  for (std::uint8_t i = 0; i < kCount; ++i) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kPersonalities[i], static_cast<std::uint8_t>(kCount - i), 0));
  }
  program.push_back(Return(Errno(EPERM)));
  program.push_back(Load(offsetof(seccomp_data, nr)));
  for (const RawRule& rule : kNewerThanLibseccomp) {
    program.push_back(OnlyIf(BPF_JEQ, rule.number));
    program.push_back(Return(Errno(rule.errno_value)));
  }
  return program;
}

absl::StatusOr<std::vector<sock_filter>> Export(scmp_filter_ctx context) {
  const base::UniqueFd file(::memfd_create("leash-seccomp", MFD_CLOEXEC));
  if (!file) return Failed(-errno, "memfd_create");
  if (const int result = seccomp_export_bpf(context, file.get()); result != 0) return Failed(result, "export");
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size <= 0 || size % static_cast<off_t>(sizeof(sock_filter)) != 0) return Failed(-EIO, "export is not a program");
  std::vector<sock_filter> program(static_cast<std::size_t>(size) / sizeof(sock_filter));
  if (::pread(file.get(), program.data(), static_cast<std::size_t>(size), 0) != size) return Failed(-EIO, "read back");
  return program;
}

}  // namespace

absl::StatusOr<std::vector<sock_filter>> CompileSeccompFilter(const SyscallProfile& profile) {
  // Without this, libseccomp asks the kernel that the build runs on what it could load.
  (void)seccomp_api_set(5);
  const Context context(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
  if (context == nullptr) return Failed(-ENOMEM, "seccomp_init");
  if (const int r = seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2); r != 0) return Failed(r, "optimize");
  if (const int r = seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS); r != 0) {
    return Failed(r, "architecture");
  }
  for (const SyscallGroup& group : SyscallTable()) {
    if (!AppliesTo(group.scope, profile)) continue;
    for (const SyscallRule& rule : group.rules) {
      if (rule.errno_value != kLookAt && ToldAlways(rule.name, profile)) continue;
      LEASH_RETURN_IF_ERROR(AddRule(context.get(), rule, profile));
    }
  }
  LEASH_ASSIGN_OR_RETURN(const std::vector<sock_filter> compiled, Export(context.get()));
  std::vector<sock_filter> program = Prologue(profile);
  program.insert(program.end(), compiled.begin(), compiled.end());
  if (program.size() > BPF_MAXINSNS) return Failed(-E2BIG, "too many rules");
  return program;
}

std::map<int, std::string> SystemCallNames() {
  std::map<int, std::string> names;
  for (const SyscallGroup& group : SyscallTable()) {
    for (const SyscallRule& rule : group.rules) {
      const std::string name(rule.name);
      if (const int number = seccomp_syscall_resolve_name(name.c_str()); number >= 0) names.emplace(number, name);
    }
  }
  return names;
}

}  // namespace leash::platform

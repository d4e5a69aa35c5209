#include "platform/macos/services.h"

namespace leash::platform::macos {
namespace {

// Left out on purpose: pasteboard, window server, audio and camera, launchd and launch services (they start programs
// outside the sandbox), preferences (cfprefsd tells those of every application), distributed notifications (they reach
// every application).
constexpr NamedReason kMach[] = {
    {"com.apple.system.opendirectoryd.libinfo", "names of users and groups"},
    {"com.apple.system.opendirectoryd.membership", "groups of a user"},
    {"com.apple.system.logger", "syslog"},
    {"com.apple.logd", "the log"},
    {"com.apple.diagnosticd", "whether somebody watches the log"},
    {"com.apple.system.notification_center", "changes of time zone and network that libraries wait for"},
    {"com.apple.trustd", "certificates are judged there"},
    {"com.apple.trustd.agent", "certificates are judged there"},
    {"com.apple.SystemConfiguration.configd", "proxy and host name settings"},
    {"com.apple.bsd.dirhelper", "a user's temporary directory"},
    {"com.apple.FSEvents", "changes of files that may be read"},
};

constexpr NamedReason kMachKeychain[] = {
    {"com.apple.SecurityServer", "keychains and rights"},
    {"com.apple.securityd.xpc", "keychain items"},
    {"com.apple.secd", "keychain items"},
};

constexpr NamedReason kMachPrompts[] = {
    {"com.apple.tccd", "asks the user about guarded folders"},
    {"com.apple.tccd.system", "asks the user about guarded folders"},
};

constexpr NamedReason kMachGpu[] = {
    {"com.apple.MTLCompilerService", "compiles shaders"},
    {"com.apple.gpumemd.source", "memory of the GPU"},
    {"com.apple.cvmsServ", "compiles shaders of OpenGL"},
};

constexpr NamedReason kMachNpu[] = {
    {"com.apple.appleneuralengine", "models of the neural engine"},
    {"com.apple.coreml.modelcompiler", "compiles models"},
};

constexpr NamedReason kDriverGpu[] = {
    {"IOAccelerationUserClient", "the GPU"},      {"IOAccelerator", "the GPU"},
    {"AGXDeviceUserClient", "Apple's GPU"},       {"IOSurfaceRootUserClient", "buffers of the GPU"},
    {"IOSurfaceSendRight", "buffers of the GPU"},
};

constexpr NamedReason kDriverNpu[] = {
    {"H11ANEInDirectPathClient", "the neural engine"},
    {"AppleNeuralEngineUserClient", "the neural engine"},
};

// Not kern.proc and kern.procargs2: other processes' arguments and environment.
constexpr NamedReason kSysctls[] = {
    {"kern.argmax", "the longest argument list"},
    {"kern.bootargs", "how the system was started: the loader asks"},
    {"kern.boottime", "when the system was started"},
    {"kern.clockrate", "the clock"},
    {"kern.hostname", "the machine's name"},
    {"kern.hv_support", "virtual machines"},
    {"kern.maxfiles", "limits"},
    {"kern.maxfilesperproc", "limits"},
    {"kern.maxproc", "limits"},
    {"kern.maxprocperuid", "limits"},
    {"kern.memorystatus_level", "how much memory is left"},
    {"kern.ngroups", "limits"},
    {"kern.osproductversion", "the system's version"},
    {"kern.osproductversioncompat", "the system's version"},
    {"kern.osrelease", "the system's version"},
    {"kern.ostype", "the system's version"},
    {"kern.osvariant_status", "the system's version"},
    {"kern.osversion", "the system's version"},
    {"kern.secure_kernel", "the kernel"},
    {"kern.tcsm_available", "the processor"},
    {"kern.tcsm_enable", "the processor"},
    {"kern.usrstack64", "where the stack is"},
    {"kern.version", "the system's version"},
    {"kern.willshutdown", "the system"},
    {"machdep.ptrauth_enabled", "the processor"},
    {"security.mac.lockdown_mode_state", "lockdown mode"},
    {"sysctl.name2oid", "how names are looked up"},
    {"sysctl.proc_cputype", "whether the program is translated"},
    {"sysctl.proc_native", "whether the program is translated"},
    {"vm.loadavg", "the load"},
    {"vm.swapusage", "memory"},
};

constexpr NamedReason kSysctlFamilies[] = {
    {"hw.", "the hardware"},
    {"machdep.cpu.", "the processor"},
};

}  // namespace

const SystemServices& Services() {
  static constexpr SystemServices kServices = {
      .mach = kMach,
      .mach_keychain = kMachKeychain,
      .mach_prompts = kMachPrompts,
      .mach_gpu = kMachGpu,
      .mach_npu = kMachNpu,
      .driver_gpu = kDriverGpu,
      .driver_npu = kDriverNpu,
      .sysctls = kSysctls,
      .sysctl_families = kSysctlFamilies,
  };
  return kServices;
}

}  // namespace leash::platform::macos

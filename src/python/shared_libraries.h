// Shared libraries that a program brings along: those that it names, in the directories that it names itself.
#pragma once

#include <string>
#include <vector>

namespace leash::python {

// Canonical paths: what the dynamic section of an ELF file needs (DT_NEEDED) and finds by its DT_RUNPATH or DT_RPATH,
// with what those libraries need in turn, and its loader (PT_INTERP). What the system's loader finds in the system's
// directories is not among them. Empty for anything that is no 64-bit ELF file of this machine's byte order.
//
// The file may be hostile: it is never executed, and nothing is named that is no ELF file called "*.so" or "*.so.1".
std::vector<std::string> SharedLibrariesOf(const std::string& program);

}  // namespace leash::python

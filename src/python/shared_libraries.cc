#include "python/shared_libraries.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/file_system.h"
#include "base/path.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "python/files.h"

namespace leash::python {
namespace {

constexpr std::size_t kMostLibraries = 256;
constexpr std::size_t kLongestTable = 1U << 20;

// What one ELF file says about others.
struct Needs {
  std::string loader;
  std::vector<std::string> names;
  std::string search;  // directories, separated by colons
};

class ElfFile {
 public:
  explicit ElfFile(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}

  std::optional<Needs> Read() {
    Elf64_Ehdr header = {};
    constexpr auto kOrder = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    if (!ReadAt(0, &header, sizeof(header)) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != kOrder ||
        header.e_phentsize != sizeof(Elf64_Phdr)) {
      return std::nullopt;
    }
    segments_.resize(header.e_phnum);
    if (!ReadAt(header.e_phoff, segments_.data(), segments_.size() * sizeof(Elf64_Phdr))) return std::nullopt;
    Needs needs;
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type == PT_INTERP) needs.loader = Text(segment.p_offset, segment.p_filesz).c_str();
      if (segment.p_type == PT_DYNAMIC) ReadDynamic(segment, needs);
    }
    return needs;
  }

 private:
  bool ReadAt(std::uint64_t offset, void* to, std::size_t size) const {
    return fd_ && ::pread(fd_.get(), to, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
  }

  std::string Text(std::uint64_t offset, std::uint64_t size) const {
    if (size > kLongestTable) return "";
    std::string text(size, '\0');
    return ReadAt(offset, text.data(), text.size()) ? text : "";
  }

  // The dynamic section has addresses in memory; the segments say where they are in the file.
  std::optional<std::uint64_t> OffsetOf(std::uint64_t address) const {
    for (const Elf64_Phdr& segment : segments_) {
      const bool inside = address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz;
      if (segment.p_type == PT_LOAD && inside) return segment.p_offset + (address - segment.p_vaddr);
    }
    return std::nullopt;
  }

  void ReadDynamic(const Elf64_Phdr& segment, Needs& needs) const {
    if (segment.p_filesz > kLongestTable) return;
    std::vector<Elf64_Dyn> entries(segment.p_filesz / sizeof(Elf64_Dyn));
    if (!ReadAt(segment.p_offset, entries.data(), entries.size() * sizeof(Elf64_Dyn))) return;
    std::uint64_t table = 0;
    std::uint64_t size = 0;
    for (const Elf64_Dyn& entry : entries) {
      if (entry.d_tag == DT_STRTAB) table = entry.d_un.d_ptr;
      if (entry.d_tag == DT_STRSZ) size = entry.d_un.d_val;
    }
    const std::optional<std::uint64_t> offset = OffsetOf(table);
    if (!offset.has_value()) return;
    const std::string strings = Text(*offset, size);
    for (const Elf64_Dyn& entry : entries) {
      if (entry.d_un.d_val >= strings.size()) continue;
      const char* text = strings.c_str() + entry.d_un.d_val;
      if (entry.d_tag == DT_NEEDED) needs.names.emplace_back(text);
      if (entry.d_tag == DT_RUNPATH || entry.d_tag == DT_RPATH) needs.search = text;
    }
  }

  const base::UniqueFd fd_;
  std::vector<Elf64_Phdr> segments_;
};

// "libx.so" and "libx.so.1", but not "secrets.sops.yaml".
bool IsLibraryName(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::size_t at = name.find(".so.");
  const bool versioned = at != std::string_view::npos && name.find_first_of("0123456789", at) == at + 4;
  return versioned || name.ends_with(".so");
}

// Each directory of `search`, with $ORIGIN replaced; relative ones are passed over.
std::vector<std::string> Directories(std::string_view search, const std::string& file) {
  std::vector<std::string> directories;
  while (!search.empty()) {
    std::string directory(base::TakePiece(search, ":"));
    for (const std::string_view origin : {"${ORIGIN}", "$ORIGIN"}) {
      if (const std::size_t at = directory.find(origin); at != std::string::npos) {
        directory.replace(at, origin.size(), base::ParentOf(file));
      }
    }
    if (directory.starts_with('/')) directories.push_back(std::move(directory));
  }
  return directories;
}

}  // namespace

std::vector<std::string> SharedLibrariesOf(const std::string& program) {
  std::vector<std::string> found;
  const auto add = [&](const std::string& path) {
    const std::optional<std::string> canonical = base::HostFileSystem().Canonical(path);
    if (!canonical.has_value() || !IsFile(*canonical) || !IsLibraryName(*canonical) || !IsElf(*canonical)) return false;
    const bool known = std::find(found.begin(), found.end(), *canonical) != found.end();
    if (!known && found.size() < kMostLibraries) found.push_back(*canonical);
    return true;
  };
  // `found` grows meanwhile.
  for (std::size_t i = 0; i <= found.size(); ++i) {
    const std::string file = i == 0 ? program : found[i - 1];
    const std::optional<Needs> needs = ElfFile(file).Read();
    if (!needs.has_value()) continue;
    if (i == 0 && needs->loader.starts_with('/')) add(needs->loader);
    for (const std::string& name : needs->names) {
      if (!IsLibraryName(name)) continue;
      if (name.starts_with('/')) {
        add(name);
        continue;
      }
      for (const std::string& directory : Directories(needs->search, file)) {
        if (name.find('/') == std::string::npos && add(base::JoinPath(directory, name))) break;
      }
    }
  }
  return found;
}

}  // namespace leash::python

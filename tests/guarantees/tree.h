// Files that a sandbox must not touch, and a way to see that it did not.
#pragma once

#include <string>

#include "launch.h"

namespace leash::guarantees {

// Makes a directory tree, owned by `who`, as a user has it: `home` with credentials, a history, a project and a plain
// file; `bare`, a home without any of that; `linked`, a home whose ~/.aws is a symbolic link to `elsewhere`; `outside`
// with files of all kinds. What was there before is removed.
void MakeTree(const std::string& root, Who who);

// Everything about every file below `root` but the access times, as text: two snapshots are equal if nothing was
// created, removed, changed or moved in between.
std::string Snapshot(const std::string& root);

// As the functions say; a failure ends the test program, because no test could be trusted after it.
void MakeDirectory(const std::string& path, mode_t mode, Who who);
void WriteFile(const std::string& path, const std::string& text, mode_t mode, Who who);
void RemoveTree(const std::string& path);
void PlaceProgram(const std::string& from, const std::string& to);  // a hard link if possible, else a copy
void CopyProgram(const std::string& from, const std::string& to);
std::string ReadWholeFile(const std::string& path);

}  // namespace leash::guarantees

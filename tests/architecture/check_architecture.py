#!/usr/bin/env python3
"""Checks that the arrows between the parts of leash go down only.

Usage: check_architecture.py ROOT

Reads the #include lines and the conditionals of ROOT/{include,src,tools} and reports
  - an arrow that the table below does not allow,
  - a circle of files, or of folders,
  - a conditional on an operating system outside that system's folder in src/platform.

Not covered: which third-party headers a part uses, and what the build system links. Conditionals are not evaluated:
an #include in a branch that is never taken counts as an arrow.
"""

import posixpath
import re
import sys
from pathlib import Path

# part -> the parts it may include. A part may always include itself. `public` is include/leash.
CORE = ["core", "net", "ipc", "base", "public"]
MIDDLE = CORE + ["cedar"]
UPPER = MIDDLE + ["approval", "governance", "mcp", "monitor", "python"]
ARROWS = {
    "public": [],
    "base": ["public"],
    "cedar": ["base"],  # could ship as a library of its own
    "net": ["base", "public"],
    "ipc": ["base", "public"],
    "core": ["net", "ipc", "base", "public"],
    "approval": MIDDLE,
    "governance": MIDDLE,
    "mcp": MIDDLE,
    "monitor": MIDDLE,
    "python": MIDDLE,
    "agent": UPPER,
    "control": UPPER,
    "daemon": UPPER,
    "platform": ["platform/macos", "base", "public"],  # what all of them can tell anywhere
    "platform/linux": ["base", "public"],
    "platform/macos": ["base", "public"],
    "platform/windows": ["base", "public"],
    "tools": ["base", "public"],  # a front end: what it can do, every host application can do
}
# A backend sees the interface that it implements and the plan that it applies, not the rest of core.
PLATFORM_HEADERS = ["core/backend.h", "core/carve_out.h", "core/home_paths.h", "core/plan.h", "core/profile.h"]

# Who includes this header wants the other's types as well; leash.h does not include it.
OTHERS_IN_PUBLIC = [("include/leash/ipc.h", "msgpack.hpp")]

# Which folder may ask for which system. Everything else is `src/platform` as a whole.
SYSTEM_MACROS = {
    "src/platform/linux": ["__linux__", "__linux", "linux", "__gnu_linux__", "__ANDROID__"],
    "src/platform/macos": ["__APPLE__", "__MACH__", r"TARGET_OS_\w+"],
    "src/platform/windows": ["_WIN32", "_WIN64", "WIN32", "_MSC_VER", "__CYGWIN__", r"__MINGW(?:32|64)__"],
    "src/platform": ["__unix__", "__unix", "unix", "_POSIX_VERSION", "__FreeBSD__", "__NetBSD__", "__OpenBSD__",
                     "__DragonFly__", "BSD", "__sun", "_AIX", "__HAIKU__", "__Fuchsia__", "__EMSCRIPTEN__"],
}

STANDARD_HEADERS = set("""
algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes climits
clocale cmath codecvt compare complex concepts condition_variable coroutine csetjmp csignal cstdarg cstddef cstdint
cstdio cstdlib cstring ctime cuchar cwchar cwctype deque exception execution filesystem format forward_list fstream
functional future initializer_list iomanip ios iosfwd iostream istream iterator latch limits list locale map memory
memory_resource mutex new numbers numeric optional ostream queue random ranges ratio regex scoped_allocator semaphore
set shared_mutex source_location span sstream stack stdexcept stop_token streambuf string string_view strstream
syncstream system_error thread tuple type_traits typeindex typeinfo unordered_map unordered_set utility valarray
variant vector version sys/types.h
""".split())  # sys/types.h for pid_t

DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w+)(.*)$")
QUOTED = re.compile(r'^\s*(?:"([^"]+)"|<([^>]+)>)\s*$')
CONDITIONALS = {"if", "ifdef", "ifndef", "elif", "elifdef", "elifndef"}
# A comment, or something in which `//` starts none. Raw strings may hold lines that look like directives.
LEXEME = re.compile(
    r'//(?:\\\n|[^\n])*|/\*.*?\*/|R"([^()\\\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def strip_comments(text):
    """Comments and raw strings become blanks; the lines keep their numbers."""

    def blank(match):
        lexeme = match.group(0)
        if lexeme[0] == "/" or lexeme[0] == "R":
            return " " + "\n" * lexeme.count("\n")
        return lexeme

    return LEXEME.sub(blank, text)


def directives(text):
    """(line number, name, rest) of every preprocessor line; continued lines are joined."""
    number = 0
    lines = iter(strip_comments(text).split("\n"))
    for line in lines:
        number += 1
        start = number
        while line.endswith("\\"):
            line = line[:-1] + " " + next(lines, "")
            number += 1
        match = DIRECTIVE.match(line)
        if match:
            yield start, match.group(1), match.group(2)


def part_of(path):
    """The part that a file belongs to: src/base/path.h -> base. None: not in a known place."""
    pieces = path.split("/")
    if path.startswith("include/leash/"):
        return "public"
    if pieces[0] == "tools":
        return "tools"
    if pieces[0] == "src" and len(pieces) > 2:
        deep = pieces[1] == "platform" and len(pieces) > 3
        return "/".join(pieces[1:3]) if deep else pieces[1]
    return None


class Tree:
    """The sources below a root, and the arrows between them."""

    def __init__(self, root):
        self.root = Path(root)
        self.files = {}
        for top in ("include", "src", "tools"):
            for path in sorted((self.root / top).rglob("*")):
                if path.suffix in (".h", ".cc", ".c", ".inc") and path.is_file():
                    self.files[path.relative_to(self.root).as_posix()] = path.read_text(encoding="utf-8")
        self.problems = []
        self.arrows = {path: [] for path in self.files}  # file -> [(line, file)]

    def report(self, path, line, message):
        self.problems.append(f"{path}:{line}: {message}")

    def resolve(self, path, name):
        """The file of the tree that an #include names, looked for as the compiler does; None: not ours."""
        for folder in (posixpath.dirname(path), "include", "src", "tools"):
            candidate = posixpath.normpath(posixpath.join(folder, name))
            if candidate in self.files:
                return candidate
        return None

    def read(self):
        for path, text in self.files.items():
            if part_of(path) not in ARROWS:
                self.report(path, 1, f"in no part that check_architecture.py knows; known: {', '.join(ARROWS)}")
                continue
            for line, name, rest in directives(text):
                if name in CONDITIONALS:
                    self.check_conditional(path, line, rest)
                elif name in ("include", "include_next", "import"):
                    self.check_include(path, line, rest)

    def check_conditional(self, path, line, condition):
        for folder, macros in SYSTEM_MACROS.items():
            found = re.search(r"(?<!\w)(?:" + "|".join(macros) + r")(?!\w)", condition)
            if found and not path.startswith(folder + "/"):
                self.report(path, line, f"conditional on {found.group(0)}; allowed in {folder}/ only")

    def check_include(self, path, line, rest):
        match = QUOTED.match(rest)
        if not match:
            self.report(path, line, f"#include{rest}: a computed name cannot be checked; allowed: a literal name")
            return
        name = match.group(1) or match.group(2)
        target = self.resolve(path, name)
        if target:
            self.arrows[path].append((line, target))
            self.check_arrow(path, line, target)
        elif part_of(path) == "public" and (path, name) not in OTHERS_IN_PUBLIC and not (
                name.startswith("absl/") or name in STANDARD_HEADERS):
            self.report(path, line, f"public header -> {name}; allowed: leash/*, absl/* and the standard library")

    def check_arrow(self, path, line, target):
        source_part, target_part = part_of(path), part_of(target)
        allowed = ARROWS.get(source_part, [])
        if target_part == source_part or target_part in allowed:
            return
        if source_part.startswith("platform"):
            if posixpath.relpath(target, "src") in PLATFORM_HEADERS:
                return
            allowed = PLATFORM_HEADERS + allowed
        self.report(path, line, f"{source_part} -> {target_part} ({target}); allowed: {', '.join(allowed) or 'nothing'}")

    def check_circles(self):
        files = {path: sorted({target for _, target in arrows}) for path, arrows in self.arrows.items()}
        for circle in circles(files):
            line = next(line for line, target in self.arrows[circle[0]] if target == circle[1])
            self.report(circle[0], line, f"circle of files: {' -> '.join(circle)}; allowed: none")
        folders, places = {}, {}
        for path, arrows in self.arrows.items():
            source = posixpath.dirname(path)
            for line, target in arrows:
                folder = posixpath.dirname(target)
                if folder != source:
                    folders.setdefault(source, set()).add(folder)
                    places.setdefault((source, folder), (path, line))
        for circle in circles({folder: sorted(targets) for folder, targets in folders.items()}):
            path, line = places[circle[0], circle[1]]
            self.report(path, line, f"circle of folders: {' -> '.join(circle)}; allowed: none")


def circles(graph):
    """One circle, as [a, b, ..., a], for each arrow that closes one in a depth-first walk."""
    found, done, trail = [], set(), []

    def walk(node):
        if node in trail:
            found.append(trail[trail.index(node):] + [node])
            return
        if node in done:
            return
        trail.append(node)
        for target in graph.get(node, []):
            walk(target)
        done.add(trail.pop())

    for node in graph:
        walk(node)
    return found


def check(root):
    tree = Tree(root)
    if not tree.files:
        return [f"{root}: no sources found"]
    tree.read()
    tree.check_circles()
    return tree.problems


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    problems = check(sys.argv[1])
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The checker catches what it is there to catch: each test breaks a sound little tree in one way."""

import tempfile
import unittest
from pathlib import Path

import check_architecture

SOUND = {
    "include/leash/leash.h": '#include <sys/types.h>\n#include <string>\n\n#include "absl/status/status.h"\n'
                             '#include "leash/unsafe/token.h"\n',
    "include/leash/unsafe/token.h": "#pragma once\n",
    "src/base/path.h": '#include "leash/leash.h"\n',
    "src/base/path.cc": '#include "base/path.h"\n\n#include <fcntl.h>\n#include <net/if.h>\n',
    "src/cedar/lexer.cc": '#include "base/path.h"\n',
    "src/net/dns.h": '#include "base/path.h"\n',
    "src/core/plan.h": '#include "base/path.h"\n#include "net/dns.h"\n',
    "src/core/backend.h": '#include "core/plan.h"\n',
    "src/core/spawn.h": '#include "core/backend.h"\n',
    "src/governance/compile.cc": '#include "cedar/lexer.h"\n#include "core/plan.h"\n',
    "src/daemon/session.cc": '#include "core/spawn.h"\n',
    "src/platform/linux/filter.h": "#ifdef __linux__\n#endif\n#include <seccomp.h>\n",
    "src/platform/linux/backend.cc": '#include "platform/linux/filter.h"\n#include "core/backend.h"\n'
                                     '#include "core/plan.h"\n#include "base/path.h"\n#include "leash/leash.h"\n',
    "tools/leash-cli/output.h": "#pragma once\n",
    "tools/leash-cli/main.cc": '#include <leash/leash.h>\n#include "base/path.h"\n#include "output.h"\n',
}


class CheckArchitectureTest(unittest.TestCase):
    def problems(self, changes):
        """What is found in the sound tree with these files put in."""
        with tempfile.TemporaryDirectory() as root:
            for name, text in {**SOUND, **changes}.items():
                path = Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return check_architecture.check(root)

    def assert_caught(self, changes, *problems):
        self.assertEqual(self.problems(changes), list(problems))

    def test_the_sound_tree_is_sound(self):
        self.assert_caught({})

    def test_a_tree_without_sources_is_not_sound(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(check_architecture.check(root), [f"{root}: no sources found"])

    # Arrows.

    def test_base_may_not_look_up(self):
        self.assert_caught({"src/base/log.h": '\n#include "net/dns.h"\n'},
                           "src/base/log.h:2: base -> net (src/net/dns.h); allowed: public",
                           "src/base/log.h:2: circle of folders: src/base -> src/net -> src/base; allowed: none")

    def test_neighbours_on_a_floor_may_not_know_each_other(self):
        self.assert_caught({"src/ipc/server.cc": '#include "net/dns.h"\n'},
                           "src/ipc/server.cc:1: ipc -> net (src/net/dns.h); allowed: base, public")

    def test_core_may_not_include_a_platform(self):
        problems = self.problems({"src/core/spawn.cc": '#include "platform/linux/filter.h"\n'})
        self.assertIn("src/core/spawn.cc:1: core -> platform/linux (src/platform/linux/filter.h); "
                      "allowed: net, ipc, base, public", problems)

    def test_a_platform_sees_only_the_interface_of_core(self):
        self.assert_caught({"src/platform/linux/spawn.cc": '#include "core/spawn.h"\n'},
                           "src/platform/linux/spawn.cc:1: platform/linux -> core (src/core/spawn.h); "
                           "allowed: core/backend.h, core/carve_out.h, core/home_paths.h, core/plan.h, core/profile.h, base, public")

    def test_platforms_may_not_know_each_other(self):
        self.assert_caught({"src/platform/macos/spawn.cc": '#include "platform/linux/filter.h"\n'},
                           "src/platform/macos/spawn.cc:1: platform/macos -> platform/linux "
                           "(src/platform/linux/filter.h); allowed: core/backend.h, core/carve_out.h, core/home_paths.h, core/plan.h, core/profile.h, base, public")

    def test_cedar_stands_on_base_alone(self):
        self.assert_caught({"src/cedar/parser.cc": '#include "leash/leash.h"\n'},
                           "src/cedar/parser.cc:1: cedar -> public (include/leash/leash.h); allowed: base")

    def test_the_middle_may_not_include_the_top(self):
        self.assert_caught({"src/mcp/policy.cc": '#include "daemon/session.h"\n', "src/daemon/session.h": "\n"},
                           "src/mcp/policy.cc:1: mcp -> daemon (src/daemon/session.h); "
                           "allowed: core, net, ipc, base, public, cedar")

    def test_tools_use_the_public_interface(self):
        self.assert_caught({"tools/leash-cli/run.cc": '#include "core/spawn.h"\n'},
                           "tools/leash-cli/run.cc:1: tools -> core (src/core/spawn.h); allowed: base, public")

    def test_the_library_may_not_include_a_tool(self):
        problems = self.problems({"src/core/spawn.cc": '#include "leash-cli/output.h"\n'})
        self.assertEqual(problems, ["src/core/spawn.cc:1: core -> tools (tools/leash-cli/output.h); "
                                    "allowed: net, ipc, base, public"])

    def test_an_arrow_by_a_relative_path_counts(self):
        problems = self.problems({"src/base/log.h": '#include "../net/dns.h"\n'})
        self.assertIn("src/base/log.h:1: base -> net (src/net/dns.h); allowed: public", problems)

    def test_a_public_header_may_not_include_the_inside(self):
        problems = self.problems({"include/leash/run.h": '#include "core/spawn.h"\n'})
        self.assertIn("include/leash/run.h:1: public -> core (src/core/spawn.h); allowed: nothing", problems)

    def test_a_public_header_may_not_include_third_parties(self):
        for name in ("<fmt/core.h>", "<uv.h>", '"CLI/CLI.hpp"', "<sys/socket.h>"):
            self.assert_caught({"include/leash/run.h": f"#include {name}\n"},
                               f"include/leash/run.h:1: public header -> {name[1:-1]}; "
                               "allowed: leash/*, absl/* and the standard library")

    def test_a_computed_include_is_refused(self):
        self.assert_caught({"src/base/log.cc": "#include LOG_HEADER\n"},
                           "src/base/log.cc:1: #include LOG_HEADER: a computed name cannot be checked; "
                           "allowed: a literal name")

    def test_a_new_folder_needs_a_floor(self):
        problems = self.problems({"src/util/text.h": "\n"})
        self.assertEqual(len(problems), 1)
        self.assertRegex(problems[0], r"^src/util/text\.h:1: in no part that .* knows")

    def test_comments_and_raw_strings_are_no_includes(self):
        self.assert_caught({"src/base/log.cc": '// a \\\n#include "net/dns.h"\n/*\n#include "net/dns.h"\n*/\n'
                                               'auto s = R"x(\n#include "net/dns.h"\n)x";\nauto t = "/*";\n'})

    def test_an_include_after_such_things_is_one(self):
        problems = self.problems({"src/base/log.cc": '/* */ auto s = "// \\" /*";\n/*\n*/ #  include "net/dns.h" // x\n'})
        self.assertIn("src/base/log.cc:3: base -> net (src/net/dns.h); allowed: public", problems)

    # Circles.

    def test_a_circle_of_files_is_caught(self):
        self.assert_caught({"src/base/a.h": '#include "base/b.h"\n', "src/base/b.h": '\n#include "base/c.h"\n',
                            "src/base/c.h": '#include "base/a.h"\n'},
                           "src/base/a.h:1: circle of files: src/base/a.h -> src/base/b.h -> src/base/c.h -> "
                           "src/base/a.h; allowed: none")

    def test_a_file_that_includes_itself_is_a_circle(self):
        self.assert_caught({"src/base/a.h": '#include "a.h"\n'},
                           "src/base/a.h:1: circle of files: src/base/a.h -> src/base/a.h; allowed: none")

    def test_a_circle_of_folders_is_caught_though_every_arrow_is_allowed(self):
        self.assert_caught({"src/core/plan.h": '#include "core/rules/rule.h"\n',
                            "src/core/rules/rule.h": "\n",
                            "src/core/rules/print.cc": '#include "core/spawn.h"\n'},
                           "src/core/plan.h:1: circle of folders: src/core -> src/core/rules -> src/core; allowed: none")

    # Conditionals.

    def test_conditionals_on_a_system_are_caught_outside_platform(self):
        for line in ("#ifdef __linux__", "#ifndef _WIN32", "#if defined(__APPLE__) && 1", "#  elif defined __unix__",
                     "#if X || \\\n  defined(__FreeBSD__)", "#if TARGET_OS_MAC"):
            for path in ("src/base/log.cc", "include/leash/run.h", "tools/leash-cli/run.cc"):
                with self.subTest(line=line, path=path):
                    problems = self.problems({path: f"\n{line}\n#endif\n"})
                    self.assertEqual(len(problems), 1, problems)
                    self.assertRegex(problems[0], rf"^{path}:2: conditional on \w+; allowed in src/platform")

    def test_each_platform_asks_for_its_own_system_only(self):
        self.assert_caught({"src/platform/linux/spawn.cc": "#ifdef __APPLE__\n#endif\n#if defined(__unix__)\n#endif\n"},
                           "src/platform/linux/spawn.cc:1: conditional on __APPLE__; allowed in src/platform/macos/ only")

    def test_other_conditionals_are_nobodys_business(self):
        self.assert_caught({"src/base/log.cc": "#ifdef NDEBUG\n#elif __cplusplus > 202002L && MY_linux_FLAG\n#endif\n"})


if __name__ == "__main__":
    unittest.main()

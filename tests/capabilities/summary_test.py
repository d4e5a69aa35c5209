#!/usr/bin/env python3
"""tests/summary.py tells a failure from a skip, and a tolerable skip from one that CI must not have."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SUMMARY = Path(__file__).resolve().parent.parent / "summary.py"

PASSED = '<testcase name="a.passes" status="run"><system-out></system-out></testcase>'
FAILED = '<testcase name="a.fails" status="fail"><failure message=""/><system-out>why\n</system-out></testcase>'
MISSING = ('<testcase name="a.is_gone" status="notrun"><skipped message="Unable to find executable"/>'
           "<system-out></system-out></testcase>")
GTEST_SKIPPED = ('<testcase name="a.skips" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
                 "<system-out>[ RUN      ] a.skips\n/x/a_test.cc:12: Skipped\nneeds landlock.tcp: no such\nkernel\n\n"
                 "[  SKIPPED ] a.skips (0 ms)\n</system-out></testcase>")
SCRIPT_SKIPPED = ('<testcase name="a.script" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/>'
                  "<system-out>SKIP: no bwrap here\n</system-out></testcase>")
SKIPPED_IN_PART = ('<testcase name="a.part" status="run"><system-out>SKIP: landlock.tcp: no second half\n'
                   "</system-out></testcase>")


class SummaryTest(unittest.TestCase):
    def summarise(self, *cases, ci=False):
        with tempfile.TemporaryDirectory() as folder:
            results, required = Path(folder, "junit.xml"), Path(folder, "required.txt")
            if cases:
                results.write_text(f'<testsuite time="2.4">{"".join(cases)}</testsuite>', encoding="utf-8")
            required.write_text("# what CI has\nlandlock.tcp  # 6.7\n", encoding="utf-8")
            environment = {key: value for key, value in os.environ.items() if key != "CI"}
            if ci:
                environment["CI"] = "true"
            done = subprocess.run([sys.executable, "-B", SUMMARY, "--required", required, f"x={results}"],
                                  env=environment, capture_output=True, text=True, check=False)
            self.assertEqual(done.stderr, "")
            return done.returncode, done.stdout.replace(str(required), "required.txt").splitlines()

    def test_all_passed(self):
        self.assertEqual(self.summarise(PASSED, ci=True),
                         (0, ["leash-dev: tests passed: x 1 passed, 0 failed, 0 skipped in 2 s"]))

    def test_a_failure_fails(self):
        self.assertEqual(self.summarise(PASSED, FAILED),
                         (1, ["x: FAILED a.fails; its last lines:", "    why",
                              "leash-dev: tests FAILED: x 1 passed, 1 failed, 0 skipped in 2 s"]))

    def test_a_missing_program_is_no_skip(self):
        self.assertEqual(self.summarise(PASSED, MISSING)[0], 1)

    def test_no_results_fail(self):
        self.assertEqual(self.summarise(), (1, ["leash-dev: tests FAILED: x no results"]))

    def test_a_skip_says_why(self):
        self.assertEqual(self.summarise(PASSED, GTEST_SKIPPED, SCRIPT_SKIPPED),
                         (0, ["x: skipped a.skips: needs landlock.tcp: no such kernel",
                              "x: skipped a.script: no bwrap here",
                              "leash-dev: tests passed: x 1 passed, 0 failed, 2 skipped in 2 s"]))

    def test_a_part_that_was_left_out_is_counted_once(self):
        status, lines = self.summarise(PASSED, SKIPPED_IN_PART)
        self.assertEqual(status, 0)
        self.assertRegex(lines[0], r"^x: tests that left out a part which does not apply here: 1; reasons in .*junit\.xml$")
        self.assertEqual(lines[1:], ["leash-dev: tests passed: x 2 passed, 0 failed, 0 skipped in 2 s"])

    def test_ci_must_not_leave_out_a_part_that_it_has(self):
        self.assertEqual(self.summarise(PASSED, SKIPPED_IN_PART, ci=True)[0], 1)

    def test_ci_must_not_skip_what_it_has(self):
        status, lines = self.summarise(PASSED, GTEST_SKIPPED, ci=True)
        self.assertEqual(status, 1)
        self.assertIn("x: a.skips must not be skipped here: required.txt lists landlock.tcp", lines)

    def test_ci_may_skip_the_rest(self):
        self.assertEqual(self.summarise(PASSED, SCRIPT_SKIPPED, ci=True)[0], 0)

    def test_ci_does_not_mistake_one_name_for_another(self):
        for other in ("landlock.tcp_connect", "landlock.tcp.connect", "no landlock.tcp"):
            with self.subTest(other):
                self.assertEqual(self.summarise(PASSED, GTEST_SKIPPED.replace("landlock.tcp", other), ci=True)[0], 0)


if __name__ == "__main__":
    unittest.main()

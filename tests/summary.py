#!/usr/bin/env python3
"""Reads the JUnit files that ctest wrote, tells what failed and why tests were skipped, and prints one closing line.

Usage: summary.py [--required FILE] PRESET=JUNIT_FILE...

With CI set in the environment a skip fails the run when its reason names a mechanism listed in FILE: what the
machine of CI can do must be tested there. Exit status: 0, or 1 when a test failed or such a skip was found.
"""

import argparse
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

# GoogleTest: "file.cc:12: Skipped", the reason on the lines below, up to its next marker or a blank line.
GTEST_SKIP = re.compile(r"^\S+:\d+: Skipped\n((?:(?!\[|\n).+\n?)*)", re.MULTILINE)
# Scripts: "SKIP: reason".
SCRIPT_SKIP = re.compile(r"^SKIP: (.+)$", re.MULTILINE)


def skip_reasons(output):
    found = GTEST_SKIP.findall(output) + SCRIPT_SKIP.findall(output)
    return [" ".join(reason.split()) for reason in found if reason.strip()]


def read_names(path):
    with open(path, encoding="utf-8") as lines:
        names = (line.split("#")[0].strip() for line in lines)
        return [name for name in names if name]


def names_in(reason, names):
    """The names for want of which something was skipped: "NAME: ..." or "... needs NAME". A mere mention is none."""
    return [name for name in names if re.search(r"(?:^|\bneeds )" + re.escape(name) + r"(?!\w|\.\w)", reason)]


def outcome(case):
    """passed, failed or skipped. ctest writes "skipped" also for a program that is missing: that one failed."""
    status = case.get("status", "")
    skipped = case.find("skipped")
    if status == "run" and case.find("failure") is None:
        return "passed"
    if status == "disabled" or (skipped is not None and skipped.get("message", "").startswith("SKIP_")):
        return "skipped"
    return "failed"


def last_lines(output, count=30):
    return "".join(f"    {line}\n" for line in output.splitlines()[-count:])


def read_preset(path):
    """Counts by outcome, seconds, (test, whole, reason) of each skip, and (test, output) of each failure.

    None when there are no results.

    `whole` is false when a test went on and passed or failed by the rest.
    """
    try:
        suite = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    skips = []
    failures = []
    for case in suite.iter("testcase"):
        result = outcome(case)
        counts[result] += 1
        output = case.findtext("system-out") or ""
        if result == "failed":
            failures.append((case.get("name"), output))
        reasons = skip_reasons(output)
        if result == "skipped" and not reasons:
            reasons = ["no reason given"]
        skips += [(case.get("name"), result == "skipped", reason) for reason in reasons]
    return counts, float(suite.get("time") or 0), skips, failures


def main():
    parser = argparse.ArgumentParser(description="Summarise ctest results.")
    parser.add_argument("--required")
    parser.add_argument("results", nargs="+", metavar="PRESET=FILE")
    options = parser.parse_args()
    required = read_names(options.required) if options.required and os.environ.get("CI") else []

    failed = False
    parts = []
    for result in options.results:
        preset, _, path = result.partition("=")
        read = read_preset(path)
        if read is None or sum(read[0].values()) == 0:
            parts.append(f"{preset} no results")
            failed = True
            continue
        counts, seconds, skips, failures = read
        for test, output in failures:
            print(f"{preset}: FAILED {test}; its last lines:\n{last_lines(output)}", end="")
        for test, whole, reason in skips:
            if whole:
                print(f"{preset}: skipped {test}: {reason}")
            for name in names_in(reason, required):
                print(f"{preset}: {test} must not be skipped here: {options.required} lists {name}")
                failed = True
        in_part = {test for test, whole, _ in skips if not whole}
        if in_part:
            print(f"{preset}: tests that left out a part which does not apply here: {len(in_part)}; reasons in {path}")
        failed = failed or counts["failed"] > 0
        parts.append(
            f"{preset} {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped in {seconds:.0f} s"
        )
    print(f"leash-dev: tests {'FAILED' if failed else 'passed'}: {'; '.join(parts)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

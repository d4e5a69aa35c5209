#!/usr/bin/env python3
"""Fails on CI when a mechanism that tests/required_capabilities.txt lists is missing; skips elsewhere, saying which.

Usage: capabilities_test.py LEASH REQUIRED_FILE
"""

import ctypes
import json
import os
import subprocess
import sys

SKIPPED = 77
NOBODY = 65534


def read_names(path):
    with open(path, encoding="utf-8") as lines:
        names = (line.split("#")[0].strip() for line in lines)
        return [name for name in names if name]


def landlock_abi6():
    """Asked of the kernel itself, as a check on doctor: landlock_create_ruleset(NULL, 0, LANDLOCK_..._VERSION)."""
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(444, None, ctypes.c_size_t(0), 1)
    return abi >= 6, f"Landlock ABI {abi}" if abi >= 0 else os.strerror(ctypes.get_errno())


def ordinary_user_tests():
    """Enforcement is tested as root and as an ordinary user: this process must be one and able to become the other."""
    if os.geteuid() != 0:
        return False, f"user {os.geteuid()} cannot stand for both root and an ordinary user"
    done = subprocess.run(["true"], user=NOBODY, group=NOBODY, extra_groups=[], check=False)
    return done.returncode == 0, f"as user {NOBODY}: exit status {done.returncode}"


def doctor(leash):
    """name -> (available, detail), as `leash doctor --json` tells."""
    done = subprocess.run([leash, "doctor", "--json"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    try:
        mechanisms = json.loads(done.stdout)["mechanisms"]
        return {m["name"]: (m["available"] is True, m["detail"]) for m in mechanisms}
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"leash doctor --json: {error!r}, exit status {done.returncode}\n"
                 f"{done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}")


def main():
    leash, required_file = sys.argv[1:]
    found = doctor(leash)
    try:
        found["ordinary_user_tests"] = ordinary_user_tests()
    except OSError as error:
        found["ordinary_user_tests"] = (False, str(error))
    found["landlock.abi6"] = landlock_abi6()

    names = read_names(required_file)
    if not names:
        sys.exit(f"{required_file} names nothing")
    # A name that nobody knows is a mistake in the list or in doctor, on any machine.
    unknown = [name for name in names if name not in found]
    if unknown:
        sys.exit(f"unknown to leash doctor: {', '.join(unknown)}; known: {', '.join(sorted(found))}")
    missing = [f"{name} ({found[name][1]})" for name in names if not found[name][0]]
    if not missing:
        return 0
    if os.environ.get("CI"):
        sys.exit(f"required on CI but missing: {'; '.join(missing)}")
    print(f"SKIP: missing here: {'; '.join(missing)}")
    return SKIPPED


if __name__ == "__main__":
    sys.exit(main())

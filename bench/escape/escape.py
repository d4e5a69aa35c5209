#!/usr/bin/env python3
"""Which ways out of a sandbox do leash and its rivals stop? Runs `leash selftest` over each, and prints one matrix.

Usage: escape.py [--leash PATH] [--directory DIR] [--rival NAME]... [--only PATTERN]... [--json | --markdown]

Rivals are the scripts in rivals/; one that is not installed is named and left out. Run it as an ordinary user: root has
more that can be stopped, and rivals do other things for root. DIR is where the files to be protected are made; one that
is in no home and in no temporary directory gives nobody credit for where it is.
"""

import argparse
import datetime
import json
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
MARKS = {"stopped": "-", "own copy": "o", "undone": "u", "ALLOWED": "A", "unclear": "?", "n/a": "n"}
LEGEND = ("A allowed, - stopped, o works on an own copy alone, u undone when the program ended, ? the probe could not "
          "try, n does not work without a sandbox either")


def selftest(options, launcher):
    """The JSON of one run; an error message where it could not run."""
    command = [options.leash, "selftest", "--json"]
    if options.directory:
        command += ["--directory", options.directory]
    for pattern in options.only:
        command += ["--only", pattern]
    if launcher:
        command += ["--", *launcher]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return json.loads(run.stdout) if run.returncode in (0, 1) else run.stderr.strip()


def version_of(script):
    """What the rival says about itself; None: it is not installed."""
    try:
        run = subprocess.run([script, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = run.stdout.strip().splitlines()
    return lines[0] if run.returncode == 0 and lines else None


class Matrix:
    """Rows by name; columns in the order in which they were added."""

    def __init__(self):
        self.rows = {}
        self.columns = []  # {name, version}
        self.absent = []  # (name, why)
        self.system = {}

    def add(self, report, rename, version):
        self.system = {"kernel": report["kernel"], "uid": report["uid"]}
        for column in report["columns"]:
            name = rename or "leash " + column["name"]
            if not column["available"]:
                self.absent.append((name, column["reason"]))
                continue
            self.columns.append({"name": name, "version": version})
            for row in report["rows"]:
                known = self.rows.setdefault(row["id"], {key: row[key] for key in ("theme", "words", "harmless")})
                outcome = row["outcomes"][column["name"]]["verdict"] if row["applicable"] else "n/a"
                known.setdefault("verdicts", {})[name] = outcome

    def score(self, name, harmless):
        """(stopped, applicable), with the harmless rows or without."""
        verdicts = [row["verdicts"][name] for row in self.rows.values() if harmless or not row["harmless"]]
        verdicts = [verdict for verdict in verdicts if verdict != "n/a"]
        return sum(verdict in ("stopped", "own copy", "undone") for verdict in verdicts), len(verdicts)


def measure(options):
    matrix = Matrix()
    version = subprocess.run([options.leash, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    report = selftest(options, [])
    if isinstance(report, str):
        sys.exit(report)
    matrix.add(report, None, version)
    for script in sorted((HERE / "rivals").glob("*.sh")):
        name = script.stem
        if options.rival and name not in options.rival:
            continue
        version = version_of(script)
        if version is None:
            matrix.absent.append((name, "not installed"))
            continue
        print(f"trying {name}", file=sys.stderr)
        report = selftest(options, [str(script), "{workdir}", "{home}", "{root}"])
        if isinstance(report, str):
            matrix.absent.append((name, report))
        else:
            matrix.add(report, name, version)
    return matrix


def table(matrix, names):
    """Pairs: a row (or the words of a score) and its cells; or None and the theme that begins."""
    theme = None
    for identity, row in matrix.rows.items():
        if row["theme"] != theme:
            theme = row["theme"]
            yield None, theme
        yield (identity, row), [MARKS[row["verdicts"][name]] for name in names]
    yield None, "Score"
    for words, harmless in (("stopped, of those that count", False), ("stopped, of all", True)):
        yield words, ["%d/%d" % matrix.score(name, harmless) for name in names]


def label(words, form):
    """The first cell of a line: a row's words with its name or without."""
    if isinstance(words, str):
        return words
    identity, row = words
    return form.format(name=identity, words=row["words"]) + (" *" if row["harmless"] else "")


def about(matrix):
    lines = [f"{datetime.date.today()}, Linux {matrix.system['kernel']} ({platform.machine()}), "
             f"user {matrix.system['uid']}", LEGEND, "* harmless by itself, and not counted"]
    versions = {column["version"] for column in matrix.columns if column["version"]}
    lines.append("Versions: " + ", ".join(sorted(versions)))
    lines += [f"Not measured: {name}: {why}" for name, why in matrix.absent]
    return lines


def as_text(matrix):
    names = [column["name"] for column in matrix.columns]
    widths = [max(len(name), 7) for name in names]
    lines = []
    for words, cells in table(matrix, names):
        if words is None:
            heads = "  ".join(f"{name:>{width}}" for name, width in zip(names, widths))
            lines.append(f"\n{cells:<52}{heads}")
        else:
            lines.append(f"  {label(words, '{words}'):<50}" + "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths)))
    return "\n".join(lines + [""] + about(matrix)).lstrip("\n")


def as_markdown(matrix):
    names = [column["name"] for column in matrix.columns]
    lines = []
    for words, cells in table(matrix, names):
        if words is None:
            lines += ["", f"| {cells} | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
        else:
            first = label(words, "`{name}` {words}").replace("*", "&#42;")
            lines.append(f"| {first} | " + " | ".join(cell.replace("A", "**A**") for cell in cells) + " |")
    return "\n".join(["- " + line.replace("* ", "&#42; ") for line in about(matrix)] + lines)


def as_json(matrix):
    scores = {column["name"]: dict(zip(("stopped", "applicable"), matrix.score(column["name"], False)))
              for column in matrix.columns}
    return json.dumps({"date": str(datetime.date.today()), **matrix.system, "columns": matrix.columns,
                       "not_measured": dict(matrix.absent), "rows": matrix.rows, "scores": scores}, indent=2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leash", default="leash", help="the leash command (default: the one in PATH)")
    parser.add_argument("--directory", help="where the files to be protected are made")
    parser.add_argument("--rival", action="append", default=[], help="try this one alone; repeatable")
    parser.add_argument("--only", action="append", default=[], help="try these probes alone; repeatable")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_const", dest="form", const=as_json)
    form.add_argument("--markdown", action="store_const", dest="form", const=as_markdown)
    options = parser.parse_args()
    print((options.form or as_text)(measure(options)))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""bench/escape puts leash and its rivals side by side. Usage: escape_test.py LEASH ESCAPE_PY"""

import json
import subprocess
import sys
import tempfile
import unittest

LEASH, ESCAPE = sys.argv.pop(1), sys.argv.pop(1)


class EscapeTest(unittest.TestCase):
    def run_escape(self, form):
        only = [word for name in ("tcp6", "create", "stat-secret") for word in ("--only", name)]
        with tempfile.TemporaryDirectory() as folder:
            run = subprocess.run([sys.executable, "-B", ESCAPE, "--leash", LEASH, "--directory", folder,
                                  "--rival", "bwrap", *only, form], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def test_json_holds_every_column_or_says_why_not(self):
        document = json.loads(self.run_escape("--json"))
        measured = {column["name"] for column in document["columns"]}
        self.assertIn("leash process", measured)
        self.assertTrue("bwrap" in measured or "bwrap" in document["not_measured"])
        self.assertEqual(document["rows"]["create"]["verdicts"]["leash process"], "stopped")
        self.assertTrue(document["rows"]["stat-secret"]["harmless"])
        score = document["scores"]["leash process"]
        self.assertEqual(score["stopped"], score["applicable"])

    def test_markdown_is_what_the_documentation_wants(self):
        lines = self.run_escape("--markdown").splitlines()
        self.assertTrue(any(line.startswith("| `create` create a file | ") for line in lines), lines)
        self.assertTrue(any(line.startswith("| `stat-secret` see that the key exists &#42; | ") for line in lines), lines)


if __name__ == "__main__":
    unittest.main()

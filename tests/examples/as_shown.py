#!/usr/bin/env python3
"""as_shown.py DOCUMENT SOURCE TEXT: that each line of the document's code block with that text stands in the source, in
this order."""
import re, sys

document, source, text = sys.argv[1:]
blocks = [b for b in re.findall(r"^```cpp\n(.*?)^```", open(document).read(), re.M | re.S) if text in b]
if len(blocks) != 1:
    sys.exit(f"{document} has {len(blocks)} blocks with {text!r}")
lines = iter(line.strip() for line in open(source))
for wanted in filter(None, map(str.strip, blocks[0].splitlines())):
    if wanted not in lines:  # an iterator: goes on behind what was found
        sys.exit(f"{source} has no line, or not in this place: {wanted}")

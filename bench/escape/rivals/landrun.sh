#!/bin/sh
# landrun: the system's directories and the probe's own read-only, the working directory writable.
if [ "$1" = --version ]; then exec landrun --version; fi
workdir=$1
shift 3
exec landrun --best-effort --rox /usr --ro /etc --ro /proc --rw /dev/null --rox "$(dirname "$1")" --rw "$workdir" "$@"

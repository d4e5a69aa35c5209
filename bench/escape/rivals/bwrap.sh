#!/bin/sh
# bubblewrap: the file system read-only, the working directory writable, keys hidden, everything unshared.
# Usage of each script here: NAME.sh --version, or NAME.sh WORKDIR HOME ROOT COMMAND [ARGS...]
if [ "$1" = --version ]; then exec bwrap --version; fi
workdir=$1 home=$2
shift 3
exec bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --tmpfs /run --tmpfs "$home/.ssh" \
  --bind "$workdir" "$workdir" --chdir "$workdir" --unshare-all --unshare-user --disable-userns --cap-drop ALL \
  --new-session --die-with-parent -- "$@"

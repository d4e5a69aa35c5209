#!/bin/sh
# firejail: no profile (those are for single programs), every general restriction by hand.
if [ "$1" = --version ]; then firejail --version | head -n 1; exit; fi
workdir=$1 home=$2
shift 3
exec firejail --quiet --noprofile --net=none --caps.drop=all --seccomp --nonewprivs --noroot --restrict-namespaces \
  --ipc-namespace --private-dev --private-tmp --dbus-user=none --dbus-system=none \
  --read-only=/ --read-write="$workdir" --blacklist="$home/.ssh" -- "$@"

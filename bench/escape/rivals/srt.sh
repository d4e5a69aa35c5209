#!/bin/sh
# srt (npm package @anthropic-ai/sandbox-runtime): no network, keys hidden, the working directory writable.
if [ "$1" = --version ]; then version=$(srt --version) && echo "srt $version"; exit; fi
workdir=$1 home=$2 root=$3
shift 3
cat >"$root/srt.json" <<END
{"network": {"allowedDomains": [], "deniedDomains": []},
 "filesystem": {"denyRead": ["$home/.ssh"], "allowWrite": ["$workdir"], "denyWrite": []}}
END
exec srt --settings "$root/srt.json" "$@"

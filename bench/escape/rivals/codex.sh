#!/bin/sh
# The sandbox of codex (npm package @openai/codex): a profile with the root readable, keys hidden, the working directory
# writable. Its network is off by default.
if [ "$1" = --version ]; then exec codex --version; fi
workdir=$1 home=$2 root=$3
shift 3
mkdir -p "$root/codex"
cat >"$root/codex/config.toml" <<END
default_permissions = "careful"
[permissions.careful.filesystem]
":root" = "read"
"$home/.ssh" = "deny"
[permissions.careful.filesystem.":workspace_roots"]
"." = "write"
END
CODEX_HOME=$root/codex exec codex sandbox -P careful -C "$workdir" -- "$@"

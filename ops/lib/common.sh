# Shared by the scripts in ops/ and .ci/: sourced, never run. Expects bash with `set -euo pipefail`.

# The root of the repository, wherever the script was called from.
repo_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
# A build server that outlives the script holds memory, and the pipes of whoever waits for the script's end.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0

say() { printf '%s\n' "$*"; }
complain() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { complain "$@"; exit 1; }
usage_error() { complain "$*"; complain "try '$(basename "$0") --help'"; exit 2; }

# Prints the comment block at the top of the script: its help.
print_help() {
  sed -n '2,/^[^#]/{/^#/!q;s/^# \{0,1\}//;p}' "$0"
}

require_dotnet() {
  if ! command -v dotnet >/dev/null; then
    die "the .NET 10 SDK is missing. Install it: https://dotnet.microsoft.com/download/dotnet/10.0
  or: curl -sSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0  (then put ~/.dotnet on the PATH)"
  fi
  if ! dotnet --list-sdks | grep -q '^10\.'; then
    die "ActorSan needs the .NET 10 SDK; dotnet knows only: $(dotnet --list-sdks | tr '\n' ' ')"
  fi
}

# require_packages TOOL=PACKAGE…: what is missing of them is installed where that is possible without a question (root on Debian), and named where it isn't. A TOOL that
# begins with '/' is a file or a pattern. Returns 1 when something stays missing.
require_packages() {
  local pair tool missing=()
  for pair in "$@"; do
    tool=${pair%%=*}
    if [[ $tool == /* ]]; then compgen -G "$tool" >/dev/null || missing+=("${pair#*=}"); else command -v "$tool" >/dev/null || missing+=("${pair#*=}"); fi
  done
  ((${#missing[@]})) || return 0
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    say "Installing ${missing[*]} …"
    local log
    log=$(mktemp)
    if { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
      rm -f "$log"
      return 0
    fi
    tail -n 5 "$log" >&2
    rm -f "$log"
  fi
  complain "not installed here: ${missing[*]}. On Debian: sudo apt-get install ${missing[*]}"
  return 1
}

# limited SECONDS COMMAND…: the command, ended after so long; or when this script is told to stop, which bash by itself would not hand on before the command has ended.
limited() {
  local limit=$1 child code=0; shift
  # Bash has what runs in the background ignore SIGINT and SIGQUIT, and whoever finds them ignored can't handle them.
  env --default-signal=INT,QUIT timeout --kill-after=30 "$limit" "$@" &
  child=$!
  trap 'kill -TERM "$child" 2>/dev/null; wait "$child"; exit 130' INT
  trap 'kill -TERM "$child" 2>/dev/null; wait "$child"; exit 143' TERM HUP
  wait "$child" || code=$?
  trap - INT TERM HUP
  return "$code"
}

# build_quietly LOG PROJECT [ARGUMENT…]: a Release build that says nothing when it goes well and the errors when it doesn't.
build_quietly() {
  local log=$1; shift
  mkdir -p "$(dirname "$log")"
  if dotnet build "$@" --configuration Release --nologo --verbosity quiet -nodeReuse:false -p:UseSharedCompilation=false >"$log" 2>&1 </dev/null; then
    return 0
  fi
  grep -E 'error|warning' "$log" | sort -u | head -n 20 >&2 || tail -n 20 "$log" >&2
  return 1
}

json_string() { printf '"%s"' "$(printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g')"; }

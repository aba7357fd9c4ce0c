# What every scenario stands on: sourced, never run. A scenario file defines a function `scenario` and calls `chaos_main "$@"` at its end.
#
# It runs alone in a directory of its own, with hosts, disks and processes that carry its process id in their names; whatever way it ends, all of them are gone afterwards.
source "$(dirname "${BASH_SOURCE[0]}")/../../ops/lib/common.sh"
chaos_lib=$repo_root/chaos/lib
source "$chaos_lib/wait.sh"
source "$chaos_lib/network.sh"
source "$chaos_lib/disks.sh"
source "$chaos_lib/faults.sh"
source "$chaos_lib/cluster.sh"
source "$chaos_lib/workload.sh"
source "$chaos_lib/steps.sh"

name=$(basename "$0")
id=$$
directory= keep=no limit=300 index=1
reason= phase=starting started=$SECONDS passed=no
declare -A pids=()    # of processes that this scenario started, by their names
faults=()             # when they began
declare -A facts=()   # what goes into the result beside the workload's report: numbers only

# What is said goes here even where a wait has thrown the error output away.
exec 9>&2

note() { printf '%s  %3d s  %s\n' "$name" "$((SECONDS - started))" "$*" >&9; }

# step TEXT…: what begins now; a failure names it.
step() { phase=$*; note "$*"; }

# fault TEXT…: a step at which the initiator may have to wait; the longest gap from here to the next fault is this one's.
fault() {
  step "$@"
  faults+=("$(monotonic)")
}

# monotonic: now, in ns, on the clock of the workload's histories.
monotonic() { awk '{ printf "%.0f", $1 * 1e9 }' /proc/uptime; }

# fault_gaps: for each fault the longest gap in ms, 0 where there was none of 50 ms or more, as JSON.
fault_gaps() {
  jq -n --slurpfile report "$directory/workload.json" '$ARGS.positional | map(tonumber - 200000000) as $at
    | [range($at | length) as $i | [$report[0].gaps[] | select(.at + .ms * 1000000 >= $at[$i] and ($i + 1 == ($at | length) or .at < $at[$i + 1])) | .ms] | max // 0]' --args "${faults[@]}" 2>/dev/null || printf '[]'
}

# fail TEXT…: the end of the scenario, with the reason.
fail() {
  reason=$*
  printf '%s: FAILED while %s: %s\n' "$name" "$phase" "$reason" >&9
  exit 1
}

require_root() {
  [[ $(id -u) == 0 ]] || die "network namespaces, nft and mounts want root: run it with sudo"
  require_packages ip=iproute2 nft=nftables mkfs.xfs=xfsprogs xfs_io=xfsprogs losetup=mount jq=jq curl=curl /usr/lib/*/libiscsi.so.7=libiscsi7 >&2 || exit 1
}

# write_result: result.json in the scenario's directory, whatever happened.
write_result() {
  local key facts_json='{}'
  for key in "${!facts[@]}"; do
    facts_json=$(jq -c --arg key "$key" --argjson value "${facts[$key]}" '.[$key] = $value' <<<"$facts_json")
  done
  jq -n --arg name "$name" --arg reason "$reason" --argjson passed "$([[ $passed == yes ]] && echo true || echo false)" --argjson seconds "$((SECONDS - started))" \
    --argjson facts "$facts_json" --argjson gaps "$(fault_gaps)" --slurpfile report <(cat "$directory/workload.json" 2>/dev/null || true) \
    '{name: $name, passed: $passed, reason: $reason, seconds: $seconds, facts: $facts, gapsMs: $gaps, workload: ($report[0] // null)}' >"$directory/result.json" || true
}

clean_up() {
  local code=$?
  trap - EXIT
  trap '' INT TERM HUP
  set +e
  if [[ $passed == no && -z $reason ]]; then
    reason="ended with code $code while $phase"
    printf '%s: FAILED: %s\n' "$name" "$reason" >&2
  fi
  write_result
  [[ $passed == yes ]] || diagnose
  [[ -n ${watchdog:-} ]] && kill "$watchdog" 2>/dev/null
  processes_end
  network_down
  disks_down
  # What a passed run leaves is of no use: stores are large.
  if [[ $keep == no && $passed == yes ]]; then
    find "$directory" -mindepth 1 -maxdepth 1 ! -name result.json -exec rm -rf {} +
  elif [[ $passed == no ]]; then
    printf '%s: logs, configurations, stores and histories: %s\n' "$name" "$directory" >&2
  fi
  [[ $passed == yes ]] && exit 0
  ((code)) || code=1
  exit "$code"
}

# processes_end: ends what this scenario started and nothing else. A stopped process is continued, or it never sees the signal.
processes_end() {
  local process
  for process in "${!pids[@]}"; do
    kill -CONT "${pids[$process]}" 2>/dev/null
    kill -KILL "${pids[$process]}" 2>/dev/null
  done
  wait 2>/dev/null
}

# running PROCESS: it was started here and lives.
running() { [[ -n ${pids[$1]:-} ]] && kill -0 "${pids[$1]}" 2>/dev/null; }

build_all() {
  require_dotnet
  local project
  for project in src/ActorSan.Node/ActorSan.Node.csproj src/ActorSan.Pbm/ActorSan.Pbm.csproj tests/ActorSan.Workload/ActorSan.Workload.csproj; do
    build_quietly "$repo_root/artifacts/chaos/build.log" "$repo_root/$project" || die "the build failed; all of it: artifacts/chaos/build.log"
  done
}

# chaos_main [--directory DIR] [--keep] [--limit SECONDS] [--index N] [--no-build]
chaos_main() {
  local build=yes
  limit=${chaos_limit:-$limit}
  while (($#)); do
    case $1 in
      --directory) directory=${2:?--directory wants a directory}; shift 2 ;;
      --limit) limit=${2:?--limit wants seconds}; shift 2 ;;
      --index) index=${2:?--index wants a number}; shift 2 ;;
      --keep) keep=yes; shift ;;
      --no-build) build=no; shift ;;
      --help | -h) print_help; say; say "Options: --directory DIR, --keep (keep all files), --limit SECONDS (ends it then at the latest; default $limit), --no-build"; exit 0 ;;
      *) usage_error "unknown argument '$1'" ;;
    esac
  done
  [[ $limit =~ ^[1-9][0-9]*$ ]] || usage_error "--limit wants seconds, not '$limit'"
  [[ $index =~ ^[1-9][0-9]*$ ]] || usage_error "--index wants a number, not '$index'"
  require_root
  [[ $build == no ]] || build_all
  : "${directory:=$repo_root/artifacts/chaos/$name}"
  rm -rf "$directory"
  mkdir -p "$directory"
  directory=$(cd "$directory" && pwd)
  trap clean_up EXIT
  trap 'reason="stopped by a signal"; exit 130' INT TERM HUP
  # Whatever hangs, the scenario ends. The sleep is in the background of its own shell, so that it ends with it.
  (
    trap 'kill "$sleeper" 2>/dev/null; exit' TERM
    sleep "$limit" & sleeper=$!
    wait "$sleeper" && kill -USR1 "$id" 2>/dev/null
  ) &
  watchdog=$!
  trap 'fail "not done within $limit s"' USR1
  started=$SECONDS
  scenario
  passed=yes
  note "passed: $(summary)"
}

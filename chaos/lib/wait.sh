# Waiting for events, each wait bounded, and assertions that say what they found.

# wait_until SECONDS WHAT COMMAND…: until the command succeeds; what it prints is thrown away. A process of ours that ends meanwhile fails the wait at once, except the one that `ending` names.
wait_until() {
  local seconds=$1 what=$2 end process; shift 2
  end=$((SECONDS + seconds))
  until "$@" >/dev/null 2>&1; do
    for process in "${!pids[@]}"; do
      running "$process" || [[ $process == "${ending:-}" ]] || fail "while waiting ($what) $process ended by itself; the end of its log: $(last_words "$process")"
    done
    if ((SECONDS >= end)); then fail "waited $seconds s for this and it did not come: $what"; fi
    sleep 0.1
  done
}

# last_words PROCESS: why it may have ended.
last_words() {
  local log=$directory/$1/log
  [[ -e $log ]] || log=$directory/$1.log
  { grep -hE 'Unhandled exception|invariant| FATL |^actorsan:|^workload:' "$log" | grep -v warning || tail -n 2 "$log"; } 2>/dev/null | tail -n 2 | cut -c 1-400
}

# hold SECONDS: how long a fault lasts. Nothing is asserted of the time.
hold() { sleep "$1"; }

# assert WHAT COMMAND…: fails with WHAT when the command fails.
assert() {
  local what=$1; shift
  "$@" >/dev/null 2>&1 || fail "$what"
}

assert_equal() {
  local what=$1 expected=$2 found=$3
  [[ $expected == "$found" ]] || fail "$what: expected $expected, found $found"
}

# assert_at_most WHAT LIMIT NUMBER
assert_at_most() {
  awk -v limit="$2" -v number="$3" 'BEGIN { exit !(number <= limit) }' || fail "$1: at most $2 expected, found $3"
}

not() { ! "$@"; }

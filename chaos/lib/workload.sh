# The initiator on the host `client`: tests/ActorSan.Workload, logged in on all paths.

workload=$repo_root/tests/ActorSan.Workload/bin/Release/net10.0/workload

# workload_start [OPTION…]: options of `workload run`, in place of or beside those that the library gives. The rate keeps history and judgement small; the faults are what it is about.
workload_start() {
  local option
  local -A defaults=([--rate]=${CHAOS_RATE:-800} [--workers]=8 [--compare-workers]=2 [--fua]=10 [--flush-every]=100 [--span]=32)
  for option in "$@"; do unset "defaults[$option]"; done
  for option in "${!defaults[@]}"; do set -- "$@" "$option" "${defaults[$option]}"; done
  start_in client workload "$directory/workload.log" "$workload" run --portal $(portals) --target "$target" --history "$directory/history" --status "$directory/status" \
    --json "$directory/workload.json" "$@"
  wait_until 60 "the first 300 operations are done" operations_done 300
}

power_losses=()   # when all stores lost what was not flushed, see monotonic

status() { jq -er "$1" "$directory/status"; }

operations_done() {
  running workload || fail "the workload has ended: $(tail -n 3 "$directory/workload.log")"
  (($(status .operations) >= $1))
}

# workload_goes_on: so many more operations are done, from now on.
workload_goes_on() {
  local now
  now=$(status .operations)
  wait_until 90 "${1:-400} more operations are done" operations_done $((now + ${1:-400}))
}

# paths_up: the path through each data node is logged in. One through a node that is gone for good may stay away.
paths_up() {
  local portal
  for portal in $(portals); do
    jq -e --arg portal "$portal" 'any(.paths[]; .portal == $portal and .up)' "$directory/status" || return 1
  done
}

# workload_end: stops it; nothing failed, nothing was seen that must not be, and its history, read back, is linearizable.
workload_end() {
  local code=0
  kill -TERM "${pids[workload]}" || fail "the workload has ended before its time: $(tail -n 3 "$directory/workload.log")"
  ending=workload wait_until 90 "the workload ends" not running workload
  wait "${pids[workload]}" || code=$?
  unset 'pids[workload]'
  [[ -s $directory/workload.json ]] || fail "the workload left no report (code $code): $(tail -n 3 "$directory/workload.log")"
  assert_equal "failed I/O, for an initiator that tries all paths for a minute" 0 "$(jq .failed "$directory/workload.json")"
  assert_equal "violations that the initiator saw itself ($directory/history)" 0 "$(jq .violations "$directory/workload.json")"
  ((code == 0)) || fail "the workload ended with code $code: $(tail -n 3 "$directory/workload.log")"
}

# history_holds: every block is read, and the whole history judged.
history_holds() {
  local code=0
  in_host client timeout 120 "$workload" read-back "$directory/history" --history-out "$directory/read-back" --portal $(portals) --target "$target" --json "$directory/verdict.json" \
    ${power_losses[@]+--power-loss "${power_losses[@]}"} \
    >"$directory/verdict.txt" 2>&1 || code=$?
  case $code in
    0) ;;
    1) fail "the history does not hold ($directory/verdict.txt): $(head -n 1 "$directory/verdict.txt")" ;;
    *) fail "the history could not be judged: $(tail -n 2 "$directory/verdict.txt")" ;;
  esac
}

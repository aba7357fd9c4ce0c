# What scenarios have in common, in the order in which they use it.

resync_peak=0 resync_total=0
ended_by=node_kill   # node_stop, where what was not flushed is in the processes alone

# begin [OPTION…]: cluster, workload, everything well. Options go to the workload.
begin() {
  cluster_up
  step "starting the workload"
  workload_start "$@"
  wait_until 30 "the initiator is logged in on all paths" paths_up
  first_primary=$(primary) || fail "nobody is primary"
  other=$(other_data_node "$first_primary")
}

# resync_seen: remembers the most that had to be resynced since the last heal.
resync_seen() {
  local bytes
  bytes=$(to_resync) && ((bytes > resync_peak)) && resync_peak=$bytes
  all_in_sync
}

# healed: waits until both replicas are in sync again by themselves, and the initiator goes on.
healed() {
  step "waiting for both replicas to be in sync again"
  resync_peak=0
  wait_until "${1:-90}" "both replicas are in sync again" resync_seen
  resync_total=$((resync_total + resync_peak))
  note "in sync; at most $resync_peak bytes were to be resynced"
  workload_goes_on 400
}

# finish: the end of every scenario.
finish() {
  step "ending"
  wait_until 60 "the initiator is logged in on all paths again" paths_up
  workload_end
  step "judging the history"
  history_holds
  step "comparing the replicas"
  local node
  for node in $(all_nodes); do
    if running "$node"; then "$ended_by" "$node"; fi
  done
  replicas_equal || fail "the replicas differ: $(tail -n 1 "$directory/compare.txt")"
  facts[resyncedBytes]=$resync_total
  facts[operations]=$(jq .operations "$directory/workload.json")
  facts[unknown]=$(jq .unknown "$directory/verdict.json")
}

summary() {
  printf '%s operations, 0 failed, longest gap after each fault %s ms, %s bytes to resync' "${facts[operations]:-0}" "$(fault_gaps | jq -r 'map(tostring) | join(", ")')" "$resync_total"
}

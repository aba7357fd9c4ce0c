# What happens to processes. Network faults are in network.sh, those of disks in disks.sh.

# node_kill NODE…: SIGKILL; returns when they are gone.
node_kill() {
  local node
  for node in "$@"; do kill -KILL "${pids[$node]}" 2>/dev/null || fail "the node $node was to be killed and does not run"; done
  for node in "$@"; do
    wait "${pids[$node]}" 2>/dev/null || true
    unset "pids[$node]"
  done
}

# node_freeze NODE, node_thaw NODE: SIGSTOP and SIGCONT: its host goes on answering for it, it does not.
node_freeze() { kill -STOP "${pids[$1]}" || fail "the node $1 was to be frozen and does not run"; }
node_thaw() { kill -CONT "${pids[$1]}" || fail "the node $1 was to be thawed and does not run"; }

# node_stop NODE: an orderly stop (SIGTERM), which hands over first.
node_stop() {
  local node=$1 code=0
  kill -TERM "${pids[$node]}" || fail "the node $node was to be stopped and does not run"
  ending=$node wait_until 60 "the orderly end of $node" not running "$node"
  wait "${pids[$node]}" || code=$?
  unset "pids[$node]"
  ((code == 0)) || fail "$node was stopped in order and ended with code $code; its log: $directory/$node/log"
}

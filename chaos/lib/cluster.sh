# The one file that knows ActorSan's own face: its configuration, its commands and its API. Scenarios and the rest of the library ask here.
#
# atlas and zeus have stores, hera is the witness; `client` is the host of the initiator. One replicated volume, disk0, exported by one target through both.

# Another build of them may be tried, by its path.
actorsan=${CHAOS_ACTORSAN:-$repo_root/src/ActorSan.Node/bin/Release/net10.0/actorsan}
pbm_program=${CHAOS_PBM:-$repo_root/src/ActorSan.Pbm/bin/Release/net10.0/pbm}
target=iqn.2026-01.org.actorsan:chaos
volume=disk0
volume_size=${CHAOS_VOLUME_SIZE:-64MiB}
data_nodes=(atlas zeus)
node_environment=(LC_ALL=C)
witness=hera
replication_network=no   # yes: the data nodes have another network for replication, and use the common one only if that fails
control_port=7310 link_port=7320 portal_port=3260 management_port=9110

all_nodes() { printf '%s\n' "${data_nodes[@]}" "$witness"; }
other_data_node() { [[ $1 == "${data_nodes[0]}" ]] && printf '%s' "${data_nodes[1]}" || printf '%s' "${data_nodes[0]}"; }

# write_configuration NODE ROLE: NODE/node.conf. Everything listens on the host's own address, so TLS and a token are there.
write_configuration() {
  local node=$1 role=$2 address=${addresses[$1]} seeds='' group
  for seed in atlas zeus hera; do seeds+="\"${addresses[$seed]}:$control_port\", "; done
  group=$((${address##*.}))
  mkdir -p "$directory/$node" "$(store_directory "$node")"
  {
    cat <<CONF
actorsan {
  node { name = $node, state-directory = state }
  cluster {
    address = "$address:$control_port"
    role = $role
    seeds = [${seeds%, }]
    founders = [atlas, zeus, hera]
    tls { certificate-file = "../certs/$node.pem", key-file = "../certs/$node.key", ca-file = "../certs/ca.pem" }
CONF
    [[ $role == witness ]] || printf '    stores { directory = "%s" }\n' "$(store_directory "$node")"
    printf '  }\n'
    if [[ $role == storage ]]; then
      if [[ -n ${replication_addresses[$node]:-} ]]; then
        printf '  links { address = ["%s:%s", "%s:%s"] }\n' "${replication_addresses[$node]}" "$link_port" "$address" "$link_port"
      else
        printf '  links { address = "%s:%s" }\n' "$address" "$link_port"
      fi
      printf '  portals.main { address = "%s", port = %s, group = %s }\n' "$address" "$portal_port" "$group"
    fi
    printf '}\npetabridge.cmd { host = "%s", port = %s, token-file = "../token" }\n' "$address" "$management_port"
  } >"$directory/$node/node.conf"
}

role_of() { [[ $1 == "$witness" ]] && printf witness || printf storage; }

make_certificate() {
  "$actorsan" certs node "$1" --host "${addresses[$1]}" --ca "$directory/certs" --out "$directory/certs" >>"$directory/setup.log" 2>&1 || fail "the certificate of $1 could not be made: $(tail -n 2 "$directory/setup.log")"
}

# cluster_make: everything that is on disk before the first node runs.
cluster_make() {
  local node
  (umask 077 && head -c 24 /dev/urandom | base64 >"$directory/token")
  "$actorsan" certs ca --out "$directory/certs" >>"$directory/setup.log" 2>&1 || fail "the certificate authority could not be made: $(tail -n 2 "$directory/setup.log")"
  for node in $(all_nodes); do
    make_certificate "$node"
    write_configuration "$node" "$(role_of "$node")"
  done
  "$actorsan" init -c "$directory/atlas/node.conf" >>"$directory/setup.log" 2>&1 || fail "'actorsan init' failed: $(tail -n 2 "$directory/setup.log")"
  for node in zeus hera; do node_join "$node"; done
}

# node_join NODE: takes the cluster's identity from atlas' file.
node_join() {
  "$actorsan" init -c "$directory/$1/node.conf" --from "$directory/atlas/state/cluster.identity" >>"$directory/setup.log" 2>&1 ||
    fail "'actorsan init --from' failed for $1: $(tail -n 2 "$directory/setup.log")"
}

# node_launch NODE: starts it and waits for nothing.
node_launch() {
  local node=$1
  rm -f "$directory/$node/ready"
  start_in "$node" "$node" "$directory/$node/log" env "${node_environment[@]}" "$actorsan" run -c "$directory/$node/node.conf" --ready-file "$directory/$node/ready"
}

# node_start NODE…: starts them and waits until each serves.
node_start() {
  local node
  for node in "$@"; do node_launch "$node"; done
  for node in "$@"; do wait_until 120 "$node is ready (its log: $directory/$node/log)" node_ready "$node"; done
}

node_ready() {
  running "$1" || fail "the node $1 has ended; its log says: $(tail -n 3 "$directory/$1/log")"
  [[ -e $directory/$1/ready ]]
}

# pbm NODE WORDS…: a command to that node.
pbm() {
  local node=$1; shift
  in_host client timeout 30 "$pbm_program" "${addresses[$node]}:$management_port" "$@" --token "$directory/token" --yes >>"$directory/setup.log" 2>&1
}

# pbm_done NODE WORDS…: and it must do it.
pbm_done() { pbm "$@" || fail "'pbm ${*:2}' at $1 did not do it: $(tail -n 3 "$directory/setup.log")"; }

# api NODE PATH: JSON.
api() { in_host client curl -sS --fail --max-time 5 -H "Authorization: Bearer $(head -n 1 "$directory/token")" "http://${addresses[$1]}:$management_port/api/v1/$2" 2>/dev/null; }

# volume_seen_by NODE JQ-ARGUMENT…: jq's answer on the volume as that node reports it.
volume_seen_by() {
  local node=$1; shift
  api "$node" "volumes/$volume" | jq -er "$@"
}

primary_seen_by() { volume_seen_by "$1" '.primary // empty'; }

# primary: whoever the first data node or witness that answers takes for the primary.
primary() {
  local node
  for node in $(all_nodes); do
    running "$node" && primary_seen_by "$node" && return 0
  done
  return 1
}

primary_known() { [[ -n $(primary) ]]; }
primary_is_not() { local found; found=$(primary_seen_by "$2") && [[ -n $found && $found != "$1" ]]; }

# in_sync_seen_by NODE: served, and every replica in the in-sync set.
in_sync_seen_by() { [[ $(volume_seen_by "$1" '.condition == "healthy" and (.inSync | length) == (.replicas | length) and (.replicas | length) >= 2') == true ]]; }

# all_in_sync: both data nodes run and agree on the primary, and it says that every replica is in sync.
all_in_sync() {
  local node known found
  known=$(primary) || return 1
  for node in "${data_nodes[@]}"; do
    running "$node" && found=$(primary_seen_by "$node") && [[ $found == "$known" ]] || return 1
  done
  in_sync_seen_by "$known"
}

# to_resync: bytes by which replicas may differ now, as the primary knows.
to_resync() {
  local node
  node=$(primary) || return 1
  running "$node" && volume_seen_by "$node" '[.replicas[].toResyncBytes // 0] | add'
}

# store_of NODE: the path of the replica's store, which has the volume's id for a name.
store_of() { compgen -G "$(store_directory "$1")/$volume_id.store" | head -n 1; }

volume_id=
volume_id_known() { volume_id=$(volume_seen_by atlas .id) && volume_id=${volume_id//-/} && [[ -n $volume_id ]]; }

# data_offset STORE: where the volume's bytes begin in it.
data_offset() {
  local conf=$directory/inspect.conf
  printf 'actorsan { node { name = inspect, state-directory = inspect-state }, volumes.x { store { kind = file, path = "%s", size = %s } } }\n' "$1" "$volume_size" >"$conf"
  "$actorsan" inspect -c "$conf" x --json | jq -er '.Superblock.DataOffsetBytes'
}

data_length() {
  "$actorsan" inspect -c "$directory/inspect.conf" x --json | jq -er '.Superblock.Geometry.SizeBytes'
}

# replicas_equal: the stores of both data nodes, byte for byte. Nothing may be written meanwhile.
replicas_equal() {
  local first second one other length
  first=$(store_of "${data_nodes[0]}") second=$(store_of "${data_nodes[1]}")
  [[ -n $first && -n $second ]] || fail "a replica has no store: '$first' of ${data_nodes[0]}, '$second' of ${data_nodes[1]}"
  one=$(data_offset "$first") && length=$(data_length) && other=$(data_offset "$second") || fail "the stores can't be inspected"
  "$workload" compare "$first" "$second" --offset "$one" "$other" --length "$length" >"$directory/compare.txt" 2>&1
}

# Changes are asked for until they are there: the cluster may still be finding itself, and an answer may be late for a change that was made.
volume_made() { api atlas "volumes/$volume" || pbm atlas volume create "$volume" "$volume_size" --replicas atlas,zeus; }
target_made() { api atlas "targets/$target" || pbm atlas target create "$target" --open; }
volume_mapped() { api atlas "targets/$target" | jq -e '.luns | length > 0' || pbm atlas target map "$target" "$volume" 0; }
replica_replaced() { volume_seen_by "$1" --arg by "$3" '[.replicas[].node] | index($by) != null' || pbm "$1" replica replace "$volume" "$2" "$3"; }
node_forgotten() { [[ $(api "$1" nodes | jq --arg node "$2" 'tostring | contains($node)') == false ]] || pbm "$1" node forget "$2"; }

# cluster_up: hosts, cluster, volume and target; returns when both replicas are in sync.
cluster_up() {
  step "starting the cluster"
  network_up atlas zeus hera client
  [[ $replication_network == no ]] || replication_network_up "${data_nodes[@]}"
  local node
  for node in ${disks_wanted[@]+"${disks_wanted[@]}"}; do disk_up "$node"; done
  cluster_make
  node_start atlas zeus hera
  wait_until 60 "the volume is made (see $directory/setup.log)" volume_made
  wait_until 60 "the target is made (see $directory/setup.log)" target_made
  wait_until 60 "the volume is exported (see $directory/setup.log)" volume_mapped
  wait_until 60 "both replicas are in sync" all_in_sync
  wait_until 10 "the volume's id is known" volume_id_known
}

# diagnose: what every node that runs says of the volume and the cluster, before all of it is ended.
diagnose() {
  local node what
  for node in $(all_nodes); do
    running "$node" || continue
    for what in "volumes/$volume" "volumes/$volume/why" "volumes/$volume/history" cluster "nodes/$node"; do
      printf '== %s\n' "$what"
      api "$node" "$what" | jq .
    done >"$directory/$node.said" 2>&1 || true
  done
}

portals() { local node; for node in "${data_nodes[@]}"; do printf '%s:%s ' "${addresses[$node]}" "$portal_port"; done; }

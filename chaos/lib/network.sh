# Hosts as network namespaces, each with one cable (a veth pair) to a switch: a bridge in a namespace of its own. Nothing of it touches the machine's own network.

declare -A addresses=() replication_addresses=()
hosts=()

space_of() { printf 'chaos-%s-%s' "$id" "$1"; }
in_host() { local host=$1; shift; ip netns exec "$(space_of "$host")" "$@"; }

# start_in HOST PROCESS LOG COMMAND…: starts it in the background on that host and remembers its process id, which is the command's own: no shell stands between.
start_in() {
  local host=$1 process=$2 log=$3; shift 3
  ip netns exec "$(space_of "$host")" "$@" >>"$log" 2>&1 </dev/null 9>&- &
  pids[$process]=$!
}

in_switch() { ip netns exec "$(space_of switch)" "$@"; }

# network_up HOST…: the hosts get 10.66.0.1, .2 and so on, in this order.
network_up() {
  local host number=0
  ip netns add "$(space_of switch)"
  ip -n "$(space_of switch)" link set lo up
  ip -n "$(space_of switch)" link add bridge0 type bridge forward_delay 0
  ip -n "$(space_of switch)" link set bridge0 up
  in_switch nft add table bridge chaos
  in_switch nft 'add chain bridge chaos faults { type filter hook forward priority 0 ; }'
  for host in "$@"; do
    number=$((number + 1))
    host_up "$host" "10.66.0.$number"
  done
}

# host_up HOST ADDRESS: one more host on the switch.
host_up() {
  local host=$1 address=$2 space switch
  space=$(space_of "$host") switch=$(space_of switch)
  hosts+=("$host")
  addresses[$host]=$address
  ip netns add "$space"
  ip -n "$switch" link add "to-$host" type veth peer name eth0 netns "$space"
  ip -n "$switch" link set "to-$host" master bridge0 up
  ip -n "$space" address add "$address/24" dev eth0
  ip -n "$space" link set eth0 up
  ip -n "$space" link set lo up
}

# replication_network_up HOST…: another switch, for replication alone; the hosts have a second cable to it, and addresses like 10.67.0.1 beside 10.66.0.1.
replication_network_up() {
  local host space switch
  switch=$(space_of switch)
  ip -n "$switch" link add bridge1 type bridge forward_delay 0
  ip -n "$switch" link set bridge1 up
  for host in "$@"; do
    space=$(space_of "$host")
    replication_addresses[$host]=${addresses[$host]/10.66./10.67.}
    ip -n "$switch" link add "too-$host" type veth peer name eth1 netns "$space"
    ip -n "$switch" link set "too-$host" master bridge1 up
    ip -n "$space" address add "${replication_addresses[$host]}/24" dev eth1
    ip -n "$space" link set eth1 up
  done
}

network_down() {
  local host
  for host in ${hosts[@]+"${hosts[@]}"} switch; do
    ip netns del "$(space_of "$host")" 2>/dev/null
  done
  hosts=()
}

# drop FROM TO [PERCENT]: what FROM sends to TO is lost, all of it or so many percent. One way only.
drop() {
  local from=${addresses[$1]} to=${addresses[$2]}
  if (($# > 2)); then
    in_switch nft add rule bridge chaos faults ip saddr "$from" ip daddr "$to" numgen random mod 100 '<' "$3" drop
  else
    in_switch nft add rule bridge chaos faults ip saddr "$from" ip daddr "$to" drop
  fi
}

# cut A B: nothing passes between them, either way.
cut() { drop "$1" "$2"; drop "$2" "$1"; }

# heal_network: every rule of drop and cut is gone.
heal_network() { in_switch nft flush chain bridge chaos faults; }

# cable_down HOST, cable_up HOST: the host's cable is out, or in again. The host itself sees no carrier.
cable_down() { ip -n "$(space_of switch)" link set "to-$1" down; }
cable_up() { ip -n "$(space_of switch)" link set "to-$1" up; }

# replication_cable_down HOST, replication_cable_up HOST: the same for its cable to the replication network.
replication_cable_down() { ip -n "$(space_of switch)" link set "too-$1" down; }
replication_cable_up() { ip -n "$(space_of switch)" link set "too-$1" up; }

# A host's disk: where the stores of its volumes are. A plain directory, or a small XFS in a file, which can be filled, broken and replaced.

declare -A mounted=()
shared=

store_directory() { printf '%s/%s/stores' "$directory" "$1"; }

# disk_up HOST: a file system of its own for the host's stores, 512 MiB.
disk_up() {
  local host=$1 image where
  # Processes in other namespaces have mounts of their own. What is mounted and unmounted below a shared mount is so for all of them; else one that looks away would keep a dead file system alive.
  if [[ -z $shared ]]; then
    mount --bind "$directory" "$directory"
    mount --make-shared "$directory"
    shared=$directory
  fi
  image=$directory/$host.disk where=$(store_directory "$host")
  mkdir -p "$where"
  rm -f "$image"
  truncate -s 512M "$image"
  mkfs.xfs -q "$image"
  mount -o loop "$image" "$where"
  mounted[$host]=$where
}

# disk_break HOST: from now on every read, write and flush on it ends with an I/O error, as on a dead disk: XFS is shut down under the open files.
disk_break() { xfs_io -x -c shutdown "${mounted[$1]}"; }

# disk_repair HOST: the disk works again, with what it had; the host's node must not run.
disk_repair() {
  local host=$1
  umount "${mounted[$host]}"
  mount -o loop "$directory/$host.disk" "${mounted[$host]}"
}

# disk_fill HOST: no block is left; what has none yet can't be written.
disk_fill() {
  local where=${mounted[$1]} left
  # Twice: the first time leaves what the file system kept back.
  for _ in 1 2; do
    left=$(df --output=avail -B 4096 "$where" | tail -n 1)
    dd if=/dev/zero bs=4096 count="$left" oflag=append conv=notrunc,fsync status=none >>"$where/filler" 2>/dev/null || true
  done
}

disk_free() { rm -f "${mounted[$1]}/filler"; }

# disk_replace HOST: an empty disk in its place; the host's node must not run.
disk_replace() {
  local host=$1
  if [[ -n ${mounted[$host]:-} ]]; then
    umount "${mounted[$host]}"
    unset "mounted[$host]"
    disk_up "$host"
  else
    rm -rf "$(store_directory "$host")"
    mkdir -p "$(store_directory "$host")"
  fi
}

disks_down() {
  local host
  for host in "${!mounted[@]}"; do
    umount "${mounted[$host]}" 2>/dev/null || umount -l "${mounted[$host]}" 2>/dev/null
  done
  mounted=()
  if [[ -n $shared ]]; then umount "$shared" 2>/dev/null || umount -l "$shared" 2>/dev/null; fi
}

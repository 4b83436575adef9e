#!/usr/bin/env bash
# The deployment of docker-compose.yml without a container engine: the same processes with the same files, on this machine's loopback.
# Needs Linux, and of Debian: apt-get install etcd-server haproxy prometheus. Grafana is not in Debian and is left out.
#
#   config/loopback.sh up              starts everything in the order of docker-compose.yml and returns when it serves
#   config/loopback.sh stop NAME …     stops etcd1 to etcd3, node1 to node6, proxy1, proxy2, haproxy or prometheus as its container would be
#   config/loopback.sh start NAME …    starts it again, with the data that it has, and returns when it serves; a majority of etcd serves, one alone does not
#   config/loopback.sh status          says what runs; 0 when all does, else 69
#   config/loopback.sh down            stops everything, the proxies before HAProxy, which drains nobody; data stay, and `up` finds them
#   config/loopback.sh down --volumes  the same, and their data go, too
#
# What containers have of their own is an address of the loopback here: proxy1 is at 127.77.0.11, with the ports of docker-compose.yml, and applications
# connect to 127.77.0.21:6379, HAProxy. Names are looked up in a file of hosts that only these processes see. Nothing is started again by itself.
# Commands in one folder wait for each other.
# The file .env is not read; from the environment:
#   SWITCHYARD                 the binary; target/release/switchyard unless set
#   LOOPBACK_NETWORK           the first three numbers of all addresses; 127.77.0 unless set
#   LOOPBACK_PROMETHEUS_PORT   9090 unless set; Debian starts a Prometheus of its own there, on all addresses
#   LOOPBACK_FOLDER            logs, process ids, and the data of etcd, nodes and Prometheus; /tmp/switchyard-loopback unless set. Nobody else's, and nobody else may write there
#   APPLICATIONS_PASSWORD, NODES_PASSWORD   as in .env.example; for `start NAME` the same as for `up`
set -euo pipefail

# A container sees nothing of the environment in which it is started, and neither do the checks here.
unset "${!SWITCHYARD_NODE_@}" "${!SWITCHYARD_PROXY_@}" "${!SWITCHYARD_CHECK_@}" SWITCHYARD_CONFIG SWITCHYARD_LOG "${!SWITCHYARD_LOG_@}"

# Whatever the working folder, and through whatever link it was called.
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)

# A path that holds in every working folder. Links in it stay: where the folder itself is one, it is refused.
absolute() {
    case $1 in
        /*) echo "$1" ;;
        *) echo "$PWD/$1" ;;
    esac
}

switchyard=${SWITCHYARD:-$root/target/release/switchyard}
# A bare name is looked up as every command is.
[[ $switchyard != */* ]] || switchyard=$(absolute "$switchyard")
network=${LOOPBACK_NETWORK:-127.77.0}
prometheus_port=${LOOPBACK_PROMETHEUS_PORT:-9090}
folder=$(absolute "${LOOPBACK_FOLDER:-/tmp/switchyard-loopback}")
# A link with a slash behind it would pass for the folder that it leads to.
while [[ $folder == */ && $folder != / ]]; do folder=${folder%/}; done
# Names and addresses, and which passwords were set, but not to what. That a folder has this file says that it is a deployment's.
hosts=$folder/switchyard-loopback.hosts

passwords=(APPLICATIONS_PASSWORD NODES_PASSWORD)

# In the order in which they start.
services=(etcd1 etcd2 etcd3 node1 node2 node3 node4 node5 node6 proxy1 proxy2 haproxy prometheus)
# In the order in which they stop; those in one line side by side.
departing=(
    "prometheus proxy1 proxy2"
    "haproxy"
    "node1 node2 node3 node4 node5 node6"
    # A leader that ends hands its office on: to one that ends as well it would wait ten seconds.
    "etcd1"
    "etcd2"
    "etcd3"
)
# Those that keep something, each in a folder of its name.
volumes=(etcd1 etcd2 etcd3 node1 node2 node3 node4 node5 node6 prometheus)

# Longer than any start takes, in tenths of a second.
patience=300

# How long a command waits for another one in the same folder, in tenths of a second.
turn=600

# How long a killed process may take to be gone, in tenths of a second.
dying=50

# stop_grace_period of docker-compose.yml, in tenths of a second.
declare -A grace=(
    [etcd1]=150 [etcd2]=150 [etcd3]=150
    [node1]=600 [node2]=600 [node3]=600 [node4]=600 [node5]=600 [node6]=600
    [proxy1]=150 [proxy2]=150 [haproxy]=150 [prometheus]=300
)

fail() {
    echo "loopback.sh: $1" >&2
    exit "${2:-69}"
}

# Between a process' start and its note of itself a signal waits: nobody would find that process.
holding=false
told=
trap 'told=129; $holding || exit 129' HUP
trap 'told=130; $holding || exit 130' INT
trap 'told=143; $holding || exit 143' TERM

hold_signals() {
    holding=true
}

release_signals() {
    holding=false
    [ -z "$told" ] || exit "$told"
}

address() {
    case $1 in
        node[1-6]) echo "$network.${1#node}" ;;
        proxy[12]) echo "$network.1${1#proxy}" ;;
        haproxy) echo "$network.21" ;;
        prometheus) echo "$network.31" ;;
        etcd[1-3]) echo "$network.4${1#etcd}" ;;
        *) fail "there is no \"$1\" here; there are: ${services[*]}" 64 ;;
    esac
}

port() {
    case $1 in
        prometheus) echo "$prometheus_port" ;;
        etcd*) echo 2379 ;;
        *) echo 6379 ;;
    esac
}

# Exports what stands in a file of settings, as env_file of docker-compose.yml does.
settings() {
    local line
    while IFS= read -r line; do
        case $line in
            '' | '#'*) ;;
            *) export "${line?}" ;;
        esac
    done <"$root/config/docker/$1.env"
}

# Becomes the process of a service. The commands are those of docker-compose.yml; only addresses to listen on and folders differ.
become() {
    local name=$1 own process=$BASHPID
    [ "$name" = topology ] || own=$(address "$name")
    case $name in
        etcd*)
            settings etcd
            export ETCD_NAME=$name ETCD_ADVERTISE_CLIENT_URLS=http://$name:2379 ETCD_INITIAL_ADVERTISE_PEER_URLS=http://$name:2380
            export ETCD_LISTEN_CLIENT_URLS=http://$own:2379 ETCD_LISTEN_PEER_URLS=http://$own:2380 ETCD_DATA_DIR=$folder/$name
            set -- etcd
            ;;
        topology)
            set -- "$switchyard" topology init --unless-there --output=etcd://etcd1:2379,etcd2:2379,etcd3:2379 --followers=1 \
                --node=node1:6379 --node=node2:6379 --node=node3:6379 --node=node4:6379 --node=node5:6379 --node=node6:6379
            ;;
        node*)
            settings node
            export SWITCHYARD_NODE_REQUIREPASS=${NODES_PASSWORD:-} SWITCHYARD_NODE_LISTEN=$own:6379 SWITCHYARD_NODE_DATA_DIR=$folder/$name
            export SWITCHYARD_NODE_ADMIN=$own:9121
            set -- "$switchyard" node
            ;;
        proxy*)
            settings proxy
            export SWITCHYARD_PROXY_REQUIREPASS=${APPLICATIONS_PASSWORD:-} SWITCHYARD_PROXY_NODE_PASSWORD=${NODES_PASSWORD:-}
            export SWITCHYARD_PROXY_LISTEN=$own:6379 SWITCHYARD_PROXY_ADMIN=$own:9121
            export SWITCHYARD_PROXY_GOSSIP=$own:7946 SWITCHYARD_PROXY_GOSSIP_ADVERTISE=$name:7946
            SWITCHYARD_PROXY_PROXY_PROTOCOL_FROM=$(address haproxy)
            export SWITCHYARD_PROXY_PROXY_PROTOCOL_FROM
            set -- "$switchyard" proxy
            ;;
        haproxy)
            export SWITCHYARD_LOOPBACK=$own
            export APPLICATIONS_PASSWORD=${APPLICATIONS_PASSWORD:-} APPLICATIONS_SEND_PASSWORD=${APPLICATIONS_PASSWORD:+yes}
            set -- haproxy -W -db -f "$root/config/haproxy/haproxy.cfg"
            ;;
        prometheus)
            set -- prometheus \
                --config.file="$root/config/prometheus/prometheus.yml" \
                --storage.tsdb.path="$folder/prometheus" \
                --storage.tsdb.retention.time=15d \
                --storage.tsdb.retention.size=2GB \
                --web.listen-address="$own:$prometheus_port"
            ;;
    esac
    cd "$folder"
    # Mounting needs root, or a user namespace in which one is.
    local map=()
    [ "$(id -u)" = 0 ] || map=(--map-root-user)
    # Its own note, and the lock only from then on given away: whatever becomes of the script, whoever comes next finds this process.
    echo "$process $(started "$process")" >"$folder/$name.pid"
    # A session of its own: Ctrl-C is for who called the script, and what a service leaves behind is found by the number of its group.
    # shellcheck disable=SC2016 # expanded by the inner shell
    exec setsid unshare "${map[@]}" --mount sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' sh "$hosts" "$@" {lock}<&-
}

# When process $1 was started, in ticks since boot; nothing when there is none, or when it has ended and nobody has asked how.
started() {
    local rest
    { read -r rest <"/proc/$1/stat"; } 2>/dev/null || return 0
    # What stands in parentheses, its name, may have blanks.
    rest=${rest##*) }
    read -ra rest <<<"$rest"
    [ "${rest[0]}" = Z ] || echo "${rest[19]}"
}

# Prints the process id of a service while it runs; the time of its start tells it from a later process with the same number.
running() {
    local process when
    { read -r process when <"$folder/$1.pid"; } 2>/dev/null || return 1
    [ -n "$when" ] && [ "$(started "$process")" = "$when" ] || return 1
    echo "$process"
}

# The processes of a service, by their ids: all of its group that live in the deployment's folder. A worker of HAProxy that hangs outlives the process
# that `running` knows.
members() {
    local group stat line id
    { read -r group line <"$folder/$1.pid"; } 2>/dev/null || return 0
    for stat in /proc/[0-9]*/stat; do
        { read -r line <"$stat"; } 2>/dev/null || continue
        id=${line%% *}
        # shellcheck disable=SC2086 # state, parent, group and what follows
        set -- ${line##*) }
        [ "${3:-}" = "$group" ] && [ "$1" != Z ] && [ "/proc/$id/cwd" -ef "$folder" ] || continue
        echo "$id"
    done
}

serves() {
    local own
    own=$(address "$1")
    case $1 in
        node*) SWITCHYARD_CHECK_PASSWORD=${NODES_PASSWORD:-} "$switchyard" check "$own:6379" --deadline 3s ;;
        proxy*) SWITCHYARD_CHECK_PASSWORD=${APPLICATIONS_PASSWORD:-} "$switchyard" check "$own:6379" --deadline 3s ;;
        # Somebody is ready behind it.
        haproxy) says_200 "$own" 8404 /healthz ;;
        prometheus) says_200 "$own" "$prometheus_port" /-/ready ;;
        # It says so while most members agree.
        etcd*) says_200 "$own" 2379 /health ;;
    esac
}

# Whether HTTP at host $1 and port $2 answers for path $3 that all is well.
says_200() {
    local status
    exec 3<>"/dev/tcp/$1/$2" || return 1
    printf 'GET %s HTTP/1.0\r\n\r\n' "$3" >&3
    read -r -t 3 status <&3
    [[ $status == *" 200 "* ]]
}

# The sockets that listen at an address and port, by their numbers in /proc; nothing where nobody listens.
listening() {
    local one two three four
    IFS=. read -r one two three four <<<"$1"
    # 0A: it listens.
    awk -v wanted="$(printf '%02X%02X%02X%02X:%04X' "$four" "$three" "$two" "$one" "$2")" \
        '$2 == wanted && $4 == "0A" { print $10 }' /proc/net/tcp
}

# Whether it is process $1, or a child of it, who listens for service $2, and nobody else: another deployment may answer at the same address.
listens_alone() {
    local sockets socket files
    sockets=$(listening "$(address "$2")" "$(port "$2")")
    [ -n "$sockets" ] || return 1
    # shellcheck disable=SC2046 # words and patterns are meant to be split and matched
    files=$(cd /proc && readlink "$1"/fd/* $(sed 's|[0-9]\+|&/fd/*|g' "$1/task/$1/children") 2>/dev/null) || true
    for socket in $sockets; do
        [[ $'\n'$files$'\n' == *$'\n'"socket:[$socket]"$'\n'* ]] || return 1
    done
}

# Files are written there, and processes ended whose ids stand there: it must be nobody else's. Makes it where it is missing.
claim_folder() {
    # The parents' rights are as ever; where it is there already, what follows looks at it.
    mkdir -p "$(dirname "$folder")" 2>/dev/null && mkdir -m 700 "$folder" 2>/dev/null || true
    [ -e "$folder" ] || [ -L "$folder" ] || fail "cannot make the folder $folder; name another one with LOOPBACK_FOLDER" 73
    check_folder
    take_turn
    # A folder of something else has files of these names too: /etc its hosts.
    [ -e "$hosts" ] || [ -z "$(ls -A "$folder")" ] || fail "$folder holds something else; name another one with LOOPBACK_FOLDER" 73
}

check_folder() {
    [ -d "$folder" ] && [ ! -L "$folder" ] || fail "$folder is no folder; name another one with LOOPBACK_FOLDER" 73
    [ -O "$folder" ] && [ -z "$(find "$folder" -maxdepth 0 -perm /022)" ] \
        || fail "$folder belongs to another user, or others may write there; name another one with LOOPBACK_FOLDER" 77
    [ -r "$folder" ] && [ -w "$folder" ] && [ -x "$folder" ] || fail "cannot write to the folder $folder; name another one with LOOPBACK_FOLDER" 73
}

# One command after another, or one would not see what the other is starting. The lock is on the folder itself and ends with whoever holds it.
take_turn() {
    exec {lock}<"$folder" || fail "cannot open the folder $folder" 73
    for ((tenths = 0; tenths < turn; tenths++)); do
        ! flock --nonblock "$lock" || return 0
        [ "$tenths" != 0 ] || echo "loopback.sh: waits for another one that is at work in $folder" >&2
        sleep 0.1
    done
    fail "another one is still at work in $folder; try again when it is done" 75
}

# Whether there is a deployment, running or not.
was_there() {
    [ -e "$folder" ] || [ -L "$folder" ] || return 1
    check_folder
    take_turn
    [ -e "$hosts" ]
}

# Whether any part of the deployment runs.
something_runs() {
    local name
    for name in "${services[@]}"; do
        ! running "$name" >/dev/null || return 0
        [ -z "$(members "$name")" ] || return 0
    done
    return 1
}

# A service that is started into a deployment must be at its addresses, or the others would not find it, and have its passwords, or everybody would.
check_it_belongs() {
    local there name
    there=$(awk '$2 == "node1" { sub(/\.1$/, "", $1); print $1 }' "$hosts")
    [ "$there" = "$network" ] || fail "the deployment in $folder is at $there, not at $network; say LOOPBACK_NETWORK=$there" 64
    for name in "${passwords[@]}"; do
        if grep -qx "# $name was set" "$hosts"; then
            [ -n "${!name:-}" ] || fail "$name was set when the deployment in $folder was started; set it to the same again" 64
        else
            [ -z "${!name:-}" ] || fail "$name was not set when the deployment in $folder was started; unset it, or begin anew with config/loopback.sh down" 64
        fi
    done
}

launch() {
    local name=$1 process other
    ! running "$name" >/dev/null && [ -z "$(members "$name")" ] \
        || fail "$name runs already, or a part of it; end it with: config/loopback.sh stop $name" 73
    other=$(listening "$(address "$name")" "$(port "$name")")
    [ -z "$other" ] || fail "another process listens at $(address "$name"):$(port "$name"), where $name would; end it, or choose another LOOPBACK_NETWORK" 69
    hold_signals
    become "$name" >>"$folder/$name.log" 2>&1 </dev/null &
    process=$!
    for ((tries = 0; tries < 10 * patience; tries++)); do
        ! running "$name" >/dev/null && [ -n "$(started "$process")" ] || break
        sleep 0.01
    done
    release_signals
}

wait_until_it_serves() {
    local name=$1 process
    for ((tenths = 0; tenths < patience; tenths++)); do
        if ! process=$(running "$name"); then
            tail -n 5 "$folder/$name.log" >&2
            fail "$name ended before it served; its log is $folder/$name.log"
        fi
        # In a shell of its own: a refused connection ends it.
        if listens_alone "$process" "$name" && (serves "$name") >/dev/null 2>&1 && running "$name" >/dev/null; then
            echo "$name: process $process, at $(address "$name"):$(port "$name")"
            return
        fi
        sleep 0.1
    done
    fail "$name does not serve; its log is $folder/$name.log"
}

start() {
    local name
    for name in "$@"; do
        launch "$name"
    done
    for name in "$@"; do
        wait_until_it_serves "$name"
    done
}

# Runs the service that puts the first topology in place, and ends.
put_topology() {
    local process
    hold_signals
    become topology >>"$folder/topology.log" 2>&1 </dev/null &
    process=$!
    release_signals
    if ! wait "$process"; then
        tail -n 5 "$folder/topology.log" >&2
        fail "no topology could be put into etcd; the log is $folder/topology.log"
    fi
    rm -f "$folder/topology.pid"
    echo "topology: is in etcd"
}

# Ends services side by side.
end_together() {
    local name process enders=()
    for name in "$@"; do
        (end "$name" && exit "$outcome") &
        enders+=($!)
    done
    for process in "${enders[@]}"; do
        wait "$process" || outcome=69
    done
}

# Ends a service; says nothing where it does not run.
end() {
    local name=$1 process signal=TERM
    # stop_signal of docker-compose.yml.
    [ "$name" != haproxy ] || signal=USR1
    if process=$(running "$name"); then
        # It may have ended by itself meanwhile.
        kill -s "$signal" "$process" 2>/dev/null || true
        for ((tenths = 0; tenths < ${grace[$name]}; tenths++)); do
            running "$name" >/dev/null || break
            sleep 0.1
        done
    fi
    kill_what_is_left "$name"
    rm -f "$folder/$name.pid"
}

kill_what_is_left() {
    local name=$1 left
    left=$(members "$name")
    [ -n "$left" ] || return 0
    echo "loopback.sh: $name has not ended in time and is killed" >&2
    for ((tenths = 0; tenths < dying; tenths++)); do
        # shellcheck disable=SC2086 # one id each
        kill -s KILL $left 2>/dev/null || true
        left=$(members "$name")
        [ -n "$left" ] || return 0
        sleep 0.1
    done
    echo "loopback.sh: $name cannot be killed; processes: ${left//$'\n'/ }" >&2
    outcome=69
}

stop() {
    local name
    for name in "$@"; do
        running "$name" >/dev/null || echo "loopback.sh: $name does not run; if it should, its log says why: $folder/$name.log" >&2
        end "$name"
    done
}

# Nothing may run already. Where some do and some have ended, says which.
refuse_a_second() {
    local name here=() gone=()
    for name in "${services[@]}"; do
        if running "$name" >/dev/null; then here+=("$name"); else gone+=("$name"); fi
    done
    [ ${#here[@]} != 0 ] || return 0
    [ ${#gone[@]} != 0 ] || fail "everything runs already; end it with: config/loopback.sh down" 73
    fail "running: ${here[*]}; not running: ${gone[*]}. Start these one by one with config/loopback.sh start NAME, or begin anew with config/loopback.sh down" 73
}

up() {
    local tool name
    for tool in "$switchyard" etcd haproxy prometheus unshare flock setsid; do
        command -v "$tool" >/dev/null \
            || fail "there is no $tool; build with: cargo build --release, install with: apt-get install etcd-server haproxy prometheus"
    done
    claim_folder
    refuse_a_second
    # All or nothing.
    trap down EXIT
    {
        echo "127.0.0.1 localhost"
        for name in "${services[@]}"; do
            echo "$(address "$name") $name"
        done
        for name in "${passwords[@]}"; do
            [ -z "${!name:-}" ] || echo "# $name was set"
        done
    } >"$hosts"
    for name in "${volumes[@]}"; do
        mkdir -p -m 700 "$folder/$name"
    done
    start etcd1 etcd2 etcd3 node1 node2 node3 node4 node5 node6
    put_topology
    start proxy1 proxy2
    start haproxy prometheus
    trap - EXIT
    echo "ready: clients at $(address haproxy):6379, metrics at http://$(address prometheus):$prometheus_port"
}

status() {
    local name process
    [ -e "$hosts" ] || fail "there is no deployment in $folder; begin with: config/loopback.sh up"
    for name in "${services[@]}"; do
        if process=$(running "$name"); then
            echo "$name: process $process"
        else
            echo "$name: does not run; its log is $folder/$name.log"
            outcome=69
        fi
    done
}

down() {
    local together
    # What has begun to end is ended: a second signal would leave some behind.
    trap '' HUP INT TERM
    for together in "${departing[@]}"; do
        # shellcheck disable=SC2086 # names
        end_together $together
    done
}

outcome=0
case "${1:-} $#" in
    "up 1") up ;;
    "status 1") status ;;
    "down 1")
        # Of another folder nothing is known here.
        if was_there && something_runs; then down; else echo "nothing was running in $folder"; fi
        ;;
    "down 2")
        [ "$2" = --volumes ] || fail "write: config/loopback.sh down --volumes" 64
        if was_there; then
            ! something_runs || down
            for name in "${volumes[@]}"; do
                rm -rf "${folder:?}/$name"
            done
            echo "the data of $folder are gone"
        else
            echo "nothing was there in $folder"
        fi
        ;;
    "start "[2-9] | "stop "[2-9])
        task=$1
        shift
        for name in "$@"; do
            address "$name" >/dev/null
        done
        was_there || fail "there is no deployment in $folder; begin with: config/loopback.sh up"
        [ "$task" = stop ] || check_it_belongs
        "$task" "$@"
        ;;
    *) fail "write: config/loopback.sh up | status | down | down --volumes | start NAME … | stop NAME …" 64 ;;
esac
exit "$outcome"

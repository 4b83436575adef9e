#!/usr/bin/env bash
# The deployment of docker-compose.yml without a container engine: the same processes with the same files, on this machine's loopback.
# Needs Linux, and Debian's haproxy and prometheus (apt-get install haproxy prometheus); Grafana is not in Debian and is left out.
#
#   config/loopback.sh up            starts everything in the order of docker-compose.yml and returns when it serves
#   config/loopback.sh stop NAME     stops node1, node2, node3, proxy1, proxy2, haproxy or prometheus as its container would be
#   config/loopback.sh start NAME    starts it again and returns when it serves
#   config/loopback.sh down          stops everything
#
# What containers have of their own is an address of the loopback here: proxy1 is at 127.77.0.11, with the ports of docker-compose.yml. Names are
# looked up in a file of hosts that only these processes see. Nothing is started again by itself. From the environment:
#   SWITCHYARD                 the binary; target/release/switchyard unless set
#   LOOPBACK_NETWORK           the first three numbers of all addresses; 127.77.0 unless set
#   LOOPBACK_PROMETHEUS_PORT   9090 unless set; Debian starts a Prometheus of its own there, on all addresses
#   LOOPBACK_FOLDER            logs, process ids, Prometheus' data; /tmp/switchyard-loopback unless set
#   APPLICATIONS_PASSWORD, NODES_PASSWORD   as in .env.example
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
switchyard=${SWITCHYARD:-$root/target/release/switchyard}
network=${LOOPBACK_NETWORK:-127.77.0}
prometheus_port=${LOOPBACK_PROMETHEUS_PORT:-9090}
folder=${LOOPBACK_FOLDER:-/tmp/switchyard-loopback}

# In the order in which they start.
services=(node1 node2 node3 proxy1 proxy2 haproxy prometheus)

# Longer than any start takes, in tenths of a second.
patience=300

# stop_grace_period of docker-compose.yml, in tenths of a second.
declare -A grace=([node1]=150 [node2]=150 [node3]=150 [proxy1]=150 [proxy2]=150 [haproxy]=150 [prometheus]=300)

fail() {
    echo "loopback.sh: $1" >&2
    exit "${2:-69}"
}

address() {
    case $1 in
        node1) echo "$network.1" ;;
        node2) echo "$network.2" ;;
        node3) echo "$network.3" ;;
        proxy1) echo "$network.11" ;;
        proxy2) echo "$network.12" ;;
        haproxy) echo "$network.21" ;;
        prometheus) echo "$network.31" ;;
        *) fail "there is no \"$1\" here; there are: ${services[*]}" 64 ;;
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
    local name=$1 own
    own=$(address "$name")
    # A container sees nothing of the environment in which it is started.
    unset "${!SWITCHYARD_NODE_@}" "${!SWITCHYARD_PROXY_@}" SWITCHYARD_CONFIG SWITCHYARD_LOG SWITCHYARD_LOG_FORMAT
    case $name in
        node*)
            settings node
            export SWITCHYARD_NODE_REQUIREPASS=${NODES_PASSWORD:-} SWITCHYARD_NODE_LISTEN=$own:6379
            set -- "$switchyard" node
            ;;
        proxy*)
            settings proxy
            export SWITCHYARD_PROXY_REQUIREPASS=${APPLICATIONS_PASSWORD:-} SWITCHYARD_PROXY_NODE_PASSWORD=${NODES_PASSWORD:-}
            export SWITCHYARD_PROXY_LISTEN=$own:6379 SWITCHYARD_PROXY_ADMIN=$own:9121
            set -- "$switchyard" proxy --topology "$root/config/docker/topology/topology.toml"
            ;;
        haproxy)
            export SWITCHYARD_LOOPBACK=$own
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
    # shellcheck disable=SC2016 # expanded by the inner shell
    exec unshare "${map[@]}" --mount sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' sh "$folder/hosts" "$@"
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

serves() {
    local own
    own=$(address "$1")
    case $1 in
        node*) SWITCHYARD_CHECK_PASSWORD=${NODES_PASSWORD:-} "$switchyard" check "$own:6379" --deadline 3s ;;
        proxy* | haproxy) SWITCHYARD_CHECK_PASSWORD=${APPLICATIONS_PASSWORD:-} "$switchyard" check "$own:6379" --deadline 3s ;;
        prometheus)
            local status
            exec 3<>"/dev/tcp/$own/$prometheus_port" || return 1
            printf 'GET /-/ready HTTP/1.0\r\n\r\n' >&3
            read -r -t 3 status <&3
            [[ $status == *" 200 "* ]]
            ;;
    esac
}

refuse_a_second() {
    ! running "$1" >/dev/null || fail "$1 runs already; end it with: config/loopback.sh stop $1" 73
}

launch() {
    local name=$1 process
    refuse_a_second "$name"
    become "$name" >>"$folder/$name.log" 2>&1 </dev/null &
    process=$!
    echo "$process $(started "$process")" >"$folder/$name.pid"
}

wait_until_it_serves() {
    local name=$1 process
    for ((tenths = 0; tenths < patience; tenths++)); do
        if ! process=$(running "$name"); then
            tail -n 5 "$folder/$name.log" >&2
            fail "$name ended before it served; its log is $folder/$name.log"
        fi
        # In a shell of its own: a refused connection ends it.
        if (serves "$name") >/dev/null 2>&1; then
            echo "$name: process $process, at $(address "$name")"
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

stop() {
    local name=$1 process signal=TERM
    process=$(running "$name") || return 0
    # stop_signal of docker-compose.yml.
    [ "$name" != haproxy ] || signal=USR1
    kill -s "$signal" "$process"
    for ((tenths = 0; tenths < ${grace[$name]}; tenths++)); do
        running "$name" >/dev/null || return 0
        sleep 0.1
    done
    echo "loopback.sh: $name has not ended in time and is killed" >&2
    kill -s KILL "$process" || true
}

up() {
    local tool name
    for tool in "$switchyard" haproxy prometheus unshare; do
        command -v "$tool" >/dev/null || fail "there is no $tool; build with: cargo build --release, install with: apt-get install haproxy prometheus"
    done
    for name in "${services[@]}"; do
        refuse_a_second "$name"
    done
    # All or nothing.
    trap down EXIT
    mkdir -p "$folder"
    {
        echo "127.0.0.1 localhost"
        for name in "${services[@]}"; do
            echo "$(address "$name") $name"
        done
    } >"$folder/hosts"
    start node1 node2 node3
    start proxy1 proxy2
    start haproxy prometheus
    trap - EXIT
    echo "ready: clients at $(address haproxy):6379, metrics at http://$(address prometheus):$prometheus_port"
}

down() {
    local place
    for ((place = ${#services[@]} - 1; place >= 0; place--)); do
        stop "${services[place]}"
    done
}

case "${1:-} $#" in
    "up 1") up ;;
    "down 1") down ;;
    "start 2" | "stop 2")
        address "$2" >/dev/null
        "$1" "$2"
        ;;
    *) fail "write: config/loopback.sh up | down | start NAME | stop NAME" 64 ;;
esac

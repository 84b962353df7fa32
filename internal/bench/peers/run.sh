#!/bin/bash
# Runs this agent and other agents on this host, one after the other in several rounds, and prints one table; see README.md. It starts
# everything itself, on loopback, in a temporary folder, and ends only what it started.
#
#   internal/bench/peers/run.sh PROGRAM      # an rtcollector; "make peers" builds it
#
# SECONDS_EACH (20) is how long each agent is measured in a round, ROUNDS (2) how often.
set -u
program=$(realpath "$1")
each=${SECONDS_EACH:-20}
rounds=${ROUNDS:-2}
warm=9 # seconds before a measurement
work=$(mktemp -d)
started=()
trap 'for p in "${started[@]}"; do kill "$p" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$work"' EXIT

port() { # a free port
    local p
    while :; do
        p=$((20000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo "$p"; return; }
    done
}
listens() { # waits until something listens on a port
    for _ in $(seq 200); do
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
        sleep 0.05
    done
    echo "nothing listens on port $1" >&2
    return 1
}
tree() { # the processes below a process, and itself
    local p
    echo "$1"
    for p in $(cat "/proc/$1/task/"*/children 2>/dev/null); do tree "$p"; done
}
cpu() { for p in $(tree "$1"); do cat "/proc/$p/task/"*/schedstat 2>/dev/null; done | awk '{s += $1} END {printf "%d\n", s / 1000}'; } # µs
memory() { for p in $(tree "$1"); do grep -E "^$2:" "/proc/$p/status" 2>/dev/null; done | awk '{s += $2} END {printf "%.1f\n", s / 1000}'; } # MB
redis() { printf '%s\r\nQUIT\r\n' "$*" | timeout 2 bash -c "exec 3<>/dev/tcp/127.0.0.1/$server_port; cat >&3; cat <&3" | tr -d '\r'; }
info() { redis INFO | awk -F: -v k="$1" '$1 == k {print $2}'; }
sent() { ss -Htin "dport = :$server_port" 2>/dev/null | grep -o 'bytes_sent:[0-9]*' | awk -F: '{s += $2} END {print s + 0}'; }
first_sample() { # ms until a command succeeds
    local began now
    began=$(date +%s%N)
    for _ in $(seq 2000); do
        if eval "$1" >/dev/null 2>&1; then
            now=$(date +%s%N)
            echo $(((now - began) / 1000000))
            return
        fi
        sleep 0.005
    done
    echo -
}

start_server() {
    "$program" embedded --listen "127.0.0.1:$server_port" >"$work/server.log" 2>&1 &
    server=$!
    started+=("$server")
    listens "$server_port"
}

# Each agent has start_NAME, which sets pid, samples_NAME, which prints how many samples a cycle keeps, and first_NAME, which succeeds when
# there is a sample.
start_rtcollector() {
    cat >"$work/rtcollector.yaml" <<YAML
hostname: h
interval: 1s
inputs: [linux_cpu, linux_mem, linux_disk, linux_net, linux_io, system, processes, kernel, netstat, nstat, linux_swap]
outputs:
  - redistimeseries: {host: 127.0.0.1, port: $server_port, retention: 1h}
YAML
    "$program" run --config "$work/rtcollector.yaml" >"$work/rtcollector.log" 2>&1 &
    pid=$!
}
samples_rtcollector() { redis TS.GET h:internal_agent_metrics_gathered_rate | awk '/^[+$]?[0-9.]+$/ {v = $1} END {gsub(/^[+]/, "", v); print v}'; }
first_rtcollector() { redis EXISTS rtcollector:hosts:h | grep -q ':1'; }

start_node_exporter() {
    prometheus-node-exporter --web.listen-address="127.0.0.1:$own_port" --collector.processes --collector.tcpstat >"$work/node_exporter.log" 2>&1 &
    pid=$!
    (while sleep 1; do curl -s -o "$work/page" "http://127.0.0.1:$own_port/metrics"; done) &
    scraper=$!
    started+=("$scraper")
}
samples_node_exporter() { grep -vc '^#' "$work/page"; }
first_node_exporter() { curl -s "http://127.0.0.1:$own_port/metrics" | grep -q '^node_'; }

start_netdata() {
    cat >"$work/netdata.conf" <<CONF
[global]
	run as user = root
[directories]
	config = $work
	stock config = $work
	web = $work
	home = $work
	cache = $work
	lib = $work
	log = $work
	plugins = "$work/no-plugins"
[db]
	mode = ram
	update every = 1
[ml]
	enabled = no
[health]
	enabled = no
[web]
	bind to = 127.0.0.1:$own_port
[plugins]
	proc = yes
	diskspace = yes
	cgroups = no
	tc = no
	idlejitter = no
	timex = no
	statsd = no
	checks = no
	enable running new plugins = no
CONF
    mkdir -p "$work/no-plugins"
    netdata -D -c "$work/netdata.conf" -P "$work/netdata.pid" >"$work/netdata.log" 2>&1 &
    pid=$!
}
samples_netdata() { curl -s "http://127.0.0.1:$own_port/api/v1/charts" | grep -o '"dimensions_count": *[0-9]*' | awk -F: '{print $2 + 0}'; }
first_netdata() { curl -s "http://127.0.0.1:$own_port/api/v1/data?chart=system.cpu&after=-2&points=1&format=csv" | grep -q '^20'; }

# Telegraf's keys have no tags, and it stops a write at the first refusal, so one instance of each kind is all that it can write.
start_telegraf() {
    cat >"$work/telegraf.conf" <<CONF
[agent]
  interval = "1s"
  flush_interval = "1s"
[[inputs.cpu]]
  percpu = false
[[inputs.mem]]
[[inputs.disk]]
  mount_points = ["/"]
[[inputs.net]]
  interfaces = ["lo"]
[[inputs.diskio]]
  devices = ["$(awk '$4 !~ /^(loop|ram)/ && NF == 4 && $4 != "name" {print $4; exit}' /proc/partitions)"]
[[inputs.system]]
[[inputs.processes]]
[[inputs.kernel]]
[[inputs.netstat]]
[[inputs.nstat]]
[[inputs.swap]]
[[outputs.redistimeseries]]
  address = "127.0.0.1:$server_port"
CONF
    telegraf --config "$work/telegraf.conf" >"$work/telegraf.log" 2>&1 &
    pid=$!
}
samples_telegraf() { info rtcollector_series; }
first_telegraf() { [ "$(info rtcollector_series)" -gt 0 ]; }

# PEER_PYTHON_AGENT is a command that runs the Python agent with these inputs at 1 s, and writes to 127.0.0.1:$PEER_PORT.
start_python_agent() {
    PEER_PORT=$server_port bash -c "exec $PEER_PYTHON_AGENT" >"$work/python.log" 2>&1 &
    pid=$!
}
samples_python_agent() { info rtcollector_series; }
first_python_agent() { [ "$(info rtcollector_series)" -gt 0 ]; }

installed() {
    case $1 in
    rtcollector) true ;;
    node_exporter) command -v prometheus-node-exporter >/dev/null ;;
    python_agent) [ -n "${PEER_PYTHON_AGENT:-}" ] ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

declare -A cpu_of rss_of anon_of samples_of wire_of stored_of start_of lost_of
measure() { # one round of one agent
    local name=$1 c0 c1 b0 b1 m0 m1
    own_port=$(port) server_port=$(port) scraper=
    start_server
    m0=$(info used_memory)
    "start_$name"
    started+=("$pid")
    start_of[$name]+="$(first_sample "first_$name") "
    sleep "$warm"
    c0=$(cpu "$pid") b0=$(sent)
    sleep "$each"
    c1=$(cpu "$pid") b1=$(sent) m1=$(info used_memory)
    cpu_of[$name]+="$(((c1 - c0) / each)) "
    wire_of[$name]+="$(((b1 - b0) / each)) "
    stored_of[$name]+="$(((m1 - m0) / 1000)) "
    rss_of[$name]+="$(memory "$pid" VmRSS) "
    anon_of[$name]+="$(memory "$pid" RssAnon) "
    samples_of[$name]+="$("samples_$name") "
    if [ -z "${lost_of[$name]:-}" ]; then
        case $name in
        rtcollector) outage h:system_load1 ;;
        telegraf) outage system_load1 ;;
        esac
    fi
    [ -n "$scraper" ] && kill "$scraper"
    kill "$pid" "$server" 2>/dev/null
    wait "$pid" "$server" 2>/dev/null
}

# outage KEY ends the server for 30 seconds; it comes back empty. The samples of the series, one a second, must have no gap.
outage() {
    local began
    kill "$server"
    wait "$server" 2>/dev/null
    began=$(date +%s)
    sleep 30
    start_server
    sleep 35 # the agent's longest pause between two attempts is 30 seconds
    lost_of[$name]=$((30 - $(redis TS.RANGE "$1" "$((began + 1))000" "$((began + 30))000" | grep -c "^:[0-9]\{13\}$")))
}

average() { echo "$*" | awk '{for (i = 1; i <= NF; i++) s += $i; if (NF) printf "%.1f", s / NF; else printf "-"}'; }

names=(rtcollector node_exporter netdata telegraf python_agent)
for _ in $(seq "$rounds"); do
    for name in "${names[@]}"; do
        if installed "$name"; then measure "$name"; fi
    done
done

echo "| | CPU per cycle | samples per cycle | CPU per sample | resident / anonymous memory | sent | series in Redis | start to first sample | samples of a series lost in 30 s without Redis |"
echo "|---|---|---|---|---|---|---|---|---|"
for name in "${names[@]}"; do
    if ! installed "$name"; then
        echo "| $name | not measured: not installed |"
        continue
    fi
    c=$(average ${cpu_of[$name]}) n=$(average ${samples_of[$name]})
    case $name in
    node_exporter) wire="$(wc -c <"$work/page") B a scrape" stored="-" lost="30: nothing is kept" ;;
    netdata) wire="-" stored="-" lost="-: keeps its own database" ;;
    *) wire="$(average ${wire_of[$name]}) B/s" stored="$(average ${stored_of[$name]}) kB" lost="${lost_of[$name]:--}" ;;
    esac
    echo "| $name | $(echo "$c" | awk '{printf "%.1f ms", $1 / 1000}') | $n | $(echo "$c $n" | awk '{printf "%.1f µs", $1 / $2}') |" \
        "$(average ${rss_of[$name]}) / $(average ${anon_of[$name]}) MB | $wire | $stored | $(average ${start_of[$name]}) ms | $lost |"
done

// Which host needs a look, and why, in words. The questions are PromQL, one for all hosts.
import { instant, isAbort } from "./api.js";
import { parseValue } from "./data.js";
import { selector } from "./promql.js";
import { now } from "./time.js";
import { duration, percent } from "./units.js";

// A host is silent if its newest sample is older than three of its intervals, and at least as old as minSilence (seconds).
const minSilence = 90;
const intervalWindow = 3600;
const intervals = new Map(); // host to seconds between two samples; 0: there are none

// learnIntervals finds the intervals of the hosts that may be silent: [{host, last_seen}]. Hosts that were asked about are not asked about again.
export async function learnIntervals(hosts, signal) {
  const unknown = hosts.filter(({ host, last_seen: seen }) => now() - seen > minSilence && !intervals.has(host)).map(({ host }) => host);
  if (unknown.length === 0) return;
  try {
    const { data } = await instant(`count_over_time(${selector("rtcollector_up", { host: unknown })}[${intervalWindow}s])`, now(), signal);
    const counts = new Map(data.result.map(({ metric, value }) => [metric.host, parseValue(value[1])]));
    for (const { host, last_seen: seen } of hosts) {
      if (unknown.includes(host)) intervals.set(host, counts.has(host) ? Math.max(0, intervalWindow - (now() - seen)) / counts.get(host) : 0);
    }
  } catch (error) {
    if (isAbort(error)) throw error; // without the intervals, minSilence alone decides
  }
}

// isSilent reports whether a host whose newest sample is of this time has stopped.
export function isSilent(host, seen) {
  return now() - seen > Math.max(minSilence, 3 * (intervals.get(host) ?? 0));
}

// measureIntervals finds the seconds between two samples of metrics of a host, from those of the last window seconds: a Map of metric to the one that
// choose takes of all its series. They decide what is a gap.
export async function measureIntervals(metrics, host, time, window, signal, choose = Math.max) {
  const { data } = await instant(`${selector("", { __name__: metrics, host })}[${window}s]`, time, signal);
  const found = new Map();
  for (const { metric, values } of data.result) {
    if (values.length < 2) continue;
    const interval = (values.at(-1)[0] - values[0][0]) / (values.length - 1);
    const rounded = Math.round(interval * 10) / 10;
    found.set(metric.__name__, choose(found.get(metric.__name__) ?? rounded, rounded));
  }
  return found;
}

const day = 86400;

// checks are asked about all hosts at once. text says what is wrong with the host of a result; level is bad or warn. place is the column
// of the hosts page that shows it.
export const checks = [
  {
    place: "disk", slow: true,
    expr: `(disk_available / -deriv(disk_available[1h]) < ${30 * day}) and predict_linear(disk_available[1h], ${14 * day}) < 0 and on (host, mount) disk_used_percent > 60`,
    text: (labels, value) => `${mount(labels)} full in ${duration(value)}`, level: (value) => (value < day ? "bad" : "warn"),
  },
  { place: "disk", expr: "disk_used_percent > 95", text: (labels, value) => `${mount(labels)} ${percent(value)} full`, level: () => "bad" },
  { place: "disk", expr: "disk_inodes_percent > 90", text: (labels, value) => `${mount(labels)}: ${percent(value)} of the inodes`, level: () => "warn" },
  { place: "disk", expr: "disk_read_only == 1 and on (host, mount) disk_total > 0 and on (host) system_uptime", text: (labels) => `${mount(labels)} is read-only`, level: () => "warn", skip: (labels) => /^\/(snap|sys|proc|run|boot|usr|etc)\b|^\/nix/.test(labels.mount ?? "") },
  { place: "memory", expr: "mem_available_percent < 5", text: (labels, value) => `${percent(value)} available`, level: () => "bad" },
  { place: "memory", expr: `kernel_pressure_avg60{resource="memory",type="full"} > 10`, text: (labels, value) => `memory pressure ${percent(value)}`, level: () => "bad" },
  { place: "cpu", expr: `kernel_pressure_avg60{resource="cpu",type="some"} > 50`, text: (labels, value) => `CPU pressure ${percent(value)}`, level: () => "warn" },
  { place: "disk", expr: `kernel_pressure_avg60{resource="io",type="full"} > 20`, text: (labels, value) => `I/O pressure ${percent(value)}`, level: () => "warn" },
  { place: "load", expr: "system_load5 > on (host) 2 * system_n_cpus", text: (labels, value) => `load ${value.toFixed(1)}`, level: () => "warn" },
  { place: "memory", expr: "increase(vmstat_oom_kill[1h]) > 0", slow: true, text: () => "out of memory in the last hour", level: () => "warn" },
  { place: "containers", expr: `docker_container_health == 0`, text: (labels) => `${labels.container_name ?? "a container"} is unhealthy`, level: () => "warn" },
];

function mount(labels) {
  return labels.mount === "root" ? "/" : labels.mount ?? "a file system";
}

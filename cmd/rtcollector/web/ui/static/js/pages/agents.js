// The agents themselves: state, lag and losses of each input and output, from the metrics of the input "internal".
import * as api from "../api.js";
import { keyOf, parseValue } from "../data.js";
import { fill, h, name, setText } from "../dom.js";
import { isSilent, learnIntervals } from "../health.js";
import { isLate, learnPaces } from "../lag.js";
import { change, hostHref, params } from "../state.js";
import { Table } from "../table.js";
import { now } from "../time.js";
import { ago, count, current, duration, percent, withUnit } from "../units.js";

const maxWindow = 86400; // seconds over which losses are summed up

// Each question is asked once for all agents. lost are the counters that should not grow.
const questions = {
  agents: { by: ["host"], columns: {
    gathered: "sum by (host) (rate(internal_agent_metrics_gathered[5m]))", written: "sum by (host) (rate(internal_agent_metrics_written[5m]))",
    dropped: "sum by (host) (increase(internal_agent_metrics_dropped[$w]))", errors: "sum by (host) (increase(internal_agent_gather_errors[$w]))",
    memory: "max by (host) (internal_process_resident_memory_bytes)", cpu: "max by (host) (internal_process_cpu_seconds_total_rate)",
    age: "max by (host) (internal_write_last_success_age)" } },
  inputs: { by: ["host", "input"], columns: {
    age: "max by (host, input) (internal_gather_last_success_age)", time: "max by (host, input) (internal_gather_last_gather_time_ns) / 1e9", samples: "sum by (host, input) (rate(internal_gather_metrics_gathered[5m]))",
    errors: "sum by (host, input) (increase(internal_gather_errors[$w]))", timeouts: "sum by (host, input) (increase(internal_gather_gather_timeouts[$w]))", missed: "sum by (host, input) (increase(internal_gather_missed[$w]))" } },
  outputs: { by: ["host", "output"], columns: {
    age: "max by (host, output) (internal_write_last_success_age)", written: "sum by (host, output) (rate(internal_write_metrics_written[5m]))", dropped: "sum by (host, output) (increase(internal_write_metrics_dropped[$w]))",
    rejected: "sum by (host, output) (increase(internal_write_metrics_rejected[$w]))", retries: "sum by (host, output) (increase(internal_write_retries[$w]))",
    waiting: `sum by (host, output) ({__name__=~"internal_write_buffer_size|internal_write_event_buffer_size"})`,
    queue: "100 * max by (host, output) (internal_write_buffer_size) / max by (host, output) (internal_write_buffer_limit)",
    events: "100 * max by (host, output) (internal_write_event_buffer_bytes) / max by (host, output) (internal_write_event_buffer_limit_bytes)" } },
};

export function open(root, app) {
  return new AgentsPage(root, app);
}

class AgentsPage {
  constructor(root, app) {
    this.app = app;
    this.title = "Agents";
    this.facts = h("dl", { class: "facts" });
    this.filter = h("input", { type: "search", class: "filter", id: "search", placeholder: "Filter: host", "aria-label": "Filter by host", on: { input: () => change({ q: this.filter.value }, { replace: true }) } });
    this.note = h("p", { class: "page-note", role: "status" });
    const host = { id: "host", title: "Host", value: (row) => row.host, cell: (row) => h("a", { href: hostHref(row.host) }, name(row.host)) };
    this.tables = {
      agents: new Table([
        host, { id: "seen", title: "Seen", value: (row) => -row.seen, cell: (row) => h("span", { class: row.silent ? "bad" : "" }, row.seen === undefined ? "–" : row.silent ? `silent for ${duration(now() - row.seen)}` : ago(now() - row.seen)) },
        number("gathered", "Gathered", "/s"), number("written", "Written", "/s"), loss("dropped", "Dropped"), loss("errors", "Failed gathers"), number("cpu", "CPU", "cores"), number("memory", "Memory", "bytes"),
      ], { caption: "Agents" }),
      inputs: new Table([
        host, { id: "input", title: "Input", value: (row) => row.input, cell: (row) => name(row.input ?? "") }, age("age", "Last success"), number("time", "Last gather took", "seconds"), number("samples", "Samples", "/s"),
        loss("errors", "Failed"), loss("timeouts", "Timed out"), loss("missed", "Missed"),
      ], { caption: "Inputs" }),
      outputs: new Table([
        host, { id: "output", title: "Output", value: (row) => row.output, cell: (row) => name(row.output ?? "") }, age("age", "Last success"), number("written", "Written", "/s"), loss("dropped", "Dropped"), loss("rejected", "Rejected"), loss("retries", "Retries"),
        { id: "queue", title: "Queue", right: true, value: (row) => row.queue, cell: (row) => (row.queue === undefined ? "–" : h("span", { class: row.queue > 50 ? "warn" : "" }, percent(row.queue))) },
      ], { caption: "Outputs" }),
    };
    this.titles = Object.fromEntries(["outputs", "inputs"].map((key) => [key, h("h2", { class: "section" })]));
    fill(root, h("h1", { class: "hidden" }, "Agents"), h("div", { class: "page-head" }, this.facts, this.filter), this.note, this.tables.agents.element,
      this.titles.outputs, this.tables.outputs.element, this.titles.inputs, this.tables.inputs.element);
    this.filter.value = params().get("q") ?? "";
    this.rows = null;
    for (const table of Object.values(this.tables)) table.element.classList.add("loading");
  }

  dim() {
    for (const table of Object.values(this.tables)) table.element.classList.add("stale");
  }

  update() {
    if (document.activeElement !== this.filter) this.filter.value = params().get("q") ?? "";
    this.#draw();
  }

  async refresh(signal) {
    const range = this.app.range();
    this.window = Math.round(Math.min(maxWindow, Math.max(300, range.seconds)));
    const [hosts, ...answers] = await Promise.all([api.hosts(signal), ...Object.values(questions).map((question) => this.#ask(question, range.end, signal))]);
    this.rows = Object.fromEntries(Object.keys(questions).map((key, i) => [key, answers[i]]));
    const seen = new Map(hosts.hosts.map((host) => [host.host, host.last_seen]));
    const known = new Set(this.rows.agents.map((row) => row.host));
    for (const host of seen.keys()) if (!known.has(host)) this.rows.agents.push({ host });
    await Promise.all([learnIntervals(hosts.hosts, signal), learnPaces("input", this.rows.inputs, range.end, signal), learnPaces("output", this.rows.outputs, range.end, signal)]);
    for (const row of this.rows.inputs) row.late = isLate("input", row);
    for (const row of this.rows.outputs) {
      row.late = isLate("output", row);
      row.queue = fullest(row.queue, row.events);
    }
    for (const row of this.rows.agents) {
      row.seen = seen.get(row.host);
      row.silent = row.seen !== undefined && isSilent(row.host, row.seen);
    }
    for (const table of Object.values(this.tables)) table.element.classList.remove("loading", "stale");
    this.#draw();
  }

  async #ask({ columns }, at, signal) {
    const rows = new Map();
    await Promise.all(Object.entries(columns).map(async ([column, expr]) => {
      const { data } = await api.instant(expr.replace("$w", `${this.window}s`), at, signal);
      for (const { metric, value } of data.result) {
        const key = keyOf(metric);
        if (!rows.has(key)) rows.set(key, { ...metric });
        rows.get(key)[column] = parseValue(value[1]);
      }
    }));
    return [...rows.values()];
  }

  #draw() {
    if (!this.rows) return;
    const wanted = (params().get("q") ?? "").toLowerCase();
    const { agents, inputs, outputs } = this.rows;
    const shown = (rows) => rows.filter((row) => (row.host ?? "").toLowerCase().includes(wanted));
    const few = shown(agents).length <= 3;
    const trouble = (row) => ["errors", "timeouts", "missed", "dropped", "rejected", "retries"].some((key) => Math.round(row[key] ?? 0) > 0) || row.late || row.queue > 50;
    this.tables.agents.show(shown(agents));
    for (const [key, rows] of [["outputs", outputs], ["inputs", inputs]]) {
      const all = shown(rows);
      const kept = few ? all : all.filter(trouble);
      this.tables[key].show(kept);
      this.tables[key].element.hidden = kept.length === 0;
      const title = key === "outputs" ? "Outputs" : "Inputs";
      setText(this.titles[key], few ? title : kept.length === 0 ? `${title}: all ${count(all.length)} work, without losses` : `${title} with failures or losses: ${count(kept.length)} of ${count(all.length)}`);
    }
    const sum = (key) => agents.reduce((total, row) => total + (Number.isFinite(row[key]) ? row[key] : 0), 0);
    const dropped = Math.round(sum("dropped"));
    const span = duration(this.window);
    fill(this.facts, [["Agents", count(agents.length), ""], ["Silent", count(agents.filter((row) => row.silent).length), agents.some((row) => row.silent) ? "bad" : ""],
      ["Written", withUnit(sum("written"), "/s"), ""], [`Dropped in ${span}`, count(dropped), dropped > 0 ? "bad" : "good"]].map(([term, text, state]) => h("div", null, h("dt", null, term), h("dd", { class: state }, text))));
    setText(this.note, agents.length === 0 ? "No agent has written to this Redis yet. Start one with: rtcollector run" : inputs.length === 0 ? "No agent has the input internal, which reports on inputs and outputs: add it to the configuration." : "");
  }
}

// fullest returns the larger share of the queues of samples and of events; an output may have one of them.
function fullest(samples, events) {
  return samples > events ? samples : events ?? samples;
}

function number(id, title, unit) {
  return { id, title, right: true, value: (row) => row[id], cell: (row) => (row[id] === undefined ? "–" : current(row[id], unit)) };
}

function loss(id, title) {
  return { id, title, right: true, value: (row) => row[id], cell: (row) => (row[id] === undefined ? "–" : h("span", { class: Math.round(row[id]) > 0 ? "bad" : "" }, count(row[id]))) };
}

function age(id, title) {
  return { id, title, right: true, value: (row) => row[id], cell: (row) => (row[id] === undefined ? "–" : h("span", { class: row.late ? "bad" : "" }, ago(row[id]))) };
}

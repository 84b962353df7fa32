// The page of all hosts: one row for each, sortable and filterable. Every question is asked once for all hosts, never once for each.
import * as api from "../api.js";
import { sparkline } from "../chart.js";
import { Recorder, align, parseValue } from "../data.js";
import { fill, h, name, reconcile, setText } from "../dom.js";
import { checks, isSilent, learnIntervals } from "../health.js";
import { change, hostHref, params } from "../state.js";
import { onThemeChange } from "../theme.js";
import { gridOf, now, stepFor } from "../time.js";
import { ago, count, digits, duration, exact, percent, withUnit } from "../units.js";

const points = 60; // of a sparkline
const rowHeight = 37; // pixels, as in css/pages.css
const spare = 12; // rows above and below the window
const healthEvery = 60; // seconds

const columns = [
  { id: "host", title: "Host", value: (row) => row.host },
  { id: "seen", title: "Seen", value: (row) => -row.seen },
  { id: "cpu", title: "CPU", value: (row) => row.cpu, wide: true },
  { id: "memory", title: "Memory", value: (row) => row.memory },
  { id: "disk", title: "Disk (fullest)", value: (row) => row.disk },
  { id: "net", title: "Network", value: (row) => row.net, wide: true },
  { id: "load", title: "Load", value: (row) => row.load, right: true },
  { id: "up", title: "Up", value: (row) => row.up, right: true },
];

// latest are asked for the end of the range.
const latest = {
  memory: "max by (host) (mem_used_percent)",
  disk: "max by (host) (disk_used_percent)",
  load: "max by (host) (system_load1)",
  cpus: "max by (host) (system_n_cpus)",
  up: "max by (host) (system_uptime)",
};

export function open(root, app) {
  return new HostsPage(root, app);
}

class HostsPage {
  constructor(root, app) {
    this.app = app;
    this.title = "Hosts";
    this.rows = new Map();
    this.problems = new Map(); // host to a list of {place, text, level}
    this.problemsRead = 0;
    this.recorders = { cpu: new Recorder(), net: new Recorder() };
    this.facts = h("dl", { class: "facts" });
    this.filter = h("input", { type: "search", class: "filter", placeholder: "Filter: tag, name …", "aria-label": "Filter the hosts by name or tag", id: "search", on: { input: () => change({ q: this.filter.value }, { replace: true }) } });
    this.note = h("p", { class: "page-note", role: "status" });
    this.head = h("tr", null, columns.map((column) => h("th", { scope: "col", class: column.right ? "right" : null, "aria-sort": "none" },
      h("button", { class: "quiet", on: { click: () => this.#sortBy(column) } }, column.title))));
    this.above = h("tr", { class: "spacer", "aria-hidden": "true" }, h("td", { colspan: columns.length }));
    this.below = h("tr", { class: "spacer", "aria-hidden": "true" }, h("td", { colspan: columns.length }));
    this.body = h("tbody");
    this.table = h("table", { class: "hosts" }, h("thead", null, this.head), h("tbody", null, this.above), this.body, h("tbody", null, this.below));
    fill(root, h("h1", { class: "hidden" }, "Hosts"), h("div", { class: "page-head" }, this.facts, this.filter), this.note, h("div", { class: "sheet loading" }, this.table));
    this.sheet = this.table.parentElement;
    this.filter.value = params().get("q") ?? "";
    this.onScroll = () => this.#drawRows();
    addEventListener("scroll", this.onScroll, { passive: true });
    addEventListener("resize", this.onScroll);
    this.forgetTheme = onThemeChange(() => this.#drawRows(true));
    this.#drawFacts();
  }

  close() {
    removeEventListener("scroll", this.onScroll);
    removeEventListener("resize", this.onScroll);
    this.forgetTheme();
  }

  update() {
    if (document.activeElement !== this.filter) this.filter.value = params().get("q") ?? "";
    this.#draw();
  }

  dim() {
    this.sheet.classList.add("stale");
  }

  async refresh(signal) {
    const range = this.app.range();
    const step = stepFor(range.seconds, points, 1);
    const grid = gridOf(range, step);
    const window = Math.max(step, 60);
    const at = range.end;
    const [hosts, ...values] = await Promise.all([
      api.hosts(signal),
      ...Object.values(latest).map((expr) => api.instant(expr, at, signal)),
      this.recorders.cpu.refresh([{ expr: `avg by (host) (avg_over_time(cpu_usage_active{core="cpu-total"}[${window}s]))` }], grid, window, signal),
      this.recorders.net.refresh([{ expr: `sum by (host) (avg_over_time(net_rx_bytes_rate{iface!="lo"}[${window}s]))` }, { expr: `sum by (host) (avg_over_time(net_tx_bytes_rate{iface!="lo"}[${window}s]))` }], grid, window, signal),
    ]);
    await learnIntervals(hosts.hosts, signal);
    this.#take(hosts.hosts, values);
    this.sheet.classList.remove("loading", "stale");
    this.#draw();
    if (now() - this.problemsRead > healthEvery) void this.#readProblems(at, signal);
  }

  #take(hosts, values) {
    const rows = new Map();
    for (const { host, last_seen: seen, tags } of hosts) {
      const text = [host, ...Object.entries(tags ?? {}).flatMap(([label, value]) => [value, `${label}=${value}`])].join("\n").toLowerCase();
      rows.set(host, { host, seen, tags: tags ?? {}, text, cpuLine: [], netLine: [] });
    }
    Object.keys(latest).forEach((key, i) => {
      for (const { metric, value } of values[i].data.result) {
        const row = rows.get(metric.host);
        if (row) row[key] = parseValue(value[1]);
      }
    });
    this.#takeLines(rows, this.recorders.cpu, "cpu");
    this.#takeLines(rows, this.recorders.net, "net");
    this.rows = rows;
  }

  #takeLines(rows, recorder, key) {
    const { columns: lines } = align(recorder.series, recorder.grid);
    recorder.series.forEach((series, i) => {
      const row = rows.get(series.labels.host);
      if (!row) return;
      row[`${key}Line`] = addUp(row[`${key}Line`], lines[i]);
    });
    for (const row of rows.values()) row[key] = row[`${key}Line`].findLast((v) => Number.isFinite(v));
  }

  // #readProblems asks what is wrong. It may take longer than the rest, and the page does not wait for it.
  async #readProblems(at, signal) {
    this.problemsRead = now();
    const found = new Map();
    await Promise.all(checks.map(async (check) => {
      const { data } = await api.instant(check.expr, at, signal).catch(() => ({ data: { result: [] } }));
      for (const { metric, value } of data.result) {
        if (check.skip?.(metric)) continue;
        const number = parseValue(value[1]);
        if (!found.has(metric.host)) found.set(metric.host, []);
        found.get(metric.host).push({ place: check.place, text: check.text(metric, number), level: check.level(number), value: number });
      }
    }));
    if (signal.aborted) {
      this.problemsRead = 0;
      return;
    }
    for (const list of found.values()) list.sort((a, b) => (a.level === b.level ? 0 : a.level === "bad" ? -1 : 1));
    this.problems = found;
    this.#draw();
  }

  #problemsOf(row) {
    const silent = now() - row.seen;
    const own = this.problems.get(row.host) ?? [];
    return isSilent(row.host, row.seen) ? [{ place: "seen", text: `silent for ${duration(silent)}`, level: "bad" }, ...own] : own;
  }

  #draw() {
    const order = params().get("sort") ?? "host";
    const down = order.startsWith("-");
    const column = columns.find((one) => one.id === order.replace("-", "")) ?? columns[0];
    [...this.head.children].forEach((cell, i) => cell.setAttribute("aria-sort", columns[i] === column ? (down ? "descending" : "ascending") : "none"));
    const words = (params().get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const found = [...this.rows.values()].filter((row) => words.every((word) => row.text.includes(word)) && (!params().has("look") || this.#problemsOf(row).length > 0));
    const sign = down ? -1 : 1;
    found.sort((a, b) => sign * compare(column.value(a), column.value(b)) || compare(a.host, b.host));
    this.sorted = found;
    this.#drawFacts();
    if (this.rows.size === 0) setText(this.note, "No agent has written to this Redis yet. Start one with: rtcollector run");
    else setText(this.note, found.length > 0 ? "" : params().has("look") && words.length === 0 ? "No host needs a look." : "No host has this name or tag.");
    this.sheet.hidden = found.length === 0;
    this.table.setAttribute("aria-rowcount", found.length + 1);
    this.#drawRows(true);
  }

  #sortBy(column) {
    const present = params().get("sort") ?? "host";
    change({ sort: present === column.id ? `-${column.id}` : column.id }, { replace: true });
  }

  #drawFacts() {
    const rows = [...this.rows.values()];
    const silent = rows.filter((row) => isSilent(row.host, row.seen)).length;
    const looks = rows.filter((row) => this.#problemsOf(row).length > 0).length;
    const known = rows.length > 0;
    const facts = [
      { term: "Hosts", text: known ? count(rows.length) : "–" },
      { term: "Reporting", text: known ? count(rows.length - silent) : "–", state: known ? "good" : "" },
      { term: "Need a look", text: known ? count(looks) : "–", state: looks > 0 ? "warn" : "", filter: true },
    ];
    reconcile(this.facts, facts, (fact) => fact.term, (fact) => h("div", null, h("dt", null, fact.term), h("dd", null, fact.filter
      ? h("button", { class: "look", title: "Show only these", on: { click: () => change({ look: params().has("look") ? null : "1" }, { replace: true }) } }) : h("span"))), (element, fact) => {
      const text = element.lastElementChild.firstElementChild;
      setText(text, fact.text);
      if (fact.filter) text.setAttribute("aria-pressed", String(params().has("look")));
      element.lastElementChild.className = fact.state ?? "";
    });
  }

  // #drawRows draws the rows in the window and a few around it; spacers stand for the others.
  #drawRows(all = false) {
    const rows = this.sorted ?? [];
    const top = this.table.getBoundingClientRect().top;
    const first = rows.length <= 100 ? 0 : Math.max(0, Math.floor(-top / rowHeight) - spare);
    const last = rows.length <= 100 ? rows.length : Math.min(rows.length, first + Math.ceil(innerHeight / rowHeight) + 2 * spare);
    if (!all && first === this.first && last === this.last) return;
    [this.first, this.last] = [first, last];
    setHeight(this.above, first * rowHeight);
    setHeight(this.below, (rows.length - last) * rowHeight);
    const widest = Math.max(0, ...rows.map((row) => Math.max(0, ...row.netLine.filter((v) => Number.isFinite(v)))));
    reconcile(this.body, rows.slice(first, last), (row) => row.host, (row) => makeRow(row), (element, row) => updateRow(element, row, this.#problemsOf(row)));
    [...this.body.children].forEach((element, i) => element.setAttribute("aria-rowindex", first + i + 2));
    for (const element of this.body.children) {
      sparkline(element.parts.cpuLine, element.row.cpuLine, 100, "--series-1");
      sparkline(element.parts.netLine, element.row.netLine, Math.max(...element.row.netLine.filter((v) => Number.isFinite(v)), widest / 20), "--net");
    }
  }
}

function setHeight(row, pixels) {
  row.hidden = pixels === 0;
  row.firstElementChild.style.height = `${pixels}px`;
}

function compare(a, b) {
  const missing = (v) => v === undefined || (typeof v === "number" && Number.isNaN(v));
  if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

function addUp(a, b) {
  if (a.length === 0) return b;
  return a.map((v, i) => (v === null || v === undefined ? b[i] : b[i] === null || b[i] === undefined ? v : v + b[i]));
}

function makeRow(row) {
  const parts = {
    dot: h("i", { class: "dot" }), state: h("span", { class: "hidden" }), tags: h("span", { class: "tags" }), seen: h("span", { class: "seen" }),
    cpuLine: h("canvas", { class: "spark", "aria-hidden": "true" }), cpu: h("span", { class: "number" }), cpuNote: h("span", { class: "why" }),
    memoryBar: h("span", { class: "meter" }, h("i")), memory: h("span", { class: "number" }), memoryNote: h("span", { class: "why" }),
    diskBar: h("span", { class: "meter" }, h("i")), disk: h("span", { class: "number" }), diskNote: h("span", { class: "why" }),
    netLine: h("canvas", { class: "spark", "aria-hidden": "true" }), net: h("span", { class: "number" }), load: h("span"), up: h("span"),
  };
  const element = h("tr", null,
    h("th", { scope: "row", class: "cell-host" }, parts.dot, parts.state, h("a", { href: hostHref(row.host), class: "host-link" }, name(row.host)), parts.tags),
    h("td", { class: "cell-seen" }, parts.seen),
    h("td", { class: "cell-cpu", "data-title": "CPU" }, h("div", { class: "measure" }, parts.cpuLine, parts.cpuNote, parts.cpu)),
    h("td", { class: "cell-memory", "data-title": "Memory" }, h("div", { class: "measure" }, parts.memoryBar, parts.memory, parts.memoryNote)),
    h("td", { class: "cell-disk", "data-title": "Disk" }, h("div", { class: "measure" }, parts.diskBar, parts.disk, parts.diskNote)),
    h("td", { class: "cell-net", "data-title": "Network" }, h("div", { class: "measure" }, parts.netLine, parts.net)),
    h("td", { class: "cell-load right", "data-title": "Load" }, parts.load),
    h("td", { class: "cell-up right", "data-title": "Up" }, parts.up));
  element.parts = parts;
  return element;
}

function updateRow(element, row, problems) {
  const { parts } = element;
  element.row = row;
  const level = problems.some((p) => p.level === "bad") ? "bad" : problems.length > 0 ? "warn" : "good";
  parts.dot.className = `dot ${level}`;
  setText(parts.state, { good: "reporting", warn: "needs a look", bad: "in trouble" }[level]);
  element.querySelector(".host-link").setAttribute("href", hostHref(row.host));
  const tags = Object.entries(row.tags);
  if (parts.tags.dataset.shown !== JSON.stringify(tags)) {
    parts.tags.dataset.shown = JSON.stringify(tags);
    fill(parts.tags, tags.slice(0, 3).map(([label, value]) => h("button", { class: "tag quiet", title: `${label}=${value}: show only these`, on: { click: () => change({ q: `${label}=${value}` }) } }, name(value))));
  }
  const silent = problems.find((p) => p.place === "seen");
  element.classList.toggle("silent", Boolean(silent));
  setText(parts.seen, silent ? silent.text : ago(now() - row.seen));
  parts.seen.className = `seen${silent ? " bad" : ""}`;
  const note = (part, place) => {
    const found = problems.filter((p) => p.place === place);
    setText(part, found[0]?.text ?? "");
    part.className = `why ${found[0]?.level ?? ""}`;
    if (found.length > 0) part.dataset.full = found.map((p) => p.text).join(", ");
    else delete part.dataset.full;
  };
  note(parts.cpuNote, "cpu");
  note(parts.memoryNote, "memory");
  note(parts.diskNote, "disk");
  setText(parts.cpu, row.cpu === undefined ? "–" : percent(row.cpu));
  meter(parts.memoryBar, parts.memory, row.memory, 80, 95);
  meter(parts.diskBar, parts.disk, row.disk, 85, 93);
  setText(parts.net, row.net === undefined ? "–" : withUnit(row.net, "bytes/s"));
  parts.net.title = row.net === undefined ? "" : exact(row.net, "bytes/s");
  setText(parts.load, row.load === undefined ? "–" : row.load.toFixed(2));
  parts.load.className = problems.some((p) => p.place === "load") ? "warn" : "";
  parts.load.title = row.cpus === undefined ? "" : `${digits(row.cpus)} CPUs`;
  setText(parts.up, row.up === undefined ? "–" : duration(row.up));
}

function meter(bar, text, value, warn, bad) {
  setText(text, value === undefined ? "–" : percent(value));
  bar.hidden = value === undefined;
  bar.className = `meter ${value >= bad ? "bad" : value >= warn ? "warn" : ""}`;
  bar.firstElementChild.style.width = `${Math.max(0, Math.min(100, value ?? 0))}%`;
}

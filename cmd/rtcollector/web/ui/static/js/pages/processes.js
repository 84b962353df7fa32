// Processes: who uses a host, by group and by name over time, one group in detail, and the table of the processes of any moment.
import * as api from "../api.js";
import { parseValue } from "../data.js";
import { fill, h, name, setText } from "../dom.js";
import { measureIntervals } from "../health.js";
import { Panel } from "../panel.js";
import { processGroups, topMetrics, topPanel } from "../panels.js";
import { planGroup, queriesFor } from "../plan.js";
import { selector } from "../promql.js";
import { change, hostHref, href, params } from "../state.js";
import { Table } from "../table.js";
import { formatTime, gridOf, now, stepFor } from "../time.js";
import { ago, count, duration, percent, withUnit } from "../units.js";

const points = 240; // of a chart
const lookFor = 120; // seconds between two looks for new metrics and snapshots
const intervalWindow = 600; // seconds in which samples are counted
const maxRows = 500; // of the table of a moment

const known = [...new Set(processGroups("group").flatMap(({ queries }) => queries.flatMap((q) => [q.metric, ...(q.plus ?? [])].flatMap((metric) => (q.rate ? [metric, `${metric}_rate`] : [metric])))))];
const knownTop = topMetrics.map(({ id }) => `process_top_${id}`);

// groupColumns are the columns of the table of groups, beside the name: metrics whose sum is shown.
const groupColumns = [
  { id: "count", title: "Processes", metrics: ["process_group_count"], unit: "" },
  { id: "cpu", title: "CPU", metrics: ["process_group_cpu_user_rate", "process_group_cpu_system_rate"], unit: "cores" },
  { id: "rss", title: "Memory (RSS)", metrics: ["process_group_rss"], unit: "bytes" },
  { id: "pss", title: "PSS", metrics: ["process_group_pss"], unit: "bytes" },
  { id: "swap", title: "Swap", metrics: ["process_group_swap"], unit: "bytes" },
  { id: "threads", title: "Threads", metrics: ["process_group_threads"], unit: "" },
  { id: "read", title: "Read", metrics: ["process_group_read_bytes_rate"], unit: "bytes/s" },
  { id: "write", title: "Written", metrics: ["process_group_write_bytes_rate"], unit: "bytes/s" },
  { id: "rx", title: "Received", metrics: ["process_group_net_rx_bytes_rate"], unit: "bytes/s" },
  { id: "tx", title: "Sent", metrics: ["process_group_net_tx_bytes_rate"], unit: "bytes/s" },
];

export function open(root, app) {
  return new ProcessesPage(root, app);
}

class ProcessesPage {
  constructor(root, app) {
    this.app = app;
    this.title = "Processes";
    this.hostChoice = h("select", { class: "pill host-choice", "aria-label": "Host", on: { change: () => change({ host: this.hostChoice.value, group: null, at: null }) } });
    this.hostLink = h("a", { href: "/hosts" }, "its other charts");
    this.facts = h("dl", { class: "facts" });
    this.note = h("p", { class: "page-note", role: "status" });
    this.help = h("section", { class: "sheet turn-on", hidden: true });
    this.topChoice = h("div", { class: "choices", role: "group", "aria-label": "Top processes by" });
    this.overview = new PanelGrid("panels process-overview", (plan) => this.#actions(plan));
    this.detail = new PanelGrid("panels", (plan) => this.#actions(plan));
    this.detailTitle = h("h2", { class: "section detail-title" });
    this.detailBox = h("section", { class: "detail", hidden: true }, this.detailTitle, this.detail.element);
    this.groupsTitle = h("h2", { class: "section" }, "Groups");
    this.groupsBox = h("section", { hidden: true }, this.groupsTitle);
    this.moment = new Moment(this);
    fill(root, h("h1", { class: "hidden" }, "Processes"), h("div", { class: "page-head" }, h("div", { class: "process-head" }, h("div", null, h("div", { class: "dim small" }, "Host, ", this.hostLink), this.hostChoice), this.facts), this.topChoice), this.note, this.help,
      this.overview.element, this.moment.element, this.groupsBox, this.detailBox);
    for (let i = 0; i < 3; i++) this.overview.element.append(h("section", { class: "panel loading placeholder" }));
  }

  close() {
    this.overview.close();
    this.detail.close();
  }

  dim() {
    this.overview.dim();
    this.detail.dim();
    this.moment.dim();
    this.groupsBox.classList.add("stale");
  }

  update(signal) {
    return this.refresh(signal);
  }

  async refresh(signal) {
    const range = this.app.range();
    const host = params().get("host");
    await this.#refreshHosts(signal);
    signal.throwIfAborted(); // another page may be open now
    if (!host) {
      if (this.hosts.length > 0) change({ host: this.hosts.find((one) => this.seen.has(one)) ?? this.hosts[0] }, { replace: true });
      else this.#say("Redis has no hosts yet. Is an agent running, and does it write to this Redis?");
      return;
    }
    if (host !== this.host) this.#forget(host);
    const group = params().get("group");
    if (!this.names || now() - this.discovered > lookFor) await this.#discover(range, signal);
    if (group !== this.group || !this.groupNames) await this.#discoverGroup(group, signal);
    this.#build(group);
    const moment = this.moment.refresh(range, signal);
    const errors = await Promise.all([this.overview.refresh(range, signal), this.detail.refresh(range, signal), this.#refreshGroups(range, signal)]);
    await moment;
    this.#drawHelp();
    const error = errors.flat().find(Boolean);
    if (error) throw error;
  }

  #say(text) {
    setText(this.note, text);
    this.overview.build([]);
  }

  // #forget starts anew with another host.
  #forget(host) {
    this.host = host;
    this.title = `Processes of ${host}`;
    this.names = null;
    this.groupNames = null;
    this.moment.forget();
    this.hostLink.setAttribute("href", hostHref(host));
  }

  async #refreshHosts(signal) {
    const wantsSeen = !this.seen || now() - this.seenRead > lookFor;
    const [all, seen] = await Promise.all([api.hosts(signal), wantsSeen ? api.labelValues("host", selector("", { __name__: ["process_group_count", ...knownTop.slice(0, 1)] }), signal) : null]);
    if (seen) Object.assign(this, { seen: new Set(seen.data), seenRead: now() });
    this.lastSeen = new Map(all.hosts.map((one) => [one.host, one.last_seen]));
    this.hosts = [...new Set([...this.lastSeen.keys(), ...this.seen])].sort();
    this.#drawHosts();
  }

  #drawHosts() {
    const host = params().get("host");
    const shown = !host || this.hosts.includes(host) ? this.hosts : [host, ...this.hosts];
    const key = JSON.stringify(shown);
    if (key !== this.hostsShown) fill(this.hostChoice, shown.map((one) => h("option", { value: one }, name(one).textContent)));
    this.hostsShown = key;
    if (host) this.hostChoice.value = host;
  }

  // #discover finds which metrics the host has, and the intervals of the two inputs, which decide what is a gap.
  async #discover(range, signal) {
    const [{ data }, intervals] = await Promise.all([
      api.labelValues("__name__", selector("", { __name__: [...known, ...knownTop], host: this.host }), signal),
      measureIntervals(["process_group_count", "process_top_cpu"], this.host, Math.min(range.end, this.lastSeen.get(this.host) ?? range.end), intervalWindow, signal, Math.min), // names and groups come and go
    ]);
    this.names = new Map(data.map((metric) => [metric, intervals.get(metric.startsWith("process_top_") ? "process_top_cpu" : "process_group_count")]));
    this.discovered = now();
  }

  // #discoverGroup finds which metrics the chosen group has.
  async #discoverGroup(group, signal) {
    this.groupNames = new Map();
    if (group !== null) {
      const { data } = await api.labelValues("__name__", selector("", { __name__: known, host: this.host, group }), signal);
      this.groupNames = new Map(data.map((metric) => [metric, this.names.get(metric)]));
    }
    this.group = group;
  }

  #build(group) {
    const labels = { host: this.host };
    const tops = topMetrics.filter(({ id }) => this.names.has(`process_top_${id}`));
    const top = tops.find(({ id }) => id === params().get("top")) ?? tops[0];
    this.#drawTopChoice(tops, top);
    const whole = planGroup({ panels: processGroups("group").slice(0, 2).map((panel) => ({ ...panel, title: `${panel.title} by group` })) }, this.names, labels);
    this.overview.build([...whole, ...(top ? planGroup({ panels: [topPanel(top)] }, this.names, labels) : [])]);
    this.detail.build(group === null ? [] : planGroup({ panels: processGroups("subgroup", group) }, this.groupNames, labels));
    this.detailBox.hidden = group === null;
    if (group !== null) {
      const text = this.groupNames.size === 0 ? "has no series" : "by subgroup";
      fill(this.detailTitle, h("span", null, "Group"), name(group), h("span", null, text), h("button", { class: "chip pill", on: { click: () => change({ group: null }) } }, "close", h("span", { class: "dim", "aria-hidden": "true" }, "×")));
    }
    if (this.wantsDetail && group !== null) this.detailBox.scrollIntoView();
    this.wantsDetail = false;
  }

  // showGroup shows a group in detail.
  showGroup(group) {
    change({ group });
    this.wantsDetail = true;
  }

  #drawTopChoice(tops, chosen) {
    const key = JSON.stringify([tops, chosen]);
    if (key === this.topShown) return;
    this.topShown = key;
    fill(this.topChoice, tops.length === 0 ? [] : [h("span", { class: "dim" }, "Top by"), tops.map(({ id, title }) => h("button", { class: "pill", "aria-pressed": String(id === chosen.id), on: { click: () => change({ top: id === tops[0].id ? null : id }, { replace: true }) } }, title))]);
  }

  #actions(plan) {
    return {
      zone: () => this.app.zone(), onZoom: (start, end) => this.app.zoom(start, end), onReset: () => this.app.resetZoom(),
      onPick: (time) => change({ at: Math.round(time) }),
      moment: () => this.moment.time,
      logsHref: (time) => href("/logs", { host: this.host, from: Math.floor(time - 300), to: Math.ceil(time + 300), range: null, at: Math.round(time) }),
      exploreHref: (exprs) => href("/explore", { expr: exprs }),
      emptyText: () => `No data of ${plan.panel.title.startsWith("Top") ? "process_top" : "process_groups"} in this range.`,
    };
  }

  // redrawCharts moves the line that marks the moment.
  redrawCharts() {
    this.overview.redraw();
    this.detail.redraw();
  }

  // #refreshGroups brings the table of groups up to the moment, or to the end of the range.
  async #refreshGroups(range, signal) {
    const here = groupColumns.filter(({ metrics }) => metrics.some((metric) => this.names.has(metric)));
    this.groupsBox.hidden = here.length === 0;
    if (here.length === 0) {
      fill(this.facts);
      return null;
    }
    const interval = this.names.get("process_group_count");
    const lookback = interval ? Math.max(10, Math.ceil(4 * interval)) : 300;
    const end = range.end - this.lastSeen.get(this.host) > lookback ? this.lastSeen.get(this.host) : range.end; // what a silent host wrote last
    const time = Number(params().get("at")) || end;
    try {
      const { data } = await api.instant(`sum by (__name__, group) (${selector("", { __name__: here.flatMap(({ metrics }) => metrics), host: this.host })})`, time, signal, lookback);
      this.#drawGroups(rowsOf(data.result, here), here, time, time !== range.end);
      return null;
    } catch (error) {
      if (api.isAbort(error)) throw error;
      return error;
    }
  }

  #drawGroups(rows, here, time, saysTime) {
    const columns = here.filter(({ id }) => rows.some((row) => row[id] !== undefined));
    const key = JSON.stringify(columns);
    if (key !== this.groupsKey) {
      this.groupsKey = key;
      this.groupsTable = new Table([
        { id: "group", title: "Group", value: (row) => row.group, cell: (row) => h("button", { class: "cell-filter", title: "Show this group in detail", on: { click: () => this.showGroup(row.group) } }, name(row.group)) },
        ...columns.map(({ id, title, unit }) => ({ id, title, right: true, value: (row) => row[id], cell: (row) => (row[id] === undefined ? h("span", { class: "dim" }, "–") : h("span", { class: row[id] === 0 ? "dim" : null }, unit === "" ? count(row[id]) : withUnit(row[id], unit))) })),
      ], { caption: "Groups of processes", order: columns.some(({ id }) => id === "cpu") ? "cpu" : columns[0]?.id, down: true, limit: 300 });
      fill(this.groupsBox, this.groupsTitle, this.groupsTable.element);
    }
    this.groupsBox.classList.remove("stale");
    this.groupsBox.hidden = rows.length === 0;
    setText(this.groupsTitle, saysTime ? `Groups at ${formatTime(time, this.app.zone())}` : "Groups");
    const shown = JSON.stringify(rows);
    if (shown !== this.groupsShown) this.groupsTable.show(rows); // otherwise the focus stays
    this.groupsShown = shown;
    const total = (id) => rows.reduce((sum, row) => sum + (row[id] ?? 0), 0);
    const facts = [["Processes", count(total("count")), "count"], ["CPU", withUnit(total("cpu"), "cores"), "cpu"], ["Memory (RSS)", withUnit(total("rss"), "bytes"), "rss"]].filter(([, , id]) => columns.some((column) => column.id === id));
    fill(this.facts, facts.map(([term, text]) => h("div", null, h("dt", null, term), h("dd", null, text))));
  }

  // #drawHelp says what to add to the configuration for what is missing.
  #drawHelp() {
    const has = (prefix) => [...this.names.keys()].some((metric) => metric.startsWith(prefix));
    const lacks = { groups: !has("process_group_"), top: !has("process_top_"), moment: !this.moment.found?.at && !this.moment.found?.next };
    const key = JSON.stringify([lacks, this.app.status?.search]);
    this.help.hidden = !lacks.groups && !lacks.top && !lacks.moment;
    setText(this.note, lacks.groups && lacks.top && lacks.moment && !this.hosts.includes(this.host) ? "Redis has no series of this host." : "");
    if (this.helpShown === key || this.help.hidden) return;
    this.helpShown = key;
    fill(this.help, turnOn(lacks));
  }
}

// rowsOf makes rows of the results of an instant query by metric and group.
function rowsOf(results, columns) {
  const rows = new Map();
  for (const { metric, value } of results) {
    const row = rows.get(metric.group) ?? { group: metric.group ?? "" };
    rows.set(metric.group, row);
    for (const { id, metrics } of columns) if (metrics.includes(metric.__name__)) row[id] = (row[id] ?? 0) + parseValue(value[1]);
  }
  return [...rows.values()];
}

function turnOn({ groups, top, moment }) {
  const inputs = [groups && "  - process_groups: {}   # groups over time", (top || moment) && "  - process_top: {}      # the largest processes, and the table of any moment"].filter(Boolean);
  const outputs = ["  - redistimeseries: {host: 127.0.0.1}  # the charts", moment && "  - redissearch: {host: 127.0.0.1}      # the table; or sqlite"].filter(Boolean);
  const what = groups && top && moment ? "Nothing is known about processes in this Redis." : `${[groups && "Groups", top && "Top processes over time", moment && "The table of a moment"].filter(Boolean).join(", ").replace(/, ([^,]*)$/, " and $1")} ${[groups, top, moment].filter(Boolean).length > 1 || groups || top ? "are" : "is"} missing.`;
  return [
    h("p", null, `${what} Add to the configuration of the agent on this host, and restart it:`),
    h("pre", { tabindex: "0", "aria-label": "Configuration" }, ["inputs:", ...inputs, "outputs:", ...outputs].join("\n")),
  ];
}

// Moment is the table of the processes at the time of the parameter at, or of the newest snapshot.
class Moment {
  constructor(page) {
    this.page = page;
    this.title = h("h2", { class: "section" });
    this.earlier = h("button", { class: "pill", "aria-label": "Earlier snapshot", title: "Earlier snapshot", on: { click: () => change({ at: this.found.previous }) } }, "‹");
    this.later = h("button", { class: "pill", "aria-label": "Later snapshot", title: "Later snapshot", on: { click: () => change({ at: this.found.next }) } }, "›");
    this.choice = h("select", { class: "pill", "aria-label": "Time of the snapshot", on: { change: () => change({ at: this.choice.value }) } });
    this.latest = h("button", { class: "pill", on: { click: () => change({ at: null }) } }, "latest");
    this.filter = h("input", { type: "search", id: "search", placeholder: "Filter: name, user, pid, command", "aria-label": "Filter the processes", autocomplete: "off", spellcheck: "false", on: { input: () => this.#drawRows() } });
    this.note = h("p", { class: "page-note", role: "status" });
    this.tools = h("div", { class: "moment-tools" }, this.earlier, this.choice, this.later, this.latest, this.filter);
    this.place = h("div");
    this.element = h("section", { hidden: true }, this.title, this.tools, this.note, this.place);
    this.forget();
  }

  forget() {
    this.found = null;
    this.list = [];
    this.listRead = 0;
    this.time = undefined;
    this.drawn = "";
    this.element.hidden = true;
  }

  dim() {
    this.element.classList.add("stale");
  }

  async refresh(range, signal) {
    const { app, host } = this.page;
    if (app.status?.search === false) return; // the help says what is missing
    const at = params().get("at");
    const key = JSON.stringify([range.live || [range.start, range.end], range.seconds]);
    const wantsList = key !== this.listKey || now() - this.listRead > lookFor;
    try {
      const found = await api.processes({ host, at: at ?? range.end, since: wantsList ? range.start : undefined, until: range.end, last: maxRows }, signal);
      if (wantsList) Object.assign(this, { list: found.snapshots, truncated: found.truncated, listKey: key, listRead: now() });
      this.found = found;
      this.element.classList.remove("stale");
      this.#draw(at !== null);
    } catch (error) {
      if (api.isAbort(error)) throw error;
      this.element.hidden = false;
      setText(this.title, "Processes of a moment");
      setText(this.note, error.message);
    }
  }

  #draw(chosen) {
    const { app } = this.page;
    const zone = app.zone();
    const { at, next, previous, rows, rows_more: more } = this.found;
    this.element.hidden = at === undefined && next === undefined;
    if (this.time !== at) {
      this.time = at;
      this.page.redrawCharts();
    }
    setText(this.title, at === undefined ? "Processes of a moment" : `Processes at ${formatTime(at, zone)}, ${this.#distance(at, chosen)}`);
    const notes = [
      at === undefined ? `There is no snapshot before this time; the first one is of ${formatTime(next, zone)}.` : "", more ? `The first ${count(rows.length)} of ${count(rows.length + more)} by CPU.` : "",
      this.truncated ? "There are too many snapshots in this range: the choice has the newest." : "",
    ];
    setText(this.note, notes.filter(Boolean).join(" "));
    this.earlier.disabled = previous === undefined;
    this.later.disabled = next === undefined;
    this.latest.disabled = !chosen;
    const times = [...new Set([...this.list, ...(at === undefined ? [] : [at])])].sort((a, b) => b - a);
    const choices = JSON.stringify([times, zone]);
    if (choices !== this.choices) fill(this.choice, times.map((time) => h("option", { value: time }, formatTime(time, zone))));
    this.choices = choices;
    this.choice.value = at ?? "";
    this.#drawRows();
  }

  // #distance says how far the snapshot is from what was asked for.
  #distance(at, chosen) {
    if (!chosen) return this.page.app.range().live ? ago(now() - at) : `${duration(this.page.app.range().end - at)} before the end of the range`;
    const before = Number(params().get("at")) - at;
    return before < 1 ? ago(now() - at) : `${duration(before)} before the chosen time`;
  }

  #drawRows() {
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = this.found.rows.filter((row) => words.every((word) => [row.name, row.cmdline, row.user, row.pid, row.group, row.subgroup, row.unit, row.container].join(" ").toLowerCase().includes(word)));
    const columns = momentColumns(this.page).filter(({ id }) => id === "name" || this.found.rows.some((row) => row[id] !== undefined));
    const key = columns.map(({ id }) => id).join();
    if (key !== this.columns || !this.table) {
      this.columns = key;
      this.table = new Table(columns, { caption: "Processes of the moment", order: "cpu_percent", down: true, limit: maxRows });
      fill(this.place, this.table.element);
      this.drawn = "";
    }
    const drawn = JSON.stringify([rows, this.page.app.zone()]);
    if (drawn !== this.drawn) this.table.show(rows); // otherwise the focus stays
    this.drawn = drawn;
    this.table.element.hidden = this.found.rows.length === 0;
  }
}

function momentColumns(page) {
  const { app } = page;
  const none = () => h("span", { class: "dim" }, "–");
  const number = (id, title, write) => ({ id, title, right: true, value: (row) => row[id], cell: (row) => (row[id] === undefined ? none() : h("span", { class: row[id] === 0 ? "dim" : null }, write(row[id]))) });
  const size = (id, title) => number(id, title, (value) => withUnit(value, "bytes"));
  const rate = (id, title) => number(id, title, (value) => withUnit(value, "bytes/s"));
  const text = (id, title, more) => ({ id, title, value: (row) => row[id], cell: (row) => (row[id] === undefined ? none() : name(row[id])), ...more });
  return [
    text("name", "Name"), number("cpu_percent", "CPU", percent), size("rss_bytes", "RSS"), size("pss_bytes", "PSS"), rate("read_bytes_per_second", "Read"), rate("write_bytes_per_second", "Written"),
    rate("rx_bytes_per_second", "Received"), rate("tx_bytes_per_second", "Sent"), number("threads", "Threads", count), number("pid", "PID", String), text("user", "User"),
    {
      id: "group", title: "Group", value: (row) => `${row.group ?? ""}/${row.subgroup ?? ""}`,
      cell: (row) => (row.group === undefined ? none() : h("button", { class: "cell-filter", title: "Show this group in detail", on: { click: () => page.showGroup(row.group) } }, name(row.subgroup === undefined ? row.group : `${row.group}/${row.subgroup}`))),
    },
    text("cmdline", "Command line", { wide: true }), text("unit", "Unit"),
    text("container", "Container", { cell: (row) => (row.container === undefined ? none() : h("span", { title: row.container }, name(row.container.slice(0, 12)))) }),
    number("start", "Started", (value) => formatTime(value, app.zone(), "minute")),
  ];
}

// PanelGrid holds the panels of some plans (plan.js). Only those in the window are kept up to date.
class PanelGrid {
  constructor(className, actions) {
    this.actions = actions;
    this.element = h("div", { class: className });
    this.entries = [];
    this.views = new IntersectionObserver((changes) => {
      for (const { target, isIntersecting } of changes) if (target.entry) target.entry.visible = isIntersecting;
      if (this.signal && !this.signal.aborted) void this.#refreshVisible();
    }, { rootMargin: "300px 0px" });
  }

  close() {
    this.views.disconnect();
    for (const { panel } of this.entries) panel.destroy();
    this.entries = [];
  }

  // build makes the panels those of plans. Panels that stay are kept.
  build(plans) {
    const old = new Map(this.entries.map((entry) => [entry.key, entry]));
    this.entries = plans.map((plan) => {
      const key = JSON.stringify([plan.panel.title, plan.labels, plan.queries]);
      const entry = old.get(key) ?? this.#make(plan, key);
      old.delete(key);
      entry.plan = plan;
      return entry;
    });
    for (const { panel } of old.values()) {
      this.views.unobserve(panel.element);
      panel.destroy();
    }
    const wanted = this.entries.map(({ panel }) => panel.element);
    if (this.element.children.length !== wanted.length || wanted.some((element, i) => this.element.children[i] !== element)) this.element.replaceChildren(...wanted);
  }

  #make(plan, key) {
    const panel = new Panel({ ...plan.panel, queries: [] }, this.actions(plan));
    const entry = { plan, key, panel, visible: true, fresh: false };
    panel.element.entry = entry;
    this.views.observe(panel.element);
    return entry;
  }

  // refresh asks for the data of the panels in the window, and returns their errors.
  refresh(range, signal) {
    Object.assign(this, { range, signal });
    for (const entry of this.entries) {
      entry.fresh = false;
      if (this.element.isConnected) entry.visible = entry.panel.element.getBoundingClientRect().top < innerHeight + 300;
    }
    return this.#refreshVisible();
  }

  #refreshVisible() {
    const { range, signal } = this;
    return Promise.all(this.entries.filter((entry) => entry.visible && !entry.fresh).map((entry) => {
      entry.fresh = true;
      const step = stepFor(range.seconds, points, entry.plan.interval ?? 1);
      const { queries, lookback } = queriesFor(entry.plan, step);
      entry.panel.spec.queries = queries;
      return entry.panel.refresh(gridOf(range, step), range, lookback, signal);
    }));
  }

  dim() {
    for (const { panel } of this.entries) panel.dim();
  }

  redraw() {
    for (const { panel } of this.entries) panel.redraw();
  }
}

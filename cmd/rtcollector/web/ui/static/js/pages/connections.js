// Connections: which process talks to which remote end, now and over time, as the input "connections" observed it.
import * as api from "../api.js";
import { fill, h, name, oneLine, reconcile, setText } from "../dom.js";
import { Panel } from "../panel.js";
import { escapeRegexp, selector } from "../promql.js";
import { change, hostHref, href, params } from "../state.js";
import { Table } from "../table.js";
import { formatTime, gridOf, stepFor } from "../time.js";
import { count, duration, withUnit } from "../units.js";

const filterKeys = ["process", "domain", "provider", "host", "alert"];
const last = 200; // connections and alerts in each list
const points = 240; // of a chart
const slowest = 60; // seconds: an interval of the input with which the charts have no gaps
const factNames = ["Opened", "Open", "Failed", "Alerts", "Sent", "Received", "Mean duration"];
const levels = { open: "note", closed: "", failed: "warn" };

export function open(root, app) {
  return new ConnectionsPage(root, app);
}

class ConnectionsPage {
  constructor(root, app) {
    this.app = app;
    this.title = "Connections";
    this.facts = h("dl", { class: "facts" });
    this.#drawFacts({});
    this.adders = filterKeys.map((key) => h("input", {
      type: "search", class: "adder", id: key === "process" ? "search" : null, placeholder: key, "aria-label": `Show only this ${key}`, title: hints[key], autocomplete: "off", spellcheck: "false",
      on: { change: (event) => this.#add(key, event.currentTarget) },
    }));
    this.chips = h("div", { class: "chips" });
    this.note = h("p", { class: "page-note", role: "status" });
    this.help = h("section", { class: "sheet turn-on", hidden: true });
    this.panels = ["Opened, by provider", "Open, by provider"].map((title, i) => new Panel({ title, unit: i === 0 ? "/s" : "", min: 0, head: "sum", queries: [] }, this.#actions()));
    this.table = new Table(columns(this), { caption: "Who talks to whom", order: "opened", down: true, limit: 200 });
    this.lists = ["alerts", "open", "connections"].map((key) => {
      const title = h("h2", { class: "section" });
      const list = h("ol", { class: "lines" });
      return { key, title, list, box: h("section", { hidden: true }, title, h("div", { class: "sheet" }, list)) };
    });
    const [alerts, now, newest] = this.lists.map(({ box }) => box);
    this.talk = h("section", { hidden: true }, h("h2", { class: "section" }, "Who talks to whom"), this.table.element);
    this.data = h("div", { class: "loading" }, alerts, this.talk, now, newest);
    fill(root, h("h1", { class: "hidden" }, "Connections"), h("div", { class: "page-head" }, this.facts), h("div", { class: "log-filters" }, this.adders, this.chips), this.note, this.help,
      h("div", { class: "panels connection-charts" }, this.panels.map(({ element }) => element)), this.data);
  }

  close() {
    for (const panel of this.panels) panel.destroy();
  }

  dim() {
    this.data.classList.add("stale");
    for (const panel of this.panels) panel.dim();
  }

  #filters() {
    return Object.fromEntries(filterKeys.map((key) => [key, params().getAll(key)]));
  }

  update(signal) {
    return this.refresh(signal);
  }

  async refresh(signal) {
    const range = this.app.range();
    const filters = this.#filters();
    this.#drawFilters(filters);
    const key = JSON.stringify([filters, range.live || [range.start, range.end], range.seconds]);
    if (key !== this.key) this.dim();
    const charts = this.#refreshCharts(range, filters, signal);
    try {
      this.#draw(await api.connections({ ...filters, since: range.start, until: range.end, by: "process_domain", last }, signal));
      this.key = key;
    } catch (error) {
      if (api.isAbort(error)) return;
      const missing = this.app.status?.search === false; // then the notice says so
      setText(this.note, missing ? "" : error.message);
      this.#showHelp(missing);
      this.data.classList.remove("loading");
      if (!missing) throw error;
    }
    const error = (await charts).find(Boolean);
    if (error) throw error;
  }

  #refreshCharts(range, { provider, host }, signal) {
    const step = stepFor(range.seconds, points, 10);
    const labels = { ...(provider.length ? { provider } : {}), ...(host.length && !host.some((one) => one.endsWith("*")) ? { host } : {}) };
    const average = (metric) => (step > slowest ? `avg_over_time(${selector(metric, labels)}[${step}s])` : selector(metric, labels));
    const opened = `sum by (provider) (${average("connections_opened_rate")}) or sum by (provider) (rate(${selector("connections_opened", labels)}[${Math.max(4 * slowest, step)}s]))`;
    const label = (found) => found.provider || "other";
    [opened, `sum by (provider) (${average("connections_active")})`].forEach((expr, i) => { this.panels[i].spec.queries = [{ expr, label }]; });
    return Promise.all(this.panels.map((panel) => panel.refresh(gridOf(range, step), range, Math.max(4 * slowest, step), signal)));
  }

  #actions() {
    return {
      zone: () => this.app.zone(), onZoom: (start, end) => this.app.zoom(start, end), onReset: () => this.app.resetZoom(),
      logsHref: (time) => href("/logs", { source: "connections", from: Math.floor(time - 300), to: Math.ceil(time + 300), range: null, at: Math.round(time) }),
      exploreHref: (exprs) => href("/explore", { expr: exprs }),
      emptyText: () => "No metrics of the input connections in this range.",
    };
  }

  #drawFilters(filters) {
    fill(this.chips, filterKeys.flatMap((key) => filters[key].map((value) => h("button", { class: "chip pill", title: "Remove this filter", on: { click: () => change({ [key]: params().getAll(key).filter((one) => one !== value) }) } },
      h("span", { class: "dim" }, key), name(value), h("span", { class: "dim", "aria-hidden": "true" }, "×")))));
  }

  #add(key, input) {
    const { value } = input;
    input.value = "";
    if (value !== "") change({ [key]: [...new Set([...params().getAll(key), value])] });
  }

  // filterBy shows only what has exactly this value.
  filterBy(key, value) {
    const exactly = key === "domain" && /^~|[*?[]/.test(value) ? `~^${escapeRegexp(value)}$` : value;
    change({ [key]: [exactly] });
  }

  // button makes a value that filters when it is clicked.
  button(key, value, attributes) {
    if (!value) return h("span", { class: "dim" }, "–");
    return h("button", { class: "cell-filter", title: `Show only this ${key}`, ...attributes, on: { click: () => this.filterBy(key, value) } }, name(value));
  }

  #draw(found) {
    this.data.classList.remove("loading", "stale");
    this.#drawFacts(found);
    this.#drawNote(found);
    this.talk.hidden = found.groups.length === 0;
    const groups = JSON.stringify([found.groups, this.app.zone()]);
    if (groups !== this.groups) this.table.show(found.groups); // otherwise the focus stays
    this.groups = groups;
    const titles = {
      alerts: "Alerts", open: found.until < this.app.range().end - 1 || !this.app.range().live ? `Open at ${formatTime(found.until, this.app.zone())}` : "Open now", connections: "Newest connections",
    };
    for (const { key, title, list, box } of this.lists) {
      const more = found[`${key}_more`];
      setText(title, `${titles[key]}: ${count(found[key].length + more)}${more ? `, the newest ${count(found[key].length)} here` : ""}`);
      list.setAttribute("aria-label", titles[key]);
      box.hidden = found[key].length === 0;
      const zone = this.app.zone();
      reconcile(list, numbered(found[key], zone), (item) => item.key, (item) => (key === "alerts" ? this.#alert(item.entry, zone) : this.#connection(item.entry, zone)));
    }
  }

  #drawFacts({ total }) {
    const facts = !total ? factNames.map(() => ["–"]) : [
      [count(total.opened)], [count(total.open)], [count(total.failed), total.failed && "warn"], [count(total.alerts), total.alerts && "bad"],
      [withUnit(total.tx_bytes, "bytes")], [withUnit(total.rx_bytes, "bytes")], [total.mean_ms ? span(total.mean_ms) : "–"],
    ];
    fill(this.facts, facts.map(([text, state], i) => h("div", null, h("dt", null, factNames[i]), h("dd", { class: state || null }, text))));
  }

  #drawNote(found) {
    const filtered = filterKeys.some((key) => params().has(key));
    const empty = found.connections.length === 0 && found.alerts.length === 0;
    let text = "";
    if (empty && filtered) text = "No connections in this range pass the filters. A longer range or fewer filters may find some.";
    else if (empty) text = "No connections in this range.";
    else if (found.truncated) text = `Only what happened since ${formatTime(found.since, this.app.zone())} is counted in numbers and lists: there are too many events. Narrow the range to see older ones.`;
    else if (found.groups_more) text = `The ${count(found.groups.length)} largest of ${count(found.groups.length + found.groups_more)} pairs of process and domain; filter to see others.`;
    const wider = ["process", "domain", "alert"].some((key) => params().has(key)) ? "The charts are of all processes and domains: metrics have only the provider." : "";
    setText(this.note, [text, wider].filter(Boolean).join(" "));
    this.#showHelp(empty && !filtered);
  }

  #showHelp(wanted) {
    this.help.hidden = !wanted;
    if (wanted && !this.help.firstChild) fill(this.help, turnOn());
  }

  #connection(c, zone) {
    const what = [
      `${c.direction === "in" ? "←" : c.direction === "listen" ? "listens" : "→"} ${c.domain || c.remote || c.local || "?"}`, c.error ? `failed: ${c.error}` : c.state, c.duration_ms === undefined ? "" : span(c.duration_ms),
      c.tx_bytes === undefined ? "" : `${withUnit(c.tx_bytes, "bytes")} sent`, c.rx_bytes === undefined ? "" : `${withUnit(c.rx_bytes, "bytes")} received`, c.alerts?.length ? `alert: ${c.alerts.join(", ")}` : "",
    ].filter(Boolean).join(" · ");
    return this.#line(c.opened ?? c.time, c.alerts?.length ? "bad" : levels[c.state], c, what, zone, () => [
      ["opened", at(c.opened, zone)], ["closed", at(c.closed, zone)], ["state", c.state], ["error", c.error], ["reason of the end", c.reason], ["duration", c.duration_ms === undefined ? "" : span(c.duration_ms)],
      ["sent", bytes(c.tx_bytes)], ["received", bytes(c.rx_bytes)], ["process", c.process], ["pid", c.pid], ["user", c.user], ["command line", c.cmdline], ["ancestry", c.ancestry], ["provider", c.provider],
      ["domain", c.domain], ["name is from", c.domain_source], ["remote end", c.remote], ["local end", c.local], ["protocol", [c.proto, c.direction].filter(Boolean).join(", ")], ["retries", c.retry_count],
      ["before start", c.before_start ? "open when the observer started" : ""], ...(c.alerts ?? []).map((kind) => ["alert", kind]), ["host", c.host], ["session", c.session], ["run", c.run_id], ["seen by", c.via],
    ]);
  }

  #alert(a, zone) {
    return this.#line(a.time, "bad", a, a.message.includes(a.kind) ? a.message : `alert ${a.kind}: ${a.message}`, zone, () => [
      ["alert", a.kind], ["message", a.message], ["process", a.process], ["provider", a.provider], ["domain", a.domain], ["host", a.host], ["connection", a.connection],
    ]);
  }

  // #line makes a line that opens to its fields: a click on a value by which one can filter does so.
  #line(time, level, { host, process, provider }, text, zone, fields) {
    const details = h("details", { on: { toggle: () => {
      if (!details.open || details.querySelector(".fields")) return;
      const known = fields().filter(([, value]) => value !== undefined && value !== "" && value !== 0);
      details.append(h("div", { class: "fields" }, h("dl", null, known.map(([key, value]) => [h("dt", null, key), h("dd", null,
        filterKeys.includes(key) ? h("button", { class: "field-value", title: `Show only this ${key}`, on: { click: () => this.filterBy(key, String(value)) } }, h("bdi", null, String(value))) : h("bdi", null, String(value)))])),
      host ? h("a", { href: hostHref(host) }, "charts of this host") : null));
    } } }, h("summary", null, h("time", { title: formatTime(time, zone, "milli") }, formatTime(time, zone).slice(5)), h("bdi", { class: "line-host" }, oneLine(process || "–")),
      h("bdi", { class: "line-app" }, oneLine(provider || "")), h("bdi", { class: "line-message" }, oneLine(text))));
    return h("li", { class: "line", "data-level": level || null }, details);
  }
}

const hints = {
  process: "process: its name, or the beginning and *", domain: "domain: a name, an address, or a glob such as *.example.com", provider: "provider: its name", host: "host: its name, or the beginning and *",
  alert: "alert: domains, unknown_domain, max_connections, max_per_provider or duration",
};

function columns(page) {
  const filterable = (id, title) => ({ id, title, value: (row) => row[id], cell: (row) => page.button(id, row[id]) });
  const number = (id, title, state) => ({ id, title, right: true, value: (row) => row[id], cell: (row) => h("span", { class: row[id] ? state : "dim" }, count(row[id])) });
  const size = (id, title) => ({ id, title, right: true, value: (row) => row[id], cell: (row) => (row[id] ? withUnit(row[id], "bytes") : h("span", { class: "dim" }, "–")) });
  const time = (id, title) => ({ id, title, right: true, value: (row) => row[id], cell: (row) => (row[id] ? span(row[id]) : h("span", { class: "dim" }, "–")) });
  return [
    filterable("process", "Process"), filterable("domain", "Domain"), filterable("provider", "Provider"), number("opened", "Opened"), number("open", "Open"), number("failed", "Failed", "warn"), number("alerts", "Alerts", "bad"),
    size("tx_bytes", "Sent"), size("rx_bytes", "Received"), time("mean_ms", "Mean"), time("longest_ms", "Longest"),
    { id: "last_seen", title: "Last seen", right: true, value: (row) => row.last_seen, cell: (row) => h("span", { title: formatTime(row.last_seen, page.app.zone(), "milli") }, formatTime(row.last_seen, page.app.zone()).slice(5)) },
  ];
}

// numbered gives each entry a key by which its element stays as it is while nothing changes: equal entries are told apart by a number.
function numbered(entries, zone) {
  const seen = new Map();
  return entries.map((entry) => {
    const text = JSON.stringify([zone, entry]);
    const n = seen.get(text) ?? 0;
    seen.set(text, n + 1);
    return { entry, key: `${n} ${text}` };
  });
}

function at(time, zone) {
  return time === undefined ? "" : formatTime(time, zone, "milli");
}

function bytes(n) {
  return n === undefined ? "" : `${withUnit(n, "bytes")} (${count(n)} bytes)`;
}

// span writes milliseconds: "1.5 s", "41 min".
function span(ms) {
  return ms < 120_000 ? withUnit(ms / 1000, "seconds") : duration(ms / 1000);
}

function turnOn() {
  return [
    h("p", null, "The connection observer is an input of the agent. To turn it on, add to the agent's configuration, and restart it:"),
    h("pre", { tabindex: "0", "aria-label": "Configuration" }, "inputs:\n  - connections:\n      patterns: [claude, codex, gemini]  # []: every process\noutputs:\n  - redissearch: {host: 127.0.0.1}  # keeps the events that this page reads; or sqlite"),
    h("p", { class: "dim" }, "It sees the processes of other users only as root, or with the capabilities that its first line in the agent's log names. If it runs: choose a longer range."),
  ];
}

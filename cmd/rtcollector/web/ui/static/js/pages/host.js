// The page of one host: what it has, discovered from its metrics, as groups of panels.
import * as api from "../api.js";
import { fill, h, name, reconcile, setText } from "../dom.js";
import { groups } from "../panels.js";
import { Panel } from "../panel.js";
import { catalogue, hasPanels, metricsOf, planGroup, queriesFor } from "../plan.js";
import { quote, selector } from "../promql.js";
import { parseValue } from "../data.js";
import { hostHref, hostOf, href, params, path } from "../state.js";
import { gridOf, now, stepFor } from "../time.js";
import { ago, count, duration, withUnit } from "../units.js";
import { isSilent, learnIntervals, measureIntervals } from "../health.js";

const points = 240; // of a chart: about one for two pixels
const discoverEvery = 120; // seconds
const intervalWindow = 120; // seconds in which samples are counted

// open shows the page in an element. app has the range, the zone and the zoom of all pages (app.js).
export function open(root, app) {
  return new HostPage(root, app);
}

// hostName returns the host of the address.
export function hostName() {
  return hostOf(path(), params());
}

class HostPage {
  constructor(root, app) {
    this.app = app;
    this.host = hostName();
    this.title = this.host;
    this.measured = new Set(); // ids of the groups whose intervals are known
    this.names = null; // Map of metric to the seconds between its samples
    this.discovered = 0;
    this.panels = []; // {plan, panel, visible, fresh}
    this.summary = h("dl", { class: "facts" });
    this.tabs = h("nav", { class: "tabs", "aria-label": "Groups" });
    this.grid = h("div", { class: "panels" });
    this.more = h("p", { class: "page-note", hidden: true }, h("a", { href: "/processes" }, "Groups in detail, and which processes ran at any moment"));
    this.note = h("p", { class: "page-note", role: "status" });
    fill(root, h("h1", { class: "hidden" }, "Host ", name(this.host)), h("div", { class: "page-head" }, this.summary, this.tabs), this.note, this.more, this.grid);
    this.views = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "300px 0px" });
    this.facts = { os: "", kernel: "" };
    this.#drawFacts();
    for (let i = 0; i < 9; i++) this.grid.append(h("section", { class: "panel loading placeholder" }));
  }

  close() {
    this.views.disconnect();
    this.#closePanels();
  }

  #closePanels() {
    for (const { panel } of this.panels) panel.destroy();
    this.panels = [];
  }

  async refresh(signal) {
    const range = this.app.range();
    this.signal = signal;
    if (!this.names || now() - this.discovered > discoverEvery) {
      await this.#discover(range, signal).catch((error) => {
        if (!api.isAbort(error) && !this.names) this.grid.replaceChildren(); // the notice says what is wrong
        throw error;
      });
    }
    else void this.#readFacts(range, signal).catch(() => {}); // the panels say what is wrong
    await this.#measure(this.#group(), range, signal);
    this.#build();
    for (const entry of this.panels) entry.fresh = false;
    await this.#refreshVisible(range, signal);
  }

  update(signal) {
    return this.refresh(signal);
  }

  async #discover(range, signal) {
    // Redis cannot select by such a name, and the server does not scan all series: only the metrics of the panels are looked for.
    const strange = /[=!(),"'\\\n]|^\s|\s$/.test(this.host);
    const match = selector("", strange ? { __name__: catalogue(), host: this.host } : { host: this.host });
    const [names] = await Promise.all([api.labelValues("__name__", match, signal), this.#readFacts(range, signal)]);
    const known = this.names;
    this.names = new Map(names.data.map((metric) => [metric, known?.get(metric)]));
    this.measured.clear();
    this.discovered = now();
    setText(this.note, this.names.size === 0 ? `Redis has no series with host=${quote(this.host)}. Is the agent running, and does it write to this Redis?` : "");
  }

  // #measure finds the intervals of the metrics of a group.
  async #measure(group, range, signal) {
    if (!group || this.measured.has(group.id)) return;
    this.measured.add(group.id);
    const found = await measureIntervals(metricsOf(group, this.names), this.host, Math.min(range.end, this.seen ?? range.end), intervalWindow, signal);
    for (const [metric, interval] of found) this.names.set(metric, interval);
  }

  async #readFacts(range, signal) {
    const wanted = "system_os|system_uname|system_n_cpus|mem_total|system_uptime";
    const host = quote(this.host);
    const [facts, hosts] = await Promise.all([
      api.instant(`{__name__=~"${wanted}",host=${host}} or count by (__name__) (docker_container_running{host=${host}} == 1)`, range.end, signal, 3600).catch((error) => ignore(error)),
      api.hosts(signal).catch((error) => ignore(error)),
    ]);
    for (const { metric, value } of facts?.data.result ?? []) this.facts[metric.__name__ ?? "containers"] = { labels: metric, value: parseValue(value[1]) };
    const known = hosts?.hosts.find((one) => one.host === this.host);
    if (known) await learnIntervals([known], signal);
    if (known) this.seen = known.last_seen;
    if (known) this.tags = known.tags;
    this.#drawFacts();
  }

  #drawFacts() {
    const { system_os: os, system_uname: uname, system_n_cpus: cpus, mem_total: memory, system_uptime: uptime } = this.facts;
    const age = now() - this.seen;
    const silent = this.seen !== undefined && isSilent(this.host, this.seen);
    const system = [(os?.labels.pretty_name ?? os?.labels.name)?.replace(/ [_(].*[_)]$/, ""), uname?.labels.release].filter(Boolean).join(" · ");
    const tags = Object.entries(this.tags ?? {}).map(([label, value]) => `${label}=${value}`).join(" ");
    const facts = [
      { key: "host", term: tags || "Host", text: this.host, outside: true },
      { key: "cores", term: system || "System", text: cpus ? `${count(cpus.value)} ${cpus.value === 1 ? "core" : "cores"}` : "–", outside: true },
      { key: "memory", term: "Memory", text: memory ? withUnit(memory.value, "bytes") : "–" },
      { key: "up", term: "Up", text: uptime ? duration(uptime.value) : "–" },
      { key: "seen", term: "Seen", text: this.seen === undefined ? "–" : silent ? `silent for ${duration(age)}` : ago(age), state: this.seen === undefined ? "" : silent ? "bad" : "good" },
    ];
    reconcile(this.summary, facts, (fact) => fact.key, () => h("div", null, h("dt", null, name("")), h("dd", null, name(""))), (element, fact) => {
      for (const [part, text] of [[element.firstElementChild.firstElementChild, fact.term], [element.lastElementChild.firstElementChild, fact.text]]) {
        part.dataset.full = text;
        setText(part, text);
      }
      element.lastElementChild.className = fact.state ?? "";
    });
  }

  // #group returns the group of panels that the address names; undefined for the list of metrics.
  #group() {
    const wanted = params().get("tab") ?? "overview";
    if (wanted === "metrics") return undefined;
    const here = groups.filter((group) => hasPanels(group, this.names));
    return here.find((one) => one.id === wanted) ?? here[0];
  }

  #build() {
    const groupsHere = groups.filter((group) => hasPanels(group, this.names));
    const wanted = params().get("tab") ?? "overview";
    const group = this.#group();
    this.#drawTabs(groupsHere, wanted === "metrics" ? "metrics" : group?.id);
    this.more.hidden = wanted !== "processes" || group?.id !== "processes";
    this.more.firstElementChild.setAttribute("href", href("/processes", { host: this.host }));
    if (wanted === "metrics") {
      this.#drawMetrics();
      return;
    }
    const plans = group ? planGroup(group, this.names, { host: this.host }) : [];
    const signature = JSON.stringify([group?.id, plans.map((plan) => [plan.panel.title, plan.queries.length])]);
    if (signature === this.signature) {
      plans.forEach((plan, i) => { this.panels[i].plan = plan; });
      return;
    }
    this.signature = signature;
    this.#closePanels();
    this.views.disconnect();
    this.panels = plans.map((plan) => ({ plan, panel: new Panel({ ...plan.panel, queries: [] }, this.#actions()), visible: false, fresh: false }));
    fill(this.grid, this.panels.map(({ panel }) => panel.element));
    this.panels.forEach((entry) => {
      entry.panel.element.entry = entry;
      entry.visible = entry.panel.element.getBoundingClientRect().top < innerHeight + 300;
      this.views.observe(entry.panel.element);
    });
  }

  #actions() {
    return {
      zone: () => this.app.zone(),
      onZoom: (start, end) => this.app.zoom(start, end),
      onReset: () => this.app.resetZoom(),
      marker: () => (this.seen !== undefined && isSilent(this.host, this.seen) ? this.seen : undefined),
      logsHref: (time) => href("/logs", { host: this.host, from: Math.floor(time - 300), to: Math.ceil(time + 300), range: null, at: Math.round(time) }),
      exploreHref: (exprs) => href("/explore", { expr: exprs }),
      emptyText: () => (this.seen === undefined ? "No data in this range." : `No data in this range; the newest sample of this host is ${duration(now() - this.seen)} old.`),
    };
  }

  #drawTabs(groupsHere, selected) {
    const containers = this.facts.containers?.value;
    const tabs = [
      ...groupsHere.map((group) => ({ id: group.id, text: group.id === "containers" && containers ? `Containers ${containers}` : group.title, to: hostHref(this.host, { tab: group.id === "overview" ? null : group.id }) })),
      { id: "metrics", text: "All metrics", to: hostHref(this.host, { tab: "metrics" }) },
      { id: "logs", text: "Logs", to: href("/logs", { host: this.host }) },
    ];
    reconcile(this.tabs, tabs, (tab) => tab.id, () => h("a"), (element, tab) => {
      setText(element, tab.text);
      element.setAttribute("href", tab.to);
      if (tab.id === selected) element.setAttribute("aria-current", "page");
      else element.removeAttribute("aria-current");
    });
  }

  // #drawMetrics lists every metric of the host, each with a link to its chart.
  #drawMetrics() {
    if (this.signature === "metrics") return;
    this.signature = "metrics";
    this.#closePanels();
    const list = h("ul", { class: "metric-list" });
    const filter = h("input", { type: "search", placeholder: "Filter", "aria-label": "Filter the metrics", on: { input: () => draw() } });
    const draw = () => {
      const found = [...this.names.keys()].filter((metric) => metric.toLowerCase().includes(filter.value.toLowerCase()));
      fill(list, found.slice(0, 1000).map((metric) => h("li", null, h("a", { href: href("/explore", { expr: selector(metric, { host: this.host }) }) }, name(metric)))));
      if (found.length > 1000) list.append(h("li", { class: "dim" }, `and ${found.length - 1000} more: narrow the filter`));
    };
    draw();
    fill(this.grid, h("section", { class: "panel wide" }, h("header", null, h("h3", null, `${this.names.size} metrics`), filter), list));
  }

  #seen(entries) {
    for (const { target, isIntersecting } of entries) if (target.entry) target.entry.visible = isIntersecting;
    if (this.signal && !this.signal.aborted) void this.#refreshVisible(this.app.range(), this.signal).catch(() => {}); // the panels say what is wrong
  }

  async #refreshVisible(range, signal) {
    const due = this.panels.filter((entry) => entry.visible && !entry.fresh);
    const errors = await Promise.all(due.map((entry) => {
      entry.fresh = true;
      const step = stepFor(range.seconds, points, entry.plan.interval ?? 1);
      const { queries, lookback } = queriesFor(entry.plan, step);
      entry.panel.spec.queries = queries;
      return entry.panel.refresh(gridOf(range, step), range, lookback, signal);
    }));
    const error = errors.find(Boolean);
    if (error) throw error;
  }

  dim() {
    for (const { panel } of this.panels) panel.dim();
  }
}

function ignore(error) {
  if (api.isAbort(error)) throw error;
  return null;
}

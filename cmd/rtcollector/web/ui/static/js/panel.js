// A panel: title, value, chart, legend, and what it says when there is nothing to draw.
import { APIError, isAbort } from "./api.js";
import { Chart } from "./chart.js";
import { Recorder, keyOf } from "./data.js";
import { fill, h, name, oneLine, reconcile, setText } from "./dom.js";
import { distinctNames } from "./promql.js";
import { seriesLook } from "./theme.js";
import { formatTime } from "./time.js";
import { current, exact } from "./units.js";

// maxSeries is how many series a panel draws.
const maxSeries = 50;
const maxTableRows = 100;

// Panel shows the results of some queries.
//
// spec: {title, unit, queries: [{expr, label}], head, min, max, fill, stack, most, zoomY, distinct}. label is a text, or a function of a result's labels.
// With distinct, series are named by the labels in which they differ. With most, only so many series are drawn, the largest first; with stack the others
// are drawn as one.
// head chooses the value beside the title: "first", "sum", "max", "count" or a function of the newest values.
// actions: {zone(), onZoom(start, end), onReset(), onPick(time), logsHref(time), exploreHref(expr), emptyText(), marker(), moment(), saysErrors}. With saysErrors the page shows
// what is wrong with a query.
export class Panel {
  constructor(spec, actions) {
    this.spec = spec;
    this.actions = actions;
    this.recorder = new Recorder();
    this.hidden = new Set(); // keys of series that the user has hidden
    this.series = [];
    this.#build();
  }

  #build() {
    const { title, tall } = this.spec;
    this.value = h("span", { class: "panel-value" });
    this.tableButton = h("button", { class: "quiet", "aria-pressed": "false", on: { click: () => this.#toggleTable() } }, "table");
    this.tools = h("span", { class: "panel-tools" }, this.tableButton);
    this.exploreLink = h("a", { class: "quiet", href: "/explore" }, "explore");
    if (this.actions.exploreHref) this.tools.append(this.exploreLink);
    this.plot = h("div", { class: "plot" });
    this.message = h("div", { class: "panel-message", hidden: true });
    this.pick = h("div", { class: "pick", hidden: true });
    this.tableView = h("div", { class: "panel-table", hidden: true, tabindex: "0", role: "region", "aria-label": `${title}: table` });
    this.legend = h("div", { class: "legend", role: "group", "aria-label": `${title}: series` });
    this.note = h("span", { class: "panel-note" });
    this.body = h("div", { class: "panel-body", role: "img", "aria-label": `${title}: chart` }, this.plot);
    this.element = h("section", { class: `panel loading${tall ? " tall" : ""}`, "aria-label": title },
      h("header", null, h("h3", null, name(title)), this.tools, this.value),
      h("div", { class: "panel-stage" }, this.body, this.message, this.pick, this.tableView),
      h("footer", null, this.legend, this.note));
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.pick.hidden = true;
    });
    this.element.panel = this; // for the console and the tests
    this.chart = new Chart(this.plot, {
      ...this.spec, zone: this.actions.zone, marker: this.actions.marker, moment: this.actions.moment,
      onZoom: this.actions.onZoom, onReset: this.actions.onReset,
      onPick: (time, left) => {
        this.actions.onPick?.(time);
        this.#showPick(time, left);
      },
    });
  }

  destroy() {
    this.chart.destroy();
  }

  // dim marks the data as old until refresh has new data.
  dim() {
    this.element.classList.add("stale");
  }

  // refresh asks for the data of a grid and shows it. It does not throw: an error is shown in the panel, and returned.
  async refresh(grid, range, lookback, signal) {
    try {
      await this.recorder.refresh(this.spec.queries, grid, lookback, signal);
    } catch (error) {
      if (isAbort(error)) return null;
      this.#showError(error);
      return error;
    }
    this.range = range;
    this.draw();
    return null;
  }

  // draw shows what the recorder has.
  draw() {
    const all = this.recorder.series;
    const kept = this.spec.most ? this.#sorted(all) : all.length > maxSeries ? largest(all, maxSeries) : all;
    const names = this.spec.distinct ? distinctNames(kept.map((s) => s.labels)) : kept.map(titleOf);
    this.series = kept.map((s, i) => ({ ...s, key: s.query.expr + keyOf(s.labels), title: names[i] || "value" }));
    const { x, columns } = this.recorder.columns(this.series);
    const dropped = this.spec.most ? this.#fold(columns) : all.length - kept.length;
    this.columns = columns;
    this.x = x;
    this.element.classList.remove("loading", "stale", "failed");
    this.element.classList.toggle("empty", this.series.length === 0);
    const shown = this.#shown();
    this.chart.set({ x, columns, names: this.series.map((s) => oneLine(s.title)), shown, start: this.range.start, end: this.range.end });
    if (this.series.length === 0) this.#say(this.actions.emptyText?.() ?? "No data in this range.");
    else this.message.hidden = true;
    this.#drawHead();
    this.#drawLegend(shown);
    const hint = this.spec.most ? "" : "; narrow the query to see others";
    const notes = [...(dropped > 0 ? [`showing the ${all.length - dropped} largest of ${all.length.toLocaleString("en-US")} series${hint}`] : []), ...this.recorder.warnings];
    setText(this.note, notes.join(" · "));
    if (!this.tableView.hidden) this.#drawTable();
    if (this.actions.exploreHref) this.exploreLink.setAttribute("href", this.actions.exploreHref(this.spec.queries.map((q) => q.expr)));
    this.body.setAttribute("aria-label", `${this.spec.title}: chart of ${this.series.length} series. The table has the same values.`);
  }

  // #sorted returns series with the largest first. The order stays while there are the same series, so that nothing changes its colour.
  #sorted(all) {
    const keys = all.map((s) => s.query.expr + keyOf(s.labels));
    const signature = [...keys].sort().join("\n");
    if (signature !== this.orderOf) {
      this.orderOf = signature;
      const sizes = new Map(all.map((s, i) => [keys[i], s.values.reduce((sum, value) => sum + (Number.isFinite(value) ? value : 0), 0)]));
      this.order = new Map([...keys].sort((a, b) => sizes.get(b) - sizes.get(a)).map((key, i) => [key, i]));
    }
    return all.map((s, i) => ({ s, rank: this.order.get(keys[i]) })).sort((a, b) => a.rank - b.rank).map(({ s }) => s);
  }

  // #fold leaves at most spec.most series and their columns. A stack has one more for the sum of the others. It returns how many are not drawn.
  #fold(columns) {
    const { most, stack } = this.spec;
    if (this.series.length <= most) return 0;
    const count = this.series.length - most;
    this.series.length = most;
    const rest = columns.splice(most);
    if (!stack) return count;
    this.series.push({ key: "others", title: `${count} others`, labels: {}, query: {} });
    columns.push(rest[0].map((_, i) => rest.reduce((sum, values) => (values[i] === null || values[i] === undefined ? sum : (sum ?? 0) + values[i]), null)));
    return 0;
  }

  // redraw draws the same data again, after the moment has changed.
  redraw() {
    this.chart.redraw();
  }

  #shown() {
    return this.series.map((s) => !this.hidden.has(s.key));
  }

  #drawHead() {
    const newest = this.columns.map((values) => values.findLast((v) => v !== null && v !== undefined && !Number.isNaN(v)));
    const known = newest.filter((v) => v !== undefined);
    const { head = "first", unit } = this.spec;
    let text = "";
    if (known.length > 0) {
      if (typeof head === "function") text = head(newest, this.series);
      else if (head === "none") text = "";
      else if (head === "sum") text = current(known.reduce((a, b) => a + b, 0), unit);
      else if (head === "max") text = current(Math.max(...known), unit);
      else text = newest[0] === undefined ? "–" : current(newest[0], unit);
    }
    setText(this.value, text);
    this.value.title = typeof head === "string" && head === "first" && known.length > 0 && newest[0] !== undefined ? exact(newest[0], unit) : "";
  }

  #drawLegend(shown) {
    const items = this.series.map((s, i) => ({ ...s, index: i, on: shown[i] }));
    reconcile(this.legend, items, (item) => item.key,
      (item) => h("button", { class: "legend-item", on: { click: (event) => this.#choose(item.key, event) } }, h("i", { class: "swatch" }), name(item.title)),
      (element, item) => {
        element.setAttribute("aria-pressed", String(item.on));
        const swatch = element.firstElementChild;
        swatch.dataset.series = item.index % 6;
        swatch.dataset.dash = seriesLook(item.index).dash ? "yes" : "no";
        const label = element.lastElementChild;
        if (label.dataset.full !== item.title) {
          label.dataset.full = item.title;
          setText(label, oneLine(item.title));
        }
      });
  }

  // #choose isolates a series, or with a modifier hides or adds it. The only one that is shown brings all back.
  #choose(key, event) {
    const others = this.series.map((s) => s.key).filter((other) => other !== key);
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      if (!this.hidden.delete(key)) this.hidden.add(key);
    } else if (!this.hidden.has(key) && others.every((other) => this.hidden.has(other))) this.hidden.clear();
    else this.hidden = new Set(others);
    const shown = this.#shown();
    this.chart.show(shown);
    this.#drawLegend(shown);
  }

  #toggleTable() {
    const open = this.tableView.hidden;
    this.tableView.hidden = !open;
    this.body.hidden = open;
    this.pick.hidden = true;
    this.tableButton.setAttribute("aria-pressed", String(open));
    setText(this.tableButton, open ? "chart" : "table");
    if (open) this.#drawTable();
  }

  #drawTable() {
    const zone = this.actions.zone();
    const rows = [];
    for (let i = (this.x?.length ?? 0) - 1; i >= 0 && rows.length < maxTableRows; i--) {
      if (this.columns.some((values) => values[i] !== null && values[i] !== undefined)) rows.push(i);
    }
    fill(this.tableView, h("table", null,
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "Time"), this.series.map((s) => h("th", { scope: "col" }, name(s.title))))),
      h("tbody", null, rows.map((i) => h("tr", null, h("th", { scope: "row" }, formatTime(this.x[i], zone)),
        this.columns.map((values) => h("td", { title: values[i] === null || values[i] === undefined ? null : exact(values[i], this.spec.unit) }, values[i] === null || values[i] === undefined ? "–" : current(values[i], this.spec.unit)))))),
    ), rows.length === maxTableRows ? h("p", { class: "dim" }, `The newest ${maxTableRows} times.`) : null);
  }

  #showPick(time, left) {
    if (!this.actions.logsHref) return;
    const zone = this.actions.zone();
    fill(this.pick, h("span", { class: "dim" }, formatTime(time, zone).slice(11)), h("a", { href: this.actions.logsHref(time) }, "logs at this time"),
      h("button", { class: "quiet", "aria-label": "Close", on: { click: () => { this.pick.hidden = true; } } }, "×"));
    this.pick.hidden = false;
    this.pick.style.left = `${Math.max(4, Math.min(left, this.element.clientWidth - this.pick.offsetWidth - 8))}px`;
  }

  #showError(error) {
    this.element.classList.remove("loading");
    this.element.classList.add("failed");
    if (this.recorder.grid) this.element.classList.add("stale");
    const text = error instanceof APIError && error.kind === "timeout" ? `${error.message}. A shorter range is quicker.` : error.message;
    if (error.away) this.#say(this.recorder.grid ? "" : "Waiting for an answer …"); // the notice of the page says why
    else this.#say(this.actions.saysErrors ? "" : text);
  }

  #say(text) {
    this.message.hidden = text === "";
    setText(this.message, text);
  }
}

function titleOf(series) {
  const { label } = series.query;
  const text = typeof label === "function" ? label(series.labels) : label;
  return text;
}

// largest keeps the series with the largest newest values, in their old order.
function largest(series, count) {
  const size = (s) => {
    const value = s.values.at(-1);
    return Number.isNaN(value) ? -Infinity : value;
  };
  const kept = new Set([...series].sort((a, b) => size(b) - size(a)).slice(0, count));
  return series.filter((s) => kept.has(s));
}

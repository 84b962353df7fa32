// Any PromQL expression, as a chart or as a table. Each expression has a panel of its own; all are in the address.
import * as api from "../api.js";
import { makeBuilder } from "../builder.js";
import { parseValue } from "../data.js";
import { fill, h, name, setText } from "../dom.js";
import { Editor, metricHelp } from "../editor.js";
import { Panel } from "../panel.js";
import { addMatcher } from "../promql.js";
import { change, href, params } from "../state.js";
import { Table } from "../table.js";
import { gridOf, stepFor } from "../time.js";
import { current, duration, exact, unitOf } from "../units.js";

const points = 500;
const maxHistory = 30;
const maxTableSeries = 500;

export function open(root, app) {
  return new ExplorePage(root, app);
}

class ExplorePage {
  constructor(root, app) {
    this.app = app;
    this.title = "Explore";
    this.blocks = [];
    this.list = h("div", { class: "expressions" });
    this.views = h("div", { class: "tabs", role: "group", "aria-label": "Show as" }, ["graph", "table"].map((view) => h("button", { class: "pill quiet", "data-view": view, on: { click: () => change({ view: view === "graph" ? null : view }, { replace: true }) } }, view)));
    this.history = h("details", { class: "history" }, h("summary", { class: "pill quiet" }, "history"));
    this.historyList = h("div", { class: "menu" });
    this.history.append(this.historyList);
    this.history.addEventListener("toggle", () => this.#drawHistory());
    this.builder = h("details", { class: "builder-box" }, h("summary", { class: "pill quiet" }, "builder"));
    this.builder.append(makeBuilder((expression) => this.#replaceLast(expression)));
    fill(root, h("h1", { class: "hidden" }, "Explore"), h("div", { class: "explore-tools" },
      this.views, h("button", { class: "pill quiet", on: { click: () => this.#add() } }, "add an expression"), this.history, this.builder), this.list);
    this.#match();
    this.blocks[0].editor.text.focus({ preventScroll: true });
  }

  close() {
    for (const block of this.blocks) block.panel?.destroy();
  }

  dim() {
    for (const block of this.blocks) block.panel?.dim();
  }

  update(signal) {
    this.#match();
    return this.refresh(signal);
  }

  async refresh(signal) {
    this.#match();
    const range = this.app.range();
    const view = params().get("view") === "table" ? "table" : "graph";
    for (const button of this.views.children) button.setAttribute("aria-pressed", String(button.dataset.view === view));
    const errors = await Promise.all(this.blocks.map((block) => this.#run(block, view, range, signal)));
    const away = errors.find((error) => error?.away);
    if (away) throw away;
  }

  // #match makes the blocks those of the address.
  #match() {
    const expressions = params().getAll("expr");
    if (expressions.length === 0) expressions.push("");
    while (this.blocks.length > expressions.length) this.#drop(this.blocks.at(-1));
    while (this.blocks.length < expressions.length) this.#makeBlock();
    expressions.forEach((expression, i) => {
      const block = this.blocks[i];
      if (block.expression === expression) return;
      block.expression = expression;
      block.editor.value = expression;
    });
    for (const block of this.blocks) block.remove.hidden = this.blocks.length === 1;
  }

  #makeBlock() {
    const block = { expression: undefined };
    block.editor = new Editor({ label: "Expression", onRun: () => this.#commit() });
    block.remove = h("button", { class: "pill quiet", "aria-label": "Remove this expression", on: { click: () => this.#remove(block) } }, "×");
    block.result = h("div", { class: "result-box" });
    block.note = h("p", { class: "dim small" });
    block.element = h("div", { class: "block" }, h("div", { class: "expression-row" }, block.editor.element, h("button", { class: "pill", on: { click: () => this.#commit() } }, "Run"), block.remove), block.result, block.note);
    this.blocks.push(block);
    this.list.append(block.element);
  }

  #drop(block) {
    block.panel?.destroy();
    block.element.remove();
    this.blocks.splice(this.blocks.indexOf(block), 1);
  }

  #add() {
    change({ expr: [...this.#texts(), ""].slice(0, 10) });
    if (this.blocks.length === this.#texts().length) this.#makeBlock();
    this.blocks.at(-1).editor.text.focus();
  }

  #remove(block) {
    this.#drop(block);
    change({ expr: this.#texts() });
  }

  #replaceLast(expression) {
    this.blocks.at(-1).editor.value = expression;
    this.#commit();
  }

  #texts() {
    return this.blocks.map((block) => block.editor.value);
  }

  // #commit puts the written expressions into the address, which runs them.
  #commit() {
    const texts = this.#texts();
    remember(texts);
    for (const block of this.blocks) block.expression = block.editor.value;
    if (JSON.stringify(params().getAll("expr")) === JSON.stringify(texts)) void this.app.refresh();
    else change({ expr: texts });
  }

  async #run(block, view, range, signal) {
    const { expression } = block;
    if (!expression?.trim()) {
      block.panel?.destroy();
      block.panel = null;
      fill(block.result, h("p", { class: "dim hint" }, "Write an expression, or open the builder. Metrics complete while you type."));
      setText(block.note, "");
      block.editor.showError(null);
      return null;
    }
    const error = view === "table" ? await this.#runTable(block, expression, range, signal) : await this.#runGraph(block, expression, range, signal);
    if (signal.aborted) return null;
    block.editor.showError(error && !error.away ? error.message : null, expression);
    return error;
  }

  async #runGraph(block, expression, range, signal) {
    const unit = await this.#unitOf(expression, block.panel?.recorder.series);
    if (signal.aborted) return null;
    if (!block.panel || block.shown !== expression || block.panel.spec.unit !== unit) {
      block.panel?.destroy();
      block.shown = expression;
      block.panel = new Panel({ title: expression, unit, tall: true, zoomY: true, distinct: true, head: "none", queries: [{ expr: expression }] }, this.#actions());
      fill(block.result, block.panel.element);
    }
    const step = stepFor(range.seconds, points);
    const { panel } = block;
    const error = await panel.refresh(gridOf(range, step), range, undefined, signal);
    const outdated = () => signal.aborted || block.panel !== panel; // another expression was written in the meantime
    if (outdated()) return null;
    if (error) return error;
    const better = await this.#unitOf(expression, panel.recorder.series);
    if (outdated()) return null;
    if (better !== panel.spec.unit) {
      panel.spec.unit = better;
      panel.chart.options.unit = better;
      panel.draw();
    }
    setText(block.note, `${panel.recorder.series.length.toLocaleString("en-US")} series · one point for ${duration(step)} · a sample counts for up to ${duration(this.app.status?.lookback_seconds ?? 300)}`);
    return null;
  }

  async #runTable(block, expression, range, signal) {
    block.panel?.destroy();
    block.panel = null;
    try {
      const { data, warnings } = await api.instant(expression, range.end, signal);
      const rows = rowsOf(data);
      const labels = [...new Set(rows.flatMap((row) => Object.keys(row.labels)))].sort((a, b) => (a === "__name__" ? -1 : b === "__name__" ? 1 : a < b ? -1 : 1)).slice(0, 20);
      const columns = labels.map((label) => ({
        id: label, title: label === "__name__" ? "metric" : label, value: (row) => row.labels[label],
        cell: (row) => (row.labels[label] === undefined ? "" : h("button", { class: "cell-filter", title: "Show only this", on: { click: () => this.#filter(block, label, row.labels[label]) } }, name(row.labels[label]))),
      }));
      columns.push({ id: "\u0000value", title: "Value", right: true, value: (row) => row.value, cell: (row) => h("span", { title: exact(row.value, row.unit) }, current(row.value, row.unit)) });
      const table = new Table(columns, { caption: "Result", limit: maxTableSeries, order: columns.length > 1 ? columns[0].id : "\u0000value" });
      table.show(rows);
      fill(block.result, rows.length > 0 ? table.element : h("p", { class: "dim hint" }, "No data at this time."));
      setText(block.note, [`${rows.length.toLocaleString("en-US")} results at the end of the range`, ...warnings].join(" · "));
      return null;
    } catch (error) {
      if (api.isAbort(error)) return null;
      return error;
    }
  }

  #filter(block, label, value) {
    block.editor.value = addMatcher(block.expression, label, value);
    this.#commit();
  }

  // #unitOf finds the unit of an expression: that of its series, or else of the first known metric in it.
  async #unitOf(expression, series) {
    if (/\b(count|changes|resets|absent|group|stdvar|timestamp|count_values|count_over_time|present_over_time)\b|[=!<>]=? *bool/.test(expression)) return "";
    const perSecond = /\b(i?rate|deriv)\s*\(/.test(expression);
    const labels = [...new Set((series ?? []).map((s) => s.labels.unit))];
    let label = labels.length === 1 ? labels[0] : undefined;
    if (label === undefined && labels.length <= 1) {
      const help = await metricHelp().catch(() => ({}));
      label = (expression.match(/[a-zA-Z_:][a-zA-Z0-9_:]*/g) ?? []).map((word) => help[word]?.[0]?.unit).find(Boolean);
    }
    const { unit, factor } = unitOf(label);
    if (factor !== 1) return perSecond ? "" : label;
    if (!perSecond) return unit;
    return unit === "bytes" ? "bytes/s" : unit === "seconds" ? "" : unit === "" ? "/s" : unit;
  }

  #actions() {
    return {
      zone: () => this.app.zone(), onZoom: (start, end) => this.app.zoom(start, end), onReset: () => this.app.resetZoom(),
      logsHref: (time) => href("/logs", { from: Math.floor(time - 300), to: Math.ceil(time + 300), range: null, at: Math.round(time) }),
      emptyText: () => "No data in this range.", saysErrors: true,
    };
  }

  #drawHistory() {
    const items = recall();
    fill(this.historyList, items.length === 0 ? h("p", { class: "dim" }, "Nothing yet.") : items.map((text) => h("button", { class: "quiet", on: { click: () => { this.history.open = false; this.#replaceLast(text); } } }, name(text))));
  }
}

function rowsOf(data) {
  const row = (metric, value) => ({ labels: metric, value: parseValue(value), unit: unitOf(metric.unit).factor === 1 ? unitOf(metric.unit).unit : metric.unit });
  switch (data.resultType) {
    case "vector": return data.result.map(({ metric, value }) => row(metric, value[1]));
    case "matrix": return data.result.map(({ metric, values }) => row(metric, values.at(-1)[1]));
    default: return [row({}, data.result[1])];
  }
}

function recall() {
  try {
    const items = JSON.parse(localStorage.getItem("history") ?? "[]");
    return Array.isArray(items) ? items.filter((text) => typeof text === "string") : [];
  } catch {
    return [];
  }
}

function remember(texts) {
  try {
    const written = texts.filter((text) => text.trim());
    localStorage.setItem("history", JSON.stringify([...new Set([...written, ...recall()])].slice(0, maxHistory)));
  } catch { /* not allowed: there is no history then */ }
}

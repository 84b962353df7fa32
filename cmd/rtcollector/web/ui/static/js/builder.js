// The builder writes an expression for people who do not know PromQL: a metric, conditions, a function, groups.
import { labelNames, labelValues, metricNames } from "./catalog.js";
import { fill, h, name } from "./dom.js";
import { labelName, matcher, selector } from "./promql.js";

const maxOffered = 1000;

// overTime are the functions of the builder. $ is the selector, w the window.
const overTime = [
  ["", "as it is", "$"], ["rate", "per second (of a counter)", "rate($[w])"], ["increase", "growth (of a counter)", "increase($[w])"],
  ["avg", "average over", "avg_over_time($[w])"], ["max", "maximum over", "max_over_time($[w])"], ["min", "minimum over", "min_over_time($[w])"],
  ["deriv", "slope per second", "deriv($[w])"],
];
const windows = ["1m", "5m", "15m", "1h", "6h", "1d"];
const groupings = [["", "every series"], ["sum", "sum"], ["avg", "average"], ["max", "maximum"], ["min", "minimum"], ["count", "number of series"], ["topk", "the 5 largest"]];

// expressionOf writes the expression of a builder's state.
export function expressionOf({ metric, filters, over, window, group, by }) {
  if (!metric) return "";
  const conditions = filters.filter((f) => f.label && f.values.length > 0).map((f) => matcher(f.label, f.operator, f.values));
  const plain = selector(metric);
  const selected = conditions.length === 0 ? plain : plain.endsWith("}") ? `${plain.slice(0, -1)},${conditions.join(",")}}` : `${plain}{${conditions.join(",")}}`;
  const shape = overTime.find(([id]) => id === over)[2];
  const inner = shape.replace("[w]", `[${window}]`).replace("$", () => selected);
  if (!group) return inner;
  if (group === "topk") return `topk(5, ${inner})`;
  return `${group}${by.length ? ` by (${by.map(labelName).join(", ")})` : ""} (${inner})`;
}

// Builder is the form. onChange(expression) is called after each change.
export class Builder {
  constructor(onChange) {
    this.onChange = onChange;
    this.state = { metric: "", filters: [], over: "", window: "5m", group: "", by: [] };
    this.labels = [];
    this.metrics = h("datalist", { id: "builder-metrics" });
    this.metric = h("input", { type: "search", list: "builder-metrics", placeholder: "Metric", autocomplete: "off", spellcheck: "false", on: { change: () => void this.#chooseMetric(this.metric.value.trim()) } });
    this.filters = h("div", { class: "builder-filters" });
    this.by = h("div", { class: "chips", role: "group", "aria-label": "Keep these labels" });
    this.over = choice(overTime.map(([id, title]) => [id, title]), "", (value) => this.#set({ over: value }));
    this.window = choice(windows.map((one) => [one, one]), "5m", (value) => this.#set({ window: value }));
    this.group = choice(groupings, "", (value) => this.#set({ group: value }));
    this.window.setAttribute("aria-label", "Window");
    this.element = h("section", { class: "builder sheet", "aria-label": "Builder" }, this.metrics,
      h("label", { class: "builder-row" }, h("span", null, "Show"), this.metric),
      h("div", { class: "builder-row" }, h("span", null, "where"), this.filters),
      h("div", { class: "builder-row" }, h("span", null, "as"), h("div", { class: "builder-parts" }, labelled("Function", this.over), this.window)),
      h("div", { class: "builder-row" }, h("span", null, "grouped"), h("div", { class: "builder-parts" }, labelled("Grouping", this.group), this.by)));
    void metricNames().then((all) => fill(this.metrics, all.slice(0, maxOffered * 10).map((one) => h("option", { value: one }))));
    this.#draw();
  }

  #set(values) {
    Object.assign(this.state, values);
    this.#draw();
    this.onChange(expressionOf(this.state));
  }

  async #chooseMetric(metric) {
    this.labels = metric ? await labelNames(metric) : [];
    const counter = /(_total|_bytes|_packets|_seconds_total)$/.test(metric);
    const over = counter && !this.state.over ? "rate" : this.state.over;
    this.over.value = over;
    this.#set({ metric, over, filters: this.state.filters.filter((f) => this.labels.includes(f.label)), by: this.state.by.filter((one) => this.labels.includes(one)) });
  }

  #draw() {
    const { filters, over, group, by } = this.state;
    this.window.hidden = !over;
    this.by.hidden = !group || group === "topk";
    fill(this.by, h("span", { class: "dim" }, "by"), this.labels.map((label) => h("button", { class: "chip", "aria-pressed": String(by.includes(label)), on: { click: () => this.#set({ by: by.includes(label) ? by.filter((one) => one !== label) : [...by, label] }) } }, name(label))));
    fill(this.filters, filters.map((filter, i) => this.#filterRow(filter, i)),
      h("button", { class: "quiet", disabled: this.labels.length === 0, on: { click: () => this.#set({ filters: [...filters, { label: this.labels[0] ?? "", operator: "=", values: [] }] }) } }, "+ condition"));
  }

  #filterRow(filter, i) {
    const replace = (values) => this.#set({ filters: this.state.filters.map((one, k) => (k === i ? { ...one, ...values } : one)) });
    const add = h("select", { "aria-label": "Add a value", on: { change: () => { if (add.selectedIndex > 0) replace({ values: [...filter.values, offered[add.selectedIndex - 1]] }); } } }, h("option", null, filter.values.length ? "or …" : "choose …"));
    let offered = [];
    void labelValues(filter.label, this.state.metric).then((all) => {
      offered = all.filter((value) => !filter.values.includes(value)).slice(0, maxOffered);
      for (const value of offered) add.append(h("option", null, value));
    });
    return h("div", { class: "builder-parts" },
      labelled("Label", choice(this.labels.map((one) => [one, one]), filter.label, (label) => replace({ label, values: [] }))),
      labelled("Is or is not", choice([["=", "is"], ["!=", "is not"]], filter.operator, (operator) => replace({ operator }))),
      filter.values.map((value) => h("button", { class: "chip", title: "Remove this value", on: { click: () => replace({ values: filter.values.filter((one) => one !== value) }) } }, name(value), " ×")), add,
      h("button", { class: "quiet", "aria-label": "Remove the condition", on: { click: () => this.#set({ filters: this.state.filters.filter((_, k) => k !== i) }) } }, "×"));
  }
}

function choice(options, value, onChoose) {
  const element = h("select", { on: { change: () => onChoose(element.value) } }, options.map(([id, title]) => h("option", { value: id, selected: id === value }, title)));
  return element;
}

function labelled(text, element) {
  element.setAttribute("aria-label", text);
  return element;
}

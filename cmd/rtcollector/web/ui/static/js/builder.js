// The builder makes an expression for people who do not know PromQL: a metric, conditions, a function, a sum.
import { fill, h, oneLine } from "./dom.js";
import { allMetrics, labelsOf, valuesOf } from "./editor.js";
import { labelName, matcher, selector } from "./promql.js";

const overTime = [["", "as it is"], ["rate", "per second (of a counter)"], ["increase", "growth (of a counter)"], ["avg_over_time", "average over time"], ["max_over_time", "maximum over time"], ["min_over_time", "minimum over time"]];
const combined = [["", "every series"], ["sum", "sum"], ["avg", "average"], ["max", "maximum"], ["min", "minimum"], ["count", "number of series"], ["topk", "the 5 largest"]];
const windows = ["1m", "5m", "15m", "1h", "6h", "1d"];

// makeBuilder returns an element. use is called with an expression whenever the user has changed something.
export function makeBuilder(use) {
  const list = h("datalist", { id: "builder-metrics" });
  const metric = h("input", { list: "builder-metrics", placeholder: "metric", "aria-label": "Metric", spellcheck: "false", autocomplete: "off", on: { change: () => { void redraw(); } } });
  const conditions = h("div", { class: "conditions" });
  const add = h("button", { class: "pill quiet", type: "button", on: { click: () => { void addCondition(); } } }, "add a condition");
  const option = ([value, text]) => h("option", { value }, text);
  const fun = h("select", { "aria-label": "Over time", on: { change: () => write() } }, overTime.map(option));
  const window = h("select", { "aria-label": "Window", on: { change: () => write() } }, windows.map((text) => h("option", { value: text, selected: text === "5m" }, text)));
  const aggregate = h("select", { "aria-label": "Combined as", on: { change: () => write() } }, combined.map(option));
  const by = h("select", { "aria-label": "For each", on: { change: () => write() } });
  const rows = [];

  async function redraw() {
    const labels = await labelsOf(metric.value).catch(() => []);
    fill(by, h("option", { value: "" }, "all together"), labels.map((label) => h("option", { value: label }, `for each ${oneLine(label)}`)));
    rows.length = 0;
    fill(conditions);
    write();
  }

  async function addCondition() {
    const labels = await labelsOf(metric.value).catch(() => []);
    const label = h("select", { "aria-label": "Label", on: { change: () => { void values(); } } }, labels.map((text) => h("option", { value: text }, oneLine(text))));
    const operator = h("select", { "aria-label": "Operator", on: { change: () => write() } }, h("option", { value: "=" }, "is"), h("option", { value: "!=" }, "is not"));
    const value = h("select", { multiple: true, size: "4", "aria-label": "Values", class: "values", on: { change: () => write() } });
    const row = { label, operator, value };
    const remove = h("button", { class: "quiet", type: "button", "aria-label": "Remove the condition", on: { click: () => { rows.splice(rows.indexOf(row), 1); element.remove(); write(); } } }, "×");
    const element = h("div", { class: "condition" }, label, operator, value, remove);
    async function values() {
      const asked = label.value;
      const all = await valuesOf(asked, metric.value).catch(() => []);
      if (label.value !== asked) return; // another label was chosen meanwhile
      fill(value, all.slice(0, 1000).map((text) => h("option", { value: text, title: text }, oneLine(text))));
      write();
    }
    rows.push(row);
    conditions.append(element);
    await values();
  }

  function write() {
    if (!metric.value) return;
    const texts = rows.map(({ label, operator, value }) => {
      const chosen = [...value.selectedOptions].map((one) => one.value);
      return chosen.length > 0 && label.value ? matcher(label.value, operator.value, chosen) : "";
    }).filter(Boolean);
    let expression = selector(metric.value);
    if (texts.length > 0) expression = expression.endsWith("}") ? `${expression.slice(0, -1)},${texts.join(",")}}` : `${expression}{${texts.join(",")}}`;
    window.hidden = fun.value === "";
    by.hidden = aggregate.value === "" || aggregate.value === "topk";
    if (fun.value) expression = `${fun.value}(${expression}[${window.value}])`;
    if (aggregate.value === "topk") expression = `topk(5, ${expression})`;
    else if (aggregate.value) expression = `${aggregate.value}${by.value ? ` by (${labelName(by.value)})` : ""} (${expression})`;
    use(expression);
  }

  window.hidden = true;
  by.hidden = true;
  void allMetrics().then((metrics) => fill(list, metrics.slice(0, 5000).map((text) => h("option", { value: text })))).catch(() => {});
  return h("div", { class: "builder" }, list, metric, conditions, add, fun, window, aggregate, by);
}


// The field for an expression: completion of metrics, labels, values and functions, and errors at their position.
import * as api from "./api.js";
import { fill, h, oneLine } from "./dom.js";
import { aggregations, contextAt, errorPosition, functions, keywords, matches, quote, selector } from "./promql.js";

const keepFor = 120_000; // milliseconds
const maxValues = 5000;
const cache = new Map();
let fields = 0;

// remember returns what ask() resolved to within the last two minutes, or asks again.
function remember(key, ask) {
  const known = cache.get(key);
  if (known && performance.now() - known.at < keepFor) return known.answer;
  const answer = ask().catch((error) => {
    cache.delete(key);
    throw error;
  });
  cache.set(key, { at: performance.now(), answer });
  return answer;
}

export function allMetrics() {
  return remember("metrics", () => api.labelValues("__name__", undefined).then((answer) => answer.data));
}

export function labelsOf(metric) {
  return remember(`labels ${metric}`, () => api.labelNames(metric ? selector(metric) : undefined).then((answer) => answer.data.filter((label) => label !== "__name__")));
}

export function valuesOf(label, metric) {
  return remember(`values ${label} ${metric}`, () => api.labelValues(label, metric ? selector(metric) : undefined, undefined, maxValues).then((answer) => answer.data));
}

// metricHelp returns what is known about the metrics: {name: [{unit, help}]}.
export function metricHelp() {
  return remember("metadata", () => api.metadata().then((answer) => answer.data));
}

// Editor is one field. onRun is called with the expression when the user wants its result.
export class Editor {
  constructor({ label, onRun }) {
    const id = `suggestions-${++fields}`;
    this.onRun = onRun;
    this.text = h("textarea", {
      class: "expression", rows: "1", spellcheck: "false", autocomplete: "off", autocapitalize: "off", placeholder: "PromQL, such as: sum by (host) (rate(net_rx_bytes[5m]))",
      role: "combobox", "aria-label": label, "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id,
      on: { input: () => { this.#grow(); this.#suggest(); }, keydown: (event) => this.#key(event), blur: () => this.#close(), click: () => this.#close() },
    });
    this.list = h("div", { class: "suggestions", id, role: "listbox", "aria-label": "Suggestions", hidden: true });
    this.error = h("pre", { class: "expression-error", role: "alert", hidden: true });
    this.element = h("div", { class: "editor" }, this.text, this.list, this.error);
    this.items = [];
    this.chosen = -1;
  }

  get value() {
    return this.text.value;
  }

  set value(text) {
    if (this.text.value !== text) this.text.value = text;
    this.#grow();
  }

  // showError shows what is wrong below the field, and marks where. null removes it.
  showError(message, expression = this.value) {
    this.error.hidden = !message;
    if (!message) return;
    const at = errorPosition(message, expression);
    if (at < 0) {
      fill(this.error, message);
      return;
    }
    const rest = expression.slice(at);
    const word = /^([a-zA-Z0-9_:.]+|\s*\S|$)/.exec(rest)?.[0] || " ";
    fill(this.error, oneLine(expression.slice(Math.max(0, at - 60), at)), h("mark", null, oneLine(word)), oneLine(rest.slice(word.length, word.length + 60)), "\n", message);
  }

  #grow() {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(240, this.text.scrollHeight + 2)}px`;
  }

  async #suggest() {
    const position = this.text.selectionStart;
    const context = contextAt(this.value, position);
    const turn = (this.turn = (this.turn ?? 0) + 1);
    let items = [];
    try {
      items = await candidates(context);
    } catch { /* without suggestions one can still write */ }
    if (turn !== this.turn || document.activeElement !== this.text) return;
    this.context = context;
    this.items = items.filter((item) => item.text !== context.text);
    this.chosen = this.items.length > 0 && context.text.length > 0 ? 0 : -1;
    this.#drawList();
  }

  #drawList() {
    const open = this.items.length > 0;
    this.list.hidden = !open;
    this.text.setAttribute("aria-expanded", String(open));
    fill(this.list, this.items.map((item, i) => h("div", {
      role: "option", id: `${this.list.id}-${i}`, class: "suggestion", "aria-selected": String(i === this.chosen),
      on: { mousedown: (event) => { event.preventDefault(); this.#accept(i); } },
    }, h("bdi", null, oneLine(item.text)), h("span", { class: "dim" }, item.hint ?? ""))));
    this.#mark();
  }

  #mark() {
    [...this.list.children].forEach((child, i) => child.setAttribute("aria-selected", String(i === this.chosen)));
    if (this.chosen >= 0) {
      this.text.setAttribute("aria-activedescendant", `${this.list.id}-${this.chosen}`);
      this.list.children[this.chosen]?.scrollIntoView({ block: "nearest" });
    } else this.text.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    const open = !this.list.hidden;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      this.chosen = (this.chosen + (event.key === "ArrowDown" ? 1 : -1) + this.items.length) % this.items.length;
      this.#mark();
    } else if (open && this.chosen >= 0 && (event.key === "Tab" || event.key === "Enter") && !event.shiftKey) this.#accept(this.chosen);
    else if (event.key === "Enter" && !event.shiftKey) {
      this.#close();
      this.onRun(this.value);
    } else if (open && event.key === "Escape") this.#close();
    else if (event.key === " " && event.ctrlKey) void this.#suggest();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #accept(index) {
    const { from, kind } = this.context;
    const item = this.items[index];
    const before = this.value.slice(0, from);
    const after = this.value.slice(this.text.selectionStart);
    const text = kind === "value" ? quote(item.text).slice(1, -1) : item.insert ?? item.text;
    this.value = before + text + after;
    const at = before.length + text.length;
    this.text.setSelectionRange(at, at);
    this.#close();
    if (kind === "label") void this.#suggest();
  }

  #close() {
    this.turn = (this.turn ?? 0) + 1;
    this.items = [];
    this.list.hidden = true;
    this.text.setAttribute("aria-expanded", "false");
    this.text.removeAttribute("aria-activedescendant");
  }
}

// candidates returns what may stand at a place of the expression: {text, hint, insert}.
async function candidates(context) {
  const found = (list, hint, insert) => matches(list, context.text).map((text) => ({ text, hint: typeof hint === "function" ? hint(text) : hint, insert: insert?.(text) }));
  switch (context.kind) {
    case "label": return found(await labelsOf(context.metric), "label", (text) => `${text}="`);
    case "grouping": return found(await labelsOf(context.metric), "label");
    case "value": return found(await valuesOf(context.label, context.metric), "");
    case "metric": {
      if (context.text === "") return [];
      const [metrics, help] = await Promise.all([allMetrics(), metricHelp().catch(() => ({}))]);
      const describe = (text) => [help[text]?.[0]?.unit, help[text]?.[0]?.help].filter(Boolean).join(" · ").slice(0, 90);
      const begins = (item) => Number(item.text.toLowerCase().startsWith(context.text.toLowerCase()));
      return [
        ...found(metrics, describe), ...found(Object.keys(aggregations), (text) => aggregations[text], (text) => `${text}(`),
        ...found(Object.keys(functions), (text) => functions[text], (text) => `${text}(`), ...found(Object.keys(keywords), (text) => keywords[text]),
      ].sort((a, b) => begins(b) - begins(a)).slice(0, 60);
    }
    default: return [];
  }
}


// A table that can be sorted by its columns.
import { fill, h } from "./dom.js";

// Table shows rows. columns are {id, title, right, wide, value(row), cell(row)}; cell makes the content, value is what it is sorted by. rows are
// sorted by the first column until somebody clicks a head.
export class Table {
  constructor(columns, { caption, limit = 500, order = columns[0].id, down = false } = {}) {
    Object.assign(this, { columns, limit, order, down });
    this.head = h("tr", null, columns.map((column) => h("th", { scope: "col", class: column.right ? "right" : null },
      h("button", { class: "quiet", on: { click: () => this.#sort(column) } }, column.title))));
    this.body = h("tbody");
    this.rest = h("p", { class: "dim rest" });
    this.element = h("div", { class: "sheet scroll", tabindex: "0", role: "region", "aria-label": caption }, h("table", { class: "rows" }, caption ? h("caption", { class: "hidden" }, caption) : null, h("thead", null, this.head), this.body), this.rest);
    this.rows = [];
  }

  show(rows) {
    this.rows = rows;
    this.#draw();
  }

  #sort(column) {
    this.down = this.order === column.id ? !this.down : Boolean(column.right);
    this.order = column.id;
    this.#draw();
  }

  #draw() {
    const column = this.columns.find((one) => one.id === this.order) ?? this.columns[0];
    [...this.head.children].forEach((cell, i) => cell.setAttribute("aria-sort", this.columns[i] !== column ? "none" : this.down ? "descending" : "ascending"));
    const sign = this.down ? -1 : 1;
    const sorted = [...this.rows].sort((a, b) => sign * order(column.value(a), column.value(b)));
    fill(this.body, sorted.slice(0, this.limit).map((row) => h("tr", null, this.columns.map((one, i) => h(i === 0 ? "th" : "td", { scope: i === 0 ? "row" : null, class: one.right ? "right" : one.wide ? "wide" : null }, one.cell(row))))));
    this.rest.hidden = sorted.length <= this.limit;
    fill(this.rest, `showing ${this.limit.toLocaleString("en-US")} of ${sorted.length.toLocaleString("en-US")}; filter to see others`);
  }
}

function order(a, b) {
  const missing = (v) => v === undefined || v === null || (typeof v === "number" && Number.isNaN(v));
  if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
  return a < b ? -1 : a > b ? 1 : 0;
}


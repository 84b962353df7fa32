// A chart: uPlot with our axes, crosshair, tooltip, zoom and gaps. It knows nothing about queries.
import uPlot from "/third_party/uplot/uPlot.esm.js";
import { h, setText } from "./dom.js";
import { color, onThemeChange, seriesLook } from "./theme.js";
import { current, tickLabels, ticks } from "./units.js";
import { formatTime, timeTicks } from "./time.js";

const maxTipRows = 12;
const commonLabel = 48; // pixels, the width of most labels at the value axis
const font = '11px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';

// Chart draws series into an element. options: unit, min and max (of the axis, if fixed), fill (area below the first series), stack (series lie
// on top of each other, the first at the bottom), zone (a function), onZoom(start, end), onReset(), onPick(time, point), moment() (a time that
// a line marks).
export class Chart {
  constructor(element, options) {
    this.element = element;
    this.options = options;
    this.names = [];
    this.shown = [];
    this.raw = [];
    this.x = [];
    this.visible = true;
    this.forgetTheme = onThemeChange(() => this.plot?.redraw(false, true));
    this.sizes = new ResizeObserver(() => this.#resize());
    this.sizes.observe(element);
    this.views = new IntersectionObserver(([entry]) => { this.visible = entry.isIntersecting; });
    this.views.observe(element);
  }

  destroy() {
    this.forgetTheme();
    this.sizes.disconnect();
    this.views.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }

  // set shows data: x are times in seconds; columns are lists of numbers of the same length, null for a gap (data.js). names are the series'
  // names, shown says which of them are drawn. start and end are the ends of the time axis.
  set({ x, columns, names, shown, start, end }) {
    this.x = x;
    this.raw = columns;
    this.start = start;
    this.end = end;
    const same = this.plot && names.length === this.names.length;
    this.names = names;
    const drawn = this.#drawn(shown);
    if (!same) {
      this.plot?.destroy();
      this.shown = shown.slice();
      this.plot = new uPlot(this.#config(names), [x, ...drawn], this.element);
      this.tip = new Tip(this.plot.over);
      this.#touch(this.plot.over);
      return;
    }
    this.plot.batch(() => {
      this.#applyShown(shown);
      this.plot.setData([x, ...drawn], true);
    });
    this.#update();
  }

  // show changes which series are drawn.
  show(shown) {
    this.plot?.batch(() => {
      this.#applyShown(shown);
      if (this.options.stack) this.plot.setData([this.x, ...this.#drawn(shown)], true);
    });
  }

  // #drawn returns the columns as they are drawn: without values that a canvas cannot draw, and stacked.
  #drawn(shown) {
    const columns = this.raw.map((values) => (values.some((v) => v !== null && v !== undefined && !Number.isFinite(v)) ? values.map(drawable) : values));
    return this.options.stack ? stacked(columns, shown) : columns;
  }

  #applyShown(shown) {
    shown.forEach((on, i) => {
      if (this.shown[i] !== on) this.plot.setSeries(i + 1, { show: on });
    });
    this.shown = shown.slice();
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (this.plot && width > 0 && (width !== this.plot.width || height !== this.plot.height)) this.plot.setSize({ width, height });
  }

  #config(names) {
    const { onZoom, onReset } = this.options;
    const zone = () => this.options.zone?.() ?? "local";
    return {
      width: this.element.clientWidth || 400,
      height: this.element.clientHeight || 150,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      scales: { x: { time: false, range: () => [this.start, this.end] }, y: { range: (plot, min, max) => this.#yRange(min, max) } },
      axes: [
        {
          size: 24, gap: 7, font, stroke: () => color("--dim"), ticks: { show: false }, grid: { show: false },
          splits: (plot) => timeSplits(this.start, this.end, plot.bbox.width / devicePixelRatio, zone()),
          values: (plot, splits) => timeTicks(splits, splits.length > 1 ? splits[1] - splits[0] : 60, zone()),
        },
        {
          gap: 6, font, stroke: () => color("--dim"), ticks: { show: false }, grid: { stroke: () => color("--grid"), width: 1 },
          splits: () => this.yTicks ?? [0, 1],
          values: (plot, splits) => tickLabels(splits, this.options.unit),
          size: (plot, values) => Math.ceil(Math.max(commonLabel, ...(values ?? []).map((text) => measure(text))) + 10), // mostly the same, so that nothing moves
        },
      ],
      series: [{}, ...names.map((_, i) => this.#seriesConfig(i))],
      cursor: {
        y: false,
        points: { size: 5, width: 1 },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        sync: { key: "time", scales: ["x", null], setSeries: false, filters: { pub: (type) => type === "mousemove" || type === "mouseleave", sub: () => true } },
        bind: { dblclick: () => () => { onReset?.(); return null; } },
      },
      hooks: {
        drawClear: [(plot) => this.#drawMarker(plot), (plot) => this.#drawAreas(plot)],
        draw: [(plot) => this.#drawMoment(plot)],
        setCursor: [() => this.#update()],
        setSelect: [(plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          const [start, end] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          onZoom?.(start, end);
        }],
        ready: [(plot) => plot.over.addEventListener("click", () => this.#pick())],
      },
    };
  }

  // #drawMarker marks the time after which a host has been silent: a flat or missing line there says nothing.
  #drawMarker(plot) {
    const time = this.options.marker?.();
    if (time === undefined || time < this.start || time > this.end) return;
    const { left, top, width, height } = plot.bbox;
    const x = left + ((time - this.start) / (this.end - this.start)) * width;
    const { ctx } = plot;
    ctx.save();
    ctx.fillStyle = withAlpha(color("--dim"), 0.12);
    ctx.fillRect(x, top, left + width - x, height);
    ctx.fillStyle = color("--dim");
    ctx.font = font.replace("11px", `${11 * devicePixelRatio}px`);
    ctx.textBaseline = "top";
    if (left + width - x > 80 * devicePixelRatio) ctx.fillText("no samples", x + 6 * devicePixelRatio, top + 4 * devicePixelRatio);
    ctx.restore();
  }

  // #drawAreas fills what a stacked series adds to those below it.
  #drawAreas(plot) {
    if (!this.options.stack) return;
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    const x = (i) => plot.valToPos(this.x[i], "x", true);
    let below = null;
    this.names.forEach((_, k) => {
      if (!this.shown[k]) return;
      const top = plot.data[k + 1];
      const lower = below;
      const y = (values, i) => plot.valToPos(values ? values[i] ?? 0 : 0, "y", true);
      ctx.fillStyle = withAlpha(color(seriesLook(k).variable), 0.3);
      for (const run of stretches(top)) {
        ctx.beginPath();
        for (const i of run) ctx.lineTo(x(i), y(top, i));
        for (const i of run.toReversed()) ctx.lineTo(x(i), y(lower, i));
        ctx.fill();
      }
      below = top;
    });
    ctx.restore();
  }

  // #drawMoment marks the time that the page shows in detail.
  #drawMoment(plot) {
    const time = this.options.moment?.();
    if (time === undefined || time < this.start || time > this.end) return;
    const { ctx, bbox } = plot;
    const x = Math.round(plot.valToPos(time, "x", true)) + 0.5;
    ctx.save();
    ctx.strokeStyle = color("--text");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }

  // redraw draws the same data again, after the moment has changed.
  redraw() {
    this.plot?.redraw(false, false);
  }

  #seriesConfig(i) {
    const look = seriesLook(i);
    return {
      show: this.shown[i], width: this.options.stack ? 1 : 1.5, dash: look.dash, stroke: () => color(look.variable),
      fill: i === 0 && this.options.fill ? () => withAlpha(color(look.variable), 0.16) : undefined,
      points: { show: true, size: 4, fill: () => color(look.variable), width: 0, filter: (plot, series) => lonely(plot.data[series]) },
    };
  }

  #yRange(min, max) {
    const { unit, min: low, max: high } = this.options;
    if (min === null || max === null || !Number.isFinite(min) || !Number.isFinite(max)) [min, max] = [0, 1];
    if (min >= 0 && !(min > 0 && this.options.zoomY && max > min && max - min < max / 10)) min = 0;
    if (max <= 0 && min < 0 && !this.options.zoomY) max = 0;
    if (low !== undefined) min = Math.min(min, low);
    if (high !== undefined) max = Math.max(max, high);
    this.yTicks = ticks(min, max, unit);
    const [bottom, top] = [this.yTicks[0], this.yTicks.at(-1)];
    return [bottom, top + (top - bottom) / 50]; // so that a line at the top is drawn in its full width
  }

  // #update moves the tooltip to the crosshair.
  #update() {
    const { left, idx } = this.plot?.cursor ?? {};
    if (!this.tip || !this.visible || left === undefined || left < 0 || idx === null || idx === undefined) {
      this.tip?.hide();
      return;
    }
    const unit = this.options.unit;
    const rows = [];
    for (let i = 0; i < this.names.length; i++) {
      if (this.shown[i]) rows.push({ index: i, name: this.names[i], value: this.raw[i][idx] });
    }
    rows.sort((a, b) => rank(b.value) - rank(a.value));
    this.tip.show(formatTime(this.x[idx], this.options.zone?.() ?? "local"), rows, (value) => (value === null || value === undefined ? "–" : current(value, unit)), left, this.plot.bbox.width / devicePixelRatio);
  }

  #pick() {
    const { left, idx } = this.plot.cursor;
    if (left >= 0 && idx !== null && idx !== undefined) this.options.onPick?.(this.x[idx], left);
  }

  // #touch makes a finger that moves sideways move the time.
  #touch(over) {
    let from = null;
    over.addEventListener("touchstart", (event) => {
      from = event.touches.length === 1 ? { x: event.touches[0].clientX, start: this.start, end: this.end } : null;
    }, { passive: true });
    over.addEventListener("touchmove", (event) => {
      if (!from) return;
      const moved = event.touches[0].clientX - from.x;
      const shift = (-moved / over.clientWidth) * (from.end - from.start);
      this.start = from.start + shift;
      this.end = from.end + shift;
      this.plot.redraw(true, true);
      this.plot.setScale("x", { min: this.start, max: this.end });
    }, { passive: true });
    over.addEventListener("touchend", () => {
      if (from && Math.abs(this.start - from.start) > (from.end - from.start) / 50) this.options.onZoom?.(this.start, this.end);
      from = null;
    }, { passive: true });
  }
}

// Tip is the tooltip of one chart. It keeps its rows, because it changes with every movement of the pointer.
class Tip {
  constructor(over) {
    this.time = h("div", { class: "tip-time" });
    this.rows = [];
    this.rest = h("div", { class: "tip-rest" });
    this.element = h("div", { class: "tip", hidden: true }, this.time);
    this.element.append(this.rest);
    over.append(this.element);
  }

  hide() {
    if (!this.element.hidden) this.element.hidden = true;
  }

  show(time, rows, format, left, width) {
    setText(this.time, time);
    const count = Math.min(rows.length, maxTipRows);
    while (this.rows.length < count) this.#addRow();
    this.rows.forEach((row, i) => {
      row.element.hidden = i >= count;
      if (i >= count) return;
      const { index, name: text, value } = rows[i];
      row.swatch.dataset.series = index % 6;
      setText(row.name, text);
      setText(row.value, format(value));
    });
    this.rest.hidden = rows.length <= count;
    if (rows.length > count) setText(this.rest, `and ${rows.length - count} more`);
    this.element.hidden = false;
    if (left < width / 2) {
      this.element.style.transform = `translateX(${Math.round(left + 12)}px)`;
    } else {
      this.element.style.transform = `translateX(calc(${Math.round(left - 12)}px - 100%))`;
    }
  }

  #addRow() {
    const swatch = h("i", { class: "swatch" });
    const label = h("bdi", { class: "tip-name" });
    const value = h("span", { class: "tip-value" });
    const element = h("div", { class: "tip-row" }, swatch, label, value);
    this.element.insertBefore(element, this.rest);
    this.rows.push({ element, swatch, name: label, value });
  }
}

function rank(value) {
  return value === null || value === undefined || Number.isNaN(value) ? -Infinity : value;
}

function drawable(value) {
  return value === undefined || Number.isFinite(value) ? value : null;
}

// stacked adds to each shown column those before it. A gap in one column adds nothing; where all have a gap there is one.
export function stacked(columns, shown) {
  const sums = new Array(columns[0]?.length ?? 0).fill(null);
  return columns.map((values, k) => {
    if (!shown[k]) return values;
    let last = null; // of a series that is coarser than others
    values.forEach((value, i) => {
      if (value !== undefined) last = value;
      if (last !== null) sums[i] = (sums[i] ?? 0) + last;
    });
    return sums.slice();
  });
}

// stretches returns the indices of values without a gap, as lists.
function stretches(values) {
  const found = [];
  let run = [];
  values.forEach((value, i) => {
    if (value === null || value === undefined) {
      if (run.length > 0) found.push(run);
      run = [];
    } else run.push(i);
  });
  if (run.length > 0) found.push(run);
  return found;
}

// lonely returns the indices of samples with a gap on both sides: no line leads to them, so that they need a dot.
function lonely(values) {
  const found = [];
  let previous = null; // the nearest value before that is not undefined
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === undefined) continue;
    if (value !== null && previous === null) {
      let next = i + 1;
      while (next < values.length && values[next] === undefined) next++;
      if (next >= values.length || values[next] === null) found.push(i);
    }
    previous = value;
  }
  return found;
}

function withAlpha(rgb, alpha) {
  return rgb.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
}

const widths = new Map();
let pen;
function measure(text) {
  let width = widths.get(text);
  if (width === undefined) {
    if (!pen) {
      pen = document.createElement("canvas").getContext("2d");
      pen.font = font;
    }
    if (widths.size > 1000) widths.clear();
    width = pen.measureText(text).width;
    widths.set(text, width);
  }
  return width;
}

const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000];

// timeSplits returns round times at least 64 pixels apart. Days begin at midnight of the zone.
function timeSplits(start, end, width, zone) {
  const wanted = ((end - start) / Math.max(1, width)) * 64;
  const step = timeSteps.find((s) => s >= wanted) ?? timeSteps.at(-1);
  const shift = zone === "utc" ? 0 : new Date(start * 1000).getTimezoneOffset() * 60;
  const splits = [];
  for (let t = Math.ceil((start - shift) / step) * step + shift; t <= end; t += step) splits.push(t);
  const room = ((end - start) / Math.max(1, width)) * 22; // half a label: it is not cut off at the right
  return splits.filter((t) => t <= end - room);
}

// sparkline draws a small chart without axes: values are numbers or null for a gap.
export function sparkline(canvas, values, max, variable) {
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (width === 0) return;
  if (canvas.width !== width * ratio) canvas.width = width * ratio;
  if (canvas.height !== height * ratio) canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const stroke = color(variable);
  const top = max > 0 ? max : 1;
  const x = (i) => (i / Math.max(1, values.length - 1)) * (width - 2) + 1;
  const y = (value) => height - 1 - (Math.min(value, top) / top) * (height - 3);
  context.lineWidth = 1.25;
  context.strokeStyle = stroke;
  context.fillStyle = withAlpha(stroke, 0.2);
  for (const [from, to] of runs(values)) {
    context.beginPath();
    for (let i = from; i <= to; i++) context.lineTo(x(i), y(values[i]));
    if (from === to) context.arc(x(from), y(values[from]), 1, 0, 7);
    context.stroke();
    context.lineTo(x(to), height);
    context.lineTo(x(from), height);
    context.fill();
  }
}

// runs returns the stretches of values without a gap.
function runs(values) {
  const found = [];
  let from = -1;
  for (let i = 0; i <= values.length; i++) {
    const there = i < values.length && Number.isFinite(values[i]);
    if (there && from < 0) from = i;
    if (!there && from >= 0) {
      found.push([from, i - 1]);
      from = -1;
    }
  }
  return found;
}


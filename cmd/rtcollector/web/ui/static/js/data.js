// Results of range queries, kept between refreshes: a live chart asks only for what is new.
import { range as rangeQuery } from "./api.js";

// overlap is how many points a refresh reads again, because the newest ones may have changed.
const overlap = 3;

// Recorder holds the results of the queries of one panel over a range.
export class Recorder {
  constructor() {
    this.series = []; // {labels, times, values, query}
    this.grid = null; // of the last refresh: {start, end, step}
    this.warnings = [];
    this.signature = "";
  }

  // refresh brings the results up to date for a grid. queries are {expr, …}; each series keeps its query. lookback is in seconds.
  async refresh(queries, grid, lookback, signal) {
    const signature = JSON.stringify([queries.map((q) => q.expr), grid.step, lookback]);
    const continues = signature === this.signature && this.grid && grid.start >= this.grid.start && grid.start < this.grid.end && grid.end >= this.grid.end;
    const start = continues ? Math.max(grid.start, this.grid.end - overlap * grid.step) : grid.start;
    const answers = await Promise.all(queries.map((q) => rangeQuery(q.expr, { start, end: grid.end, step: grid.step, lookback }, signal)));
    const found = answers.flatMap((answer, i) => seriesOf(answer.data, queries[i]));
    this.series = continues ? extend(this.series, found, grid.start, start) : found;
    this.grid = grid;
    this.signature = signature;
    this.warnings = [...new Set(answers.flatMap((answer) => answer.warnings))];
  }

  // columns returns the series on the times of the grid: {x, columns}. A column has a number, null for a gap, or undefined where only
  // another series has a sample at that time.
  columns(series = this.series) {
    return align(series, this.grid);
  }
}

function seriesOf(data, query) {
  if (data.resultType === "scalar" || data.resultType === "string") throw new Error("the result is a text: only numbers can be drawn");
  return data.result.map(({ metric, values }) => {
    const times = new Array(values.length);
    const numbers = new Array(values.length);
    for (let i = 0; i < values.length; i++) {
      times[i] = values[i][0];
      numbers[i] = parseValue(values[i][1]);
    }
    return { labels: metric, times, values: numbers, query };
  });
}

// parseValue reads a number as Prometheus' API writes it: "1.5", "NaN", "+Inf", "-Inf".
export function parseValue(text) {
  if (text === "+Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return Number(text);
}

export function keyOf(labels) {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

// extend drops what is before start, and replaces what is at or after from by the new samples.
function extend(old, found, start, from) {
  const key = (s) => `${s.query.expr}\n${keyOf(s.labels)}`;
  const fresh = new Map(found.map((s) => [key(s), s]));
  const merged = [];
  for (const series of old) {
    const first = lowerBound(series.times, start);
    const last = lowerBound(series.times, from);
    const more = fresh.get(key(series));
    fresh.delete(key(series));
    const times = series.times.slice(first, last).concat(more?.times ?? []);
    if (times.length === 0) continue;
    merged.push({ ...series, times, values: series.values.slice(first, last).concat(more?.values ?? []), query: more?.query ?? series.query });
  }
  return [...merged, ...fresh.values()];
}

// lowerBound returns the index of the first time that is not before t.
export function lowerBound(times, t) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < t) low = middle + 1;
    else high = middle;
  }
  return low;
}

// align puts series on common times: those of every sample, and those of the grid, which show the gaps. Where all series are coarser than
// the grid, its times are as far apart as theirs.
export function align(series, grid) {
  const steps = series.map((s) => ownStep(s.times));
  const finest = Math.min(...steps);
  const step = Number.isFinite(finest) ? Math.max(grid.step, finest) : grid.step;
  const known = new Set();
  const first = series.find((s) => s.times.length > 0)?.times[0] ?? grid.start;
  for (let t = first - Math.floor((first - grid.start) / step) * step; t <= grid.end; t += step) known.add(t);
  const regular = known.size;
  for (const s of series) for (const t of s.times) known.add(t);
  const x = [...known];
  if (x.length > regular) x.sort((a, b) => a - b);
  const onGrid = x.length === regular && steps.every((own) => own <= step || own === Infinity);
  return { x, columns: series.map((s, i) => column(s, x, onGrid ? 0 : steps[i])) };
}

// column puts the values of a series on the times x. own is the usual distance between its samples if other series have more, else 0.
function column(series, x, own) {
  const { times, values } = series;
  const result = new Array(x.length).fill(null);
  let next = 0;
  for (let i = 0; i < x.length; i++) {
    if (next < times.length && times[next] === x[i]) {
      result[i] = values[next];
      next++;
    } else if (own > 0 && next > 0 && next < times.length && times[next] - times[next - 1] <= own * 1.5) {
      result[i] = undefined; // between two samples of a series that is coarser than others
    }
  }
  return result;
}

// ownStep returns the usual distance between the samples of a series: the smallest one. It is infinite for a single sample.
function ownStep(times) {
  let smallest = Infinity;
  for (let i = 1; i < times.length; i++) smallest = Math.min(smallest, times[i] - times[i - 1]);
  return smallest;
}

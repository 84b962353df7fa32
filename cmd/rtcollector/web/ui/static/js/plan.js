// From the catalogue (panels.js) to expressions: which panels a host has, and what each asks for.
import { groups } from "./panels.js";
import { matcher, selector } from "./promql.js";

const defaultLookback = 300; // Prometheus' own, for series whose interval is unknown

// disks are the devices that are no partitions, so that a sum counts each byte once.
const disks = matcher("device", "=~", "[a-z]+|nvme[0-9]+n[0-9]+|mmcblk[0-9]+");

// planGroup returns the panels of a group that a host has. names are the host's metrics: a Map of name to the seconds between two samples
// (undefined if unknown). labels select the host.
export function planGroup(group, names, labels) {
  return group.panels.map((panel) => ({ panel, queries: panel.queries.filter((q) => existing(q, names)) }))
    .filter(({ queries }) => queries.length > 0)
    .map(({ panel, queries }) => ({ panel, queries, interval: slowest(queries.map((q) => names.get(existing(q, names)))), names, labels }));
}

// hasPanels reports whether a host has any panel of a group.
export function hasPanels(group, names) {
  return group.panels.some((panel) => panel.queries.some((q) => existing(q, names)));
}

// catalogue returns every metric that some panel may read.
export function catalogue() {
  const read = groups.flatMap((group) => group.panels).flatMap((panel) => panel.queries);
  return [...new Set(read.flatMap((q) => [q.metric, ...(q.plus ?? [])].flatMap((metric) => (q.rate ? [metric, `${metric}_rate`] : [metric]))))];
}

// metricsOf returns the metrics that the panels of a group read on this host.
export function metricsOf(group, names) {
  return [...new Set(group.panels.flatMap((panel) => panel.queries.map((q) => existing(q, names))))].filter(Boolean);
}

// existing returns the metric that a query reads on this host: the rate, else the counter, else nothing.
function existing(query, names) {
  if (query.rate && names.has(`${query.metric}_rate`)) return `${query.metric}_rate`;
  return names.has(query.metric) ? query.metric : undefined;
}

function slowest(intervals) {
  return intervals.includes(undefined) ? undefined : Math.max(...intervals);
}

// queriesFor returns the expressions of a planned panel for a step: {queries: [{expr, label}], lookback}.
export function queriesFor(plan, step) {
  const { panel, names, interval } = plan;
  const queries = plan.queries.map((query) => {
    const parts = [query.metric, ...(query.plus ?? [])].filter((metric) => existing({ ...query, metric }, names)).map((metric) => partFor({ ...query, metric }, plan, step));
    const expr = parts.join(" + ");
    return { expr: panel.factor ? `${parts.length > 1 ? `(${expr})` : expr} * ${panel.factor}` : expr, label: labelOf(query.label) };
  });
  return { queries, lookback: lookbackFor(interval, step) };
}

// partFor returns the expression for one metric of a query.
function partFor(query, { names, labels, interval }, step) {
  const metric = existing(query, names);
  const selected = select(metric, query, labels);
  const counter = query.rate && metric === query.metric;
  let expr = counter ? `rate(${selected}[${rateWindow(interval, step)}s])` : gauge(selected, interval, step);
  if (query.sum) expr = `sum(${expr})`;
  if (query.by) expr = `sum by (${query.by.join(", ")}) (${expr})`;
  return expr;
}

function select(metric, query, labels) {
  const conditions = [];
  for (const [label, value] of Object.entries(query.not ?? {})) conditions.push(matcher(label, "!=", value));
  if (query.wholeDisks) conditions.push(disks);
  const text = selector(metric, { ...labels, ...query.where });
  return conditions.length ? `${text.slice(0, -1)},${conditions.join(",")}}` : text;
}

// gauge reads a gauge: the newest sample of each step, or the average if a step has more than two.
function gauge(selected, interval, step) {
  return step > 2 * (interval ?? defaultLookback / 4) ? `avg_over_time(${selected}[${step}s])` : selected;
}

// rateWindow is at least four intervals long: a late sample makes no gap.
function rateWindow(interval, step) {
  return Math.ceil(Math.max(4 * (interval ?? defaultLookback / 4), step));
}

// lookbackFor is how long a sample is valid. After four missing samples a chart has a gap instead of a flat line.
function lookbackFor(interval, step) {
  return interval === undefined ? Math.max(defaultLookback, step) : Math.ceil(Math.max(4 * interval, step, 5));
}

// labelOf makes the text of a legend from the labels of a result: "$device read". Parts without a value are left out.
function labelOf(template) {
  if (!template.includes("$")) return template;
  return (labels) => template.replace(/\$([a-zA-Z_]+)/g, (_, label) => labels[label] ?? "").replace(/  +/g, " ").trim();
}

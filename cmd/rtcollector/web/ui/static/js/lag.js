// Which input or output of an agent is late. The time since its last success does not tell alone: inputs may have long intervals or only
// receive, and an output without anything to write succeeds in nothing.
import { instant, isAbort } from "./api.js";
import { parseValue } from "./data.js";
import { selector } from "./promql.js";
import { now } from "./time.js";

const patience = 60; // seconds in which nothing is late
const window = 10800; // seconds over which successes are counted
const keepFor = 300; // seconds
const counters = { input: "internal_gather_metrics_gathered", output: "internal_write_metrics_written" };
const paces = new Map(); // key of a row to {successes in the window, when that was asked}

function keyOf(kind, row) {
  return JSON.stringify([kind, row.host, row[kind]]);
}

// learnPaces counts the recent successes of rows that may be late. kind is input or output; a row has host, age (seconds since the last
// success), and the name of the input or output.
export async function learnPaces(kind, rows, at, signal) {
  const unknown = rows.filter((row) => row.age > patience && !(now() - paces.get(keyOf(kind, row))?.asked < keepFor));
  if (unknown.length === 0) return;
  const valuesOf = (label) => [...new Set(unknown.map((row) => row[label] ?? ""))];
  const series = selector(counters[kind], { host: valuesOf("host"), [kind]: valuesOf(kind) });
  try {
    const { data } = await instant(`max by (host, ${kind}) (changes(${series}[${window}s]))`, at, signal);
    for (const { metric, value } of data.result) paces.set(keyOf(kind, metric), { successes: parseValue(value[1]), asked: now() });
  } catch (error) {
    if (isAbort(error)) throw error; // without the paces, patience alone decides
  }
}

// isLate reports whether a row has had no success for three of its intervals, and at least a minute. An input without any success in the
// window only receives. An output is late only if something waits for it: row.waiting samples and events.
export function isLate(kind, row) {
  if (!(row.age > patience) || (kind === "output" && row.waiting === 0)) return false;
  const successes = paces.get(keyOf(kind, row))?.successes;
  if (successes === 0) return kind === "output";
  return row.age > (3 * window) / (successes ?? Infinity);
}

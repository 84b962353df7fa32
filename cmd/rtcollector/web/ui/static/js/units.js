// How numbers are written: bytes in IEC units, rates in SI, percent without false precision, durations in words.

const si = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];
const iec = [[2 ** 50, "Pi"], [2 ** 40, "Ti"], [2 ** 30, "Gi"], [2 ** 20, "Mi"], [2 ** 10, "Ki"], [1, ""]];
const small = [[1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"]];
const spans = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];

// kinds says for each unit of ours how it is scaled and what stands after the number.
const kinds = {
  "": { scales: si, symbol: "" },
  bytes: { scales: iec, symbol: "B", binary: true },
  "bytes/s": { scales: si, symbol: "B/s" },
  "bits/s": { scales: si, symbol: "bit/s" },
  "/s": { scales: si, symbol: "/s" },
  percent: { scales: [[1, ""]], symbol: "%" },
  seconds: { scales: spans, symbol: "", time: true },
  celsius: { scales: [[1, ""]], symbol: "°C" },
  hertz: { scales: si, symbol: "Hz" },
  volts: { scales: [[1, ""], [1e-3, "m"]], symbol: "V" },
  amperes: { scales: [[1, ""], [1e-3, "m"]], symbol: "A" },
  watts: { scales: [...si, ...small.slice(1)], symbol: "W" },
  rpm: { scales: [[1, ""]], symbol: "rpm" },
  cores: { scales: [[1, ""]], symbol: "cores" },
};

// aliases maps values of the label "unit" to our units and a factor.
const aliases = {
  "bytes per second": ["bytes/s", 1], "bits per second": ["bits/s", 1], "operations per second": ["/s", 1], "per second": ["/s", 1],
  "packets per second": ["/s", 1], packets: ["", 1], operations: ["", 1], pages: ["", 1],
  milliseconds: ["seconds", 1e-3], microseconds: ["seconds", 1e-6], nanoseconds: ["seconds", 1e-9],
  kilobytes: ["bytes", 1024], kibibytes: ["bytes", 1024], "kilobytes per second": ["bytes/s", 1024], "kibibytes per second": ["bytes/s", 1024],
  "seconds per second": ["cores", 1], "milliseconds per second": ["cores", 1e-3],
};

// unitOf returns how to show values whose series has this label "unit": {unit, factor}.
export function unitOf(label) {
  if (!label) return { unit: "", factor: 1 };
  if (kinds[label]) return { unit: label, factor: 1 };
  const alias = aliases[label];
  return alias ? { unit: alias[0], factor: alias[1] } : { unit: label, factor: 1 };
}

function kindOf(unit) {
  return kinds[unit] ?? { scales: si, symbol: unit };
}

function scaleFor(kind, magnitude) {
  return kind.scales.find(([factor]) => magnitude >= factor * 0.9995) ?? kind.scales.at(-1);
}

// withUnit writes a number and its unit: "12.1 GiB", "5 %", "41 d".
export function withUnit(value, unit = "") {
  if (!Number.isFinite(value)) return special(value);
  const kind = kindOf(unit);
  const magnitude = Math.abs(value);
  if (magnitude === 0) return join("0", kind.time ? "s" : kind.symbol);
  let scale = scaleFor(kind, magnitude);
  if (kind.time) scale = spanFor(magnitude);
  return join(digits(value / scale[0]), scale[1] + kind.symbol);
}

// spanFor keeps a smaller unit a little longer: "75 s" and "36 h" say more than "1 min" and "1 d".
function spanFor(magnitude) {
  return spans.find(([factor]) => (factor < 60 ? magnitude >= factor * 0.9995 : magnitude >= factor * 2 || magnitude === factor)) ?? spans.at(-1);
}

function join(number, symbol) {
  return symbol ? `${number}\u00a0${symbol}` : number;
}

function special(value) {
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "∞" : "−∞";
}

// digits writes a number with three significant digits, and at most two decimals unless it is smaller than that.
export function digits(value) {
  if (!Number.isFinite(value)) return special(value);
  const magnitude = Math.abs(value);
  if (magnitude === 0) return "0";
  if (magnitude >= 1e15) return value.toExponential(2).replace("-", "−");
  if (magnitude < 0.001) return value.toExponential(1).replace("-", "−");
  const decimals = magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : magnitude >= 0.0995 ? 2 : 3;
  return trim(value.toFixed(decimals));
}

function trim(text) {
  const plain = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  return plain === "-0" ? "0" : plain.replace("-", "−");
}

// percent writes a share without false precision: "84 %", "0.4 %".
export function percent(value) {
  if (!Number.isFinite(value)) return special(value);
  return `${trim(value.toFixed(Math.abs(value) < 9.95 && value !== 0 ? 1 : 0))}\u00a0%`;
}

// current writes the value in the head of a panel.
export function current(value, unit) {
  return unit === "percent" ? percent(value) : withUnit(value, unit);
}

// exact writes a number in full, for tables and hovering.
export function exact(value, unit = "") {
  if (!Number.isFinite(value)) return special(value);
  return join(String(value).replace(/^-/, "−"), unit === "percent" ? "%" : unit);
}

// count writes a whole number with separators: "12,418".
export function count(value) {
  return Number.isFinite(value) ? Math.round(value).toLocaleString("en-US") : "–";
}

// duration writes seconds in words: "2 s", "14 min", "41 d".
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return special(seconds);
  const magnitude = Math.abs(seconds);
  if (magnitude < 1) return "0\u00a0s";
  const [factor, symbol] = spanFor(magnitude);
  return `${Math.floor(magnitude / factor)}\u00a0${symbol}`;
}

export function ago(seconds) {
  return seconds < -1 ? `in ${duration(seconds)}` : `${duration(Math.max(0, seconds))} ago`;
}

// ticks returns the lines of an axis: three to five values at round distances that include all from min to max.
export function ticks(min, max, unit = "") {
  if (!(max > min)) max = min + (Math.abs(min) || 1);
  const kind = kindOf(unit);
  const factor = kind.binary || kind.time ? scaleFor(kind, Math.max(Math.abs(min), Math.abs(max)))[0] : 1;
  const step = roundUp((max - min) / factor / 4, kind) * factor;
  const first = Math.floor(min / step + 1e-9);
  const last = Math.ceil(max / step - 2e-3); // a line that touches the top is no reason for more room
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

function roundUp(raw, kind) {
  const power = 10 ** Math.floor(Math.log10(raw));
  const steps = kind.binary && raw >= 1 ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].map((s) => s / power) : kind.time && raw >= 1 ? [1, 2, 3, 5, 6, 10, 15, 20, 30, 60].map((s) => s / power) : [1, 2, 2.5, 5, 10];
  return (steps.find((s) => raw / power <= s + 1e-9) ?? Math.ceil(raw / power)) * power;
}

// tickLabels writes the values of an axis. All have the same scale, and the topmost has the unit.
export function tickLabels(values, unit = "") {
  const kind = kindOf(unit);
  const top = Math.max(...values.map(Math.abs));
  const [factor, prefix] = top === 0 ? [1, kind.time ? "s" : ""] : scaleFor(kind, top);
  const step = values.length > 1 ? Math.abs(values[1] - values[0]) / factor : 1;
  const decimals = decimalsFor(values.map((value) => value / factor));
  return values.map((value, i) => {
    const number = trimmed(value / factor, decimals);
    return i === values.length - 1 ? join(number, prefix + kind.symbol) : number;
  });
}

// decimalsFor returns how many decimals tell the values apart.
function decimalsFor(values) {
  const step = values.length > 1 ? Math.abs(values[1] - values[0]) : 1;
  for (let decimals = 0; decimals < 9; decimals++) {
    if (values.every((value) => Math.abs(Number(value.toFixed(decimals)) - value) < step * 1e-3)) return decimals;
  }
  return 9;
}

function trimmed(value, decimals) {
  return trim(value.toFixed(decimals));
}

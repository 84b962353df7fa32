// The range of time that a page shows, its steps, and how times are written. Times are seconds since 1970. The clock is the server's.

export const presets = [
  ["5m", 300, "5 minutes"], ["15m", 900, "15 minutes"], ["30m", 1800, "30 minutes"], ["1h", 3600, "1 hour"], ["3h", 10800, "3 hours"],
  ["6h", 21600, "6 hours"], ["12h", 43200, "12 hours"], ["24h", 86400, "24 hours"], ["2d", 172800, "2 days"], ["7d", 604800, "7 days"],
  ["30d", 2592000, "30 days"], ["90d", 7776000, "90 days"], ["1y", 31536000, "1 year"],
];

const steps = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

let offset = 0; // seconds that the server's clock is ahead of the browser's

// setServerTime tells what the server's clock said between two readings of the browser's clock.
export function setServerTime(seconds, sent, received) {
  offset = seconds - (sent + received) / 2;
}

export function browserNow() {
  return Date.now() / 1000;
}

export function now() {
  return browserNow() + offset;
}

// clockDifference returns the seconds that the server's clock is ahead of the browser's.
export function clockDifference() {
  return offset;
}

// rangeOf reads the range from the parameters of an address: {start, end, seconds, preset, live}. A range without "from" and "to" ends now.
export function rangeOf(params) {
  const from = Number(params.get("from"));
  const to = Number(params.get("to"));
  if (from > 0 && to > from && to - from >= 1) return { start: from, end: to, seconds: to - from, preset: null, live: false };
  const preset = presets.find(([id]) => id === params.get("range")) ?? presets[3];
  const end = now();
  return { start: end - preset[1], end, seconds: preset[1], preset: preset[0], live: params.get("live") !== "0" };
}

// rangeTitle says which range is shown: "Last 1 hour" or "15 Jun 16:00 – 16:30".
export function rangeTitle(range, zone) {
  if (range.preset) return `Last ${presets.find(([id]) => id === range.preset)[2]}`;
  const start = formatTime(range.start, zone, "minute");
  const end = formatTime(range.end, zone, "minute");
  const sameDay = start.slice(0, 10) === end.slice(0, 10);
  return `${start} – ${sameDay ? end.slice(11) : end}`;
}

// stepFor returns the distance between the points of a chart of about so many points, in round seconds and at least minimum.
export function stepFor(seconds, points, minimum = 1) {
  const wanted = Math.max(seconds / points, minimum);
  return steps.find((step) => step >= wanted * 0.999) ?? Math.ceil(wanted / 86400) * 86400;
}

// gridOf aligns a range to its step, so that a live chart moves by whole points and never changes those that it has.
export function gridOf(range, step) {
  const end = Math.floor(range.end / step) * step;
  return { start: Math.max(Math.ceil(range.start / step) * step, end - 10_999 * step), end, step };
}

const formats = new Map();
function parts(seconds, zone) {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone === "utc" ? "UTC" : undefined, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit",
    });
    formats.set(zone, format);
  }
  const found = {};
  for (const { type, value } of format.formatToParts(new Date(seconds * 1000))) found[type] = value;
  return found;
}

// formatTime writes a time as 2025-06-15 16:00:10. precision is minute, second or milli.
export function formatTime(seconds, zone, precision = "second") {
  if (!Number.isFinite(seconds)) return "–";
  const p = parts(Math.floor(seconds), zone);
  const minute = `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}`;
  if (precision === "minute") return minute;
  if (precision === "second") return `${minute}:${p.second}`;
  return `${minute}:${p.second}.${String(Math.floor((seconds % 1) * 1000)).padStart(3, "0")}`;
}

export function formatClock(seconds, zone) {
  return formatTime(seconds, zone).slice(11);
}

// parseTime reads what formatTime writes, in the same zone, or seconds since 1970. It returns NaN for anything else.
export function parseTime(text, zone) {
  const trimmed = text.trim();
  if (/^\d{9,11}(\.\d+)?$/.test(trimmed)) return Number(trimmed);
  const m = /^(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d))?)?$/.exec(trimmed);
  if (!m) return NaN;
  const [year, month, day, hour = 0, minute = 0, second = 0] = m.slice(1).map((x) => (x === undefined ? 0 : Number(x)));
  const date = zone === "utc" ? Date.UTC(year, month - 1, day, hour, minute, second) : new Date(year, month - 1, day, hour, minute, second).getTime();
  return date / 1000;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// timeTicks writes the times at an axis: hours and minutes, with the day where one begins.
export function timeTicks(values, step, zone) {
  return values.map((value) => {
    const p = parts(value, zone);
    const day = `${Number(p.day)} ${months[Number(p.month) - 1]}`;
    if (step >= 28 * 86400) return `${months[Number(p.month) - 1]} ${p.year}`;
    if (step >= 86400 || (p.hour === "00" && p.minute === "00" && p.second === "00")) return day;
    return step < 60 ? `${p.hour}:${p.minute}:${p.second}` : `${p.hour}:${p.minute}`;
  });
}

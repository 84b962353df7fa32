// Text of PromQL: selectors from strangers' names, and what the completion and the builder need to know of the language.

// quote writes a string literal.
export function quote(text) {
  return JSON.stringify(String(text));
}

// escapeRegexp makes a text match itself in =~.
export function escapeRegexp(text) {
  return String(text).replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

const plainMetric = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const plainLabel = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export function labelName(text) {
  return plainLabel.test(text) ? text : quote(text);
}

// matcher writes one condition: matcher("host", "=", "a"). A list of values becomes a regular expression that matches exactly these.
export function matcher(label, operator, value) {
  if (!Array.isArray(value)) return `${labelName(label)}${operator}${quote(value)}`;
  if (value.length === 1) return matcher(label, operator, value[0]);
  return `${labelName(label)}${operator === "!=" ? "!~" : "=~"}${quote(value.map(escapeRegexp).join("|"))}`;
}

// selector writes a selector of series: selector("up", {host: "a"}) is up{host="a"}. Values may be lists.
export function selector(metric, labels = {}) {
  const conditions = Object.entries(labels).map(([label, value]) => matcher(label, "=", value));
  if (!metric) return `{${conditions.join(",")}}`;
  if (!plainMetric.test(metric)) return `{${[matcher("__name__", "=", metric), ...conditions].join(",")}}`;
  return conditions.length ? `${metric}{${conditions.join(",")}}` : metric;
}

// distinctNames names results by the labels in which they differ. If one label tells all of them apart, its value is the name.
export function distinctNames(all) {
  if (all.length <= 1) return all.map((labels) => seriesName(labels, ["source", "unit"]));
  const names = [...new Set(all.flatMap((labels) => Object.keys(labels)))];
  const differing = names.filter((label) => all.some((labels) => labels[label] !== all[0][label]));
  const enough = [...differing.filter((label) => label === "host"), ...differing].find((label) => new Set(all.map((labels) => labels[label])).size === all.length);
  if (enough) return all.map((labels) => labels[enough] ?? `no ${enough}`);
  return all.map((labels) => seriesName(Object.fromEntries(differing.filter((label) => labels[label] !== undefined).map((label) => [label, labels[label]]))));
}

// seriesName writes the labels of a result as a selector, the way people read them in a legend. Labels in hidden are left out.
export function seriesName(labels, hidden = []) {
  const { __name__: metric = "", ...rest } = labels;
  for (const label of hidden) delete rest[label];
  const conditions = Object.entries(rest).map(([label, value]) => `${label}=${quote(value)}`);
  return metric + (conditions.length || !metric ? `{${conditions.join(", ")}}` : "");
}

// functions are PromQL's, with what they want and a word on what they do.
export const functions = {
  rate: "per second, of a counter: rate(x[5m])", increase: "growth of a counter: increase(x[1h])", irate: "per second, of the last two samples",
  delta: "difference of a gauge over time", idelta: "difference of the last two samples", deriv: "slope of a gauge per second", predict_linear: "value in so many seconds: predict_linear(x[1h], 3600)",
  avg_over_time: "average over time", min_over_time: "minimum over time", max_over_time: "maximum over time", sum_over_time: "sum over time",
  count_over_time: "number of samples", quantile_over_time: "quantile over time: quantile_over_time(0.9, x[1h])", stddev_over_time: "standard deviation over time",
  stdvar_over_time: "variance over time", last_over_time: "newest sample", present_over_time: "1 if there are samples", absent_over_time: "1 if there are no samples",
  mad_over_time: "median absolute deviation over time", changes: "number of changes", resets: "number of resets of a counter",
  abs: "absolute value", ceil: "round up", floor: "round down", round: "round: round(x, 5)", sqrt: "square root", exp: "e to the power", ln: "natural logarithm", log2: "logarithm, base 2", log10: "logarithm, base 10", sgn: "sign",
  clamp: "limit: clamp(x, 0, 100)", clamp_min: "lower limit", clamp_max: "upper limit", absent: "1 if there is no series", scalar: "one series as a number", vector: "a number as a series",
  histogram_quantile: "quantile of a histogram: histogram_quantile(0.9, x)", label_replace: "set a label: label_replace(x, \"new\", \"$1\", \"old\", \"(.*)\")", label_join: "join labels into one",
  sort: "sort upwards", sort_desc: "sort downwards", time: "the time in seconds", timestamp: "time of the newest sample", minute: "minute of the hour", hour: "hour of the day", day_of_week: "day of the week",
  day_of_month: "day of the month", day_of_year: "day of the year", days_in_month: "days in the month", month: "month", year: "year",
};

export const aggregations = {
  sum: "sum", avg: "average", min: "minimum", max: "maximum", count: "number of series", topk: "the largest: topk(5, x)", bottomk: "the smallest: bottomk(5, x)",
  quantile: "quantile: quantile(0.9, x)", stddev: "standard deviation", stdvar: "variance", group: "1 for each group", count_values: "number of series by value",
};

export const keywords = { by: "keep these labels", without: "drop these labels", on: "match by these labels", ignoring: "match by the other labels", group_left: "many to one", group_right: "one to many", bool: "0 or 1 instead of a filter", offset: "earlier", and: "in both", or: "in either", unless: "in the first only" };

// addMatcher adds a condition to the first selector of an expression: up becomes up{host="a"}.
export function addMatcher(expression, label, value) {
  const condition = matcher(label, "=", value);
  const at = firstSelector(expression);
  if (!at) return expression;
  if (at.brace < 0) return `${expression.slice(0, at.end)}{${condition}}${expression.slice(at.end)}`;
  const inside = expression.slice(at.brace + 1, at.close).trim();
  const separator = inside === "" || inside.endsWith(",") ? "" : ",";
  return expression.slice(0, at.close) + separator + condition + expression.slice(at.close);
}

// firstSelector finds the first selector: {end} of its metric, and the places of its braces (-1 without).
function firstSelector(expression) {
  const token = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|#[^\n]*|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)|[0-9][0-9a-zA-Z_.]*|[a-zA-Z_:][a-zA-Z0-9_:]*|\{/g;
  for (let m = token.exec(expression); m; m = token.exec(expression)) {
    const end = m.index + m[0].length;
    if (m[0] === "{") return { end, brace: m.index, close: closing(expression, m.index) };
    if (!plainMetric.test(m[0]) || keywords[m[0]] || aggregations[m[0]] || /^(inf|nan)$/i.test(m[0])) continue;
    const next = /^\s*(\S?)/.exec(expression.slice(end));
    if (next[1] === "(") continue;
    if (next[1] !== "{") return { end, brace: -1, close: -1 };
    const brace = expression.indexOf("{", end);
    return { end, brace, close: closing(expression, brace) };
  }
  return null;
}

// closing returns the place of the brace that closes the one at open.
function closing(expression, open) {
  const part = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\}/g;
  part.lastIndex = open;
  for (let m = part.exec(expression); m; m = part.exec(expression)) if (m[0] === "}") return m.index;
  return expression.length;
}

// contextAt says what may be completed at a position of an expression:
// {kind: "metric"|"label"|"value"|"grouping"|"none", from, text, metric, label}. from is where the completed word begins.
export function contextAt(text, position) {
  const before = text.slice(0, position);
  let quoteMark = "";
  let quoteStart = -1;
  let brace = -1;
  let parens = []; // positions of open parentheses
  for (let i = 0; i < before.length; i++) {
    const c = before[i];
    if (quoteMark) {
      if (c === "\\" && quoteMark !== "`") i++;
      else if (c === quoteMark) quoteMark = "";
    } else if (c === '"' || c === "'" || c === "`") {
      quoteMark = c;
      quoteStart = i;
    } else if (c === "{") brace = i;
    else if (c === "}") brace = -1;
    else if (c === "(") parens.push(i);
    else if (c === ")") parens.pop();
    else if (c === "#") { // a comment ends with its line
      while (i + 1 < before.length && before[i + 1] !== "\n") i++;
    }
  }
  const metricBefore = (at) => /([a-zA-Z_:][a-zA-Z0-9_:]*)\s*$/.exec(before.slice(0, at))?.[1] ?? "";
  if (brace >= 0) {
    const metric = metricBefore(brace);
    if (quoteMark) {
      const label = /([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)\s*$/.exec(before.slice(0, quoteStart))?.[1];
      return label && quoteMark === '"' ? { kind: "value", from: quoteStart + 1, text: before.slice(quoteStart + 1), metric, label } : none(position);
    }
    const word = /[a-zA-Z_][a-zA-Z0-9_]*$/.exec(before)?.[0] ?? "";
    const rest = before.slice(brace + 1, before.length - word.length).trimEnd();
    return rest === "" || rest.endsWith(",") ? { kind: "label", from: position - word.length, text: word, metric } : none(position);
  }
  if (quoteMark || /\[[^\]]*$/.test(before)) return none(position);
  const word = /[a-zA-Z_:][a-zA-Z0-9_:]*$/.exec(before)?.[0] ?? "";
  const from = position - word.length;
  const open = parens.at(-1);
  if (open !== undefined && /\b(by|without|on|ignoring|group_left|group_right)\s*$/.test(before.slice(0, open))) {
    return { kind: "grouping", from, text: word, metric: /([a-zA-Z_:][a-zA-Z0-9_:]*)\s*[{[)]/.exec(text.slice(open))?.[1] ?? "" };
  }
  if (/[0-9.]$/.test(before.slice(0, from))) return none(position); // a number such as 5m
  return { kind: "metric", from, text: word };
}

function none(position) {
  return { kind: "none", from: position, text: "" };
}

// matches sorts the candidates for a word: those that begin with it before those that contain it, at most limit.
export function matches(candidates, word, limit = 50) {
  const wanted = word.toLowerCase();
  const first = [];
  const second = [];
  for (const candidate of candidates) {
    const at = candidate.toLowerCase().indexOf(wanted);
    if (at === 0) first.push(candidate);
    else if (at > 0) second.push(candidate);
    if (first.length >= limit) break;
  }
  return [...first, ...second].slice(0, limit);
}

// errorPosition reads the place of a parse error ("1:5: parse error: …") as an offset into the expression, or -1.
export function errorPosition(message, expression) {
  const m = /(?:^|[^0-9])(\d+):(\d+): parse error/.exec(message);
  if (!m) return -1;
  const lines = expression.split("\n");
  const line = Math.min(Number(m[1]), lines.length);
  const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  const at = Math.min(start + Math.max(0, Number(m[2]) - 1), expression.length);
  const quoted = /'(.)'\s*$/.exec(message)?.[1]; // of some characters the parser tells the place after it
  return quoted && expression[at] !== quoted && expression[at - 1] === quoted ? at - 1 : at;
}

// Requests to the server: Prometheus' API below /api/v1, and what it lacks below /api.
import { browserNow, setServerTime } from "./time.js";

// APIError is a request that failed. status is 0 if there was no answer at all. kind is the errorType of Prometheus' API.
export class APIError extends Error {
  constructor(message, status, kind = "") {
    super(message);
    this.status = status;
    this.kind = kind;
  }

  // away reports whether the server or its Redis could not answer now, so that a retry makes sense. A query that takes too long will do so
  // again.
  get away() {
    return this.kind !== "timeout" && (this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504);
  }
}

// atOnce bounds the requests that wait for an answer. Browsers open six connections, and one of them may follow the logs.
const atOnce = 5;
let running = 0;
const waiting = [];

async function take(signal) {
  if (running < atOnce) {
    running++;
    return;
  }
  await new Promise((resolve, reject) => {
    const entry = { resolve, reject };
    waiting.push(entry);
    signal?.addEventListener("abort", () => {
      const at = waiting.indexOf(entry);
      if (at >= 0) {
        waiting.splice(at, 1);
        reject(signal.reason);
      }
    }, { once: true });
  });
}

function release() {
  const next = waiting.shift();
  if (next) next.resolve();
  else running--;
}

let onUnauthorized = () => {};

// whenUnauthorized sets what happens when the server wants a login.
export function whenUnauthorized(listener) {
  onUnauthorized = listener;
}

function encode(parameters) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (Array.isArray(value)) for (const one of value) query.append(key, one);
    else if (value !== undefined && value !== null && value !== "") query.set(key, value);
  }
  return query;
}

// request fetches JSON. A long query is sent as a form, because servers bound the length of addresses.
async function request(address, parameters = {}, { signal, method = "GET" } = {}) {
  await take(signal);
  try {
    signal?.throwIfAborted();
    const query = encode(parameters);
    const post = method === "POST" || (query.toString().length > 1500 && /^\/api\/v1\/(query|query_range|series|labels|format_query)$/.test(address));
    const response = await fetch(post || query.size === 0 ? address : `${address}?${query}`, {
      method: post ? "POST" : "GET", body: post ? query : undefined, signal, headers: { Accept: "application/json" }, cache: "no-store",
    }).catch((error) => {
      if (signal?.aborted) throw signal.reason;
      throw new APIError("The server does not answer. Is rtcollector web still running?", 0, error.name);
    });
    const body = await response.json().catch((error) => {
      if (signal?.aborted) throw signal.reason;
      return {};
    });
    if (response.status === 401) onUnauthorized();
    if (!response.ok) {
      const text = typeof body.error === "string" ? body.error : body.error?.message;
      throw new APIError(text || `The server answered ${response.status} ${response.statusText}`.trim(), response.status, body.errorType);
    }
    return body;
  } finally {
    release();
  }
}

async function prometheus(address, parameters, options) {
  const body = await request(`/api/v1/${address}`, parameters, options);
  return { data: body.data, warnings: [...(body.warnings ?? []), ...(body.infos ?? [])] };
}

// range evaluates an expression at every step: {data: {resultType, result}, warnings}.
export function range(query, { start, end, step, lookback }, signal) {
  return prometheus("query_range", { query, start, end, step, lookback_delta: lookback ? `${lookback}s` : undefined }, { signal });
}

// instant evaluates an expression at one time.
export function instant(query, time, signal, lookback) {
  return prometheus("query", { query, time, lookback_delta: lookback ? `${lookback}s` : undefined }, { signal });
}

export function series(match, { start, end, limit }, signal) {
  return prometheus("series", { "match[]": match, start, end, limit }, { signal });
}

export function labelNames(match, signal) {
  return prometheus("labels", { "match[]": match }, { signal });
}

export function labelValues(label, match, signal, limit) {
  return prometheus(`label/${encodeURIComponent(label)}/values`, { "match[]": match, limit }, { signal });
}

export function metadata(signal) {
  return prometheus("metadata", {}, { signal });
}

export function formatQuery(query, signal) {
  return prometheus("format_query", { query }, { signal });
}

// status tells about the server and its Redis, and sets the clock.
export async function status(signal) {
  const sent = browserNow();
  const body = await request("/api/status", {}, { signal });
  if (Number.isFinite(body.now)) setServerTime(body.now, sent, browserNow());
  return body;
}

export function hosts(signal) {
  return request("/api/hosts", {}, { signal });
}

export function logs(filters, signal) {
  return request("/api/logs", filters, { signal });
}

export function logVolume(filters, signal) {
  return request("/api/logs/volume", filters, { signal });
}

export function connections(filters, signal) {
  return request("/api/connections", filters, { signal });
}

export function processes(query, signal) {
  return request("/api/processes", query, { signal });
}

// tail follows the log: calls of onEvent with each event, of onProblem with a text while Redis is away, and of onEnd if the server lets this
// page not follow. It returns a function that ends it.
export function tail(filters, onEvent, onProblem, onEnd) {
  const source = new EventSource(`/api/logs/tail?${encode(filters)}`);
  const parse = (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return {};
    }
  };
  source.onopen = () => onProblem("");
  source.onmessage = (message) => onEvent(parse(message.data));
  source.addEventListener("problem", (message) => onProblem(String(parse(message.data).error ?? "the log cannot be read")));
  source.onerror = () => (source.readyState === EventSource.CLOSED ? onEnd() : onProblem("The connection is lost; trying again."));
  return () => source.close();
}

export async function login(fields) {
  return request("/login", fields, { method: "POST" });
}

export async function logout() {
  return request("/logout", {}, { method: "POST" });
}

export function isAbort(error) {
  return error?.name === "AbortError";
}

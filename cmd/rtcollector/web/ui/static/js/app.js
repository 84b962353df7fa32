// The frame of all pages: header, range of time, refreshing, keys, notices, login. A page has refresh(signal), update(signal), dim() and
// close(); see README.md.
import * as api from "./api.js";
import { fill, h, setText } from "./dom.js";
import { showHelp, startKeys } from "./keys.js";
import { change, go, href, onChange, params, path, startRouting } from "./state.js";
import { nextTheme, useTheme } from "./theme.js";
import { TimeMenu } from "./timemenu.js";
import { startTips } from "./tip.js";
import { clockDifference, formatTime, now, rangeOf, stepFor } from "./time.js";
import { duration } from "./units.js";
import * as agents from "./pages/agents.js";
import * as connections from "./pages/connections.js";
import * as explore from "./pages/explore.js";
import * as host from "./pages/host.js";
import * as hosts from "./pages/hosts.js";
import * as login from "./pages/login.js";
import * as logs from "./pages/logs.js";
import * as processes from "./pages/processes.js";

const pages = [
  { id: "hosts", title: "Hosts", test: /^\/(hosts\/?)?$/, open: hosts.open, link: "/hosts" },
  { id: "host", test: /^\/host(\/|$)/, open: host.open },
  { id: "explore", title: "Explore", test: /^\/explore\/?$/, open: explore.open, link: "/explore" },
  { id: "logs", title: "Logs", test: /^\/logs\/?$/, open: logs.open, link: "/logs" },
  { id: "processes", title: "Processes", test: /^\/processes\/?$/, open: processes.open, link: "/processes" },
  { id: "connections", title: "Connections", test: /^\/connections\/?$/, open: connections.open, link: "/connections" },
  { id: "agents", title: "Agents", test: /^\/agents\/?$/, open: agents.open, link: "/agents" },
  { id: "login", test: /^\/login\/?$/, open: login.open },
];

const statusEvery = 30; // seconds; 5 while Redis is away
const retryEvery = 5;

class App {
  start() {
    this.main = document.getElementById("main");
    this.noticeLine = document.getElementById("notice");
    this.#buildHeader();
    startRouting();
    startTips();
    startKeys(this);
    onChange(() => this.#route());
    api.whenUnauthorized(() => {
      if (path() !== "/login") go(href("/login", { next: path() + location.search }), { replace: true });
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#wake();
    });
    addEventListener("online", () => this.#wake());
    this.#drawHeader();
    void this.#watchStatus().finally(() => { // first, because it tells the server's time
      this.#route();
      setInterval(() => this.#tick(), 1000);
    });
  }

  // range returns the range of time of the address, fixed for the present refresh.
  range() {
    return this.shown ?? rangeOf(params());
  }

  zone() {
    return params().get("tz") === "utc" ? "utc" : "local";
  }

  // zoom shows a range, and remembers what to come back to.
  zoom(start, end) {
    if (!(end - start >= 2)) [start, end] = [(start + end) / 2 - 1, (start + end) / 2 + 1];
    change({ from: Math.round(start * 1000) / 1000, to: Math.round(end * 1000) / 1000 });
  }

  // resetZoom goes back to the range that ends now.
  resetZoom() {
    if (params().has("from")) change({ from: null, to: null });
  }

  // move moves the range by a part of its length.
  move(part) {
    const range = rangeOf(params());
    const shift = range.seconds * part;
    if (range.end + shift >= now() - 1 && part > 0) {
      change({ from: null, to: null });
      return;
    }
    this.zoom(range.start + shift, range.end + shift);
  }

  toggleLive() {
    const range = rangeOf(params());
    if (range.preset) change({ live: range.live ? "0" : null }, { replace: true });
    else change({ from: null, to: null, live: null });
  }

  #buildHeader() {
    this.links = h("nav", { class: "pages", "aria-label": "Pages" });
    this.redis = h("span", { class: "pill redis", title: "the Redis with the data" }, "…");
    this.time = new TimeMenu(this);
    this.live = h("button", { class: "pill live", "aria-pressed": "false", title: "Follow the present (L)", on: { click: () => this.toggleLive() } }, h("i", { class: "dot" }), h("span", null, "live"));
    this.theme = h("button", { class: "pill quiet theme", on: { click: () => this.#nextTheme() } });
    this.helpButton = h("button", { class: "pill quiet help", title: "Keys and help (?)", "aria-label": "Keys and help", on: { click: () => showHelp() } }, "?");
    fill(document.getElementById("top"), h("span", { class: "brand" }, "rtcollector"), this.links, h("span", { class: "room" }), this.redis, this.time.element, this.live, this.theme, this.helpButton);
    let remembered = null;
    try { remembered = localStorage.getItem("theme"); } catch { /* not allowed: the theme is in the address only */ }
    this.themeChoice = params().get("theme") ?? remembered ?? "auto";
    useTheme(this.themeChoice);
  }

  #nextTheme() {
    this.themeChoice = nextTheme(this.themeChoice);
    try { localStorage.setItem("theme", this.themeChoice); } catch { /* as above */ }
    change({ theme: this.themeChoice === "auto" ? null : this.themeChoice }, { replace: true });
  }

  #drawHeader() {
    const present = pages.find((page) => page.test.test(path()));
    fill(this.links, pages.filter((page) => page.link).map((page) => h("a", { href: href(page.link), "aria-current": present === page || (present?.id === "host" && page.id === "hosts") ? "page" : null }, page.title)));
    const range = rangeOf(params());
    this.time.draw(range, this.zone());
    this.live.classList.toggle("on", range.live);
    this.live.setAttribute("aria-pressed", String(range.live));
    setText(this.live.lastElementChild, range.live ? "live" : range.preset ? "paused" : "past");
    const theme = params().get("theme");
    if (theme && theme !== this.themeChoice) this.themeChoice = theme;
    if (this.themeApplied !== this.themeChoice) {
      useTheme(this.themeChoice);
      this.themeApplied = this.themeChoice;
    }
    setText(this.theme, this.themeChoice);
    this.theme.setAttribute("aria-label", `Theme: ${this.themeChoice}`);
    this.theme.title = "Theme: auto, light, dark";
    this.#drawNotice();
    document.title = this.page?.title ? `${this.page.title} · rtcollector` : "rtcollector";
    document.body.dataset.page = present?.id ?? "";
  }

  // #route opens the page of the address, or tells the open one that the address has changed.
  #route() {
    const page = pages.find((one) => one.test.test(path()));
    const timeKey = ["range", "from", "to", "live", "tz"].map((key) => params().get(key)).join("|");
    const moved = timeKey !== this.timeKey;
    this.timeKey = timeKey;
    if (page?.id !== this.pageId || !this.page || this.page.host !== undefined && page.id === "host" && this.page.host !== host.hostName()) {
      this.page?.close?.();
      this.abort?.abort();
      this.pageId = page?.id;
      this.main.replaceChildren();
      this.page = page ? page.open(this.main, this) : missing(this.main);
      this.#drawHeader();
      void this.refresh();
      return;
    }
    this.#drawHeader();
    if (moved) {
      this.page.dim?.();
      void this.refresh();
    } else if (this.page.update) {
      void this.#run((signal) => this.page.update(signal), false);
    }
  }

  // refresh brings the page up to date. Only one refresh runs at a time: a new one ends the one before.
  refresh() {
    this.shown = rangeOf(params());
    this.lastRefresh = performance.now();
    return this.#run((signal) => this.page.refresh?.(signal), true);
  }

  async #run(work, restart) {
    if (restart || !this.abort) {
      this.abort?.abort();
      this.abort = new AbortController();
    }
    const { signal } = this.abort;
    this.running = (this.running ?? 0) + 1;
    this.main.setAttribute("aria-busy", "true");
    try {
      await work(signal);
      if (!signal.aborted) this.#setProblem(null);
    } catch (error) {
      if (!api.isAbort(error) && !signal.aborted) this.#setProblem(error);
    } finally {
      this.running--;
      if (this.running === 0) this.main.setAttribute("aria-busy", "false");
    }
  }

  #setProblem(error) {
    if (error && !(error instanceof api.APIError)) console.error(error);
    this.problem = error;
    this.#drawNotice();
    if (!error?.away) return;
    this.page.dim?.();
    if (!this.redisAway) void this.#watchStatus(); // it knows why
  }

  // #tick runs every second. It starts what is due, once, however long the tab slept.
  #tick() {
    if (document.visibilityState === "hidden" || this.pageId === "login") return;
    const since = (performance.now() - (this.lastRefresh ?? 0)) / 1000;
    const away = this.problem?.away;
    const range = rangeOf(params());
    if (this.running === 0 && (away ? since >= retryEvery : range.live && since >= this.#every(range))) void this.refresh();
    if ((performance.now() - (this.lastStatus ?? 0)) / 1000 >= (this.redisAway ? retryEvery : statusEvery)) void this.#watchStatus();
  }

  // #every is how often a live page asks for new data: once for each point of its charts, but not more often than every 5 seconds.
  #every(range) {
    return Math.max(5, Math.min(60, stepFor(range.seconds, 240)));
  }

  #wake() {
    if (this.running > 0 || this.pageId === "login") return;
    const since = (performance.now() - (this.lastRefresh ?? 0)) / 1000;
    void this.#watchStatus();
    if (rangeOf(params()).live && since >= this.#every(rangeOf(params()))) void this.refresh();
  }

  async #watchStatus() {
    if (this.statusRunning) return;
    this.statusRunning = true;
    this.lastStatus = performance.now();
    try {
      this.status = await api.status();
      const { redis } = this.status;
      setText(this.redis, [redis?.address, redis?.version].filter(Boolean).join(" · ") || "Redis");
      const wasAway = this.redisAway;
      this.redisAway = redis?.reachable === false;
      this.statusError = null;
      if (wasAway && !this.redisAway) void this.refresh();
    } catch (error) {
      this.statusError = error;
      this.redisAway = true;
    } finally {
      this.statusRunning = false;
    }
    this.redis.classList.toggle("bad", Boolean(this.redisAway));
    this.#drawNotice();
  }

  // #lacks reports whether the server lacks what the open page needs. Other pages say nothing about it.
  #lacks() {
    if (!this.status || this.pageId === "login") return false;
    return this.pageId === "logs" || this.pageId === "connections" ? this.status.search === false : this.status.time_series === false;
  }

  #drawNotice() {
    const lines = [];
    if (this.statusError?.status === 0) lines.push(["bad", `${this.statusError.message} Trying again every ${retryEvery} s; what is shown is old.`]);
    else if (this.redisAway) lines.push(["bad", `Redis at ${this.status?.redis?.address ?? "its address"} does not answer: ${this.status?.redis?.error || "no reason is known"}. Trying again every ${retryEvery} s; what is shown is old.`]);
    else if (this.problem) lines.push(["bad", this.problem.message]);
    if (this.#lacks()) for (const missing of this.status.missing ?? []) lines.push(["warn", missing]);
    const difference = clockDifference();
    if (Math.abs(difference) > 60) lines.push(["warn", `The server's clock is ${duration(Math.abs(difference))} ${difference > 0 ? "ahead of" : "behind"} this browser's. Times are the server's: ${formatTime(now(), this.zone(), "minute")}.`]);
    const text = JSON.stringify(lines);
    if (this.noticeShown === text) return;
    this.noticeShown = text;
    fill(this.noticeLine, lines.map(([level, line]) => h("p", { class: level }, line)));
  }
}

function missing(root) {
  fill(root, h("h1", null, "No such page"), h("p", null, "There are: ", h("a", { href: href("/hosts") }, "hosts"), ", ", h("a", { href: href("/explore") }, "explore"), ", ", h("a", { href: href("/logs") }, "logs"), ", ", h("a", { href: href("/processes") }, "processes"), ", ", h("a", { href: href("/connections") }, "connections"), ", ", h("a", { href: href("/agents") }, "agents"), "."));
  return { title: "No such page" };
}

new App().start();

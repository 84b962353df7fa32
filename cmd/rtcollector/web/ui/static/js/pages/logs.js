// Log lines and other events: search, filters, volume over time, and the newest lines as they come.
import * as api from "../api.js";
import { fill, h, name, oneLine, setText } from "../dom.js";
import { change, hostHref, params } from "../state.js";
import { formatTime } from "../time.js";
import { count } from "../units.js";

const buckets = 60;
const maxLines = 1000;
const lines = 300; // of a search
const maxHosts = 2000; // that are suggested
const severities = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];
const levels = { emergency: "bad", alert: "bad", critical: "bad", error: "bad", warning: "warn", notice: "note", info: "note", debug: "debug" };
const choices = [["", "every severity"], ["error..", "errors and worse"], ["warning..", "warnings and worse"], ["notice..", "notices and worse"], ["info..", "all but debug"]];
const filterKeys = ["host", "app", "source"];

export function open(root, app) {
  return new LogsPage(root, app);
}

class LogsPage {
  constructor(root, app) {
    this.app = app;
    this.title = "Logs";
    this.events = []; // the newest first
    this.search = h("input", { type: "search", id: "search", class: "search", placeholder: "Search: text in the message", "aria-label": "Search in the messages", on: { change: () => change({ text: this.search.value }) } });
    this.severity = h("select", { "aria-label": "Severity", on: { change: () => change({ severity: this.severity.value }) } }, choices.map(([value, text]) => h("option", { value }, text)));
    this.hosts = h("datalist", { id: "log-hosts" });
    this.adders = filterKeys.map((key) => h("input", {
      type: "search", class: "adder", placeholder: key, "aria-label": `Show only this ${key}`, title: `${key}: a name, or its beginning and *`, list: key === "host" ? "log-hosts" : null, autocomplete: "off", spellcheck: "false",
      on: { change: (event) => this.#add(key, event.currentTarget) },
    }));
    this.chips = h("div", { class: "chips" });
    this.bars = h("div", { class: "bars", role: "img", "aria-label": "Lines over time" });
    this.scale = h("div", { class: "bar-scale dim" });
    this.note = h("p", { class: "page-note", role: "status" });
    this.fresh = h("button", { class: "pill fresh", hidden: true, on: { click: () => { scrollTo(0, 0); this.#draw(); } } });
    this.list = h("ol", { class: "lines", "aria-label": "Log lines, the newest first" });
    fill(root, h("h1", { class: "hidden" }, "Logs"), h("div", { class: "log-filters" }, this.search, this.severity, this.adders, this.hosts, this.chips), h("div", { class: "sheet volume" }, this.bars, this.scale), this.note, this.fresh, h("div", { class: "sheet loading" }, this.list));
    this.sheet = this.list.parentElement;
    this.#dragging();
    void api.hosts().then(({ hosts }) => fill(this.hosts, hosts.slice(0, maxHosts).map(({ host }) => h("option", { value: host })))).catch(() => {}); // only suggestions
    this.onVisibility = () => { if (document.visibilityState === "hidden") this.#stopTail(); };
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  close() {
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.#stopTail();
  }

  dim() {
    this.sheet.classList.add("stale");
  }

  #filters() {
    const p = params();
    return { text: p.get("text"), severity: p.get("severity"), ...Object.fromEntries(filterKeys.map((key) => [key, p.getAll(key)])) };
  }

  async update(signal) {
    return this.refresh(signal);
  }

  async refresh(signal) {
    const range = this.app.range();
    const filters = this.#filters();
    this.#drawFilters(filters);
    const key = JSON.stringify([filters, range.live ? "live" : [range.start, range.end], range.seconds]);
    const time = { since: range.start, until: range.end };
    const following = this.stopTail && key === this.key;
    if (!following) this.#stopTail();
    if (key !== this.key) this.sheet.classList.add("stale");
    try {
      const [found, volume] = await Promise.all([following ? null : api.logs({ ...filters, ...time, last: lines }, signal), api.logVolume({ ...filters, ...time, buckets }, signal)]);
      this.key = key;
      this.problem = "";
      this.#drawVolume(volume);
      if (found) {
        this.events = found.events.reverse();
        this.truncated = found.truncated;
        this.#draw();
        this.#showAt();
      }
      this.sheet.classList.remove("loading", "stale");
    } catch (error) {
      if (api.isAbort(error)) return;
      this.sheet.classList.remove("loading");
      this.problem = error.message;
      this.#drawNote();
      if (this.app.status?.search === false) return; // the notice says what is missing
      throw error;
    }
    if (range.live && !this.stopTail && !signal.aborted) this.#follow({ ...filters, since: this.events[0]?.time ?? range.start });
  }

  // #follow shows new lines. The filters have a time that is not after the end of what was read, because lines may have come since.
  #follow(filters) {
    this.stopTail = api.tail(filters, (event) => this.#take(event), (problem) => {
      this.problem = problem;
      this.#drawNote();
    }, () => { // for example because too many pages follow: the next refresh reads the lines, and tries again
      this.#stopTail();
      this.problem = "The server does not let this page follow the log now. It reads the newest lines every few seconds.";
      this.#drawNote();
    });
  }

  #stopTail() {
    this.stopTail?.();
    this.stopTail = null;
  }

  #take(event) {
    if (!event.id || this.events.some((one) => one.id === event.id)) return;
    this.events.unshift(event);
    this.events.length = Math.min(this.events.length, maxLines);
    this.waiting = (this.waiting ?? 0) + 1;
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (scrollY < 40 && !this.list.querySelector("[open], :focus")) this.#draw();
      else {
        setText(this.fresh, `${count(this.waiting)} new ${this.waiting === 1 ? "line" : "lines"} ↑`);
        this.fresh.hidden = false;
      }
    });
  }

  #drawFilters(filters) {
    if (document.activeElement !== this.search) this.search.value = filters.text ?? "";
    this.severity.value = filters.severity ?? "";
    if (this.severity.value !== (filters.severity ?? "")) {
      this.severity.append(h("option", { value: filters.severity }, filters.severity));
      this.severity.value = filters.severity;
    }
    const chips = filterKeys.flatMap((key) => filters[key].map((value) => h("button", { class: "chip pill", title: "Remove this filter", on: { click: () => change({ [key]: params().getAll(key).filter((one) => one !== value) }) } }, h("span", { class: "dim" }, key), name(value), h("span", { class: "dim", "aria-hidden": "true" }, "×"))));
    fill(this.chips, chips);
  }

  #add(key, input) {
    const { value } = input;
    input.value = "";
    if (value !== "") this.#filterBy(key, value);
  }

  // #filterBy shows only what has this value.
  #filterBy(key, value) {
    if (filterKeys.includes(key)) change({ [key]: [...new Set([...params().getAll(key), value])] });
    else if (key === "severity") change({ severity: value });
    else change({ text: value });
  }

  #draw() {
    this.waiting = 0;
    this.fresh.hidden = true;
    const zone = this.app.zone();
    const open = new Set([...this.list.querySelectorAll("details[open]")].map((one) => one.parentElement.dataset.id));
    fill(this.list, this.events.map((event) => {
      const line = h("li", { class: "line", "data-level": levels[event.severity] ?? "note", "data-id": event.id },
        h("details", { open: open.has(event.id), on: { toggle: (e) => this.#expand(e.currentTarget, event) } },
          h("summary", null, h("time", { title: formatTime(event.time, zone, "milli") }, formatTime(event.time, zone).slice(5)), h("span", { class: "hidden" }, event.severity),
            h("bdi", { class: "line-host" }, oneLine(String(event.host ?? ""))), h("bdi", { class: "line-app" }, oneLine(String(event.app || event.source || ""))), h("bdi", { class: "line-message" }, oneLine(String(event.message ?? ""))))));
      if (open.has(event.id)) this.#expand(line.firstElementChild, event);
      return line;
    }));
    this.#drawNote();
  }

  // #expand shows the whole line and its fields; a click on a value filters by it.
  #expand(details, event) {
    if (!details.open || details.querySelector(".fields")) return;
    const own = Object.entries({ severity: event.severity, host: event.host, app: event.app, source: event.source }).filter(([, value]) => value);
    const field = ([key, value]) => [h("dt", null, name(key)), h("dd", null, h("button", { class: "field-value", title: "Show only these lines", on: { click: () => this.#filterBy(key, String(value)) } }, h("bdi", null, typeof value === "object" ? JSON.stringify(value) : String(value))))];
    details.append(h("div", { class: "fields" }, h("p", { class: "full-message" }, h("bdi", null, String(event.message ?? ""))),
      h("dl", null, h("dt", null, "time"), h("dd", null, formatTime(event.time, this.app.zone(), "milli")), own.map(field), Object.entries(event.fields ?? {}).map(field)),
      event.host ? h("a", { href: hostHref(event.host) }, "charts of this host") : null));
  }

  #drawNote() {
    let text = "";
    if (this.problem) text = this.problem;
    else if (this.events.length === 0) text = "No lines in this range. A longer range or fewer filters may find some.";
    else if (this.truncated) text = `The newest ${count(Math.min(this.events.length, maxLines))} lines of this range; narrow it to see older ones.`;
    setText(this.note, text);
    this.sheet.hidden = this.events.length === 0 && !this.sheet.classList.contains("loading");
  }

  // #showAt scrolls to the line nearest to the time that a chart was clicked at.
  #showAt() {
    const at = Number(params().get("at"));
    if (!at || this.events.length === 0) return;
    const nearest = this.events.reduce((best, event) => (Math.abs(event.time - at) < Math.abs(best.time - at) ? event : best));
    const line = this.list.children[this.events.indexOf(nearest)];
    line.classList.add("at");
    line.scrollIntoView({ block: "center" });
  }

  #drawVolume({ start, step, counts, truncated }) {
    const zone = this.app.zone();
    const known = severities.filter((severity) => counts[severity]);
    const size = Math.max(0, ...Object.values(counts).map((list) => list.length)) || buckets;
    const sums = Array.from({ length: size }, (_, i) => known.reduce((sum, severity) => sum + (counts[severity][i] ?? 0), 0));
    const top = Math.max(1, ...sums);
    this.volume = { start, step, size };
    fill(this.bars, sums.map((sum, i) => {
      const bar = h("div", { class: "bar", title: sum === 0 ? null : `${formatTime(start + i * step, zone)}: ${known.filter((severity) => counts[severity][i]).map((severity) => `${counts[severity][i]} ${severity}`).join(", ")}` });
      for (const severity of [...known].reverse()) {
        const part = counts[severity][i];
        if (!part) continue;
        const piece = h("i", { "data-level": levels[severity] });
        piece.style.height = `${(part / top) * 100}%`;
        bar.append(piece);
      }
      return bar;
    }));
    const total = sums.reduce((a, b) => a + b, 0);
    this.bars.setAttribute("aria-label", `${count(total)} lines: ${known.map((severity) => `${count(counts[severity].reduce((a, b) => a + b, 0))} ${severity}`).join(", ") || "none"}`);
    fill(this.scale, h("span", null, formatTime(start, zone).slice(5, 16)), h("span", null, `${count(total)} lines${truncated ? ", the oldest not counted" : ""} · at most ${count(top)} in one bar`), h("span", null, formatTime(start + size * step, zone).slice(5, 16)));
  }

  // #dragging makes a drag over the bars choose a range, and a click one bar.
  #dragging() {
    let from = -1;
    const place = (event) => {
      const box = this.bars.getBoundingClientRect();
      return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    };
    this.bars.addEventListener("pointerdown", (event) => { from = place(event); });
    this.bars.addEventListener("pointerup", (event) => {
      if (from < 0 || !this.volume) return;
      const [a, b] = [Math.min(from, place(event)), Math.max(from, place(event))];
      const { start, step, size } = this.volume;
      from = -1;
      const first = Math.floor(a * size);
      const last = Math.max(first + 1, Math.ceil(b * size));
      this.app.zoom(start + first * step, start + last * step);
    });
    this.bars.addEventListener("dblclick", () => this.app.resetZoom());
  }
}

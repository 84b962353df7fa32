// The menu for the range of time: presets, an absolute range, the zone.
import { fill, h, setText } from "./dom.js";
import { change } from "./state.js";
import { formatTime, parseTime, presets, rangeTitle } from "./time.js";

export class TimeMenu {
  constructor(app) {
    this.app = app;
    this.text = h("span");
    this.button = h("button", { class: "pill time", "aria-haspopup": "dialog", "aria-expanded": "false", on: { click: () => this.toggle() } }, this.text);
    this.from = h("input", { type: "text", "aria-label": "From", autocomplete: "off", spellcheck: "false" });
    this.to = h("input", { type: "text", "aria-label": "To", autocomplete: "off", spellcheck: "false" });
    this.error = h("p", { class: "bad", role: "alert" });
    this.zones = h("div", { class: "zones" });
    this.list = h("div", { class: "presets" });
    this.panel = h("div", { class: "menu", role: "dialog", "aria-label": "Range of time", hidden: true }, this.list,
      h("form", { on: { submit: (event) => this.#apply(event) } }, h("label", null, "From ", this.from), h("label", null, "To ", this.to), this.error,
        h("div", { class: "menu-foot" }, this.zones, h("button", { class: "pill", type: "submit" }, "Show"))));
    this.element = h("div", { class: "menu-anchor" },
      h("button", { class: "pill quiet step", title: "Earlier (←)", "aria-label": "Earlier", on: { click: () => app.move(-0.5) } }, "‹"), this.button,
      h("button", { class: "pill quiet step", title: "Later (→)", "aria-label": "Later", on: { click: () => app.move(0.5) } }, "›"), this.panel);
    document.addEventListener("pointerdown", (event) => {
      if (!this.panel.hidden && !this.element.contains(event.target)) this.toggle(false);
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.panel.hidden) return;
      this.toggle(false);
      this.button.focus();
    });
  }

  toggle(open = this.panel.hidden) {
    this.panel.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    const range = this.app.range();
    this.from.value = formatTime(range.start, this.app.zone());
    this.to.value = formatTime(range.end, this.app.zone());
    setText(this.error, "");
    (this.list.querySelector("[aria-current]") ?? this.list.firstElementChild).focus();
  }

  draw(range, zone) {
    setText(this.text, rangeTitle(range, zone));
    fill(this.list, presets.map(([id, , title]) => h("button", { class: "quiet", "aria-current": range.preset === id ? "true" : null, on: { click: () => this.#choose(id) } }, `Last ${title}`)));
    fill(this.zones, ["local", "utc"].map((one) => h("button", { class: "quiet", type: "button", "aria-pressed": String(zone === one), on: { click: () => change({ tz: one === "utc" ? "utc" : null }, { replace: true }) } }, one === "utc" ? "UTC" : "local time")));
  }

  #choose(id) {
    this.toggle(false);
    this.button.focus();
    change({ range: id === "1h" ? null : id, from: null, to: null });
  }

  #apply(event) {
    event.preventDefault();
    const zone = this.app.zone();
    const [start, end] = [parseTime(this.from.value, zone), parseTime(this.to.value, zone)];
    if (Number.isNaN(start) || Number.isNaN(end)) setText(this.error, "Write times as 2025-06-15 16:00, or as seconds since 1970.");
    else if (end - start < 2) setText(this.error, "The range must end after it starts.");
    else {
      this.toggle(false);
      change({ from: start, to: end });
    }
  }
}

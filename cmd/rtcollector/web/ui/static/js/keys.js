// The keyboard: single keys, and pairs that begin with g.
import { h } from "./dom.js";
import { go, href } from "./state.js";

const keys = [
  ["/", "search or filter"], ["g h", "hosts"], ["g e", "explore"], ["g l", "logs"], ["g c", "connections"], ["g p", "processes"], ["g a", "agents"],
  ["← →", "earlier, later"], ["L", "live on and off"], ["T", "range of time"], ["?", "this help"], ["Esc", "close"],
];

let dialog;

export function startKeys(app) {
  let afterG = -Infinity; // when g was pressed, if nothing was since
  addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))) {
      if (event.key === "Escape") target.blur();
      return;
    }
    const pair = event.timeStamp - afterG < 1500;
    afterG = -Infinity;
    const pages = { h: "/hosts", e: "/explore", l: "/logs", c: "/connections", p: "/processes", a: "/agents" };
    if (pair && pages[event.key]) go(href(pages[event.key]));
    else if (event.key === "g") {
      afterG = event.timeStamp;
      return;
    } else if (event.key === "/") (document.getElementById("search") ?? document.querySelector("main input, main textarea"))?.focus();
    else if (event.key === "?") showHelp();
    else if (event.key === "ArrowLeft") app.move(-0.5);
    else if (event.key === "ArrowRight") app.move(0.5);
    else if (event.key === "l" || event.key === "L") app.toggleLive();
    else if (event.key === "t" || event.key === "T") app.time.toggle();
    else return;
    event.preventDefault();
  });
}

// showHelp opens the list of keys.
export function showHelp() {
  if (!dialog) {
    dialog = h("dialog", { class: "help-box", "aria-labelledby": "help-title" }, h("h2", { id: "help-title" }, "Keys"),
      h("dl", null, keys.map(([key, what]) => [h("dt", null, key.split(" ").map((one) => h("kbd", null, one))), h("dd", null, what)])),
      h("p", { class: "dim" }, "In a chart: drag to zoom, double-click to go back, click for the logs of that time. In a legend: click to show one series, with Ctrl or Shift to add one."),
      h("form", { method: "dialog" }, h("button", { class: "pill" }, "Close")));
    document.body.append(dialog);
  }
  if (!dialog.open) dialog.showModal();
}

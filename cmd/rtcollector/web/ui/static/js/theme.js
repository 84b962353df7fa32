// Light, dark, or as the system says. Colours are CSS variables (css/base.css); charts draw on a canvas and ask here for their values.

const choices = ["auto", "light", "dark"];
let probe;
let cache = new Map();
const listeners = new Set();

// useTheme applies a choice: auto, light or dark.
export function useTheme(choice) {
  if (choice === "light" || choice === "dark") document.documentElement.dataset.theme = choice;
  else delete document.documentElement.dataset.theme;
  changed();
}

export function nextTheme(choice) {
  return choices[(choices.indexOf(choice) + 1) % choices.length];
}

// color returns the value of a CSS variable such as "--series-1" in the current theme.
export function color(variable) {
  let value = cache.get(variable);
  if (!value) {
    if (!probe) {
      probe = document.createElement("span");
      probe.hidden = true;
      document.body.append(probe);
    }
    probe.style.color = `var(${variable})`;
    value = getComputedStyle(probe).color;
    cache.set(variable, value);
  }
  return value;
}

// seriesLook returns how the series with an index is drawn. There are six colours; after them lines are dashed, then dotted.
export function seriesLook(index) {
  return { variable: `--series-${(index % 6) + 1}`, dash: [undefined, [6, 3], [2, 2]][Math.floor(index / 6) % 3] };
}

// onThemeChange calls listener after each change, until the function that it returns is called.
export function onThemeChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed() {
  cache = new Map();
  for (const listener of listeners) listener();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);

// The address of the page is its whole state: path and parameters. Back works, and a copied address shows a colleague the same.

// carried are the parameters that links to other pages keep.
const carried = ["range", "from", "to", "live", "tz", "theme"];

const listeners = new Set();

export function path() {
  return location.pathname;
}

export function params() {
  return new URLSearchParams(location.search);
}

// href returns the address of a page with its own parameters and the carried ones: href("/host/a", {tab: "disks"}).
export function href(to, own = {}) {
  const present = params();
  const query = new URLSearchParams();
  for (const key of carried) if (present.has(key)) query.set(key, present.get(key));
  setAll(query, own);
  const text = query.toString();
  return text ? `${to}?${text}` : to;
}

// hostHref returns the address of a host's page. A name that would change the path ("." and "..") goes into the parameters.
export function hostHref(host, own = {}) {
  return host === "." || host === ".." || host === "" ? href("/host", { name: host, ...own }) : href(`/host/${encodeURIComponent(host)}`, own);
}

// hostOf returns the host whose page a path and parameters name.
export function hostOf(pathname, query) {
  if (query.has("name")) return query.get("name");
  try {
    return decodeURIComponent(pathname.replace(/^\/host\/?/, ""));
  } catch {
    return pathname.replace(/^\/host\/?/, "");
  }
}

function setAll(query, values) {
  for (const [key, value] of Object.entries(values)) {
    query.delete(key);
    if (Array.isArray(value)) for (const one of value) query.append(key, one);
    else if (value !== null && value !== undefined && value !== "") query.set(key, value);
  }
}

// go opens an address of the dashboard.
export function go(address, { replace = false } = {}) {
  if (address !== location.pathname + location.search) history[replace ? "replaceState" : "pushState"](null, "", address);
  changed();
}

// change sets parameters of the present page; null removes one. With replace the back key skips the present state.
export function change(values, options) {
  const query = params();
  setAll(query, values);
  const text = query.toString();
  go(text ? `${location.pathname}?${text}` : location.pathname, options);
}

export function onChange(listener) {
  listeners.add(listener);
}

function changed() {
  for (const listener of listeners) listener();
}

// startRouting makes the browser's back key and the dashboard's own links change the state instead of loading the page.
export function startRouting() {
  addEventListener("popstate", changed);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const to = new URL(link.href);
    if (to.origin !== location.origin || link.target || (to.hash && to.pathname === location.pathname)) return;
    event.preventDefault();
    go(to.pathname + to.search);
    scrollTo(0, 0);
  });
}

// Elements are made with h(), which only ever sets attributes, properties and text. There is no way to set HTML: names of metrics,
// values of labels and log lines come from strangers.

// h makes an element: h("button", {class: "quiet", on: {click}}, "text", child). Attributes that are null, undefined or false are left
// out. Children are nodes, texts or arrays of them; null and false are skipped.
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else {
      setAttribute(element, name, value);
    }
  }
  append(element, children);
  return element;
}

// setAttribute sets, changes or (null, undefined, false) removes an attribute. It writes only when something changes, so that a page can
// be updated often.
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (/^on/i.test(name)) throw new Error(`${name}: listeners belong in "on"`);
  if (name === "href" && !/^[/#](?!\/)/.test(text)) throw new Error(`a link leads to ${text}, not to a page of the dashboard`);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

function append(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) append(element, child);
    else if (child !== null && child !== undefined && child !== false) element.append(child instanceof Node ? child : String(child));
  }
}

// setText changes the text of an element if it differs.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// fill replaces the children of an element.
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

// name makes an element for a text from outside. CSS shortens it to the space that there is; the full text appears on hover and focus
// (tip.js). Its direction does not affect its neighbours. Control characters are shown as symbols, because it is a single line.
export function name(text, attributes) {
  const full = String(text);
  return h("bdi", { ...attributes, class: `name ${attributes?.class ?? ""}`.trim(), "data-full": full }, oneLine(full));
}

// oneLine replaces control characters, such as line breaks, by visible symbols.
export function oneLine(text) {
  return text.replace(/[\u0000-\u001f\u007f]/g, (c) => (c === "\n" ? "↵" : c === "\t" ? "→" : c === "\u007f" ? "␡" : String.fromCharCode(0x2400 + c.charCodeAt(0))));
}

// reconcile makes the children of parent those of items, in order. Elements of items that stay are kept: make(item) makes an element,
// update(element, item) changes it.
export function reconcile(parent, items, key, make, update) {
  const old = new Map([...parent.children].map((child) => [child.key, child]));
  let next = parent.firstElementChild;
  for (const item of items) {
    const k = key(item);
    let element = old.get(k);
    if (element) old.delete(k);
    else {
      element = make(item);
      element.key = k;
    }
    update?.(element, item);
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(element, next);
  }
  for (const element of old.values()) element.remove();
}

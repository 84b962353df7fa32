// The full text of what CSS has shortened: shown while the pointer is on it or it has the focus.
import { h, setText } from "./dom.js";

export function startTips() {
  const tip = h("div", { class: "fulltext", role: "tooltip", id: "fulltext", hidden: true });
  document.body.append(tip);
  const hide = () => { tip.hidden = true; };
  const show = (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const element = target?.closest("[data-full]") ?? (event.type === "focusin" ? target?.querySelector("[data-full]") : null);
    if (!element || element.scrollWidth <= element.clientWidth) {
      hide();
      return;
    }
    setText(tip, element.dataset.full);
    tip.hidden = false;
    const at = element.getBoundingClientRect();
    const below = at.bottom + tip.offsetHeight + 4 < innerHeight;
    tip.style.left = `${Math.max(4, Math.min(at.left, innerWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = `${below ? at.bottom + 4 : Math.max(4, at.top - tip.offsetHeight - 4)}px`;
  };
  document.addEventListener("pointerover", show);
  document.addEventListener("focusin", show);
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { capture: true, passive: true });
}

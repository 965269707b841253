import { ready } from "./ready.js";

const MARGIN = 12;

function opened() {
  return document.querySelectorAll("details[data-menu][open]");
}

/** Keep a floating panel inside the window, and out of the clip of a scrolling table box. */
function place(details) {
  const panel = details.querySelector(":scope > .menu-panel");
  if (!details.matches(".menu:not(.bar), .source")) return;
  panel.style.cssText = "position: fixed; right: auto; bottom: auto; left: 0; top: 0";
  const anchor = details.getBoundingClientRect();
  const size = panel.getBoundingClientRect();
  const wanted = details.matches(".source") ? anchor.left : anchor.right - size.width;
  const left = Math.max(MARGIN, Math.min(wanted, innerWidth - size.width - MARGIN));
  const below = anchor.bottom + 6;
  const fits = below + size.height + MARGIN <= innerHeight;
  const top = fits ? below : Math.max(MARGIN, anchor.top - size.height - 6);
  panel.style.left = `${left}px`;
  panel.style.top = `${top}px`;
}

ready("details[data-menu]", (details) => {
  details.addEventListener("toggle", () => {
    if (!details.open) return;
    for (const other of opened()) {
      if (other !== details && !other.contains(details)) other.open = false;
    }
    place(details);
  });
  details.addEventListener("htmx:afterSwap", () => place(details));
});

document.addEventListener("click", (event) => {
  for (const details of opened()) {
    if (!details.contains(event.target)) details.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const innermost = [...opened()].at(-1);
  if (!innermost) return;
  innermost.open = false;
  innermost.querySelector("summary").focus();
});

function shut(event) {
  for (const details of opened()) {
    const own = details.querySelector(":scope > .menu-panel");
    if (own.style.position === "fixed" && !own.contains(event.target)) details.open = false;
  }
}

addEventListener("scroll", shut, { capture: true, passive: true });
addEventListener("resize", () => opened().forEach(place));

import { late } from "./late.js";
import { ready } from "./ready.js";

const STAY = 5000;
const region = document.querySelector("[data-toasts]");
const pattern = document.querySelector("template[data-toast-pattern]");

/** Say one sentence in the corner; it only confirms, so it goes by itself. */
function say(text, bad = false) {
  const box = pattern.content.firstElementChild.cloneNode(true);
  box.querySelector("[data-toast-text]").textContent = text;
  box.classList.toggle("bad", bad);
  region.append(box);
  arm(box);
}

function arm(box) {
  let timer = 0;
  const leave = () => box.remove();
  const stay = () => clearTimeout(timer);
  const wait = () => {
    stay();
    timer = setTimeout(leave, STAY);
  };
  for (const name of ["mouseenter", "focusin"]) box.addEventListener(name, stay);
  for (const name of ["mouseleave", "focusout"]) box.addEventListener(name, wait);
  box.querySelector("[data-toast-close]")?.addEventListener("click", leave);
  wait();
}

ready("[data-toasts] > [data-toast]", arm);

/* From the server by the header HX-Trigger, from our own modules as a plain event. */
document.addEventListener("toast", ({ detail }) => say(detail.text, detail.bad));
const { textRefused: refused, textUnreachable: unreachable } = region.dataset;
for (const [name, text] of [
  ["htmx:responseError", refused],
  ["htmx:sendError", unreachable],
  ["htmx:timeout", unreachable],
]) {
  document.addEventListener(name, ({ detail }) => late(detail.elt) || say(text, true));
}

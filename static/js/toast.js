import { late } from "./late.js";
import { ready } from "./ready.js";

const STAY = 5000;
const pattern = document.querySelector("template[data-toast-pattern]");

/** Say one sentence in the corner; it only confirms, so it goes by itself. */
function say(text, bad = false) {
  const box = pattern.content.firstElementChild.cloneNode(true);
  box.querySelector("[data-toast-text]").textContent = text;
  box.classList.toggle("bad", bad);
  // Going back, htmx puts another body in the place of this one, with a region of its own.
  document.querySelector("[data-toasts]").append(box);
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
const texts = document.querySelector("[data-toasts]").dataset;
for (const [name, text] of [
  ["htmx:responseError", texts.textRefused],
  ["htmx:sendError", texts.textUnreachable],
  ["htmx:timeout", texts.textUnreachable],
]) {
  document.addEventListener(name, ({ detail }) => late(detail.elt) || say(text, true));
}

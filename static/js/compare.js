import { ready } from "./ready.js";

function press(buttons, chosen) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
}

ready("[data-compare]", (box) => {
  const slider = box.querySelector("img-comparison-slider");
  const views = box.querySelectorAll("[data-compare-view]");
  const zoom = box.querySelector("[data-compare-zoom]");

  for (const button of views) {
    button.addEventListener("click", () => {
      box.dataset.view = button.dataset.compareView;
      press(views, button);
    });
  }
  zoom?.addEventListener("click", () => {
    const zoomed = box.classList.toggle("zoomed");
    zoom.setAttribute("aria-pressed", String(zoomed));
  });
  slider.addEventListener("slide", () => {
    slider.setAttribute("aria-valuenow", String(Math.round(slider.value)));
  });
});

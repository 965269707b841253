import { ready } from "./ready.js";

const root = document.documentElement;

function choose(theme) {
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  try {
    if (theme === "auto") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch {
    root.dataset.storage = "none";
  }
  document.querySelectorAll("[data-theme-set]").forEach(show);
}

function show(button) {
  const chosen = root.dataset.theme ?? "auto";
  button.setAttribute("aria-pressed", String(button.dataset.themeSet === chosen));
}

ready("[data-theme-set]", (button) => {
  show(button);
  button.addEventListener("click", () => choose(button.dataset.themeSet));
});

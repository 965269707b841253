import { ready } from "./ready.js";

/** Show the row that an address names: its part of the guide is folded at first. */
function unfold() {
  const row = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const part = row?.closest(".guide-part");
  if (!part) return;
  part.open = true;
  row.hidden = false;
  row.scrollIntoView({ block: "nearest" });
}

/** Leave only the rows in which every word stands, in parts that are open; without words, all. */
function sift(parts, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const part of parts) {
    const rows = [...part.querySelectorAll("tbody tr")];
    for (const row of rows) {
      const content = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => content.includes(word));
    }
    const left = rows.filter((row) => !row.hidden).length;
    part.hidden = left === 0;
    part.open = words.length > 0 && left > 0;
    shown += left;
  }
  return shown;
}

ready("[data-filter]", (input) => {
  const parts = document.querySelectorAll(`${input.dataset.filter} .guide-part`);
  const none = input.parentElement.querySelector("[data-filter-none]");
  input.addEventListener("input", () => {
    none.textContent = sift(parts, input.value) ? "" : none.dataset.text;
  });
  addEventListener("hashchange", unfold);
  // A link to the row that the address names already brings no event.
  document.addEventListener("click", ({ target }) => {
    const link = target.closest("a[href^='#error-']");
    if (link && link.hash === location.hash) unfold();
  });
  unfold();
});

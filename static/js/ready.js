/** Start a behaviour on each element that matches, now and after each htmx swap, once an element. */
export function ready(selector, start) {
  const started = new WeakSet();
  const scan = (root) => {
    const found = [...root.querySelectorAll(selector)];
    if (root.matches?.(selector)) found.unshift(root);
    for (const element of found) {
      if (started.has(element)) continue;
      started.add(element);
      start(element);
    }
  };
  scan(document);
  document.addEventListener("htmx:load", (event) => scan(event.detail.elt));
}

/** The page's language, for numbers, dates and units. */
export const language = document.documentElement.lang || "en";

/** Fill the holes of a translated sentence: fill("{n} px wide", {n: 800}). */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (hole, name) => values[name] ?? hole);
}

import { ready } from "./ready.js";
import { configure } from "./chart-config.js";
import { listen } from "./chart-keys.js";
import { legend } from "./chart-legend.js";

const { Chart } = window;
const drawn = new Map();
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Follow a column to its window: by the page's own link, by htmx, or as a plain navigation. */
function follow(canvas, url) {
  if (!url) return;
  const target = canvas.dataset.chartTarget;
  const link = [...document.links].find((one) => one.href === new URL(url, location).href);
  if (link) link.click();
  else if (target && window.htmx) {
    const how = { source: canvas, target, swap: "outerHTML show:top", push: url };
    // What fails is said by htmx's events; nobody waits for the promise.
    window.htmx.ajax("GET", url, how).catch(() => undefined);
  } else location.assign(url);
}

/** Return what the page brought along; a part that was swapped in has no such script. */
async function load(canvas) {
  const brought = canvas.parentElement.querySelector("script");
  if (brought) return JSON.parse(brought.text);
  const response = await fetch(canvas.dataset.chart, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new TypeError(`The chart's data answered ${response.status}.`);
  return response.json();
}

function draw(canvas, spec) {
  const chart = new Chart(canvas, configure(canvas, spec));
  chart.options.animation = calm.matches ? false : { duration: 160 };
  drawn.set(canvas, { chart, spec });
  legend(canvas, chart, spec);
  listen(canvas, chart, spec, (index) => follow(canvas, spec.links?.[index]));
}

function fail(canvas) {
  canvas.parentElement.hidden = true;
  canvas.closest("[data-chart-box]").querySelector("[data-chart-failed]").hidden = false;
}

async function start(canvas) {
  try {
    const spec = await load(canvas);
    if (canvas.isConnected) draw(canvas, spec); // Its place may have been swapped meanwhile.
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
    console.error(error);
    fail(canvas);
  } finally {
    canvas.parentElement.classList.remove("loading");
  }
}

/** Colours are read from the style sheet, so a new theme means new colours, and nothing else. */
function recolour() {
  for (const [canvas, { chart, spec }] of drawn) {
    const { data, options } = configure(canvas, spec);
    chart.data.datasets.forEach((dataset, index) => Object.assign(dataset, data.datasets[index]));
    chart.options.scales = options.scales;
    chart.options.plugins.annotation = options.plugins.annotation;
    chart.update("none");
  }
}

function drop({ target }) {
  for (const [canvas, { chart }] of drawn) {
    if (target !== canvas && !target.contains(canvas)) continue;
    chart.destroy();
    drawn.delete(canvas);
  }
}

ready("canvas[data-chart]", start);
document.addEventListener("htmx:beforeCleanupElement", drop);
for (const look of ["(prefers-color-scheme: dark)", "print"])
  matchMedia(look).addEventListener("change", recolour);
new MutationObserver(recolour).observe(document.documentElement, {
  attributes: true,
  attributeFilter: ["data-theme"],
});

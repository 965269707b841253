import { reading, sentence } from "./chart-tooltip.js";

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

/** Where the reading can stand, in order: the columns, or the line's points and then the forecast's. */
function stops(chart, spec) {
  const walk = (datasetIndex, from = 0) =>
    chart.data.datasets[datasetIndex].data
      .map((_, index) => ({ datasetIndex, index }))
      .slice(from);
  if (spec.x.type !== "time") return walk(0);
  const lead = spec.series.findIndex((series) => series.role === "left");
  const ahead = spec.series.findIndex(
    (series) => series.role === "forecast" && series.stack !== "band",
  );
  return [...walk(Math.max(lead, 0)), ...(ahead < 0 ? [] : walk(ahead, 1))];
}

/** What is pointed at there: of columns all series, of lines the one. */
function pointsAt(chart, spec, stop) {
  const every = spec.series.map((_, datasetIndex) => ({ datasetIndex, index: stop.index }));
  const found = spec.x.type === "time" ? [stop] : every;
  return found.filter(
    ({ datasetIndex, index }) =>
      chart.isDatasetVisible(datasetIndex) &&
      chart.data.datasets[datasetIndex].data[index] !== undefined,
  );
}

/** Let arrows, Home and End move the reading, Enter open the column, Escape leave; a click opens too. */
export function listen(canvas, chart, spec, open) {
  const said = canvas.parentElement.querySelector("[data-chart-said]");
  let index = -1;

  const point = (next) => {
    const stop = stops(chart, spec)[next];
    const points = pointsAt(chart, spec, stop);
    if (!points.length) return;
    index = next;
    const meta = chart.getDatasetMeta(stop.datasetIndex);
    const { x, y } = meta.data[stop.index];
    chart.setActiveElements(points);
    chart.tooltip.setActiveElements(points, { x, y });
    chart.update("none");
    const found = { dataIndex: stop.index, parsed: meta._parsed[stop.index] };
    said.textContent = sentence(reading(chart, spec, found), canvas.dataset);
  };

  const leave = () => {
    if (!chart.ctx) return; // A chart that is taken away loses the focus, too.
    index = -1;
    chart.setActiveElements([]);
    chart.tooltip.setActiveElements([], { x: 0, y: 0 });
    chart.update("none");
  };

  canvas.addEventListener("keydown", (event) => {
    const last = stops(chart, spec).length - 1;
    const from = index < 0 && event.key === "ArrowLeft" ? last + 1 : index;
    if (event.key in STEPS) point(Math.max(0, Math.min(last, from + STEPS[event.key])));
    else if (event.key === "Home") point(0);
    else if (event.key === "End") point(last);
    else if (event.key === "Enter" && index >= 0) open(index);
    else if (event.key === "Escape") leave();
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", leave);
  if (!spec.links?.some(Boolean)) return;

  const column = (event) =>
    chart.getElementsAtEventForMode(event, "index", { intersect: false, axis: "x" }, false)[0]
      ?.index;
  canvas.addEventListener("click", (event) => open(column(event)));
  canvas.addEventListener("mousemove", (event) => {
    canvas.style.cursor = spec.links[column(event)] ? "pointer" : "";
  });
}

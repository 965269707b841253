import { reading, sentence } from "./chart-tooltip.js";

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

/** All points that stand at the same place as one of the longest series. */
function pointsAt(chart, spec, index) {
  const time = spec.x.type === "time";
  const main = spec.series.findIndex((series) => series.role === "left");
  const lead = time ? Math.max(main, 0) : 0;
  const found = chart.data.datasets.map((dataset, datasetIndex) => {
    if (!chart.isDatasetVisible(datasetIndex)) return null;
    if (time && datasetIndex !== lead) return null;
    return dataset.data[index] === undefined ? null : { datasetIndex, index };
  });
  return { lead, points: found.filter(Boolean) };
}

/** Let arrows, Home and End move the reading, Enter open the column, Escape leave; a click opens too. */
export function listen(canvas, chart, spec, open) {
  const said = canvas.parentElement.querySelector("[data-chart-said]");
  let index = -1;

  const point = (next) => {
    const { lead, points } = pointsAt(chart, spec, next);
    if (!points.length) return;
    index = next;
    const { x, y } = chart.getDatasetMeta(lead).data[index];
    chart.setActiveElements(points);
    chart.tooltip.setActiveElements(points, { x, y });
    chart.update("none");
    const parsed = chart.getDatasetMeta(lead)._parsed[index];
    said.textContent = sentence(reading(chart, spec, { dataIndex: index, parsed }), canvas.dataset);
  };

  const leave = () => {
    index = -1;
    chart.setActiveElements([]);
    chart.tooltip.setActiveElements([], { x: 0, y: 0 });
    chart.update("none");
  };

  canvas.addEventListener("keydown", (event) => {
    const lead = pointsAt(chart, spec, 0).lead;
    const last = chart.data.datasets[lead].data.length - 1;
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

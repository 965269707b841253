import { points } from "./chart-axis.js";
import { colour, hatch, pale } from "./chart-theme.js";

const THIN = new Set(["allowance", "pace"]);

function column(canvas, spec, series, rgb) {
  const running = new Set(spec.hatched ?? []);
  const partial = new Set(spec.pale ?? []);
  const pattern = hatch(canvas, rgb);
  const fill = (index) => (partial.has(index) ? pale(rgb, 0.5) : rgb);
  return {
    type: "bar",
    stack: series.stack ?? series.label,
    backgroundColor: series.data.map((_, index) => (running.has(index) ? pattern : fill(index))),
    borderColor: colour("raised"),
    borderWidth: { top: 1 },
    borderRadius: 3,
    maxBarThickness: 44,
    categoryPercentage: 0.72,
    barPercentage: 1,
    order: 2,
  };
}

/** A value without neighbours would be a line without length: a step is drawn as a dash, others as a dot. */
function radius({ data, stepped }, index) {
  const known = (one) => typeof (one?.y ?? one) === "number";
  const alone = known(data[index]) && !known(data[index - 1]) && !known(data[index + 1]);
  return alone ? (stepped ? 16 : 3) : 0;
}

function line(series, rgb, band) {
  const thin = THIN.has(series.role);
  const base = {
    type: "line",
    stack: series.label,
    borderColor: rgb,
    backgroundColor: rgb,
    borderWidth: thin ? 1.25 : 2,
    borderDash: series.dashed || series.role === "pace" ? [5, 4] : [],
    stepped: series.stepped ? (series.role === "allowance" ? "middle" : "before") : false,
    pointStyle: series.stepped ? "line" : "circle",
    pointRadius: ({ dataIndex }) => radius(series, dataIndex),
    pointHoverRadius: ({ dataIndex }) => (thin ? radius(series, dataIndex) : 4),
    pointHitRadius: 0,
    spanGaps: false,
    fill: false,
    order: 1,
  };
  if (series.stack === "band") {
    return { ...base, borderWidth: 0, fill: band ? "-1" : false, backgroundColor: pale(rgb, 0.16) };
  }
  if (series.role === "left") return { ...base, fill: "origin", backgroundColor: pale(rgb, 0.09) };
  return base;
}

/** One dataset for each series, in the look of its role. */
export function datasets(canvas, spec) {
  let inBand = false;
  return spec.series.map((series) => {
    const rgb = colour(`series-${series.role}`);
    const look =
      series.type === "bar" ? column(canvas, spec, series, rgb) : line(series, rgb, inBand);
    inBand = series.stack === "band";
    return { label: series.label, data: points(spec, series), ...look };
  });
}

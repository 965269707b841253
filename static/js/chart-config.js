import { datasets } from "./chart-data.js";
import { annotations } from "./chart-marks.js";
import { FONT, colour } from "./chart-theme.js";
import { numbers, scaleOfTime } from "./chart-time.js";
import { tip } from "./chart-tooltip.js";

function scales(spec) {
  const ticks = { color: colour("muted"), font: { family: FONT, size: 11.5 }, padding: 6 };
  const x = { grid: { display: false }, border: { color: colour("line") }, stacked: true };
  const time = spec.x.type === "time";
  return {
    x: time
      ? { ...x, ...scaleOfTime(spec, ticks) }
      : { ...x, type: "category", ticks: { ...ticks, maxRotation: 0, autoSkipPadding: 12 } },
    y: {
      stacked: !time,
      beginAtZero: true,
      grace: "4%",
      border: { display: false },
      grid: { color: colour("chart-grid"), drawTicks: false },
      ticks: {
        ...ticks,
        maxTicksLimit: 6,
        precision: 0,
        callback: (value) => numbers.format(value),
      },
    },
  };
}

/** Turn the server's chart into what Chart.js draws; nothing is computed but its looks. */
export function configure(canvas, spec) {
  return {
    data: { labels: spec.x.labels, datasets: datasets(canvas, spec) },
    options: {
      animation: false,
      maintainAspectRatio: false,
      interaction: {
        mode: spec.x.type === "time" ? "nearest" : "index",
        axis: "x",
        intersect: false,
      },
      layout: { padding: { top: spec.marks?.length ? 18 : 6, right: 4 } },
      scales: scales(spec),
      plugins: {
        legend: { display: false },
        tooltip: { enabled: false, external: (context) => tip(canvas, spec, context) },
        annotation: { clip: false, annotations: annotations(spec) },
      },
    },
  };
}

import { ruler } from "./chart-axis.js";
import { datasets } from "./chart-data.js";
import { annotations, headroom } from "./chart-marks.js";
import { FONT, colour } from "./chart-theme.js";
import { numbers, scaleOfTime } from "./chart-time.js";
import { tip } from "./chart-tooltip.js";

/** Short names below the columns, in lines where they hold line breaks; the tooltip has the long ones. */
function named(spec) {
  const names = spec.x.short ?? spec.x.labels;
  const callback = (index) => names[index].split("\n");
  return { maxRotation: 0, autoSkipPadding: 12, callback };
}

function scales(spec) {
  const ticks = { color: colour("muted"), font: { family: FONT, size: 11.5 }, padding: 6 };
  const x = { grid: { display: false }, border: { color: colour("line") }, stacked: true };
  const kinds = {
    time: () => ({ ...x, ...scaleOfTime(spec, ticks) }),
    days: () => ({ ...x, ...ruler(spec, ticks) }),
    category: () => ({ ...x, type: "category", ticks: { ...ticks, ...named(spec) } }),
  };
  return {
    x: kinds[spec.x.type](),
    y: {
      stacked: spec.x.type === "category",
      beginAtZero: true,
      grace: "4%",
      suggestedMax: 10,
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
      layout: { padding: ({ chart }) => ({ top: headroom(spec, chart), right: 4 }) },
      scales: scales(spec),
      plugins: {
        legend: { display: false },
        tooltip: { enabled: false, external: (context) => tip(canvas, spec, context) },
        annotation: { clip: false, annotations: annotations(spec) },
      },
    },
  };
}

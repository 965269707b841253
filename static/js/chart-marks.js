import { FONT, colour } from "./chart-theme.js";

const DASHES = { renewal: [], gap: [1, 4] };
const FIRST = ["renewal", "now"];
const LIFT = 18;
const ROW = 16;
const ROWS = 3;
const AXIS = 48;

function place(spec, mark) {
  return spec.x.type === "time" ? Date.parse(mark.x) : spec.x.labels.indexOf(mark.x);
}

/** Where a label will stand, from and to, in pixels; the plugin keeps it on the canvas. */
function extent(spec, mark, { ctx, width }) {
  const [min, max] =
    spec.x.type === "time"
      ? [Date.parse(spec.x.min), Date.parse(spec.x.max)]
      : [-0.5, spec.x.labels.length - 0.5];
  const half = ctx.measureText(mark.short ?? mark.label).width / 2 + 8;
  const at = AXIS + ((place(spec, mark) - min) / (max - min)) * (width - AXIS);
  const centre = Math.max(half, Math.min(width - half, at));
  return [centre - half, centre + half];
}

/** The row of each mark's label, so that none covers another; -1 where there is no room left. */
function rows(spec, chart) {
  const marks = spec.marks ?? [];
  const rank = ({ role }) => (FIRST.indexOf(role) + 1 || 3) - 1;
  const taken = Array.from({ length: ROWS }, () => []);
  const found = new Map();
  chart.ctx.save();
  chart.ctx.font = `500 11px ${FONT}`;
  for (const mark of marks.toSorted((a, b) => rank(a) - rank(b))) {
    const [from, to] = extent(spec, mark, chart);
    const row = taken.findIndex((row) => row.every(([start, end]) => to < start || end < from));
    if (row >= 0) taken[row].push([from, to]);
    found.set(mark, row);
  }
  chart.ctx.restore();
  return found;
}

/** The room that the labels need above the chart, in pixels. */
export function headroom(spec, chart) {
  if (!spec.marks?.length) return 6;
  return LIFT + Math.max(0, ...rows(spec, chart).values()) * ROW;
}

/** Vertical lines with a word on top, which the plugin keeps inside: the renewal, a top-up, a gap. */
export function annotations(spec) {
  const strong = colour("text");
  const muted = colour("muted");
  const entries = (spec.marks ?? []).map((mark, index) => {
    const tone = mark.role === "renewal" ? strong : muted;
    const label = {
      display: ({ chart }) => Boolean(mark.label) && rows(spec, chart).get(mark) >= 0,
      content: mark.short ?? mark.label,
      position: "start",
      yAdjust: ({ chart }) => -LIFT - rows(spec, chart).get(mark) * ROW,
      padding: { x: 4, y: 2 },
      backgroundColor: colour("raised"),
      color: tone,
      font: { family: FONT, size: 11, weight: 500 },
    };
    const look = { borderColor: tone, borderWidth: 1, borderDash: DASHES[mark.role] ?? [2, 3] };
    return [`mark${index}`, { type: "line", scaleID: "x", value: place(spec, mark), label, ...look }];
  });
  return Object.fromEntries(entries);
}

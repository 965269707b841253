import { span, spot } from "./chart-axis.js";
import { FONT, colour, pale } from "./chart-theme.js";

const DASHES = { renewal: [], gap: [1, 4] };
const FIRST = ["renewal", "now"];
const LIFT = 18;
const ROW = 16;
const ROWS = 3;
const AXIS = 48;
const NARROW = 560;
const MOST_WORDS = 4;

/** Where a mark's label stands: in the middle of a stretch. */
function place(spec, mark) {
  const from = spot(spec, mark.x);
  return mark.to === undefined ? from : (from + spot(spec, mark.to)) / 2;
}

/** With many stretches, or on a phone, there is room for their sums only; the list has the words. */
function said(spec, mark, { width }) {
  const stretches = spec.marks.filter(({ short }) => short).length;
  return width < NARROW || stretches > MOST_WORDS ? (mark.short ?? mark.label) : mark.label;
}

/** Where a label will stand, from and to, in pixels; the plugin keeps it on the canvas. */
function extent(spec, mark, chart) {
  const { ctx, width } = chart;
  const [min, max] = span(spec);
  const half = ctx.measureText(said(spec, mark, chart)).width / 2 + 8;
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

/** A vertical line with a word on top, which the plugin keeps inside: the renewal, a top-up. */
function lined(spec, mark) {
  const tone = colour(mark.role === "renewal" ? "text" : "muted");
  const label = {
    display: ({ chart }) => Boolean(mark.label) && rows(spec, chart).get(mark) >= 0,
    content: ({ chart }) => said(spec, mark, chart),
    position: "start",
    yAdjust: ({ chart }) => -LIFT - rows(spec, chart).get(mark) * ROW,
    padding: { x: 4, y: 2 },
    backgroundColor: colour("raised"),
    color: tone,
    font: { family: FONT, size: 11, weight: 500 },
  };
  const borderWidth = mark.to === undefined ? 1 : 0;
  const look = { borderColor: tone, borderWidth, borderDash: DASHES[mark.role] ?? [2, 3] };
  return { type: "line", scaleID: "x", value: place(spec, mark), label, ...look };
}

/** A stretch that nobody read: a pale band where the columns are not; the next one stands apart. */
function banded(spec, mark) {
  const [from, to] = [spot(spec, mark.x), spot(spec, mark.to)];
  const edge = from === to ? -0.4 : 0.15;
  const ends = { xMin: from + edge, xMax: to - edge };
  const look = { backgroundColor: pale(colour("muted"), 0.1), borderWidth: 0 };
  return { type: "box", drawTime: "beforeDatasetsDraw", ...ends, ...look };
}

export function annotations(spec) {
  const marks = spec.marks ?? [];
  const lines = marks.map((mark, index) => [`mark${index}`, lined(spec, mark)]);
  const bands = marks
    .filter(({ to }) => to !== undefined)
    .map((mark, index) => [`band${index}`, banded(spec, mark)]);
  return Object.fromEntries([...bands, ...lines]);
}

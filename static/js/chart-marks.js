import { FONT, colour } from "./chart-theme.js";

const DASHES = { renewal: [], now: [2, 3], topup: [2, 3], correction: [2, 3], gap: [1, 4] };

/** Push a label that would hang over an edge of the canvas back into it. */
function shift({ chart }, value, text) {
  chart.ctx.save();
  chart.ctx.font = `500 11px ${FONT}`;
  const half = chart.ctx.measureText(text).width / 2 + 5;
  chart.ctx.restore();
  const centre = chart.scales.x.getPixelForValue(value);
  return Math.max(0, half - centre) - Math.max(0, centre + half - chart.width);
}

function place(spec, mark) {
  return spec.x.type === "time" ? Date.parse(mark.x) : spec.x.labels.indexOf(mark.x);
}

/** Vertical lines with a word on top: the renewal, a top-up, a correction, a gap. */
export function annotations(spec) {
  const strong = colour("text");
  const muted = colour("muted");
  const entries = (spec.marks ?? []).map((mark, index) => {
    const value = place(spec, mark);
    const tone = mark.role === "renewal" ? strong : muted;
    const label = {
      display: Boolean(mark.label),
      content: mark.label,
      position: "start",
      yAdjust: -18,
      xAdjust: (context) => shift(context, value, mark.label),
      padding: { x: 4, y: 2 },
      backgroundColor: colour("raised"),
      color: tone,
      font: { family: FONT, size: 11, weight: 500 },
    };
    const look = { borderColor: tone, borderWidth: 1, borderDash: DASHES[mark.role] ?? [] };
    return [`mark${index}`, { type: "line", scaleID: "x", value, label, ...look }];
  });
  return Object.fromEntries(entries);
}

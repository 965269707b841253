import { swatchOf } from "./chart-legend.js";
import { day, numbers, share } from "./chart-time.js";

/** The value of a line at a moment, read between its points; null where a gap breaks it. */
function at(points, x, stepped) {
  const next = points.findIndex((point) => point.x >= x);
  if (next < 0) return null;
  if (points[next].x === x) return points[next].y;
  const [from, to] = [points[next - 1], points[next]];
  if (!from || from.y === null || to.y === null) return null;
  if (stepped) return from.y;
  return Math.round(from.y + ((to.y - from.y) * (x - from.x)) / (to.x - from.x));
}

/** What stands at a column or a moment: a title, a row for each visible series, the total of the columns. */
export function reading(chart, spec, point) {
  const time = spec.x.type === "time";
  const rows = [];
  let total = 0;
  chart.data.datasets.forEach((dataset, order) => {
    const series = spec.series[order];
    if (!chart.isDatasetVisible(order)) return;
    const value = time
      ? at(dataset.data, point.parsed.x, series.stepped)
      : series.data[point.dataIndex];
    if (time && value === null) return;
    if (series.type === "bar") total += value ?? 0;
    rows.push({ ...series, value });
  });
  const columns = rows.filter((row) => row.type === "bar" && row.value !== null);
  for (const row of columns) row.share = columns.length > 1 && total ? row.value / total : null;
  const title = time ? day(point.parsed.x, spec, true) : spec.x.labels[point.dataIndex];
  const running = !time && (spec.hatched ?? []).includes(point.dataIndex);
  const note = running ? null : spec.notes?.[point.dataIndex];
  return { title, rows, running, note, total: columns.length > 1 ? total : null };
}

function cell(row, className, text) {
  const box = document.createElement("span");
  box.className = className;
  box.textContent = text;
  row.append(box);
}

function write(box, { title, rows, total, running, note }, texts) {
  box.replaceChildren();
  const head = document.createElement("strong");
  head.textContent = running ? `${title} (${texts.textRunning})` : title;
  box.append(head);
  const all = [...rows];
  const after = rows.findLastIndex((row) => row.type === "bar") + 1;
  if (total !== null) all.splice(after, 0, { label: texts.textTotal, value: total, role: "" });
  for (const one of all) {
    const row = document.createElement("div");
    cell(row, swatchOf(one), "");
    cell(row, "tip-label", one.label);
    cell(row, "tip-value", one.value === null ? texts.textUnknown : numbers.format(one.value));
    cell(row, "tip-share", one.share ? share.format(one.share) : "");
    box.append(row);
  }
  if (note) cell(box, "tip-note", note);
}

/** The same reading as one sentence, for those who hear it. */
export function sentence({ title, rows, total, note }, texts) {
  const said = rows.map(
    (row) => `${row.label} ${row.value === null ? texts.textUnknown : numbers.format(row.value)}`,
  );
  if (total !== null) said.push(`${texts.textTotal} ${numbers.format(total)}`);
  if (note) said.push(note);
  return `${title}: ${said.join(", ")}`;
}

function boxOf(canvas) {
  const known = canvas.parentElement.querySelector(".chart-tip");
  if (known) return known;
  const box = document.createElement("div");
  box.className = "chart-tip";
  box.setAttribute("aria-hidden", "true");
  canvas.parentElement.append(box);
  return box;
}

/** Chart.js calls this whenever what is pointed at changes. */
export function tip(canvas, spec, { chart, tooltip }) {
  const box = boxOf(canvas);
  const point = tooltip.dataPoints?.[0];
  box.hidden = tooltip.opacity === 0 || !point;
  if (box.hidden) return;
  write(box, reading(chart, spec, point), canvas.dataset);
  const { offsetWidth: width } = box;
  const right = tooltip.caretX + 14 + width <= canvas.clientWidth;
  const left = right ? tooltip.caretX + 14 : Math.max(0, tooltip.caretX - 14 - width);
  box.style.transform = `translate(${Math.round(left)}px, ${Math.round(chart.chartArea.top)}px)`;
}

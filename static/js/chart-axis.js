/** A series' values where they stand: columns side by side, moments, or places on a ruler of days. */
export function points(spec, series) {
  const { places } = spec.x;
  if (places) return series.data.map((y, index) => ({ x: places[index], y }));
  if (spec.x.type !== "time") return series.data;
  return series.data.map(({ x, y }) => ({ x: Date.parse(x), y }));
}

/** Where the axis has what the server calls `x`. */
export function spot(spec, x) {
  const { type, labels, places } = spec.x;
  if (type === "time") return Date.parse(x);
  return places ? places[labels.indexOf(x)] : labels.indexOf(x);
}

/** What the axis shows, from and to. */
export function span({ x: { type, min, max, labels, places } }) {
  if (type === "time") return [Date.parse(min), Date.parse(max)];
  return places ? [0, places.at(-1)] : [-0.5, labels.length - 0.5];
}

/** A ruler of days: a place between two days stands where its moment lies, not a column further. */
export function ruler(spec, look) {
  const { places } = spec.x;
  const ticks = { ...look, stepSize: 1, precision: 0, maxRotation: 0, autoSkipPadding: 12 };
  return { type: "linear", min: 0, max: places.at(-1), ticks };
}

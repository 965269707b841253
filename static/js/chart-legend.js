/** The classes of the little mark that stands for a series. */
export function swatchOf({ role, type, dashed }) {
  return ["swatch", role || "none", type === "line" && "line", dashed && "dashed"]
    .filter(Boolean)
    .join(" ");
}

function entry(series) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const swatch = document.createElement("span");
  swatch.className = swatchOf(series);
  button.type = "button";
  button.setAttribute("aria-pressed", "true");
  button.append(swatch, series.label);
  item.append(button);
  return { item, button };
}

/** One button for each series, in words; it shows or hides that series. A band goes with its forecast. */
export function legend(canvas, chart, spec) {
  const list = canvas.closest("[data-chart-box]").querySelector("[data-chart-legend]");
  const named = spec.series.filter((series) => series.stack !== "band");
  list.replaceChildren();
  list.hidden = named.length < 2;
  for (const series of named) {
    const { item, button } = entry(series);
    list.append(item);
    button.addEventListener("click", () => {
      const show = button.getAttribute("aria-pressed") === "false";
      button.setAttribute("aria-pressed", String(show));
      spec.series.forEach((one, index) => {
        const goes = one === series || (one.stack === "band" && one.role === series.role);
        if (goes) chart.setDatasetVisibility(index, show);
      });
      chart.update();
    });
  }
}

const probe = document.createElement("i");
probe.hidden = true;
document.body.append(probe);

/** The colour of a custom property in the theme that stands now, as rgb(…). */
export function colour(name) {
  // Going back, htmx puts the old body in the place of this one.
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** The same colour, paler: alpha 0..1. */
export function pale(rgb, alpha) {
  const [red, green, blue] = rgb.match(/[\d.]+/g);
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

/** Diagonal lines in a colour, for a column that is still running. */
export function hatch(canvas, rgb) {
  const size = 8;
  const tile = document.createElement("canvas");
  tile.width = size;
  tile.height = size;
  const pen = tile.getContext("2d");
  pen.fillStyle = pale(rgb, 0.22);
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = rgb;
  pen.lineWidth = 2;
  pen.beginPath();
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
  }
  pen.stroke();
  return canvas.getContext("2d").createPattern(tile, "repeat");
}

export const FONT = '"Inter", system-ui, sans-serif';

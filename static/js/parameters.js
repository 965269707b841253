import { fill, ready } from "./ready.js";

const FLAT = /^(jpe?g|bmp)$/i;
const NUMBER = /^-?\d+(\.\d+)?$/;

function size({ w, h, exact_resize: exact }, texts) {
  const [width, height] = [w, h].map((one) => one?.value.trim().replace(/^0+$/, ""));
  if (width && height) {
    return fill(exact?.checked ? texts.textExact : texts.textWithin, { w: width, h: height });
  }
  if (width) return fill(texts.textWide, { w: width });
  return height ? fill(texts.textHigh, { h: height }) : texts.textSame;
}

/** A format in the words of its own label. */
function word(radios) {
  const chosen = [...radios].find((radio) => radio.checked);
  return chosen?.labels[0].textContent.trim() ?? "";
}

/** What will be asked, as one line: "PNG, 800 px wide, on white". */
function sentence(named, texts) {
  const format = named.format?.value ?? "";
  const parts = [word(named.format), size(named, texts)];
  const colour = named.bg_color?.value.trim();
  const on = colour && fill(texts.textOn, { colour: named.names[colour] ?? colour });
  const empty = FLAT.test(format) ? texts.textFlat : texts.textTransparent;
  parts.push(named.mask?.checked ? texts.textMask : on || empty);
  const angle = named.angle?.value.trim();
  if (NUMBER.test(angle) && Number(angle) !== 0) parts.push(fill(texts.textTurned, { angle }));
  return parts.filter(Boolean).join(", ");
}

function controls(box) {
  const form = box.closest("form");
  const by = (name) => form.elements.namedItem(name);
  const list = ["format", "w", "h", "exact_resize", "mask", "bg_color", "angle"];
  const swatches = [...box.querySelectorAll("[data-colour]")];
  const names = Object.fromEntries(
    swatches.map((one) => [one.dataset.colour, one.dataset.colourName]),
  );
  return { ...Object.fromEntries(list.map((name) => [name, by(name)])), swatches, names };
}

function paint(named, picker) {
  const off = Boolean(named.mask?.checked);
  named.bg_color.disabled = off;
  picker.disabled = off;
  for (const swatch of named.swatches) {
    swatch.disabled = off;
    swatch.setAttribute(
      "aria-pressed",
      String(swatch.dataset.colour === named.bg_color.value.trim()),
    );
  }
}

ready("[data-parameters]", (box) => {
  const named = controls(box);
  const [picker, dial] = ["[data-colour-picker]", "[data-dial]"].map((one) =>
    box.querySelector(one),
  );
  const said = box.closest("form").querySelector("[data-asked]");

  const refresh = () => {
    paint(named, picker);
    if (document.activeElement !== dial) dial.value = named.angle.value || 0;
    if (/^#[0-9a-f]{6}$/i.test(named.bg_color.value)) picker.value = named.bg_color.value;
    if (said) said.textContent = sentence(named, box.dataset);
  };
  for (const swatch of named.swatches) {
    swatch.addEventListener("click", () => {
      named.bg_color.value = swatch.dataset.colour;
      named.bg_color.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
  picker.addEventListener("input", () => (named.bg_color.value = picker.value));
  dial.addEventListener("input", () => (named.angle.value = dial.value));
  box.addEventListener("input", refresh);
  box.closest("form").addEventListener("reset", () => setTimeout(refresh));
  refresh();
});

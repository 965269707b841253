import { fill, language } from "./ready.js";

const SIZES = [
  [1_048_576, "megabyte", 1],
  [1024, "kilobyte", 0],
  [0, "byte", 0],
];
const percent = new Intl.NumberFormat(language, { style: "percent" });

/** "2.4 MB", in the page's language; a megabyte is 1 048 576 bytes, as in RemBG's own sentences. */
export function bytes(count) {
  const [size, unit, digits] = SIZES.find(([least]) => count >= least);
  const style = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: digits };
  return new Intl.NumberFormat(language, style).format(count / (size || 1));
}

const BADGES = { yes: "neutral", no: "ok", unknown: "warn" };

/** What a person sees of one file: it shows, and decides nothing. */
export class Row {
  constructor(template, texts, file) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.texts = texts;
    this.part("name").textContent = file.name;
    this.part("size").textContent = bytes(file.size);
    this.part("bar").setAttribute("aria-label", file.name);
    for (const name of ["retry", "cancel"]) {
      const button = this.part(name);
      button.setAttribute(
        "aria-label",
        `${button.getAttribute("aria-label") ?? button.textContent.trim()}: ${file.name}`,
      );
    }
    this.thumb(file);
  }

  part(name) {
    return this.element.querySelector(`[data-row-${name}]`);
  }

  thumb(blob) {
    const image = this.part("thumb");
    if (image.src) URL.revokeObjectURL(image.src);
    image.onload = () => {
      image.hidden = false;
      this.part("icon").hidden = true;
    };
    image.src = URL.createObjectURL(blob);
  }

  /** Show a state and its words; progress undefined hides the bar, null means of unknown length. */
  show(state, words, progress) {
    const bar = this.part("bar");
    this.element.dataset.state = state;
    this.part("phase").textContent = words;
    bar.hidden = progress === undefined;
    if (progress === null || progress === undefined) bar.removeAttribute("value");
    else bar.value = progress;
    this.part("retry").hidden = !(state === "failed" || state === "broken");
    this.part("cancel").hidden = !(
      state === "ready" ||
      state === "uploading" ||
      state === "broken" ||
      state === "failed"
    );
  }

  /** Show an event of rembg.js's kind: "Uploading: 45 %, 1.2 MB/s". */
  way(state, words, event) {
    const done =
      event.progress === undefined ? bytes(event.loaded) : percent.format(event.progress);
    const rate = event.rate ? fill(this.texts.textRate, { size: bytes(event.rate) }) : "";
    this.show(
      state,
      [`${words} ${done}`, rate].filter(Boolean).join(" · "),
      event.progress ?? null,
    );
    this.element.dispatchEvent(new CustomEvent("rembg:progress", { bubbles: true, detail: event }));
  }

  cost(charged, label) {
    const badge = this.part("cost");
    badge.hidden = !label;
    badge.className = `badge ${BADGES[charged] ?? "neutral"}`;
    badge.textContent = label ?? "";
  }

  links({ page_url: page, result }) {
    for (const [name, url] of [
      ["open", page],
      ["download", result?.download_url],
    ]) {
      this.part(name).hidden = !url;
      if (url) this.part(name).href = url;
    }
  }
}

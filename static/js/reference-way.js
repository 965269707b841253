import { fill, language } from "./ready.js";
import { bytes } from "./upload-row.js";

const percent = new Intl.NumberFormat(language, { style: "percent" });

/** Shows how far a request is: a share where bytes are known, a phase where they are not. */
export function wayOf(form, texts) {
  const place = form.querySelector("[data-way]");
  const bar = place.querySelector("progress");
  const words = place.querySelector("[data-way-words]");

  /** Name a phase of unknown length; without a name nothing is on its way. */
  const phase = (text) => {
    place.hidden = !text;
    words.textContent = text;
    bar.removeAttribute("value");
  };

  /** Show an event of rembg.js's kind; once all is sent, what is left is waiting. */
  const report = (event) => {
    form.dispatchEvent(new CustomEvent("rembg:progress", { bubbles: true, detail: event }));
    if (event.upload && event.progress === 1) return phase(texts.textWait);
    const known = event.progress !== undefined;
    const done = known ? percent.format(event.progress) : bytes(event.loaded);
    const rate = event.rate ? fill(texts.textRate, { size: bytes(event.rate) }) : "";
    const way = event.upload ? texts.textUpload : texts.textDownload;
    phase([`${way} ${done}`, rate].filter(Boolean).join(" · "));
    if (known) bar.value = event.progress;
  };
  return { phase, report };
}

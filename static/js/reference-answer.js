import { fill, language } from "./ready.js";
import { bytes } from "./upload-row.js";

const COSTS = { 1: "neutral", 0: "ok", unknown: "warn" };
const FIRST = ["x-credits-charged", "x-budget-remaining", "x-budget-warning", "x-notice"];
FIRST.push("idempotent-replayed", "x-request-id", "retry-after", "content-type");
const ENDINGS = { "image/webp": "webp", "image/png": "png", "image/jpeg": "jpg", "image/bmp": "bmp" };
const seconds = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });

function words(className, text) {
  const one = document.createElement("span");
  one.className = className;
  one.textContent = text;
  return one;
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The place where an answer is shown: its status and cost, the picture or the text, its headers. */
export class Answer {
  constructor(box) {
    this.box = box;
    this.texts = box.dataset;
    this.line = box.querySelector("[data-answer-line]");
    this.image = box.querySelector("figure img");
  }

  part(name) {
    return this.box.querySelector(`[data-answer-shown=${name}]`);
  }

  clear() {
    this.line.replaceChildren();
    for (const one of this.box.querySelectorAll("[data-answer-shown]")) one.hidden = true;
    if (this.image.src) URL.revokeObjectURL(this.image.src);
    this.image.removeAttribute("src");
  }

  /** Show all of an answer; returns its document where it is JSON. */
  async show(answer) {
    const { status, blob } = answer;
    const cost = Object.fromEntries(answer.headers)["x-credits-charged"];
    const said = this.box.getAttribute(`data-text-cost-${cost}`);
    const time = fill(this.texts.textTime, { seconds: seconds.format(answer.seconds) });
    this.box.querySelector("[data-answer-none]").hidden = true;
    this.line.replaceChildren(
      words(`badge ${status < 400 ? "ok" : "bad"}`, `${status} ${answer.words}`.trim()),
      ...(said ? [words(`badge ${COSTS[cost]}`, said)] : []),
      words("muted small nowrap", `${time} · ${bytes(blob.size)}`),
    );
    this.#headers(answer);
    const type = blob.type.split(";")[0];
    if (type in ENDINGS) return this.#picture(blob, type);
    return this.#text(await blob.text());
  }

  #headers({ status, words: phrase, headers }) {
    const rank = ([name]) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
    const sorted = [...headers].sort((one, other) => rank(one) - rank(other));
    const lines = [`HTTP ${status} ${phrase}`.trim(), ...sorted.map((pair) => pair.join(": "))];
    const part = this.part("headers");
    part.querySelector("pre").textContent = lines.join("\n");
    part.hidden = false;
  }

  async #picture(blob, type) {
    const figure = this.part("picture");
    const save = figure.querySelector("a");
    this.image.alt = this.texts.textPicture;
    this.image.src = URL.createObjectURL(blob);
    save.href = this.image.src;
    save.download = `${this.texts.textFile}.${ENDINGS[type]}`;
    await this.image.decode().catch(() => undefined);
    const size = { w: this.image.naturalWidth, h: this.image.naturalHeight };
    const facts = [type, fill(this.texts.textPixels, size), bytes(blob.size)];
    figure.querySelector("[data-answer-facts]").textContent = facts.join(" · ");
    figure.hidden = false;
  }

  #text(text) {
    const document = json(text);
    const part = this.part("text");
    part.querySelector("pre").textContent =
      document === undefined ? text : JSON.stringify(document, null, 2);
    const row = globalThis.document.getElementById(`error-${document?.code}`);
    const advice = part.querySelector("[data-answer-advice]");
    advice.hidden = !row;
    if (row) advice.querySelector("a").href = `#${row.id}`;
    part.hidden = false;
    return document;
  }
}

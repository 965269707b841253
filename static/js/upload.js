import { fill, ready } from "./ready.js";
import { complainIn, slots } from "./upload-form.js";
import { receive } from "./upload-paste.js";
import { Row } from "./upload-row.js";
import { nonce } from "./upload-send.js";
import { work } from "./upload-work.js";

const OVER = new Set(["done", "failed", "unknown", "broken", "refused"]);

ready("form[data-upload]", (form) => {
  const find = (name) => form.querySelector(`[data-upload-${name}]`);
  const [list, template, go, count, said] = ["rows", "row", "go", "count", "said"].map(find);
  const input = form.elements.namedItem("image");
  const texts = form.dataset;
  const slot = slots(Number(texts.parallel));
  const jobs = new Set();

  const inState = (test) => [...jobs].filter((job) => test(job.row.element.dataset.state));
  const due = () =>
    [...jobs].filter((job) => job.corrected || job.row.element.dataset.state === "ready");
  const load = () => inState((state) => !OVER.has(state)).length;
  const refresh = () => {
    const waiting = due().length;
    go.disabled = waiting === 0;
    count.textContent = waiting > 1 ? fill(texts.textGoMany, { n: waiting }) : texts.textGo;
    find("box").hidden = jobs.size === 0;
    const over = inState((state) => OVER.has(state)).length;
    said.textContent =
      jobs.size && over ? fill(texts.textProgress, { n: over, total: jobs.size }) : "";
  };
  const start = async (job) => {
    job.row.show("waiting", texts.textWaiting, null);
    job.row.cost(null, "");
    job.correctable = job.corrected = false;
    refresh();
    const complain = (details) => {
      job.row.cost("no", texts.textFree);
      const asked = details.filter(({ field }) => field !== "image");
      job.correctable = asked.length > 0;
      complainIn(form, asked);
    };
    await work(job, form, { complain, load, slot });
    refresh();
  };
  const add = (file) => {
    const row = new Row(template, texts, file);
    const stop = new AbortController();
    const job = { row, file, nonce: nonce(), signal: stop.signal };
    const leave = () => {
      stop.abort();
      jobs.delete(job);
      row.element.remove();
      refresh();
    };
    row.part("cancel").addEventListener("click", leave);
    row.part("retry").addEventListener("click", () => start(job));
    list.append(row.element);
    jobs.add(job);
    if (file.size <= Number(texts.maxBytes)) row.show("ready", texts.textReady);
    else
      row.show("refused", fill(texts.textTooLarge, { size: (file.size / 1_048_576).toFixed(1) }));
    row.cost("no", row.element.dataset.state === "refused" ? texts.textFree : "");
    row.part("cancel").hidden = false;
  };
  const take = (files) => {
    files.forEach(add);
    refresh();
  };

  input.multiple = true;
  input.required = false;
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  receive(find("drop"), take);
  form.addEventListener("input", ({ target }) => {
    const again = [...jobs].filter((job) => job.correctable);
    if (target === input || again.length === 0) return;
    complainIn(form, []);
    for (const job of again) job.corrected = true;
    refresh();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    complainIn(form, []);
    due().forEach(start);
  });
  addEventListener("beforeunload", (event) => {
    if (form.isConnected && inState((state) => ["waiting", "uploading"].includes(state)).length)
      event.preventDefault();
  });
  // Signed out meanwhile, the list's own question must not lead away from what was chosen here.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { elt, xhr } = event.detail;
    const chosen = form.isConnected && inState((state) => state !== "done").length;
    if (chosen && xhr.status === 401 && elt.querySelector("[data-late]")) event.preventDefault();
  });
  refresh();
});

import { fill } from "./ready.js";
import { Broken, nonce, picture, post } from "./upload-send.js";

const EVERY = 700;
const FINAL = new Set(["done", "failed", "unknown"]);
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The words and the share of a phase at RemBG, as the server tells them. */
function phase(row, status) {
  const event = status.phase === "receiving" ? status.down : status.up;
  const known = event && (status.phase === "sending" || status.phase === "receiving");
  if (known) row.way(status.state, status.phase_label, event);
  else row.show(status.state, status.phase_label, null);
}

/** The job's status; null when the server no longer tells (signed out, gone). */
async function ask(url) {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (response.status >= 500) throw new Broken(`status ${response.status}`);
  return response.ok ? response.json() : null;
}

/** Ask how the job stands until it has ended; the more jobs there are, the less often. */
async function watch(job, url, load) {
  for (;;) {
    try {
      const status = await ask(url);
      if (!status) return { state: "unknown", error: job.row.texts.textLost };
      if (FINAL.has(status.state)) return status;
      phase(job.row, status);
    } catch (error) {
      if (!(error instanceof Broken || error instanceof TypeError)) throw error;
      job.row.show("sending", job.row.texts.textReconnecting, null);
    }
    await pause(Math.max(EVERY, 150 * load()));
  }
}

async function fetchResult(job, status) {
  const { row } = job;
  const report = (event) => row.way("receiving", row.texts.textFetching, event);
  const blob = await picture(status.result.url, { report });
  if (blob) row.thumb(blob);
}

/** Show how it ended, what it cost, and where its page is. */
export async function finish(job, status) {
  const { row } = job;
  if (status.state === "done" && status.result) {
    await fetchResult(job, status).catch((error) => {
      if (!(error instanceof Broken)) throw error;
    });
  }
  const done = status.degraded ? row.texts.textDegraded : row.texts.textDone;
  row.show(status.state, status.state === "done" ? done : (status.error ?? status.phase_label));
  row.cost(status.charged, status.charged_label);
  if (status.page_url) row.links(status);
  row.part("retry").hidden = status.state !== "failed";
  if (status.state === "failed") job.nonce = nonce();
}

/** What the server says is wrong: all of it, not that there are several things. */
function reason(answer, status, texts) {
  const messages = (answer?.details ?? []).map((one) => one.message);
  const all = messages.length > 1 ? messages.join(" · ") : answer?.error;
  return all ?? fill(texts.textRefused, { status });
}

/** Send one file; answers its accepted job, or null when it was refused (and says why in its row). */
export async function send(job, form, complain) {
  const { row, file, signal } = job;
  if (signal.aborted) return null;
  const data = new FormData(form);
  data.set("image", file);
  data.set("nonce", job.nonce);
  const report = (event) => row.way("uploading", row.texts.textUploading, event);
  row.show("uploading", row.texts.textUploading, null);
  const token = form.elements.namedItem("csrfmiddlewaretoken").value;
  const { status, answer } = await post(form.action, data, { token, signal, report });
  if (status === 201 && answer) return answer;
  row.show("failed", reason(answer, status, row.texts));
  complain(answer?.details ?? []);
  return null;
}

/** The whole way of one file: up, at RemBG, and down again. */
export async function work(job, form, { complain, load, slot }) {
  const { row } = job;
  try {
    const accepted = await slot(() => send(job, form, complain));
    if (!accepted) return;
    row.links({ page_url: accepted.url });
    row.show("queued", row.texts.textQueued, null);
    await finish(job, await watch(job, accepted.status_url, load));
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    row.show("broken", row.texts.textBroken);
  }
}

import { meter, run } from "./upload-send.js";

/** Stopped before anything was sent. */
export class NotSent extends Error {}

/** Wait for what a request needs; throw NotSent as soon as somebody stops it. */
export function unlessStopped(signal, needed) {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(new NotSent()), { once: true });
    needed.then(resolve, reject);
  });
}

/** The headers of an answer, in its order, as pairs. */
function pairs(text) {
  return text
    .trim()
    .split(/\r?\n/)
    .filter(Boolean)
    .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
}

/** What a form asks for: the address, the headers and the body, nothing that is empty. */
export function asked(form, file) {
  const { method, path } = form.dataset;
  const given = [...form.elements].filter((one) => one.dataset.place && one.value.trim() !== "");
  const at = (place) => given.filter((one) => one.dataset.place === place);
  const query = new URLSearchParams(at("query").map((one) => [one.name, one.value]));
  const headers = at("header").map((one) => [one.name, one.value.trim()]);
  let body = null;
  if (method === "POST") {
    body = new FormData();
    if (file) body.set("image", file);
    for (const one of at("form")) body.set(one.name, one.value);
  }
  return { method, url: query.size ? `${path}?${query}` : path, headers, body };
}

/** Send a request and answer all of what came: status, headers, body, and how long it took. */
export async function send({ method, url, headers, body }, { signal, report }) {
  const request = new XMLHttpRequest();
  request.open(method, url);
  request.responseType = "blob";
  for (const [name, value] of headers) request.setRequestHeader(name, value);
  request.upload.addEventListener("progress", meter("upload", report));
  request.addEventListener("progress", meter("download", report));
  const began = performance.now();
  await run(request, body, signal);
  return {
    status: request.status,
    words: request.statusText,
    headers: pairs(request.getAllResponseHeaders()),
    blob: request.response,
    seconds: (performance.now() - began) / 1000,
  };
}

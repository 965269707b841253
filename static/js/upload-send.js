/** A failure of the way: the server was not reached, or the connection broke. */
export class Broken extends Error {}

/** A new form nonce. On plain http the browser offers random bytes, but no randomUUID. */
export function nonce() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const [a, b, c, d, e, f, g, h] = crypto.getRandomValues(new Uint16Array(8));
  const hex = (value) => value.toString(16).padStart(4, "0");
  const [version, variant] = [(c & 0x0fff) | 0x4000, (d & 0x3fff) | 0x8000];
  return `${hex(a)}${hex(b)}-${hex(e)}-${hex(version)}-${hex(variant)}-${hex(f)}${hex(g)}${hex(h)}`;
}

/** Turn XHR's events into rembg.js's: loaded, total, progress 0..1, bytes, rate, estimated. */
export function meter(way, report) {
  let before = 0;
  let since = performance.now();
  return ({ loaded, total, lengthComputable }) => {
    const seconds = (performance.now() - since) / 1000;
    const bytes = loaded - before;
    const rate = seconds > 0 ? bytes / seconds : undefined;
    before = loaded;
    since = performance.now();
    const whole = lengthComputable ? total : undefined;
    report({
      loaded,
      total: whole,
      progress: whole ? loaded / whole : undefined,
      bytes,
      rate,
      estimated: whole && rate ? (whole - loaded) / rate : undefined,
      [way]: true,
    });
  };
}

/** Send, and wait for the whole answer; what breaks on the way is Broken. */
export function run(request, body, signal) {
  return new Promise((resolve, reject) => {
    request.addEventListener("load", () => resolve(request));
    for (const name of ["error", "abort", "timeout"]) {
      request.addEventListener(name, () => reject(new Broken(name)));
    }
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}

/** Send a form's data; answers {status, answer}, answer null where it is not our JSON. */
export async function post(url, data, { token, signal, report }) {
  const request = new XMLHttpRequest();
  request.open("POST", url);
  request.responseType = "text";
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRFToken", token);
  request.upload.addEventListener("progress", meter("upload", report));
  await run(request, data, signal);
  return { status: request.status, answer: parse(request.responseText) };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Fetch a picture with its progress; null when the server does not have it. */
export async function picture(url, { signal, report }) {
  const request = new XMLHttpRequest();
  request.open("GET", url);
  request.responseType = "blob";
  request.addEventListener("progress", meter("download", report));
  await run(request, null, signal);
  return request.status === 200 ? request.response : null;
}

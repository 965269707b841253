import { ready } from "./ready.js";
import { Answer } from "./reference-answer.js";
import { borrowedKey, forgetKey, Refused } from "./reference-key.js";
import { NoPicture, pictureOf } from "./reference-picture.js";
import { asked, NotSent, send, unlessStopped } from "./reference-send.js";
import { wayOf } from "./reference-way.js";
import { complainIn } from "./upload-form.js";
import { Broken } from "./upload-send.js";

/** What an error says about fields: its details, or the field that its code or sentence names. */
function details(form, { error, code, details: several }) {
  if (several) return several;
  const names = [code, /^'?(\w+)'? /.exec(error)?.[1]];
  const field = names.find((name) => name && form.elements.namedItem(name));
  return field ? [{ field, message: error }] : [];
}

ready("form[data-console]", (form) => {
  const place = form.closest(".endpoint").querySelector("[data-answer]");
  const texts = place.dataset;
  const answer = new Answer(place);
  const way = wayOf(form, texts);
  const [run, stop] = ["run", "stop"].map((name) => form.querySelector(`[data-${name}]`));
  const trouble = form.querySelector("[data-trouble]");
  let running = null;

  const complain = (text, fields = []) => {
    trouble.hidden = !text;
    trouble.querySelector("span").textContent = text;
    complainIn(form, fields);
  };
  const picture = pictureOf(form, complain);
  const busy = (yes) => {
    run.setAttribute("aria-busy", String(yes));
    stop.hidden = !yes;
    if (!yes) way.phase("");
  };
  const go = async (signal) => {
    const request = asked(form, await unlessStopped(signal, picture()));
    if ("takesKey" in form.dataset) {
      way.phase(texts.textKey);
      request.headers.unshift(["x-api-key", await unlessStopped(signal, borrowedKey())]);
    }
    way.phase(request.body ? texts.textUpload : texts.textWait);
    const sent = await send(request, { signal, report: way.report });
    if (sent.status === 401) forgetKey();
    const document = await answer.show(sent);
    if (document?.error) complain("", details(form, document));
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!run || running) return;
    running = new AbortController();
    complain("");
    answer.clear();
    busy(true);
    try {
      await go(running.signal);
    } catch (error) {
      if (error instanceof Refused || error instanceof NoPicture) complain(error.message);
      else if (error instanceof NotSent) complain(texts.textUnsent);
      else if (error instanceof Broken)
        complain(running.signal.aborted ? texts.textStopped : texts.textBroken);
      else throw error;
    } finally {
      running = null;
      busy(false);
    }
  });
  stop?.addEventListener("click", () => running?.abort());
  form.addEventListener("reset", () => {
    complain("");
    setTimeout(() => form.dispatchEvent(new Event("change")));
  });
});

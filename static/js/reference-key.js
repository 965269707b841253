/** What the server refuses to do, in its own words. */
export class Refused extends Error {}

/* The borrowed key lives in this module only: not in the page, not in the browser's storage. */
const NONE = { lender: "", key: "", until: 0 };
let loan = NONE;
const MARGIN = 60_000;

/** A form's token, as htmx sends it. */
function token() {
  return JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
}

/** Borrow anew the next time: this key opens nothing any more. */
export function forgetKey() {
  loan = NONE;
}

/** A key for minutes that draws on the chosen one; the same until it is about to end. */
export async function borrowedKey() {
  const choice = document.querySelector("[data-lender]");
  if (!choice) throw new Refused("");
  if (loan.lender === choice.value && loan.until - Date.now() > MARGIN) return loan.key;
  const response = await fetch(choice.dataset.url, {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRFToken": token() },
    body: new URLSearchParams({ lender: choice.value }),
  }).catch(() => {
    throw new Refused(choice.dataset.textUnreachable);
  });
  const answer = await response.json().catch(() => null);
  if (!response.ok || !answer) {
    const said = choice.dataset.textRefused.replace("{status}", response.status);
    throw new Refused(answer?.error ?? said);
  }
  loan = { lender: choice.value, key: answer.key, until: Date.parse(answer.expires_at) };
  return loan.key;
}

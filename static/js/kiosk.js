const LATE = 150_000; // Two refreshes were missed, in milliseconds.
const EVERY = 5000;

let freshAt = Date.now();

function look() {
  const late = document.querySelector("[data-kiosk] [data-late]");
  if (late && Date.now() - freshAt >= LATE) late.hidden = false;
}

document.addEventListener("htmx:afterSwap", () => {
  freshAt = Date.now();
  look();
});

// The link has ended: what it showed must not stay on the wall.
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 404) location.reload();
});

setInterval(look, EVERY);

const texts = document.querySelector("[data-toasts]").dataset;

/** Without https there is no clipboard, and a browser may refuse it: then the words are selected. */
function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  const from = button.dataset.copyFrom
    ? document.querySelector(button.dataset.copyFrom)
    : button.previousElementSibling;
  const text = button.dataset.copy ?? from.textContent.trim();
  const copying = navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
  if (!(await copying)) {
    if (from) select(from);
    return;
  }
  document.dispatchEvent(new CustomEvent("toast", { detail: { text: texts.textCopied } }));
});

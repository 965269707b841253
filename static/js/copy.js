const texts = document.querySelector("[data-toasts]").dataset;

/** Without https there is no clipboard; then the words are selected, ready for the person's keys. */
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
  if (!navigator.clipboard) {
    if (from) select(from);
    return;
  }
  await navigator.clipboard.writeText(text);
  document.dispatchEvent(new CustomEvent("toast", { detail: { text: texts.textCopied } }));
});

const LEVELS = [
  [".info .title", 3],
  [".renderedMarkdown h3", 4],
  [".opblock-tag", 3],
  [".opblock h4", 4],
  ["section.models > h4", 3],
];

/** What a control is for, as the document says it around the control. */
function purpose(control, texts) {
  if (control.matches(".examples-select-element")) return texts.textExample;
  const row = control.closest("[data-property-name], [data-param-name]");
  return row?.dataset.propertyName ?? row?.dataset.paramName;
}

function mend(box, texts) {
  for (const control of box.querySelectorAll("select, input, textarea")) {
    const name = purpose(control, texts);
    if (name && !control.ariaLabel) control.ariaLabel = name;
  }
  for (const [selector, level] of LEVELS) {
    for (const heading of box.querySelectorAll(selector)) heading.ariaLevel = level;
  }
}

/** Give names to the controls of Swagger UI that have none, and its headings the page's order. */
export function nameAll(box, texts) {
  const observer = new MutationObserver(() => {
    observer.disconnect();
    mend(box, texts);
    watch();
  });
  const watch = () => observer.observe(box, { childList: true, subtree: true });
  watch();
}

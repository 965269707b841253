// Going back, htmx puts another body in the place of this one, with a dialog of its own.
const part = (name) => document.querySelector(`[data-confirm-${name}]`);
const goOn = part("yes").textContent;
const agreed = new WeakSet();

function ask(source, submitter) {
  const dialog = part("dialog");
  part("title").textContent = source.dataset.confirm;
  part("body").textContent = source.dataset.confirmText ?? "";
  part("yes").textContent = source.dataset.confirmAction ?? (submitter?.textContent.trim() || goOn);
  part("yes").classList.toggle("danger", source.dataset.confirmKind !== "plain");
  dialog.returnValue = "no";
  dialog.showModal();
  part("no").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/* In the capture phase, so that htmx hears of a submit only after the person has agreed. */
document.addEventListener(
  "submit",
  async (event) => {
    const form = event.target;
    const { submitter } = event;
    const source = submitter?.dataset.confirm ? submitter : form;
    if (!source.dataset.confirm) return;
    if (agreed.delete(form)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!(await ask(source, submitter))) return;
    agreed.add(form);
    form.requestSubmit(submitter);
  },
  true,
);

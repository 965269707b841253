/*
 * Classic and blocking on purpose: it must listen before the first control stands. What people
 * press, choose, open, drop or send before the scripts are there waits for them: it is not lost,
 * and nothing is destroyed without the question that a script asks. Links and what the browser
 * does as well without scripts do not wait.
 */
(function () {
  const TAKEN_OVER = "[hx-get], [hx-post], [data-confirm], [data-upload]";
  const ZONE = "[data-upload-drop], [data-picture-drop]";
  let held = [];

  /** Keep what is to be done again; of several alike at one control the last one counts. */
  function hold(event, control, again) {
    event.stopImmediatePropagation();
    held = held.filter((one) => one.control !== control || one.type !== event.type);
    held.push({ control, type: event.type, again });
  }

  /** Let a button turn until its turn comes. */
  function holdPressed(event, control, button, again) {
    button?.setAttribute("aria-busy", "true");
    hold(event, control, () => {
      button?.removeAttribute("aria-busy");
      again();
    });
  }

  function click(event) {
    const button = event.target.closest('button[type="button"]'); // Does nothing without a script.
    if (button) holdPressed(event, button, button, () => button.click());
  }

  function submit(event) {
    const { target: form, submitter } = event;
    if (!form.matches(TAKEN_OVER) && !submitter?.matches("[data-confirm]")) return;
    event.preventDefault();
    holdPressed(event, form, submitter, () => form.requestSubmit(submitter));
  }

  function enter(event) {
    const { target: control, type } = event;
    const { value } = control;
    hold(event, control, () => {
      // Where the script has put its own value there meanwhile.
      if (control.type !== "file" && control.value !== value) control.value = value;
      control.dispatchEvent(new Event(type, { bubbles: true }));
    });
  }

  function toggle(event) {
    const { target: details } = event;
    hold(event, details, () => details.dispatchEvent(new Event("toggle")));
  }

  /** A dropped file must not replace a page that is about to take it. */
  function dragover(event) {
    const { types } = event.dataTransfer;
    if (types.includes("Files") && document.querySelector(ZONE)) event.preventDefault();
  }

  function bring(event) {
    const { target, type } = event;
    const files = [...((event.dataTransfer ?? event.clipboardData)?.files ?? [])];
    if (!files.length || !document.querySelector(ZONE)) return;
    event.preventDefault();
    hold(event, files, () => {
      const carried = new DataTransfer();
      for (const file of files) carried.items.add(file);
      const how = { bubbles: true, cancelable: true };
      target.dispatchEvent(
        type === "drop"
          ? new DragEvent(type, { ...how, dataTransfer: carried })
          : new ClipboardEvent(type, { ...how, clipboardData: carried }),
      );
    });
  }

  const early = { click, submit, input: enter, change: enter, toggle, dragover };
  Object.assign(early, { drop: bring, paste: bring });
  for (const type in early) addEventListener(type, early[type], true);

  // By then scripts have run, or could not be loaded; on the window, htmx has begun before this.
  addEventListener("DOMContentLoaded", () => {
    for (const type in early) removeEventListener(type, early[type], true);
    // Without htmx a choice needs its button, as it does without any script.
    if (!globalThis.htmx) delete document.documentElement.dataset.js;
    for (const one of held) one.again();
  });
})();

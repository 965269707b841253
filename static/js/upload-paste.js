/** Take files that are dropped on a zone, or pasted anywhere but into a text field. */
export function receive(zone, take) {
  const over = (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    zone.classList.add("over");
  };
  const leave = (event) => {
    if (!zone.contains(event.relatedTarget)) zone.classList.remove("over");
  };
  zone.addEventListener("dragenter", over);
  zone.addEventListener("dragover", over);
  zone.addEventListener("dragleave", leave);
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take([...event.dataTransfer.files]);
  });

  /* A picture dropped beside the zone must not replace the page. */
  const beside = (event) => {
    if (!zone.isConnected) document.removeEventListener(event.type, beside);
    else event.preventDefault();
  };
  document.addEventListener("dragover", beside);
  document.addEventListener("drop", beside);

  document.addEventListener("paste", function paste(event) {
    if (!zone.isConnected) {
      document.removeEventListener("paste", paste);
      return;
    }
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
}

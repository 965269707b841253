import { receive } from "./upload-paste.js";
import { bytes } from "./upload-row.js";

/** The picture that a request is sent with: dropped, pasted, chosen, or the sample. */
export function pictureOf(form) {
  const box = form.querySelector("[data-picture]");
  if (!box) return () => null;
  const part = (name) => box.querySelector(`[data-picture-${name}]`);
  const input = box.querySelector("[type=file]");
  const thumb = part("thumb");
  let file = null;
  let turn = 0;

  const tell = () => {
    form.elements.namedItem("image").value = file?.name ?? "";
    form.elements.namedItem("size").value = file?.size ?? "";
    form.dispatchEvent(new Event("change"));
  };
  const take = ([first]) => {
    turn += 1;
    if (thumb.src) URL.revokeObjectURL(thumb.src);
    file = first ?? null;
    part("chosen").hidden = !file;
    part("name").textContent = file?.name ?? "";
    part("size").textContent = file ? bytes(file.size) : "";
    if (file) thumb.src = URL.createObjectURL(file);
    else thumb.removeAttribute("src");
    tell();
  };
  const sample = async () => {
    const own = (turn += 1);
    const blob = await (await fetch(box.dataset.sample)).blob();
    // Whoever has chosen a picture meanwhile keeps it.
    if (own === turn) take([new File([blob], "sample.jpg", { type: blob.type })]);
  };

  input.addEventListener("change", (event) => {
    event.stopPropagation();
    take([...input.files]);
    input.value = "";
  });
  part("clear").addEventListener("click", () => {
    take([]);
    input.focus();
  });
  part("sample").addEventListener("click", sample);
  form.addEventListener("reset", () => take([]));
  receive(part("drop"), take);
  return () => file;
}

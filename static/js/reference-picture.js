import { receive } from "./upload-paste.js";
import { bytes } from "./upload-row.js";

/** There is no picture to send, in words for the person. */
export class NoPicture extends Error {}

async function fetchSample({ sample, textMissing }) {
  const response = await fetch(sample).catch(() => null);
  const blob = response?.ok ? await response.blob().catch(() => null) : null;
  if (!blob) throw new NoPicture(textMissing);
  return new File([blob], "sample.jpg", { type: blob.type });
}

/**
 * The picture that a request is sent with: dropped, pasted, chosen, or the sample, which is waited
 * for while it is on its way; throws NoPicture where it does not come.
 */
export function pictureOf(form, complain) {
  const box = form.querySelector("[data-picture]");
  if (!box) return async () => null;
  const part = (name) => box.querySelector(`[data-picture-${name}]`);
  const input = box.querySelector("[type=file]");
  const thumb = part("thumb");
  let file = null;
  let coming = null;

  const expectSample = (sample) => {
    coming = sample;
    part("sample").setAttribute("aria-busy", String(Boolean(sample)));
  };
  const tell = () => {
    form.elements.namedItem("image").value = file?.name ?? "";
    form.elements.namedItem("size").value = file?.size ?? "";
    form.dispatchEvent(new Event("change"));
  };
  const take = ([first]) => {
    expectSample(null);
    if (thumb.src) URL.revokeObjectURL(thumb.src);
    file = first ?? null;
    part("chosen").hidden = !file;
    part("name").textContent = file?.name ?? "";
    part("size").textContent = file ? bytes(file.size) : "";
    if (file) thumb.src = URL.createObjectURL(file);
    else thumb.removeAttribute("src");
    tell();
  };
  const sample = () => {
    const arrived = (found) => {
      // Whoever has chosen a picture meanwhile keeps it.
      if (own === coming) take([found]);
    };
    const missed = (error) => {
      if (own !== coming) return;
      expectSample(null);
      complain(error.message);
      throw error;
    };
    const own = fetchSample(box.dataset).then(arrived, missed);
    expectSample(own);
    own.catch(() => undefined); // Said already, to whoever waits for it or not.
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
  return async () => {
    await coming;
    return file;
  };
}

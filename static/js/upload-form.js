/** Let so many run at a time, in the order in which they came. */
export function slots(limit) {
  const waiting = [];
  let running = 0;
  return async (deed) => {
    if (running >= limit) await new Promise((resolve) => waiting.push(resolve));
    running += 1;
    try {
      return await deed();
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  };
}

/** Write each complaint beside the field it names, and clear the others. */
export function complainIn(form, details) {
  for (const place of form.querySelectorAll("[data-field-error]")) {
    const own = details.filter((one) => one.field === place.dataset.fieldError);
    place.hidden = own.length === 0;
    place.querySelector("span").textContent = own.map((one) => one.message).join(" ");
  }
}

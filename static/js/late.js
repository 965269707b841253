const missed = new WeakMap();

/**
 * Say on the page that it got no answer to what it asks by itself: `data-late` tells after how many
 * in a row, and the next answer brings the place anew, hidden. False where a person has asked.
 */
export function late(asking) {
  const place = asking.querySelector("[data-late]");
  if (!place) return false;
  missed.set(place, (missed.get(place) ?? 0) + 1);
  place.hidden = missed.get(place) < Number(place.dataset.late);
  return true;
}

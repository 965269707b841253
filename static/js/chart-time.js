import { language } from "./ready.js";

const DAY = 86_400_000;
const STEPS = [0.25, 1, 2, 3, 5, 7, 10, 14, 30, 61, 91, 182, 365].map((days) => days * DAY);
const ROOM = 74;

export const numbers = new Intl.NumberFormat(language);
export const share = new Intl.NumberFormat(language, { style: "percent" });

/** How far the clock of a zone is ahead of UTC at a moment, in milliseconds. */
function ahead(moment, timeZone) {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(moment);
  const of = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]));
  const local = Date.UTC(of.year, of.month - 1, of.day, of.hour, of.minute, of.second);
  return local - Math.floor(moment / 1000) * 1000;
}

/** Midnights of the team's zone, as many as there is room for. */
function ticks(min, max, width, timeZone) {
  const wanted = (max - min) / Math.max(2, Math.floor(width / ROOM));
  const step = STEPS.find((one) => one >= wanted) ?? STEPS.at(-1);
  const unit = Math.min(step, DAY);
  const first = Math.ceil((min + ahead(min, timeZone)) / unit) * unit;
  const values = [];
  for (let local = first; ; local += step) {
    const guess = local - ahead(min, timeZone);
    const value = local - ahead(guess, timeZone);
    if (value > max) return values;
    values.push({ value });
  }
}

/** "3 Nov", or with `exact` "Mon 3 Nov, 12:05", in the team's zone. */
export function day(moment, spec, exact = false) {
  const timeZone = spec.time_zone || "UTC";
  const clock = { weekday: "short", hour: "numeric", minute: "2-digit" };
  const parts = { day: "numeric", month: "short", timeZone, ...(exact ? clock : {}) };
  // British browsers say "Sept"; the server, like everybody else, "Sep".
  return new Intl.DateTimeFormat(language, parts).format(moment).replace(/\bSept\b/, "Sep");
}

/** An axis of moments. Linear and in milliseconds: the time scale knows the browser's zone only. */
export function scaleOfTime(spec, look) {
  const min = Date.parse(spec.x.min);
  const max = Date.parse(spec.x.max);
  return {
    type: "linear",
    stacked: false,
    min,
    max,
    afterBuildTicks: (scale) => {
      scale.ticks = ticks(min, max, scale.width || scale.chart.width, spec.time_zone || "UTC");
    },
    ticks: {
      ...look,
      maxRotation: 0,
      autoSkip: false,
      includeBounds: false,
      callback: (value) => day(value, spec),
    },
  };
}

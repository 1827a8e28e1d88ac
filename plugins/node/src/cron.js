// Whether schedules fire at the same times, however they are written.

const MACROS = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
};
const SECONDS = { s: 1, m: 60, h: 3600 };
const FIELDS = [
  // bounds, and the names of the values from the lower one on
  [0, 59, []],
  [0, 23, []],
  [1, 31, []],
  [1, 12, "jan feb mar apr may jun jul aug sep oct nov dec".split(" ")],
  [0, 6, "sun mon tue wed thu fri sat".split(" ")],
];
const [EVERY_DAY, EVERY_WEEKDAY] = [31, 7]; // how many there are
const STAR = /^[*?](\/0*1)?$/;

/** A text that is equal for schedules that fire at the same times; text that is none is itself. */
export function meaning(schedule) {
  const every = /^@every (\d+)([smh])$/.exec(schedule);
  if (every) return `@every ${BigInt(every[1]) * BigInt(SECONDS[every[2]])}s`;
  const text = Object.hasOwn(MACROS, schedule) ? MACROS[schedule] : schedule;
  const words = text.trim().split(/\s+/);
  if (words.length !== FIELDS.length) return schedule;
  const found = words.map((word, i) => values(word, ...FIELDS[i]));
  if (found.includes(null)) return schedule;
  // It fires on the days of either day field, but on those of both where one restricts nothing.
  const both = [words[2], words[4]].some((word) => word.split(",").some((part) => STAR.test(part)));
  if (!both && (found[2].length === EVERY_DAY || found[4].length === EVERY_WEEKDAY)) {
    return meaning([words[0], words[1], "*", words[3], "*"].join(" "));
  }
  return JSON.stringify([...found, both]);
}

/** The values of one field, in order; null if it has another form. */
function values(word, low, high, names) {
  const value = (text) => {
    const name = names.indexOf(text.toLowerCase());
    const number = name >= 0 ? low + name : /^\d+$/.test(text) ? Number(text) : -1;
    return number >= low && number <= high ? number : NaN;
  };
  const found = new Set();
  for (const part of word.split(",")) {
    const [, first, last, step] = /^([^-/]+)(?:-([^-/]+))?(?:\/(\d+))?$/.exec(part) ?? [];
    if (first === undefined || Number(step) === 0) return null;
    const any = (first === "*" || first === "?") && last === undefined;
    const start = any ? low : value(first);
    const end = last !== undefined ? value(last) : any || step ? high : start;
    if (!(start <= end)) return null;
    for (let each = start; each <= end; each += Number(step ?? 1)) found.add(each);
  }
  return [...found].sort((left, right) => left - right);
}

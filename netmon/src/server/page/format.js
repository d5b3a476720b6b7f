// Numbers for people: three digits and a unit, as the terminal shows them (netmon/src/render/units.rs).

/** Stands for a value that is absent. */
export const NONE = '–';

function threeDigits(value) {
  if (value < 9.995) return value.toFixed(2);
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}

/** Scales a value to below 1,000 of one of the units. The last unit takes everything beyond. */
function scaled(value, units) {
  let unit = 0;
  while (value >= 999.5 && unit + 1 < units.length) {
    value /= 1000;
    unit += 1;
  }
  return `${threeDigits(value)} ${units[unit]}`;
}

/** Formats nanoseconds: `812 ns`, `12.3 µs`, `50.0 ms`. */
export function duration(ns) {
  if (ns === null || ns === undefined) return NONE;
  return ns < 1000 ? `${Math.round(ns)} ns` : scaled(ns / 1000, ['µs', 'ms', 's']);
}

/** Formats bits a second: `0 bit/s`, `9.61 Mbit/s`. */
export function bitsPerSecond(rate) {
  if (rate === null || rate === undefined) return NONE;
  return rate === 0 ? '0 bit/s' : scaled(rate, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s']);
}

/** Formats bytes: `64 B`, `1.96 kB`. */
export function bytes(count) {
  return count < 1000 ? `${count} B` : scaled(count / 1000, ['kB', 'MB', 'GB', 'TB']);
}

/** Formats a rate of events: `0`, `4.20`, `12,345`. */
export function perSecond(rate) {
  if (rate === null || rate === undefined) return NONE;
  if (rate === 0) return '0';
  return rate < 1000 ? threeDigits(rate) : count(Math.round(rate));
}

/** Formats a count: `1,234,567`. */
export function count(number) {
  if (number === null || number === undefined) return NONE;
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Formats a share of 1: `0 %`, `0.25 %`, `12 %`. */
export function share(value) {
  if (value === null || value === undefined) return NONE;
  const percent = value * 100;
  if (percent === 0) return '0 %';
  if (percent < 0.01) return '<0.01 %';
  return percent < 9.995 ? `${Number(percent.toFixed(2))} %` : `${Math.round(percent)} %`;
}

/** Formats two durations in the unit of the longer one, which is all that is needed to compare them: `51.2 / 93.0 µs`. */
export function durations(shorter, longer) {
  if (shorter === null || longer === null) return NONE;
  const [value, unit] = duration(longer).split(' ');
  const divisor = { ns: 1, µs: 1e3, ms: 1e6, s: 1e9 }[unit];
  return `${threeDigits(shorter / divisor)} / ${value} ${unit}`;
}

/** Formats a wall-clock time: `12:03:05`. */
export function clock(unixMs) {
  const time = new Date(unixMs);
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

/** Formats how long ago something was, roughly: `12 s`, `4 min`, `3 h`. */
export function age(ns) {
  const seconds = ns / 1e9;
  if (seconds < 1) return 'now';
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

const PLURALS = { address: 'addresses', 'bridge port': 'bridge ports' };

/** Formats a number of things: `1 link`, `2 links`. */
export function plural(number, noun) {
  return `${count(number)} ${number === 1 ? noun : (PLURALS[noun] ?? `${noun}s`)}`;
}

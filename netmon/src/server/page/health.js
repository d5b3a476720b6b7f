// What is wrong with a link or a namespace, as a level and words. Pure: figures in, judgement out.

import { bitsPerSecond, count, duration, share } from './format.js';

/** Levels from well to bad. Each has a sign and a word, so that colour is never the only difference. */
export const LEVELS = ['ok', 'impaired', 'changed', 'loss', 'down'];
export const SIGNS = { ok: '', impaired: '◆', changed: '●', loss: '▲', down: '✕' };

/** Returns the worse of two levels. */
export function worse(one, other) {
  return LEVELS.indexOf(one) > LEVELS.indexOf(other) ? one : other;
}

const API_NAMES = { aToB: 'a_to_b', bToA: 'b_to_a' };

const DRIFT_WORDS = {
  deleted: () => 'deleted',
  moved: () => 'moved to another namespace',
  set_down: () => 'set down',
  renamed: (drift) => `renamed to ${drift.to}`,
  off_bridge: (drift) => `no longer on ${drift.bridge}`,
  bridge_down: (drift) => `${drift.bridge} is down`,
  namespace_unnamed: () => 'namespace lost its name',
};

/** Returns a drift of an interface in words. */
export function driftWords(drift) {
  return DRIFT_WORDS[drift.kind]?.(drift) ?? drift.kind;
}

const CUTS = new Set(['deleted', 'moved', 'set_down', 'off_bridge', 'bridge_down']);

function endFindings(end) {
  if (!end) return [{ level: 'changed', words: 'peer unknown' }];
  const findings = end.drift.map((drift) => ({
    level: CUTS.has(drift.kind) ? 'down' : 'changed',
    words: `${end.interface} ${driftWords(drift)}`,
  }));
  if (!end.up && !findings.some((found) => found.level === 'down')) {
    findings.push({ level: 'down', words: `${end.interface} is down` });
  }
  if (end.ingress_attached === null || end.egress_attached === null) {
    findings.push({ level: 'changed', words: `${end.interface} is not watched` });
  }
  return findings;
}

/** Returns an impairment in words, as short as the lab file's: `20 ms ±2 ms, 1 % loss, 10 Mbit/s`. */
export function impairmentWords(amounts) {
  if (!amounts) return '';
  const parts = [];
  if (amounts.delay_ns) parts.push(duration(amounts.delay_ns) + (amounts.jitter_ns ? ` ±${duration(amounts.jitter_ns)}` : ''));
  if (amounts.loss_ppm) parts.push(`${share(amounts.loss_ppm / 1e6)} loss`);
  if (amounts.rate_bits_per_second) parts.push(bitsPerSecond(amounts.rate_bits_per_second));
  return parts.join(', ');
}

/** Returns everything to say about a link, the worst first; judged once a second, since many views ask. */
export function findings(link) {
  return (link.findings ??= judge(link));
}

/** Judges a link: everything to say about it, the worst first. */
export function judge(link) {
  const all = [...endFindings(link.a), ...endFindings(link.b)];
  for (const way of ['aToB', 'bToA']) {
    const { lost, share: part } = link.loss[way].sum();
    // A loss that was declared is no problem.
    const level = link.impairment?.[API_NAMES[way]]?.loss_ppm ? 'impaired' : 'loss';
    if (lost > 0) all.push({ level, words: `${share(part)} lost (${count(lost)} in 10 s)`, way, part });
  }
  const impaired = [impairmentWords(link.impairment?.a_to_b), impairmentWords(link.impairment?.b_to_a)];
  const words = impaired[0] === impaired[1] ? impaired.slice(0, 1) : impaired;
  for (const one of words.filter(Boolean)) all.push({ level: 'impaired', words: `impaired: ${one}` });
  return all.sort((one, other) => LEVELS.indexOf(other.level) - LEVELS.indexOf(one.level));
}

/** Returns the level of a link. */
export function level(link) {
  return findings(link)[0]?.level ?? 'ok';
}

/** Returns the word that a badge on the picture has. */
export function badge(found) {
  if (!found) return '';
  if (found.part) return `${share(found.part)} lost`;
  if (found.level === 'impaired') return 'impaired';
  return found.level === 'down' ? 'down' : found.words;
}

/** Returns the class of a rate: 0 is idle, each further class is ten times more. Never clamped below a million. */
export function rateClass(perSecond) {
  if (!perSecond) return 0;
  return Math.max(1, Math.min(7, Math.floor(Math.log10(perSecond)) + 1));
}

/** Returns the class of a line's width, by bits a second. */
export function widthClass(bits) {
  if (!bits) return 0;
  return Math.max(1, Math.min(6, Math.floor(Math.log10(bits)) - 2));
}

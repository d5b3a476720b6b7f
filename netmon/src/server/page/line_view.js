// A line of the picture: a link with both directions apart, or the sum of the links to a fold.

import { setAttribute, setText, svg } from './dom.js';
import { arrow, LABEL } from './geometry.js';
import { bitsPerSecond, duration, durations, NONE } from './format.js';
import * as health from './health.js';
import { widthOf } from './measure.js';

/** The height of the row that says what is wrong. */
const STATE_ROW = 17;
/** What a line is, and the class that says it. */
const FLAGS = [
  ['isIdle', 'idle'], ['isCrowded', 'crowded'], ['isOpen', 'open'], ['isSelected', 'selected'], ['isDim', 'dim'],
  ['isAnimated', 'animated'], ['isPointedAt', 'pointed'], ['mark', 'marked'],
];
const WAYS = ['aToB', 'bToA'];
const API_NAMES = { aToB: 'a_to_b', bToA: 'b_to_a' };

function labelRow(way, y) {
  const figure = (name, x) =>
    svg('text', { class: `figure ${name}`, x, y, 'data-figure': name, 'data-direction': API_NAMES[way] });
  const row = { arrow: svg('text', { class: 'arrow', x: 9, y }), rate: figure('rate', LABEL.rate), latency: figure('latency', LABEL.w - 8) };
  row.group = svg('g', { class: `row ${way}` }, row.arrow, row.rate, row.latency);
  return row;
}

/** Sums one direction over the members of a fold. */
function sum(members, way) {
  const known = members.map((link) => link[way]).filter(Boolean);
  if (known.length === 0) return null;
  const total = (name) => known.reduce((all, one) => all + (one[name] ?? 0), 0);
  return { packetsPerSecond: total('packetsPerSecond'), bitsPerSecond: total('bitsPerSecond'), p50: null, p99: null };
}

/** Returns the text of a direction for those who hear it. */
export function spoken(from, to, figures) {
  if (!figures) return `${from} to ${to}: not known`;
  const latency = figures.p50 === null ? '' : `, median latency ${duration(figures.p50)}`;
  return `${from} to ${to}: ${bitsPerSecond(figures.bitsPerSecond)}${latency}`;
}

/** One line with its elements. */
export class LineView {
  constructor(line) {
    this.line = line;
    this.isAnimated = false;
    const path = (kind) => svg('path', { class: kind });
    this.hit = path('hit');
    this.tracks = { aToB: path('track aToB'), bToA: path('track bToA') };
    this.flows = { aToB: path('flow aToB'), bToA: path('flow bToA') };
    this.rows = { aToB: labelRow('aToB', 16), bToA: labelRow('bToA', 32) };
    this.open = svg('text', { class: 'open-end' }, '?');
    this.buildLabel();
    const lanes = [...WAYS.map((way) => this.tracks[way]), ...WAYS.map((way) => this.flows[way])];
    this.element = svg('g', { class: 'line', tabindex: -1, role: 'button', ...this.identity }, this.hit, ...lanes, this.open);
  }

  /** The attribute by which a click finds what was meant. */
  get identity() {
    return { [this.line.kind === 'link' ? 'data-link' : 'data-fold']: this.line.id };
  }

  buildLabel() {
    this.card = svg('rect', { class: 'card', width: LABEL.w, height: LABEL.h, rx: 9 });
    this.badgeText = svg('text', { class: 'badge-text', x: 9, y: 12.5 });
    this.badgeCard = svg('rect', { class: 'badge-card', height: 18, rx: 9 });
    this.badge = svg('g', { class: 'badge' }, this.badgeCard, this.badgeText);
    this.figures = svg('g', { class: 'figures' }, this.card, ...WAYS.map((way) => this.rows[way].group));
    this.label = svg('g', { class: 'label', 'aria-hidden': 'true', ...this.identity }, this.figures, this.badge);
  }

  /** Draws the line along its route, with its label at a place; null hides the label until the line is pointed at. */
  place(route, labelAt, middle, scale) {
    this.hit.setAttribute('d', route.middle);
    for (const way of WAYS) {
      this.tracks[way].setAttribute('d', route[way]);
      this.flows[way].setAttribute('d', route[way]);
    }
    this.rows.aToB.arrow.textContent = arrow(route.a, route.b);
    this.rows.bToA.arrow.textContent = arrow(route.b, route.a);
    this.open.setAttribute('x', route.b.x);
    this.open.setAttribute('y', route.b.y + 5);
    const at = labelAt ?? middle;
    const [x, y] = [at.x - (LABEL.w / 2) * scale, at.y - (LABEL.h / 2) * scale];
    this.label.setAttribute('transform', `translate(${Math.round(x)} ${Math.round(y)}) scale(${scale})`);
    this.isCrowded = labelAt === null;
    this.isOpen = route.isOpen ?? false;
  }

  /** Takes the figures of the latest second. Figures that are too small to be read are left as they are. */
  update(members, { isReadable, isSpoken }) {
    this.isReadable = isReadable;
    this.state = this.line.kind === 'link' ? members[0] : { aToB: sum(members, 'aToB'), bToA: sum(members, 'bToA') };
    const found = this.worst(members);
    this.level = found?.level ?? 'ok';
    this.paintLanes();
    this.paintBadge(found);
    this.isIdle = WAYS.every((way) => !this.state[way]?.packetsPerSecond);
    if (isReadable || this.isPointedAt) this.paintFigures();
    if (isSpoken || this.isPointedAt) this.speak(members, found);
    this.paintClass();
  }

  worst(members) {
    if (members.length === 1) return health.findings(members[0])[0];
    const all = members.map((link) => health.findings(link)[0]).filter(Boolean);
    return all.reduce((worst, one) => (worst && health.worse(worst.level, one.level) === worst.level ? worst : one), null);
  }

  paintLanes() {
    for (const way of WAYS) {
      const figures = this.state[way];
      const speed = health.rateClass(figures?.packetsPerSecond);
      setAttribute(this.tracks[way], 'class', `track ${way} w${health.widthClass(figures?.bitsPerSecond)}`);
      setAttribute(this.flows[way], 'class', `flow ${way} s${this.isAnimated ? speed : 0}`);
    }
  }

  paintFigures() {
    for (const way of WAYS) {
      const figures = this.state[way];
      const isIdle = figures && !figures.packets && !figures.packetsPerSecond;
      setText(this.rows[way].rate, isIdle ? 'idle' : bitsPerSecond(figures?.bitsPerSecond));
      setText(this.rows[way].latency, figures?.p50 ? durations(figures.p50, figures.p99) : isIdle || !figures ? '' : NONE);
    }
  }

  paintBadge(found) {
    const text = this.mark ?? (found ? `${health.SIGNS[found.level]} ${health.badge(found)}` : '');
    setText(this.badgeText, text);
    this.badgeWidth = text === '' ? 0 : Math.round(widthOf(text, 11.5, 600) + 19);
    setAttribute(this.badgeCard, 'width', this.badgeWidth);
  }

  /** The badge is a row on top of the figures, or stands alone where these are not shown. */
  placeBadge() {
    const isHidden = !this.isReadable || this.isIdle || this.isCrowded || this.level === 'down' || this.mark;
    const isAlone = isHidden && !this.isPointedAt && !this.isSelected;
    const rise = this.badgeWidth > 0 && !isAlone ? STATE_ROW : 0;
    setAttribute(this.card, 'y', -rise);
    setAttribute(this.card, 'height', LABEL.h + rise);
    const x = isAlone ? Math.round((LABEL.w - this.badgeWidth) / 2) : 0;
    setAttribute(this.badge, 'transform', `translate(${x} ${isAlone ? LABEL.h / 2 - 9 : 2 - STATE_ROW})`);
    setAttribute(this.badge, 'class', isAlone ? 'badge alone' : 'badge');
  }

  speak(members, found) {
    const what = this.line.kind === 'link' ? `Link ${this.line.id}` : `${members.length} links`;
    const [from, to] = [this.line.from, this.line.to ?? 'unknown'];
    const ways = [spoken(from, to, this.state.aToB), spoken(to, from, this.state.bToA)];
    const state = found ? `. ${found.words}` : '';
    setAttribute(this.element, 'aria-label', `${what}. ${ways.join('; ')}${state}`);
  }

  paintClass() {
    this.placeBadge();
    let classes = `level-${this.level}`;
    for (const [flag, name] of FLAGS) if (this[flag]) classes += ` ${name}`;
    if (this.line.kind === 'fold') classes += ' aggregated';
    if (classes === this.classes) return;
    this.classes = classes;
    this.element.setAttribute('class', `line ${classes}`);
    this.label.setAttribute('class', `label ${classes}`);
  }
}

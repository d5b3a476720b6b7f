// A box of the picture: a namespace with its bridges and services, or a fold with its sums.

import { setAttribute, setText, svg } from './dom.js';
import { plural } from './format.js';

/** Returns the failing probes of a namespace, in words; empty if all is well. */
export function probeWords(probes) {
  const failing = probes.filter((probe) => probe.success === false);
  return failing.length === 0 ? '' : `▲ ${plural(failing.length, 'probe')} ${failing.length === 1 ? 'fails' : 'fail'}`;
}

const FLAGS = [['isFailing', 'failing'], ['isSelected', 'selected'], ['isDim', 'dim'], ['mark', 'marked']];

/** One box with its elements. */
export class BoxView {
  constructor(box) {
    this.element = svg('g', { class: 'box', tabindex: -1, role: 'button', [box.kind === 'namespace' ? 'data-namespace' : 'data-fold']: box.id });
    this.badge = svg('text', { class: 'box-badge' });
    this.setBox(box);
  }

  /** Takes the box as it is described now. */
  setBox(box) {
    const before = JSON.stringify(this.box ?? null);
    this.box = box;
    if (before !== JSON.stringify(box)) this.build();
  }

  build() {
    this.visible = [this.box.shown, ...this.box.rows.map((row) => row.shown)].join(' ');
    const { w, h, rows, shown, kind } = this.box;
    const [left, top] = [-w / 2, -h / 2];
    const parts = [svg('rect', { class: 'card', x: left, y: top, width: w, height: h, rx: 11 })];
    if (kind === 'fold') parts.unshift(svg('rect', { class: 'card behind', x: left + 7, y: top + 7, width: w, height: h, rx: 11 }));
    parts.push(svg('text', { class: 'name', x: left + 14, y: top + 24 }, shown));
    rows.forEach((row, index) => parts.push(...this.row(row, left + 14, top + 43 + index * 16)));
    this.badge.setAttribute('x', left + 14);
    this.badge.setAttribute('y', h / 2 + 16);
    // White space between texts is not drawn, and keeps words apart for those who hear them.
    this.element.replaceChildren(...parts.flatMap((part) => [part, ' ']), this.badge);
  }

  row(row, x, y) {
    if (row.kind === 'note') return [svg('text', { class: 'row note', x, y }, row.shown)];
    const sign = row.kind === 'bridge'
      ? svg('path', { class: 'sign bridge', d: `M${x} ${y - 4}h9M${x + 1.5} ${y - 4}v4M${x + 7.5} ${y - 4}v4M${x + 4.5} ${y - 4}v-4` })
      : svg('circle', { class: `sign ${row.kind}`, cx: x + 4.5, cy: y - 4, r: 3.2 });
    return [sign, svg('text', { class: `row ${row.kind}`, x: x + 15, y }, row.shown)];
  }

  place({ x, y }) {
    this.element.setAttribute('transform', `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
  }

  /** Takes the state of the namespace's probes and links. */
  update(probes, links) {
    const words = probeWords(probes);
    setText(this.badge, this.mark ?? words);
    this.isFailing = words !== '';
    const kind = this.box.kind === 'fold' ? 'folded namespaces' : 'namespace';
    const whole = this.box.shown === this.box.title ? '' : ` ${this.box.title}`;
    setAttribute(this.element, 'aria-label', `${this.visible} ${this.mark ?? words}. ${kind}${whole}, ${plural(links, 'link')}`);
    this.paintClass();
  }

  paintClass() {
    let classes = `box ${this.box.kind}${this.box.isHub ? ' hub' : ''}`;
    for (const [flag, name] of FLAGS) if (this[flag]) classes += ` ${name}`;
    setAttribute(this.element, 'class', classes);
  }
}

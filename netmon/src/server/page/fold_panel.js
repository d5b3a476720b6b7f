// The namespaces that fold into one box: a list from which each can be opened.

import { html, setText } from './dom.js';
import { bitsPerSecond, plural } from './format.js';
import { level, SIGNS, worse } from './health.js';
import { folds } from './graph.js';
import { section } from './link_panel.js';
import * as parts from './parts.js';

/** The panel of a fold on a hub. */
export class FoldPanel {
  constructor(hub, picture, context) {
    Object.assign(this, { hub, picture, context });
    this.title = `More on ${hub}`;
    this.subtitle = html('p', { class: 'ends' });
    this.slot = html('div', { class: 'slot' });
    this.body = html('div', { class: 'blocks' }, this.subtitle, section('Namespaces', this.slot));
  }

  update(model) {
    const members = folds(model, this.picture.pulledOut).get(this.hub);
    if (!members) return this.context.close();
    setText(this.subtitle, `${plural(members.length, 'namespace')} in one box. Open one to pull it out.`);
    if (JSON.stringify(members) !== this.key) this.build(members);
    this.key = JSON.stringify(members);
    for (const [name, cells] of this.cells) this.updateRow(model.linksOf(name), cells);
  }

  updateRow(links, [out, into, state]) {
    const sum = (way) => links.reduce((all, link) => all + (link[way]?.bitsPerSecond ?? 0), 0);
    setText(out, bitsPerSecond(sum('aToB')));
    setText(into, bitsPerSecond(sum('bToA')));
    const worst = links.map(level).reduce(worse, 'ok');
    setText(state, worst === 'ok' ? 'ok' : `${SIGNS[worst]} ${worst}`);
  }

  build(members) {
    this.cells = new Map(members.map((name) => [name, [html('span', {}), html('span', {}), html('span', {})]]));
    const rows = members.map((name) => {
      const open = html('button', { type: 'button', class: 'as-link', onclick: () => this.context.select({ kind: 'namespace', name }) }, name);
      const [out, into, state] = this.cells.get(name);
      return [open, state, out, into];
    });
    this.slot.replaceChildren(parts.grid('Folded namespaces', ['Namespace', 'State', 'a to b', 'b to a'], rows, 2));
  }

  recolour() {}

  close() {}
}

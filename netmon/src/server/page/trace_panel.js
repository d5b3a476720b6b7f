// The way of one packet: the ladder of `netmon trace` as the agent keeps it.

import { html } from './dom.js';
import { duration } from './format.js';
import * as parts from './parts.js';
import { section } from './link_panel.js';
import { readTrace } from './trace.js';

/** The panel of the newest trace. */
export class TracePanel {
  constructor(traces, context) {
    this.context = context;
    this.traces = traces;
    this.trace = readTrace(traces[0]);
    this.title = this.trace.title;
    const rows = this.trace.rungs.map((rung) => this.row(rung));
    this.body = html('div', { class: 'blocks' },
      html('p', { class: 'ends' }, this.trace.subtitle),
      ...(this.trace.sentence ? [html('p', { class: 'verdict' }, this.trace.sentence)] : []),
      section('Rungs', parts.grid('Rungs of the trace', ['What', 'Where', 'since start', 'took', ''], rows, 2)));
  }

  row(rung) {
    const bar = html('span', { class: `rung-bar ${rung.kind}` });
    bar.style.width = `${Math.max(1, Math.round(rung.share * 90))}px`;
    return [rung.kind, rung.where, rung.since === null ? '' : duration(rung.since), duration(rung.took), bar];
  }

  update() {}

  recolour() {}

  close() {}
}

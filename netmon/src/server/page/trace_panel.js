// The way of one packet: the ladder of `netmon trace` as the agent keeps it.

import { html } from './dom.js';
import { clock, duration, NONE } from './format.js';
import { section } from './link_panel.js';
import * as parts from './parts.js';
import { readTrace } from './trace.js';

/** The panel of the traces, with one of them opened; the picture shows the same. */
export class TracePanel {
  constructor(traces, context) {
    Object.assign(this, { traces, context });
    this.title = 'Way of one packet';
    this.choice = html('select', { 'aria-label': 'Which trace', onchange: () => this.open(Number(this.choice.value)) });
    this.choice.append(...traces.map((trace, index) => html('option', { value: index }, `${clock(trace.taken_at_unix_ms)}  ${readTrace(trace).title}`)));
    this.slot = html('div', { class: 'blocks inner' });
    this.body = html('div', { class: 'blocks' }, this.choice, this.slot);
    this.open(0);
  }

  open(index) {
    const trace = readTrace(this.traces[index]);
    this.context.mark(this.traces[index]);
    const told = [...trace.sentences, trace.loss].filter(Boolean).map((sentence) => html('p', { class: 'verdict' }, sentence));
    const rows = trace.rungs.map((rung) => this.row(rung));
    const heads = ['Rung', 'share', 'since start', 'took', 'median', 'worst'];
    const ladder = rows.length > 0 ? parts.grid('Rungs of the trace', heads, rows, 2) : html('p', { class: 'note' }, 'No packet went there and back.');
    this.slot.replaceChildren(html('p', {}, html('b', {}, trace.title)), html('p', { class: 'note' }, trace.subtitle), ...told,
      section('Rungs', ladder, ...(trace.equation ? [html('p', { class: 'note' }, trace.equation)] : [])));
    this.slot.querySelectorAll('tbody tr')[trace.slowest]?.classList.add('slowest');
  }

  row(rung) {
    const bar = html('span', { class: `rung-bar ${rung.what} ${rung.isBack ? 'back' : 'there'}` });
    bar.style.width = `${Math.max(2, Math.round(rung.share * 64))}px`;
    const name = html('span', { title: rung.way }, `${rung.isBack ? '←' : '→'} ${rung.name}`);
    const time = (ns) => (ns === null || ns === undefined ? NONE : duration(ns));
    return [name, bar, time(rung.since), time(rung.took), time(rung.median), time(rung.worst)];
  }

  update() {}

  recolour() {}

  close() {
    this.context.mark(null);
  }
}

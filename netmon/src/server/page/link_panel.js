// One link: its latest second, charts from the history, and what the API says of it while it is open.

import { Chart } from './charts.js';
import { forLink } from './commands.js';
import { Details } from './details.js';
import { fact, html, setText } from './dom.js';
import { bitsPerSecond, count, duration, NONE, perSecond, share } from './format.js';
import { findings, SIGNS } from './health.js';
import { Heatmap } from './heatmap.js';
import * as parts from './parts.js';
import { columnsOf, hasData } from './series.js';

const FIGURES = [
  ['rate', 'Rate', (way) => bitsPerSecond(way.bitsPerSecond)],
  ['packets', 'Packets/s', (way) => perSecond(way.packetsPerSecond)],
  ['p50', 'Median', (way) => duration(way.p50)],
  ['p99', 'p99', (way) => duration(way.p99)],
  ['lost', 'Lost', (way, link, name) => (way.lostTotal === null && way.lost === null ? NONE : share(link.loss[name].sum().share))],
  ['total', 'Packets', (way) => count(way.packetsTotal)],
];
const API_NAMES = { aToB: 'a_to_b', bToA: 'b_to_a' };

/** A section of a panel with a heading. */
export function section(title, ...children) {
  return html('section', { class: 'block' }, html('h3', {}, title), ...children);
}

/** The pills that say what is wrong. */
export function pills(found) {
  return found.map(({ level, words }) => html('li', { class: `pill level-${level}` }, `${SIGNS[level]} ${words}`));
}

function charts(from, to) {
  const [there, back] = [`${from} → ${to}`, `${to} → ${from}`];
  const both = (kind, of) => [{ label: there, colour: 'a-to-b', kind, ...of }, { label: back, colour: 'b-to-a', kind, ...of }];
  return {
    rate: { columns: ['aToB.bits', 'bToA.bits'], of: { title: 'Rate', lines: both('main', { area: true }), format: bitsPerSecond } },
    latency: {
      columns: ['aToB.p50', 'aToB.p99', 'aToB.max', 'bToA.p50', 'bToA.p99', 'bToA.max'],
      of: {
        title: 'One-way latency: median, p99, largest', format: duration, isLog: true, bands: [[1, 0], [4, 3]],
        lines: [['a-to-b', there], ['b-to-a', back]].flatMap(([colour, label]) => [
          { label, colour, kind: 'main' }, { label: 'p99', colour, kind: 'faint' }, { label: 'largest', colour, kind: 'dotted' },
        ]),
      },
    },
    lost: { columns: ['aToB.lost', 'bToA.lost'], of: { title: 'Lost segments a second', lines: both('main', { area: true }), format: perSecond } },
    roundTrips: {
      columns: ['endA.icmp', 'endB.icmp', 'endA.tcp', 'endB.tcp'],
      of: {
        title: 'Round trips', format: duration, isLog: true,
        lines: [
          { label: `ping from ${from}`, colour: 'a-to-b', kind: 'main' }, { label: `ping from ${to}`, colour: 'b-to-a', kind: 'main' },
          { label: `TCP data from ${from}`, colour: 'a-to-b', kind: 'dotted' }, { label: `TCP data from ${to}`, colour: 'b-to-a', kind: 'dotted' },
        ],
      },
    },
  };
}

/** The panel of one link. */
export class LinkPanel {
  constructor(link, context) {
    Object.assign(this, { context, name: link.name });
    this.from = link.a.namespace;
    this.to = link.b?.namespace ?? 'peer';
    this.title = link.name;
    this.figures = Object.fromEntries(['aToB', 'bToA'].map((way) => [way, this.figureCard(way)]));
    this.pills = html('ul', { class: 'pills' });
    this.ends = html('p', { class: 'ends' });
    this.charts = Object.entries(charts(this.from, this.to)).map(([name, { columns, of }]) => ({ name, columns, chart: new Chart(of) }));
    this.heat = ['aToB', 'bToA'].map((way) => new Heatmap(`Latency, ${way === 'aToB' ? `${this.from} → ${this.to}` : `${this.to} → ${this.from}`}`, way));
    this.slots = Object.fromEntries(['roundTrip', 'queue', 'impairment', 'protocols', 'connections', 'drops', 'audit'].map((name) => [name, html('div', { class: 'slot' })]));
    this.build(link);
    const query = encodeURIComponent(link.name);
    this.details = new Details([`api/v1/links?link=${query}`, `api/v1/flows?link=${query}&limit=200`], (answers) => this.showDetails(answers));
  }

  build(link) {
    const waiting = () => html('p', { class: 'note' }, 'Asking …');
    for (const slot of Object.values(this.slots)) slot.append(waiting());
    this.impairmentBlock = section('Impairment', this.slots.impairment);
    this.impairmentBlock.hidden = true;
    this.queueBlock = section('Queue and crossing', this.slots.queue);
    this.queueBlock.hidden = true;
    this.commands = section('Commands', parts.commandList(forLink(link), this.context.announce));
    this.body = html('div', { class: 'blocks' },
      this.ends, this.pills,
      html('div', { class: 'directions' }, this.figures.aToB.element, this.figures.bToA.element),
      ...this.charts.map(({ chart }) => chart.element), ...this.heat.map((map) => map.element),
      section('Round trip, taken apart', this.slots.roundTrip), this.queueBlock, this.impairmentBlock,
      section('Protocols', this.slots.protocols), section('Connections', this.slots.connections),
      section('Dropped by the kernel', this.slots.drops), section('Audit: netmon beside the kernel', this.slots.audit), this.commands);
  }

  figureCard(way) {
    const values = FIGURES.map(([name]) => html('span', { 'data-figure': name, 'data-direction': API_NAMES[way] }));
    const title = way === 'aToB' ? `${this.from} → ${this.to}` : `${this.to} → ${this.from}`;
    const facts = FIGURES.map(([, term], index) => fact(term, values[index]));
    return { values, element: html('section', { class: `direction ${way}` }, html('h3', {}, title), html('dl', { class: 'facts' }, ...facts)) };
  }

  /** Draws the latest second. */
  update(model, history) {
    const link = model.byName.get(this.name);
    if (!link) return this.context.close();
    this.updateHead(link);
    for (const [name, { values }] of Object.entries(this.figures)) {
      FIGURES.forEach(([, , text], index) => setText(values[index], link[name] ? text(link[name], link, name) : NONE));
    }
    this.drawHistory(history.of(this.name));
  }

  updateHead(link) {
    const end = ({ namespace, interface: name, addresses }) => [namespace, name, ...addresses].join(' ');
    setText(this.ends, `${end(link.a)} ↔ ${link.b ? end(link.b) : 'unknown peer'}`);
    const found = findings(link);
    const key = JSON.stringify(found);
    if (key !== this.pillsKey) this.pills.replaceChildren(...pills(found));
    this.pillsKey = key;
  }

  drawHistory(points) {
    if (points.length === 0) return;
    const columns = columnsOf(points);
    for (const { name, columns: names, chart } of this.charts) {
      const isEmpty = name !== 'rate' && !names.some((column) => hasData(columns[column]));
      const isQuiet = name === 'lost' && !names.some((column) => columns[column].some((value) => value > 0));
      chart.element.hidden = isEmpty || isQuiet;
      if (!chart.element.hidden) chart.draw([columns.time, ...names.map((column) => columns[column])]);
    }
    for (const map of this.heat) {
      map.element.hidden = !hasData(columns[`${map.way}.p50`]);
      if (!map.element.hidden) map.draw(points);
    }
  }

  showDetails([links, flows]) {
    const link = links?.links.find((one) => one.name === this.name);
    if (!link) return;
    const imposed = parts.impairment(link);
    this.impairmentBlock.hidden = imposed === null;
    this.fill('impairment', imposed ?? []);
    this.fill('roundTrip', parts.roundTrips(link));
    const queue = parts.queueAndCrossing(link);
    this.queueBlock.hidden = queue === null;
    this.fill('queue', queue ?? []);
    this.fill('protocols', parts.protocols(link));
    this.fill('connections', parts.connections(flows, link));
    this.fill('drops', parts.dropTable([link.a, link.b]));
    this.fill('audit', parts.audit(link));
  }

  /** Replaces a block, unless text in it is being selected or nothing changed. */
  fill(name, elements) {
    const slot = this.slots[name];
    const next = html('div', {}, ...elements);
    const isSelecting = !getSelection().isCollapsed && slot.contains(getSelection().anchorNode);
    if (slot.innerHTML !== next.innerHTML && !isSelecting) slot.replaceChildren(...next.childNodes);
  }

  recolour() {
    for (const { chart } of this.charts) chart.recolour();
  }

  close() {
    this.details.stop();
    for (const { chart } of this.charts) chart.destroy();
  }
}

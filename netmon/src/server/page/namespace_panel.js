// One namespace: its ends, bridges, services, probes and drops.

import { forNamespace } from './commands.js';
import { Details } from './details.js';
import { html, setText } from './dom.js';
import { bitsPerSecond, count, duration, NONE, plural } from './format.js';
import { findings } from './health.js';
import { pills, section } from './link_panel.js';
import * as parts from './parts.js';

/** Drops are asked for link by link, for namespaces with at most this many. */
const MOST_ASKED = 8;

/** Returns the ends of a link in a namespace, each with what leaves and what arrives. */
function endsIn(link, namespace) {
  const ends = [];
  if (link.a.namespace === namespace) ends.push({ end: link.a, peer: link.b, out: link.aToB, into: link.bToA });
  if (link.b?.namespace === namespace) ends.push({ end: link.b, peer: link.a, out: link.bToA, into: link.aToB });
  return ends.map((one) => ({ ...one, link }));
}

/** Returns the word of a probe's last attempt. */
export function probeState(probe) {
  if (probe.success === null) return '… not yet';
  return probe.success ? '✓ succeeds' : `▲ fails${probe.error ? `: ${probe.error}` : ''}`;
}

/** Returns the state of a service, with how often it was restarted and how it ended last. */
export function serviceState({ state, restarts, last_exit: lastExit }) {
  if (state === null) return NONE;
  const more = [restarts > 0 ? plural(restarts, 'restart') : null, lastExit && `last: ${lastExit}`].filter(Boolean);
  return `${state === 'running' ? '✓' : '▲'} ${state}${more.length > 0 ? ` (${more.join(', ')})` : ''}`;
}

/** Returns a table of probes. */
export function probeTable(probes) {
  const rows = probes.map((probe) => [probe.from, probe.name, probe.kind, probeState(probe), probe.lastNs ? duration(probe.lastNs) : NONE, count(probe.failures ?? null)]);
  return parts.grid('Probes', ['From', 'Target', 'Kind', 'Last attempt', 'took', 'failures'], rows, 4);
}

/** The panel of one namespace. */
export class NamespacePanel {
  constructor(name, model, context) {
    Object.assign(this, { name, context });
    this.title = name;
    this.slots = Object.fromEntries(['ends', 'contents', 'probes', 'drops'].map((slot) => [slot, html('div', { class: 'slot' })]));
    this.pills = html('ul', { class: 'pills' });
    this.subtitle = html('p', { class: 'ends' });
    this.body = html('div', { class: 'blocks' }, this.subtitle, this.pills,
      section('Links', this.slots.ends), section('Bridges and services', this.slots.contents), section('Probes from here', this.slots.probes),
      section('Dropped by the kernel', this.slots.drops), section('Commands', parts.commandList(forNamespace(name), context.announce)));
    this.askDrops(model.linksOf(name));
  }

  askDrops(links) {
    if (links.length > MOST_ASKED) {
      this.slots.drops.append(html('p', { class: 'note' }, 'Open a link to see the drops of its ends.'));
      return;
    }
    const paths = links.map((link) => `api/v1/links?link=${encodeURIComponent(link.name)}`);
    this.details = new Details(paths, (answers) => this.showDrops(answers));
  }

  showDrops(answers) {
    const links = answers.flatMap((answer) => answer?.links ?? []);
    const ends = links.flatMap((link) => [link.a, link.b]).filter((end) => end?.namespace === this.name);
    if (ends.length > 0) this.slots.drops.replaceChildren(...parts.dropTable(ends));
  }

  update(model) {
    if (!model.namespaces.includes(this.name)) return this.context.close();
    const links = model.linksOf(this.name);
    const found = links.flatMap((link) => findings(link).map((one) => ({ ...one, words: `${link.name}: ${one.words}` })));
    const key = JSON.stringify(found);
    if (key !== this.pillsKey) this.pills.replaceChildren(...pills(found.slice(0, 6)));
    this.pillsKey = key;
    setText(this.subtitle, this.name === 'root' ? 'the namespace in which netmon was started' : 'network namespace');
    this.updateEnds(links);
    this.updateContents(model.contents(this.name).bridges, model.servicesIn(this.name));
    this.updateProbes(model.probesFrom(this.name));
  }

  updateEnds(links) {
    const ends = links.flatMap((link) => endsIn(link, this.name));
    const key = ends.map(({ link, end, peer }) => [link.name, end.interface, end.addresses, peer?.namespace]);
    if (JSON.stringify(key) !== this.endsKey) this.buildEnds(ends);
    this.endsKey = JSON.stringify(key);
    ends.forEach(({ out, into }, index) => {
      const [outText, inText] = this.endFigures[index];
      setText(outText, bitsPerSecond(out?.bitsPerSecond));
      setText(inText, bitsPerSecond(into?.bitsPerSecond));
    });
  }

  buildEnds(ends) {
    this.endFigures = ends.map(() => [html('span', {}), html('span', {})]);
    const rows = ends.map(({ link, end, peer }, index) => {
      const open = html('button', { type: 'button', class: 'as-link', onclick: () => this.context.select({ kind: 'link', name: link.name }) }, link.name);
      return [open, `${end.interface} ${end.addresses.join(' ')}`, peer?.namespace ?? 'unknown', ...this.endFigures[index]];
    });
    this.slots.ends.replaceChildren(parts.grid('Links of this namespace', ['Link', 'Interface', 'To', 'out', 'in'], rows, 3));
  }

  updateContents(bridges, services) {
    const rows = [...bridges.map((text) => ['bridge', text, NONE]), ...services.map((one) => ['service', `${one.name} ${one.what}`, serviceState(one)])];
    const key = JSON.stringify(rows);
    if (key === this.contentsKey) return;
    this.contentsKey = key;
    const shown = rows.length === 0 ? html('p', { class: 'note' }, 'None.') : parts.grid('Bridges and services', ['Kind', 'What', 'State'], rows, 3);
    this.slots.contents.replaceChildren(shown);
  }

  updateProbes(probes) {
    const shown = probes.length === 0 ? html('p', { class: 'note' }, 'None.') : probeTable(probes);
    if (this.slots.probes.innerHTML !== shown.outerHTML) this.slots.probes.replaceChildren(shown);
  }

  recolour() {}

  close() {
    this.details?.stop();
  }
}

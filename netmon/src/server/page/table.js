// The same data as tables: sortable, filtered, the default on a narrow screen and for screen readers.

import { html, setAttribute, setText } from './dom.js';
import { bitsPerSecond, count, duration, NONE, share } from './format.js';
import { badge, findings, LEVELS, SIGNS } from './health.js';
import { probeState } from './namespace_panel.js';

function number(value) {
  return value ?? -1;
}

function worstShare(link) {
  return Math.max(link.loss.aToB.sum().share, link.loss.bToA.sum().share);
}

function stateOf(link) {
  const [found] = findings(link);
  return { level: found?.level ?? 'ok', text: found ? `${SIGNS[found.level]} ${badge(found)}` : 'ok' };
}

const perWay = (name, title, format, way) => ({
  key: `${name}.${way}`, title, isNumber: true, way,
  value: (link) => number(link[way]?.[name]), text: (link) => format(link[way]?.[name] ?? null),
});

const LINKS = [
  { key: 'name', title: 'Link', value: (link) => link.name, text: (link) => link.name, opens: (link) => ({ kind: 'link', name: link.name }) },
  { key: 'a', title: 'a', value: (link) => link.a.namespace, text: (link) => `${link.a.namespace} ${link.a.interface}`, isMinor: true },
  { key: 'b', title: 'b', value: (link) => link.b?.namespace ?? '', text: (link) => (link.b ? `${link.b.namespace} ${link.b.interface}` : NONE), isMinor: true },
  { key: 'state', title: 'State', value: (link) => LEVELS.indexOf(stateOf(link).level), text: (link) => stateOf(link).text, level: (link) => stateOf(link).level },
  perWay('bitsPerSecond', 'a→b', bitsPerSecond, 'aToB'),
  perWay('bitsPerSecond', 'b→a', bitsPerSecond, 'bToA'),
  perWay('p50', 'a→b median', duration, 'aToB'),
  perWay('p99', 'a→b p99', duration, 'aToB'),
  perWay('p50', 'b→a median', duration, 'bToA'),
  perWay('p99', 'b→a p99', duration, 'bToA'),
  { key: 'lost', title: 'Lost', isNumber: true, value: worstShare, text: (link) => share(worstShare(link)) },
  { key: 'total', title: 'Packets', isNumber: true, isMinor: true, value: (link) => number(link.aToB?.packetsTotal) + number(link.bToA?.packetsTotal),
    text: (link) => count((link.aToB?.packetsTotal ?? 0) + (link.bToA?.packetsTotal ?? 0)) },
];

const sumOf = (name) => (row) => row.ends.reduce((all, end) => all + (end[name]?.bitsPerSecond ?? 0), 0);

const NAMESPACES = [
  { key: 'name', title: 'Namespace', value: (row) => row.name, text: (row) => row.name, opens: (row) => ({ kind: 'namespace', name: row.name }) },
  { key: 'links', title: 'Links', isNumber: true, value: (row) => row.ends.length, text: (row) => count(row.ends.length) },
  { key: 'out', title: 'out', isNumber: true, value: sumOf('out'), text: (row) => bitsPerSecond(sumOf('out')(row)) },
  { key: 'in', title: 'in', isNumber: true, value: sumOf('into'), text: (row) => bitsPerSecond(sumOf('into')(row)) },
  { key: 'contents', title: 'Bridges and services', value: (row) => row.contents, text: (row) => row.contents || NONE, isMinor: true },
];

const PROBES = [
  { key: 'from', title: 'From', value: (row) => row.from, text: (row) => row.from, opens: (row) => ({ kind: 'namespace', name: row.from }) },
  { key: 'name', title: 'Target', value: (row) => row.name, text: (row) => row.name },
  { key: 'kind', title: 'Kind', value: (row) => row.kind, text: (row) => row.kind },
  { key: 'state', title: 'Last attempt', value: probeState, text: probeState, level: (row) => (row.success === false ? 'loss' : 'ok') },
  { key: 'took', title: 'took', isNumber: true, value: (row) => number(row.lastNs), text: (row) => (row.lastNs ? duration(row.lastNs) : NONE) },
  { key: 'failures', title: 'failures', isNumber: true, value: (row) => number(row.failures), text: (row) => count(row.failures ?? null) },
];

function namespaceRows(model) {
  const ends = new Map(model.namespaces.map((name) => [name, []]));
  for (const link of model.links) {
    ends.get(link.a.namespace)?.push({ out: link.aToB, into: link.bToA });
    if (link.b) ends.get(link.b.namespace)?.push({ out: link.bToA, into: link.aToB });
  }
  return model.namespaces.map((name) => {
    const { bridges, services } = model.contents(name);
    return { id: name, name, ends: ends.get(name), contents: [...bridges, ...services].join(', ') };
  });
}

/** The tables by name: their columns, their rows, and which rows a search leaves. */
export const TABLES = {
  links: { title: 'Links', columns: LINKS, rows: (model) => model.links.map((link) => ({ ...link, id: link.name })), keeps: (row, found) => found.links.has(row.name) },
  namespaces: { title: 'Namespaces', columns: NAMESPACES, rows: namespaceRows, keeps: (row, found) => found.namespaces.has(row.name) },
  probes: { title: 'Probes', columns: PROBES, rows: (model) => model.probes.map((probe, index) => ({ ...probe, id: index })), keeps: (row, found) => found.namespaces.has(row.from) },
};

/** Parses `column` or `-column` (largest first) to `{ key, isDescending }`. */
export function parseSort(text) {
  const isDescending = text?.startsWith('-') ?? false;
  return { key: isDescending ? text.slice(1) : (text ?? ''), isDescending };
}

/** Returns rows in order. Equal rows keep the order of the lab. */
export function sorted(rows, columns, sort) {
  const { key, isDescending } = parseSort(sort);
  const column = columns.find((one) => one.key === key);
  if (!column) return rows;
  const by = (one, other) => {
    const [a, b] = [column.value(one), column.value(other)];
    return a < b ? -1 : a > b ? 1 : 0;
  };
  return [...rows].sort((one, other) => (isDescending ? by(other, one) : by(one, other)));
}

/** The table view. `on` has `select(chosen)`, `sort(text)` and `tab(name)`. */
export class Table {
  constructor(element, on) {
    Object.assign(this, { element, on });
    this.tabs = html('div', { class: 'tabs', role: 'group', 'aria-label': 'Which table' });
    this.head = html('thead', {});
    this.body = html('tbody', {});
    this.table = html('table', {}, this.head, this.body);
    this.empty = html('p', { class: 'note', hidden: true });
    element.append(this.tabs, html('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Rows' }, this.table), this.empty);
    this.rows = new Map();
  }

  update(model, found, { tab, sort, selected }) {
    const name = tab in TABLES ? tab : 'links';
    const { columns, rows, keeps } = TABLES[name];
    this.showHead(name, columns, sort, model);
    const shown = rows(model).filter((row) => found === null || keeps(row, found));
    this.showRows(sorted(shown, columns, sort), columns, selected);
    this.empty.hidden = shown.length > 0;
    setText(this.empty, found === null ? 'Nothing here.' : 'Nothing matches the search.');
  }

  showHead(name, columns, sort, model) {
    const key = JSON.stringify([name, sort, model.probes.length]);
    if (key === this.headKey) return;
    if (name !== this.name) this.clearRows();
    Object.assign(this, { headKey: key, name });
    const tab = ([id, { title }]) =>
      html('button', { type: 'button', 'aria-pressed': String(id === name), onclick: () => this.on.tab(id) }, title);
    this.tabs.replaceChildren(...Object.entries(TABLES).map(tab));
    setAttribute(this.table, 'aria-label', TABLES[name].title);
    this.head.replaceChildren(html('tr', {}, ...columns.map((column) => this.headCell(column, parseSort(sort)))));
  }

  headCell(column, { key, isDescending }) {
    const isSorted = key === column.key;
    const order = isSorted ? (isDescending ? 'descending' : 'ascending') : null;
    const mark = html('span', { class: 'mark', 'aria-hidden': 'true' }, isSorted ? (isDescending ? '▾' : '▴') : '');
    const button = html('button', { type: 'button', onclick: () => this.on.sort(this.nextSort(column, isSorted, isDescending)) }, column.title, mark);
    return html('th', { scope: 'col', 'aria-sort': order, class: this.cellClass(column) }, button);
  }

  /** Numbers begin with the largest, names with the first; the second click turns it round. */
  nextSort(column, isSorted, isDescending) {
    const next = isSorted ? !isDescending : Boolean(column.isNumber);
    return next ? `-${column.key}` : column.key;
  }

  cellClass(column) {
    return [column.isNumber && 'number', column.isMinor && 'minor', column.way].filter(Boolean).join(' ') || null;
  }

  clearRows() {
    this.rows.clear();
    this.body.replaceChildren();
  }

  showRows(rows, columns, selected) {
    const seen = new Set(rows.map((row) => row.id));
    for (const [id, { element }] of this.rows) {
      if (seen.has(id)) continue;
      element.remove();
      this.rows.delete(id);
    }
    rows.forEach((row) => this.showRow(row, columns, selected));
    this.reorder(rows);
  }

  showRow(row, columns, selected) {
    if (!this.rows.has(row.id)) this.rows.set(row.id, this.newRow(row, columns));
    const { element, cells } = this.rows.get(row.id);
    columns.forEach((column, index) => {
      setText(cells[index], column.text(row));
      if (column.level) setAttribute(cells[index].parentElement, 'class', `level-${column.level(row)}`);
    });
    setAttribute(element, 'class', selected && selected.name === row.name ? 'selected' : null);
  }

  newRow(row, columns) {
    const cells = columns.map((column) =>
      column.opens ? html('button', { type: 'button', class: 'as-link', onclick: () => this.on.select(column.opens(row)) }) : html('span', {}));
    const tag = (column) => (column.opens ? 'th' : 'td');
    const element = html('tr', { 'data-row': row.id }, ...columns.map((column, index) =>
      html(tag(column), { scope: column.opens ? 'row' : null, class: this.cellClass(column) }, cells[index])));
    return { element, cells };
  }

  /** Puts rows in order, unless the pointer is on them: a row must not move away from under a click. */
  reorder(rows) {
    const isBusy = this.body.matches(':hover') && this.body.children.length === rows.length && this.orderKey === this.headKey;
    if (isBusy) return;
    this.orderKey = this.headKey;
    rows.forEach((row, index) => {
      const { element } = this.rows.get(row.id);
      if (this.body.children[index] !== element) this.body.insertBefore(element, this.body.children[index] ?? null);
    });
  }
}

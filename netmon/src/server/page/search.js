// Search: what a word matches, and the list below the field.

import { html } from './dom.js';
import { SIGNS, level } from './health.js';

const MOST_SHOWN = 12;

function has(text, word) {
  return text.toLowerCase().includes(word);
}

function linkTexts(link) {
  const ends = [link.a, link.b].filter(Boolean);
  return [link.name, ...ends.flatMap((end) => [end.namespace, end.interface, ...end.addresses]), level(link)];
}

/** Returns the names that a query matches: `{ namespaces, links }` as sets. Every word has to match. Null without a query. */
export function search(model, query) {
  const words = (query ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  const matches = (texts) => words.every((word) => texts.some((text) => has(text, word)));
  const links = new Set(model.links.filter((link) => matches(linkTexts(link))).map((link) => link.name));
  const namespaces = new Set(
    model.namespaces.filter((name) => {
      const { bridges, services } = model.contents(name);
      return matches([name, ...bridges, ...services]);
    }),
  );
  return { namespaces, links };
}

/** Returns what the list below the field offers: namespaces first, then links, names that begin with the query first. */
export function offers(model, query) {
  const found = search(model, query);
  if (!found) return [];
  const first = query.toLowerCase();
  const rank = (name) => (name.toLowerCase() === first ? 0 : name.toLowerCase().startsWith(first) ? 1 : 2);
  const sorted = (names) => [...names].sort((one, other) => rank(one) - rank(other));
  const all = [
    ...sorted(found.namespaces).map((name) => ({ kind: 'namespace', name })),
    ...sorted(found.links).map((name) => ({ kind: 'link', name })),
  ];
  return all.sort((one, other) => rank(one.name) - rank(other.name)).slice(0, MOST_SHOWN);
}

/** The search field with its list. `on` has `query(text)` and `select(chosen)`. */
export class Search {
  constructor(field, list, model, on) {
    Object.assign(this, { field, list, model, on });
    this.at = -1;
    field.addEventListener('input', () => this.type());
    field.addEventListener('focus', () => this.show());
    field.addEventListener('blur', () => this.hide());
    field.addEventListener('keydown', (event) => this.press(event));
  }

  type() {
    this.at = -1;
    this.on.query(this.field.value.trim());
    this.show();
  }

  show() {
    this.offered = offers(this.model, this.field.value.trim());
    this.list.replaceChildren(...this.offered.map((offer, index) => this.option(offer, index)));
    this.list.hidden = this.offered.length === 0;
    this.field.setAttribute('aria-expanded', String(!this.list.hidden));
    this.mark();
  }

  option({ kind, name }, index) {
    const sign = kind === 'link' ? SIGNS[level(this.model.byName.get(name))] : '';
    const item = html('li', { id: `offer-${index}`, role: 'option', 'aria-selected': 'false' },
      html('span', { class: 'kind' }, kind), html('span', { class: 'name' }, name), html('span', { class: 'sign' }, sign));
    item.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      this.choose(index);
    });
    return item;
  }

  mark() {
    [...this.list.children].forEach((item, index) => item.setAttribute('aria-selected', String(index === this.at)));
    if (this.at >= 0) this.field.setAttribute('aria-activedescendant', `offer-${this.at}`);
    else this.field.removeAttribute('aria-activedescendant');
  }

  hide() {
    this.list.hidden = true;
    this.field.setAttribute('aria-expanded', 'false');
  }

  press(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.offered?.length > 0) {
      event.preventDefault();
      this.at = (this.at + step + this.offered.length) % this.offered.length;
      this.mark();
    } else if (event.key === 'Enter') {
      this.choose(Math.max(0, this.at));
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      this.clear();
    }
  }

  clear() {
    this.field.value = '';
    this.type();
    this.field.blur();
  }

  choose(index) {
    const offer = this.offered?.[index];
    if (!offer) return;
    this.hide();
    this.field.blur();
    this.on.select(offer);
  }
}

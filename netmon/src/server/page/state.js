// What the address says after `#`: view, selection, filter and order. Bookmarks and the back button work by it.

const KEYS = ['view', 'link', 'namespace', 'fold', 'trace', 'q', 'sort', 'tab'];

/** Parses the part of an address after `#`. Unknown keys are dropped. */
export function parse(hash) {
  const state = {};
  for (const [key, value] of new URLSearchParams(hash.replace(/^#/, ''))) {
    if (KEYS.includes(key) && value !== '') state[key] = value;
  }
  return state;
}

/** Formats a state for an address. Keys keep one order, so that equal states have equal addresses. */
export function format(state) {
  const query = new URLSearchParams();
  for (const key of KEYS) if (state[key]) query.set(key, state[key]);
  const text = query.toString();
  return text === '' ? '' : `#${text}`;
}

/** What is selected: `{ kind, name }`, or null. */
export function selection(state) {
  for (const kind of ['link', 'namespace', 'fold', 'trace']) if (state[kind]) return { kind, name: state[kind] };
  return null;
}

/** The state of the page, in the address. */
export class PageState {
  constructor(onChange) {
    this.onChange = onChange;
    this.current = parse(location.hash);
    addEventListener('hashchange', () => this.read());
  }

  read() {
    const next = parse(location.hash);
    if (format(next) === format(this.current)) return;
    this.current = next;
    this.onChange();
  }

  /** Changes keys; null removes one. A selection is a step that the back button undoes, the rest is not. */
  set(changes) {
    const before = selection(this.current);
    const next = { ...this.current, ...changes };
    if (format(next) === format(this.current)) return;
    this.current = parse(format(next));
    const address = location.pathname + location.search + format(this.current);
    const isStep = JSON.stringify(selection(this.current)) !== JSON.stringify(before);
    if (isStep) history.pushState(null, '', address);
    else history.replaceState(null, '', address);
    this.onChange();
  }

  /** Selects a link, a namespace, a fold or a trace. Null closes what is open. */
  select(chosen) {
    const none = { link: null, namespace: null, fold: null, trace: null };
    this.set(chosen ? { ...none, [chosen.kind]: chosen.name } : none);
  }

  get selected() {
    return selection(this.current);
  }
}

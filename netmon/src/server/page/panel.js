// The panel at the side: one thing at a time, with its own address.

import { html } from './dom.js';
import { FoldPanel } from './fold_panel.js';
import { LinkPanel } from './link_panel.js';
import { NamespacePanel } from './namespace_panel.js';
import { TracePanel } from './trace_panel.js';

/** The panel. `context` has `select`, `close` and `announce`. */
export class Panel {
  constructor(element, context) {
    Object.assign(this, { element, context });
    this.open = null;
    addEventListener('netmon-theme', () => this.open?.recolour());
    new ResizeObserver(() => this.update()).observe(element);
  }

  /** Shows what is selected. Null closes the panel. */
  show(chosen, { model, history, picture, traces }) {
    Object.assign(this, { model, history });
    const key = chosen && `${chosen.kind}:${chosen.name}`;
    if (key === this.key && (this.open || !key)) return;
    this.open?.close();
    this.key = key;
    this.open = chosen && this.make(chosen, picture, traces);
    this.element.hidden = !this.open;
    document.body.classList.toggle('has-panel', Boolean(this.open));
    this.element.replaceChildren(...(this.open ? [this.head(chosen), this.open.body] : []));
    this.element.scrollTop = 0;
    this.update();
  }

  make({ kind, name }, picture, traces) {
    const { model, context } = this;
    const makers = {
      link: () => (model.byName.has(name) ? new LinkPanel(model.byName.get(name), context) : null),
      namespace: () => (model.namespaces.includes(name) ? new NamespacePanel(name, model, context) : null),
      fold: () => new FoldPanel(name, picture, context),
      trace: () => (traces.length > 0 ? new TracePanel(traces, context) : null),
    };
    return makers[kind]();
  }

  head({ kind }) {
    const close = html('button', { type: 'button', class: 'quiet', 'aria-label': 'Close', onclick: () => this.context.close() }, '✕');
    return html('header', {}, html('span', { class: 'kind' }, kind), html('h2', {}, this.open.title), close);
  }

  update() {
    if (this.open && this.model) this.open.update(this.model, this.history);
  }

  /** Closes what is open, after a change of agent or lab: the next `show` opens it again. */
  reset() {
    this.open?.close();
    this.open = null;
    this.key = undefined;
  }
}

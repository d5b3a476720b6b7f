// Pan and zoom of the picture: wheel, drag, pinch, buttons and keys move one transform.

const SMALLEST = 0.04;
const LARGEST = 2.5;
/** A small lab is not blown up beyond this when it is made to fit. */
const LARGEST_FIT = 1.25;
const EDGE = 48;

/** Returns the view that shows `bounds` in a window of this size. */
export function fitted(bounds, width, height) {
  const [w, h] = [bounds.right - bounds.left, bounds.bottom - bounds.top];
  const scale = Math.min(LARGEST_FIT, (width - 2 * EDGE) / w, (height - 2 * EDGE) / h);
  const kept = Math.max(SMALLEST, scale);
  return {
    scale: kept,
    x: width / 2 - ((bounds.left + bounds.right) / 2) * kept,
    y: height / 2 - ((bounds.top + bounds.bottom) / 2) * kept,
  };
}

/** Returns the view after a zoom by `factor` that keeps a point of the window where it is. */
export function zoomed(view, factor, x, y) {
  const scale = Math.min(LARGEST, Math.max(SMALLEST, view.scale * factor));
  const by = scale / view.scale;
  return { scale, x: x - (x - view.x) * by, y: y - (y - view.y) * by };
}

/** The window of the picture. */
export class Viewport {
  constructor(root, content, onChange) {
    Object.assign(this, { root, content, onChange });
    this.view = { scale: 1, x: 0, y: 0 };
    this.pointers = new Map();
    this.isUsers = false;
    root.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    root.addEventListener('pointerdown', (event) => this.down(event));
    root.addEventListener('pointermove', (event) => this.move(event));
    for (const kind of ['pointerup', 'pointercancel']) root.addEventListener(kind, (event) => this.up(event));
  }

  show(view) {
    this.view = view;
    this.content.setAttribute('transform', `translate(${view.x.toFixed(2)} ${view.y.toFixed(2)}) scale(${view.scale.toFixed(4)})`);
    this.onChange(view);
  }

  /** Fits everything into the window. The user's own view is only replaced if `force` says so. */
  fit(bounds, force = false) {
    if (!Number.isFinite(bounds.left) || (this.isUsers && !force)) return;
    const { clientWidth, clientHeight } = this.root;
    if (clientWidth === 0 || clientHeight === 0) return;
    if (force) this.isUsers = false;
    this.show(fitted(bounds, clientWidth, clientHeight));
  }

  /** Moves the view so that a place is well inside the window. */
  reveal({ x, y }, obscuredRight = 0) {
    const { scale } = this.view;
    const [w, h] = [this.root.clientWidth - obscuredRight, this.root.clientHeight];
    const [sx, sy] = [x * scale + this.view.x, y * scale + this.view.y];
    const inside = sx > 80 && sx < w - 80 && sy > 60 && sy < h - 60;
    if (!inside) this.show({ scale, x: w / 2 - x * scale, y: h / 2 - y * scale });
  }

  zoom(factor, x = this.root.clientWidth / 2, y = this.root.clientHeight / 2) {
    this.isUsers = true;
    this.show(zoomed(this.view, factor, x, y));
  }

  pan(dx, dy) {
    this.isUsers = true;
    this.show({ ...this.view, x: this.view.x + dx, y: this.view.y + dy });
  }

  /** A point of the window in the coordinates of the picture. */
  toWorld(clientX, clientY) {
    const { left, top } = this.root.getBoundingClientRect();
    return { x: (clientX - left - this.view.x) / this.view.scale, y: (clientY - top - this.view.y) / this.view.scale };
  }

  wheel(event) {
    event.preventDefault();
    const { left, top } = this.root.getBoundingClientRect();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoom(Math.exp(-event.deltaY * lines * 0.0016), event.clientX - left, event.clientY - top);
  }

  down(event) {
    if (event.button !== 0 || event.target.closest('.box')) return;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.hasMoved = false;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    if (!this.hasMoved && Math.hypot(now.x - before.x, now.y - before.y) < 4) return;
    if (!this.hasMoved) this.root.setPointerCapture(event.pointerId);
    this.hasMoved = true;
    if (this.pointers.size === 2) this.pinch(event.pointerId, now);
    else this.pan(now.x - before.x, now.y - before.y);
    this.pointers.set(event.pointerId, now);
  }

  pinch(id, now) {
    const [before, still] = [this.pointers.get(id), [...this.pointers].find(([other]) => other !== id)[1]];
    const length = (of) => Math.hypot(of.x - still.x, of.y - still.y) || 1;
    const { left, top } = this.root.getBoundingClientRect();
    this.zoom(length(now) / length(before), (now.x + still.x) / 2 - left, (now.y + still.y) / 2 - top);
  }

  up(event) {
    this.pointers.delete(event.pointerId);
  }
}

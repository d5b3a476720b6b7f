// Boxes follow the pointer, and stay where they are put.

/** Less than this is a click with an unsteady hand. */
const THRESHOLD_PX = 4;

/** Drags the boxes of a picture. */
export class Drag {
  constructor(picture) {
    this.picture = picture;
    this.wasDrag = false;
    const { root } = picture;
    root.addEventListener('pointerdown', (event) => this.down(event));
    root.addEventListener('pointermove', (event) => this.move(event));
    for (const kind of ['pointerup', 'pointercancel']) root.addEventListener(kind, () => this.up());
  }

  down(event) {
    this.wasDrag = false;
    const element = event.target.closest('.box');
    if (event.button !== 0 || !element) return;
    const id = element.dataset.namespace ?? element.dataset.fold;
    const at = this.picture.viewport.toWorld(event.clientX, event.clientY);
    const place = this.picture.places.get(id);
    this.held = { id, pointer: event.pointerId, from: [event.clientX, event.clientY], dx: place.x - at.x, dy: place.y - at.y };
  }

  move(event) {
    const { held, picture } = this;
    if (!held || event.pointerId !== held.pointer) return;
    const distance = Math.hypot(event.clientX - held.from[0], event.clientY - held.from[1]);
    if (!this.wasDrag && distance < THRESHOLD_PX) return;
    if (!this.wasDrag) picture.root.setPointerCapture(held.pointer);
    this.wasDrag = true;
    const at = picture.viewport.toWorld(event.clientX, event.clientY);
    picture.places.set(held.id, { x: at.x + held.dx, y: at.y + held.dy });
    picture.viewport.isUsers = true;
    this.scheduleDraw();
  }

  scheduleDraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.picture.placeAll();
    });
  }

  up() {
    if (this.held && this.wasDrag) {
      const { model, arrangement, places } = this.picture;
      arrangement.keep(model.labKey, this.held.id, places.get(this.held.id));
      this.picture.on.arranged();
    }
    this.held = null;
  }
}

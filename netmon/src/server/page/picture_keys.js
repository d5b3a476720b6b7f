// The picture by keyboard: one element has the focus, arrows walk from box to link to box.

const TURNS = { ArrowRight: 0, ArrowDown: Math.PI / 2, ArrowLeft: Math.PI, ArrowUp: -Math.PI / 2 };
/** An arrow key chooses among what lies within this angle of it. */
const WIDEST = (Math.PI / 180) * 80;

/** Returns the angle between two directions. */
export function between(one, other) {
  const turn = Math.abs(one - other) % (2 * Math.PI);
  return turn > Math.PI ? 2 * Math.PI - turn : turn;
}

/** Returns the candidate that lies best in a direction: pairs of an id and its place. Null if none does. */
export function towards(from, turn, candidates) {
  let best = null;
  for (const [id, place] of candidates) {
    const off = between(Math.atan2(place.y - from.y, place.x - from.x), turn);
    if (off <= WIDEST && (best === null || off < best.off)) best = { id, off };
  }
  return best?.id ?? null;
}

/** Keys of a picture. */
export class PictureKeys {
  constructor(picture) {
    this.picture = picture;
    this.current = null;
    picture.root.addEventListener('keydown', (event) => this.press(event));
    picture.root.addEventListener('focusin', (event) => this.follow(event));
  }

  view(id) {
    return this.picture.boxes.get(id) ?? this.picture.lines.get(id.replace(/^line:/, ''));
  }

  /** Sees to it that exactly one element can be reached by Tab. */
  rove() {
    const { boxes } = this.picture;
    if (!this.current || !this.view(this.current)) this.current = boxes.keys().next().value ?? null;
    for (const element of this.picture.root.querySelectorAll('[tabindex="0"]')) element.setAttribute('tabindex', -1);
    if (this.current) this.view(this.current).element.setAttribute('tabindex', 0);
  }

  follow(event) {
    const chosen = this.picture.chosenBy(event.target);
    if (!chosen) return;
    const isLine = event.target.closest('.line') !== null;
    const id = chosen.kind === 'fold' ? `fold:${chosen.name}` : chosen.name;
    this.current = isLine ? `line:${id}` : id;
    this.rove();
  }

  focus(id) {
    this.current = id;
    this.rove();
    this.view(id).element.focus({ preventScroll: true });
    const place = id.startsWith('line:') ? this.picture.middleOf(id.slice(5)) : this.picture.places.get(id);
    if (place) this.picture.viewport.reveal(place);
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = this.actions(event.key);
    if (!action) return;
    event.preventDefault();
    action();
  }

  actions(key) {
    const { picture } = this;
    const known = {
      Enter: () => this.open(),
      ' ': () => this.open(),
      '+': () => picture.viewport.zoom(1.25),
      '-': () => picture.viewport.zoom(0.8),
      0: () => picture.fit(),
    };
    if (key in TURNS) return () => this.walk(TURNS[key]);
    return known[key];
  }

  open() {
    if (this.current) this.picture.on.select(this.picture.chosenBy(this.view(this.current).element));
  }

  walk(turn) {
    if (!this.current) return;
    const next = this.current.startsWith('line:') ? this.fromLine(turn) : this.fromBox(turn);
    if (next !== null) this.focus(next);
  }

  fromBox(turn) {
    const { places, graph } = this.picture;
    const lines = graph.lines.filter((line) => line.from === this.current || line.to === this.current);
    const middles = lines.map((line) => [`line:${line.id}`, this.picture.middleOf(line.id)]);
    return towards(places.get(this.current), turn, middles) ?? towards(places.get(this.current), turn, this.otherBoxes());
  }

  otherBoxes() {
    return [...this.picture.places].filter(([id]) => id !== this.current && this.picture.boxes.has(id));
  }

  fromLine(turn) {
    const id = this.current.slice('line:'.length);
    const { line } = this.picture.lines.get(id);
    const ends = [line.from, line.to].filter(Boolean).map((end) => [end, this.picture.places.get(end)]);
    return towards(this.picture.middleOf(id), turn, ends);
  }
}

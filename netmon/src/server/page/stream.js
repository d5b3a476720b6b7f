// The connection to the agent: one stream while the tab is visible, made again whenever it ends.
//
// An EventSource gives up for good after any answer but 200, so this never waits for its own retry: each failure closes
// it, and a new one is made after a pause that doubles. A stream that is silent counts as lost, too.

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;
/** The agent sends each second. This long without an event, and the stream is dead. */
const SILENCE_MS = 6000;

/** Returns the pause before the next attempt. */
export function pauseAfter(failures) {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.max(0, failures - 1), LONGEST_PAUSE_MS);
}

/** A stream with handlers `opened`, `topology`, `history`, `rates`, and `state`, which is told whether it is connected. */
export class Stream {
  constructor(url, handlers) {
    this.url = url;
    this.handlers = handlers;
    this.failures = 0;
    this.lostSince = null;
    this.lastEvent = 0;
    document.addEventListener('visibilitychange', () => this.followVisibility());
    setInterval(() => this.checkSilence(), 1000);
    this.followVisibility();
  }

  /** Closed while hidden: a browser has six connections for one origin, and each open stream takes one. */
  followVisibility() {
    if (document.hidden) this.close();
    else if (!this.source) this.open();
  }

  open() {
    this.close();
    this.lastEvent = Date.now();
    const source = new EventSource(this.url);
    this.source = source;
    this.handlers.opened();
    for (const kind of ['topology', 'history', 'rates']) {
      source.addEventListener(kind, (event) => this.receive(source, kind, event));
    }
    source.addEventListener('bye', () => this.fail(source, 'The agent is shutting down'));
    source.addEventListener('error', () => this.fail(source, null));
  }

  receive(source, kind, event) {
    if (source !== this.source) return;
    this.lastEvent = Date.now();
    if (kind === 'topology' && (this.failures > 0 || this.lostSince !== null)) this.recovered();
    this.handlers[kind](JSON.parse(event.data));
  }

  recovered() {
    this.failures = 0;
    this.lostSince = null;
    this.handlers.state({ connected: true });
  }

  checkSilence() {
    if (this.source && Date.now() - this.lastEvent > SILENCE_MS) this.fail(this.source, 'The agent is silent');
  }

  fail(source, reason) {
    if (source !== this.source) return;
    this.close();
    this.failures += 1;
    this.lostSince ??= Date.now();
    this.handlers.state({ connected: false, since: this.lostSince, reason });
    this.timer = setTimeout(() => this.open(), pauseAfter(this.failures));
    if (reason === null) this.askWhy();
  }

  /** An EventSource does not say why it failed: asks once more for the head of the answer alone. */
  async askWhy() {
    const answer = await fetch(this.url, { method: 'HEAD', cache: 'no-store' }).catch(() => null);
    if (answer?.status !== 503 || this.lostSince === null) return;
    const reason = 'The agent serves as many live views as it can';
    this.handlers.state({ connected: false, since: this.lostSince, reason });
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}

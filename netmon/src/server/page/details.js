// What the stream does not carry, asked while a panel is open: a few answers every two seconds, never two at once.

const INTERVAL_MS = 2000;

/** Returns the JSON of a path. Null if there is none now. */
export async function get(path, signal) {
  try {
    const answer = await fetch(path, { signal, cache: 'no-store', headers: { accept: 'application/json' } });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

/** Asks for `paths` again and again, and gives all answers to `show`, until it is stopped. */
export class Details {
  constructor(paths, show) {
    Object.assign(this, { paths, show });
    this.abort = new AbortController();
    this.run();
  }

  async run() {
    if (!document.hidden && !document.body.classList.contains('is-lost')) {
      const answers = await Promise.all(this.paths.map((path) => get(path, this.abort.signal)));
      if (this.abort.signal.aborted) return;
      this.show(answers);
    }
    this.timer = setTimeout(() => this.run(), INTERVAL_MS);
  }

  stop() {
    this.abort.abort();
    clearTimeout(this.timer);
  }
}

// What the stream does not carry, requested every two seconds while a panel is open. Rounds of requests never overlap.

const INTERVAL_MS = 2000;

/** Returns the JSON of a path. Null if the agent cannot be reached or responds with an error. */
export async function get(path, signal) {
  try {
    const answer = await fetch(path, { signal, cache: 'no-store', headers: { accept: 'application/json' } });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

/** Requests `paths` repeatedly until it is stopped, and passes all responses of a round to `show`. */
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

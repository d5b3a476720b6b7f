// Reads the JSON of a trace into what the page draws. Pure.

/** Returns `{ title, subtitle, sentence, rungs }` of a trace. */
export function readTrace(trace) {
  return { title: 'Trace', subtitle: '', sentence: '', rungs: [], raw: trace };
}

/** Reads Server-Sent Events from a stream of bytes [HTML, "Server-sent events"]. */
export interface ServerEvent { event: string; data: string; id: string | null }

/** Takes text as it comes, in any pieces, and gives the events that are complete. */
export class EventReader {
  #rest = '';
  #event = '';
  #data: string[] = [];
  #id: string | null = null;

  take(text: string): ServerEvent[] {
    const found: ServerEvent[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const done = this.#line(line);
      if (done) found.push(done);
    }
    return found;
  }

  #line(line: string): ServerEvent | null {
    if (line === '') {
      const whole = this.#data.length ? { event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id } : null;
      this.#event = '';
      this.#data = [];
      return whole;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id') this.#id = value;
    return null;
  }
}

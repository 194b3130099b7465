/** The live stream: what changes in the city, as it changes. */
import type { Change } from './api';

export class LiveStore {
  #told = new Set<(changes: Change[]) => void>();
  /** Tells `told` of every gathered change until the returned function is called. */
  subscribe(told: (changes: Change[]) => void): () => void { this.#told.add(told); return () => { this.#told.delete(told); }; }
  protected tell(changes: Change[]): void { for (const told of this.#told) told(changes); }
}

/** The state of the city as one sentence. */
import { m } from '../paraglide/messages.js';
import type { Severity } from './api';
import { number } from './format';

export interface Part { severity: Severity | null; text: string }

/** The sentence in its parts, in the order in which they are read. */
export function headline(counts: Record<Severity, number> | null): Part[] {
  if (!counts) return [{ severity: null, text: m.headline_unknown() }];
  const parts: Part[] = [];
  const add = (severity: Severity, say: (words: { count: number; n: string }) => string): void => {
    const count = counts[severity] ?? 0;
    if (count > 0) parts.push({ severity, text: say({ count, n: number(count, 0) }) });
  };
  add('critical', m.headline_critical);
  add('warning', m.headline_warning);
  add('notice', m.headline_notice);
  if (!parts.length) return [{ severity: null, text: m.headline_all() }];
  return [...parts, { severity: null, text: m.headline_rest() }];
}

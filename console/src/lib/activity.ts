/** What happened between two looks at the city. */
import type { Attention, FeedState, Now } from './api';

export type Event =
  | { kind: 'raised' | 'cleared' | 'acknowledged'; item: Attention }
  | { kind: 'feed'; feed: string; state: FeedState }
  | { kind: 'link-lost' }
  | { kind: 'link-back' };
export interface Entry { key: number; at: number; event: Event }
export const KEPT = 100;

export function difference(before: Now | null, after: Now): Event[] {
  if (!before) return [];
  const events: Event[] = [];
  const was = new Map(before.attention.map((item) => [item.id, item]));
  const is = new Set(after.attention.map((item) => item.id));
  for (const item of after.attention) {
    const old = was.get(item.id);
    if (!old) events.push({ kind: 'raised', item });
    else if (!old.acknowledged && item.acknowledged) events.push({ kind: 'acknowledged', item });
  }
  for (const item of before.attention) if (!is.has(item.id)) events.push({ kind: 'cleared', item });
  const states = new Map(before.feeds.map((feed) => [feed.name, feed.state]));
  for (const feed of after.feeds) {
    const old = states.get(feed.name);
    if (old && old !== feed.state) events.push({ kind: 'feed', feed: feed.name, state: feed.state });
  }
  return events;
}

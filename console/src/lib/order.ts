/** Keeps a list still while it is being read: what is new waits to be asked for. */
export interface Held<T> { shown: T[]; waiting: number }

/** The rows to show: all in their order when the list is free, else those already shown, with what they say now. */
export function hold<T extends { id: string }>(shown: readonly string[], items: readonly T[], isBusy: boolean): Held<T> {
  if (!isBusy) return { shown: [...items], waiting: 0 };
  const now = new Map(items.map((item) => [item.id, item]));
  const kept = shown.flatMap((id) => now.get(id) ?? []);
  return { shown: kept, waiting: items.length - kept.length };
}

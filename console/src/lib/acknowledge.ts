/** Acknowledging, with ten seconds to think again. */
import { m } from '../paraglide/messages.js';
import { api, type Attention } from './api';
import { app, reason } from './app.svelte';
import { attentionTitle } from './words';

function mark(id: string, acknowledged: Attention['acknowledged']): void {
  const now = app.now;
  if (now) app.now = { ...now, attention: now.attention.map((item) => (item.id === id ? { ...item, acknowledged } : item)) };
}

export async function acknowledge(item: Attention): Promise<void> {
  const what = attentionTitle(item);
  try {
    await api.acknowledge(item.id);
    mark(item.id, { at: new Date(app.time).toISOString(), by: '' });
    app.toast(m.acknowledged_undo({ what }), () => void takeBack(item));
  } catch (wrong) {
    app.toast(m.acknowledge_failed({ reason: reason(wrong) }), null, true);
  }
}

export async function takeBack(item: Attention): Promise<void> {
  try {
    await api.unacknowledge(item.id);
    mark(item.id, null);
  } catch (wrong) {
    app.toast(m.acknowledge_failed({ reason: reason(wrong) }), null, true);
  }
}

/** Why nothing can be done now; nothing when it can. */
export function whyNot(): string | null {
  if (app.at !== null) return m.needs_live();
  return app.isLinked ? null : m.needs_link();
}

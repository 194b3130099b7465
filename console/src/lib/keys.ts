/** Keys that work anywhere on the page. Single keys can be switched off [WCAG 2.1.4]. */
import { acknowledge, whyNot } from './acknowledge';
import { app } from './app.svelte';

const isTyping = (at: EventTarget | null): boolean => at instanceof HTMLElement && (at.isContentEditable || at.matches('input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select'));
const rows = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>('#attention .row')];

function step(by: number): void {
  const all = rows();
  const at = all.indexOf(document.activeElement as HTMLElement);
  all[Math.min(all.length - 1, Math.max(0, at + by))]?.focus();
}

/** The row in focus, else the one that is selected. */
function current(): string | undefined {
  const row = document.activeElement?.closest<HTMLElement>('[data-attention]') ?? document.querySelector<HTMLElement>('[data-attention].open');
  return row?.dataset.attention;
}

function back(): void {
  const sel = app.url.sel;
  if (!sel) return;
  const row = document.activeElement?.closest('[data-attention]')?.querySelector<HTMLElement>('.row') ?? document.querySelector<HTMLElement>('[data-attention].open .row');
  app.select(null);
  (row ?? document.querySelector<HTMLElement>('#attention'))?.focus();
}

export function shortcuts(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  if (event.key === 'Escape') {
    if (!isTyping(event.target)) back();
    return;
  }
  if (isTyping(event.target) || !app.singleKeys) return;
  const item = app.now?.attention.find((one) => one.id === current());
  switch (event.key) {
    case '/': document.querySelector<HTMLElement>('#search')?.focus(); break;
    case '?': app.isHelpOpen = true; break;
    case 'j': step(1); break;
    case 'k': step(-1); break;
    case 'a': if (item && !item.acknowledged && !whyNot()) void acknowledge(item); break;
    case 'm': if (item?.entity) app.showOnMap(item.entity, item.location); break;
    default: return;
  }
  event.preventDefault();
}

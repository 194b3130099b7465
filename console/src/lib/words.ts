/** Codes of the node in words. A code without a word is shown as it is: honest, if not pretty. */
import { m } from '../paraglide/messages.js';
import type { Attention, FeedState, Measure, Names, Severity } from './api';
import { digitsOf, duration, number, quantity } from './format';
import { i18n, nameIn } from './i18n.svelte';

const said = m as unknown as Record<string, (() => string) | undefined>;
const word = (kind: string, code: string): string | undefined => said[`${kind}_${code.replace(/-/g, '_')}`]?.();

/** `averageVehicleSpeed` as `average vehicle speed`: for codes that have no word. */
export const spaced = (code: string): string =>
  code.replace(/([a-z\d])([A-Z])/g, '$1 $2').replace(/[-_]+/g, ' ').replace(/^(.)(.*)$/, (_, a: string, b: string) => a.toUpperCase() + b.replace(/ [A-Z](?=[a-z])/g, (c) => c.toLowerCase()));
const last = (iri: string): string => iri.split(/[/#]/).pop() || iri;

export const measureWord = (id: string): string => word('measure', id) ?? spaced(id);
export const attributeWord = (short: string): string => word('attr', last(short)) ?? spaced(last(short));
export const typeWord = (short: string): string => word('type', last(short)) ?? spaced(last(short));
export const layerWord = (id: string, short?: string): string => word('layer', id) ?? typeWord(short ?? id);
export const groupWord = (id: string): string => word('group', id) ?? spaced(id);
export const severityWord = (severity: Severity): string => word('severity', severity) ?? severity;
export const stateWord = (state: FeedState): string => word('state', state) ?? state;
export const kindWord = (kind: string): string => word('kind', kind) ?? kind;
export const statusWord = (status: Measure['status']): string => word('status', status) ?? status;
export const stageWord = (stage: string): string => word('stage', stage) ?? spaced(stage);
/** A value that is a word from a well-known list; free text stays as it is. */
export const valueWord = (value: string): string => word('word', value) ?? value;

/** The name of a thing, else its kind and the tail of its id. */
export function nameOf(names: Names | null | undefined, short: string | null | undefined, id: string): { text: string; lang?: string | undefined } {
  return nameIn(names, i18n.lang) ?? { text: `${short ? `${typeWord(short)} ` : ''}${id.split(':').slice(-1)[0] ?? id}` };
}

const num = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);
const str = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');
const span = (value: unknown): string => duration(num(value) ?? 0);

/** What happened, in a few words. */
export function attentionTitle(item: Attention): string {
  const p = item.params;
  const count = num(p.count) ?? 1;
  const attribute = attributeWord(str(p.attribute ?? item.attribute ?? ''));
  const many = (title: string): string => (count > 1 ? `${title} · ${m.att_places({ count, n: number(count) })}` : title);
  switch (item.code) {
    case 'feed-late': return m.att_feed_late({ feed: str(p.feed) });
    case 'feed-failing': return m.att_feed_failing({ feed: str(p.feed) });
    case 'value-high': return many(m.att_value_high({ attribute }));
    case 'value-low': return many(m.att_value_low({ attribute }));
    case 'device-silent': return count > 1 ? m.att_devices_silent({ count, n: number(count) }) : m.att_device_silent();
    case 'measure-high': return m.att_measure_high({ measure: measureWord(str(p.measure)) });
    case 'measure-low': return m.att_measure_low({ measure: measureWord(str(p.measure)) });
    default: return m.att_other({ code: item.code });
  }
}

/** How far it is from what is usual; empty if there is nothing to say. */
export function attentionDetail(item: Attention, measures: readonly Measure[] = []): string {
  const p = item.params;
  if (item.code === 'feed-late') return p.lagSeconds == null ? '' : m.att_feed_late_detail({ lag: span(p.lagSeconds), expected: span(p.expectedSeconds) });
  if (item.code === 'feed-failing') return str(p.reason);
  if (item.code === 'device-silent') return m.att_device_silent_detail({ last: span(p.lastSeconds), expected: span(p.expectedSeconds) });
  const value = num(p.value), low = num(p.low), high = num(p.high);
  if (value === null || low === null || high === null) return '';
  const measure = measures.find((one) => one.id === p.measure);
  const unit = str(p.unit) || measure?.unit || null;
  const show = (n: number): string => quantity(n, unit, digitsOf(n));
  return m.att_value_detail({ value: show(value), low: show(low), high: show(high) });
}

/** Where it is: the name of the thing, or nothing for what is about the whole city. */
export function attentionPlace(item: Attention): { text: string; lang?: string | undefined } | null {
  return item.entity ? nameOf(item.name, item.type ? last(item.type) : null, item.entity) : null;
}

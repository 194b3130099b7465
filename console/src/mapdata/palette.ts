/** Colours of the map. Grey is the ground; a colour means "look here". Hex only: WebGL knows no CSS variables. */
import type { Severity } from '../lib/api';

export type Theme = 'light' | 'dark';
export type { Lang, Severity } from '../lib/api';

export interface Palette {
  /** The ground and what lies on it, from below to above. */
  land: string; green: string; pitch: string; industrial: string; residential: string; commercial: string;
  civic: string; sand: string; square: string; water: string; waterLine: string; waterText: string;
  building: string; buildingLine: string;
  road: string; major: string; casing: string; path: string; rail: string; boundary: string;
  place: string; text: string; minorText: string; halo: string;
  grid: string; extent: string;
  /** Data: what is usual, its outline, what is selected, and one hue in five steps from little to much. */
  usual: string; usualLine: string; outline: string; accent: string; onAccent: string; ramp: readonly string[];
  critical: string; warning: string; notice: string; surface: string; ink: string;
}

export const palettes: Record<Theme, Palette> = {
  light: {
    land: '#f1f2f1', green: '#e0e8da', pitch: '#d9e4d3', industrial: '#ebe9e6', residential: '#eeeeec', commercial: '#efece8',
    civic: '#ece9ec', sand: '#f0ebdd', square: '#f6f6f4', water: '#cfdde6', waterLine: '#c0d2de', waterText: '#4a6b80',
    building: '#e1e0dd', buildingLine: '#d3d1cd',
    road: '#ffffff', major: '#ffffff', casing: '#d0d1cf', path: '#d6d3cc', rail: '#b9b6b1', boundary: '#b3b0b8',
    place: '#30353b', text: '#565b61', minorText: '#666b71', halo: '#f7f8f7',
    grid: '#dfe2e4', extent: '#9aa2ab',
    usual: '#7d8792', usualLine: '#5d6771', outline: '#ffffff', accent: '#0b5cad', onAccent: '#ffffff',
    ramp: ['#b5cbe2', '#84abd2', '#5189bf', '#2467a6', '#08417c'],
    critical: '#c8102e', warning: '#c46d00', notice: '#31577f', surface: '#ffffff', ink: '#15191e',
  },
  dark: {
    land: '#14181c', green: '#18211b', pitch: '#1b261e', industrial: '#1a1d21', residential: '#171b1f', commercial: '#1a1e22',
    civic: '#1c1c22', sand: '#22201a', square: '#1b2025', water: '#10222f', waterLine: '#17303f', waterText: '#7fa3ba',
    building: '#20262c', buildingLine: '#2a3138',
    road: '#2d343c', major: '#353e48', casing: '#14181c', path: '#262c33', rail: '#3a424b', boundary: '#434a55',
    place: '#d3d9df', text: '#9aa4ae', minorText: '#8a949e', halo: '#101418',
    grid: '#20262d', extent: '#5b6570',
    usual: '#8b96a2', usualLine: '#aab4be', outline: '#14181c', accent: '#74b3f5', onAccent: '#0f1317',
    ramp: ['#2f4b69', '#3f6a96', '#5489bd', '#7fb2e2', '#bfe0ff'],
    critical: '#ff5c66', warning: '#ffb020', notice: '#9cc3ea', surface: '#181d23', ink: '#e8ebee',
  },
};

/** From bad to less bad: the order of pins, of the keyboard and of what is drawn on top. */
export const severities: readonly Severity[] = ['critical', 'warning', 'notice'];
export const rank = (severity: Severity): number => severities.indexOf(severity);
export const severityColour = (severity: Severity, theme: Theme): string => palettes[theme][severity];

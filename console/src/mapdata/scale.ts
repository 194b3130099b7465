/** A bar of a round length in metres or kilometres, at most `most` pixels wide, at this zoom and latitude. */
export function scaleOf(zoom: number, lat: number, most: number): { length: number; unit: 'meter' | 'kilometer'; pixels: number } {
  const perPixel = (40_075_016.686 * Math.cos((lat * Math.PI) / 180)) / (512 * 2 ** zoom);
  const metres = perPixel * most;
  const power = 10 ** Math.floor(Math.log10(metres));
  const round = ([5, 2, 1].find((k) => k * power <= metres) ?? 1) * power;
  const pixels = Math.round(round / perPixel);
  return round >= 1000 ? { length: round / 1000, unit: 'kilometer', pixels } : { length: round, unit: 'meter', pixels };
}

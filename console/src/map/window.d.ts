interface Window {
  /** The map, for tests only: nothing in the console uses it. */
  __map?: import('maplibre-gl').Map;
}

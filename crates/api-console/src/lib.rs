//! What the console asks: the live stream, tiles, the city now, series, search.

//! Vector tiles: a basemap made from OpenStreetMap data, data layers made from entities; pure.

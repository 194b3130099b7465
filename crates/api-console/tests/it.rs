//! The routes of the console, asked over HTTP within the process.

#[cfg(test)]
mod it {
    mod basemap;
    mod entities;
    mod live;
    mod map;
    mod node;
    mod rights;
    mod tile;
}

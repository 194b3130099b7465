//! Numbers about numbers: usual ranges, downsampling; pure.

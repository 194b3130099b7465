//! Records: bulk facts without identity, in tables with a declared schema.

//! The model store: everything in ordered maps, every answer by the plainest code.

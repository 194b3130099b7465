//! The five seams to the outside, their values and errors.

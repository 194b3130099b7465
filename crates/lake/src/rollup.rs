//! Roll-ups: what is left of the instances of a period.

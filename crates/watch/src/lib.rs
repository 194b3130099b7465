//! What the city is like now: measures with their usual range, and what needs attention.

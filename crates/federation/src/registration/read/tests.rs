//! What reads as a registration, and what does not.

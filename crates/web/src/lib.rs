//! The kit that every HTTP face is written with: problems, extractors, paging, negotiation.

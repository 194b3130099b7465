//! Who may do what: principals, tokens, grants; decisions, pure.

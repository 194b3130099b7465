//! Entities from the outside: what is read, what changes make of it, what is shown.

#[cfg(test)]
mod it {
    mod laws;
    mod parse;
    mod patch;
    mod render;
}

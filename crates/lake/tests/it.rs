//! The lake as a node runs it.

#[cfg(test)]
mod it {
    mod erasure;
    mod ledger;
    mod reading;
    mod records;
    mod retention;
    mod suite;
}

//! The watch over the model store, with a clock that steps when told.

#[cfg(test)]
mod it {
    mod attention;
    mod city;
    mod measures;
    mod usual;
}

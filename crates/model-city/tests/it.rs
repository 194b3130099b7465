//! The city as its users meet it: files that the importers take, entities, readings.

#[cfg(test)]
mod it {
    mod files;
    mod readings;
    mod support;
}

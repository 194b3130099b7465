//! The broker over the model store, with a clock that steps when told and HTTP by a script.

#[cfg(test)]
mod it {
    mod city;
    mod contexts;
    mod door;
    mod reads;
}

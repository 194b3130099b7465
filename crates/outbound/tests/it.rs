//! The client against listeners on this machine.

#[cfg(test)]
mod it {
    mod guarded;
    mod limits;
    mod listener;
    mod tls;
}

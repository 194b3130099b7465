//! The crate from outside: devices and brokers over loopback.

#[cfg(test)]
mod it {
    mod broker;
    mod listener;
    mod load;
    mod mosquitto;
    mod raw;
    mod tls;
    mod wills;
}

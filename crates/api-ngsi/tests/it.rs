//! The API as a client meets it, over the model store and a clock that steps when told.

#[cfg(test)]
mod it {
    mod carried;
    mod current;
    mod deliveries;
    mod distributed_reads;
    mod distributed_writes;
    mod node;
    mod pinned;
    mod sources;
    mod subscriptions;
    mod temporal;
}

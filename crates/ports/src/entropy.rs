//! Chance: where random bytes come from.

/// Where random bytes come from. In tests from a seed.
pub trait Entropy: Send + Sync + std::fmt::Debug {
    /// Fills the bytes; the real one is fit for secrets.
    fn fill(&self, bytes: &mut [u8]);
}

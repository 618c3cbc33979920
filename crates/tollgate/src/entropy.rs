//! Where secrets get their randomness from, passed in wherever one is made.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// A source of randomness.
#[derive(Clone, Debug)]
pub enum Entropy {
    /// The system's generator.
    System,
    /// The digests of a counter, for tests.
    Counter(Arc<AtomicU64>),
}

impl Entropy {
    /// 32 random bytes. It fails only when the system has no randomness to give.
    pub(crate) fn draw(&self) -> Result<[u8; 32], getrandom::Error> {
        let mut bytes = [0; 32];
        match self {
            Entropy::System => getrandom::fill(&mut bytes)?,
            Entropy::Counter(counter) => {
                let count = counter.fetch_add(1, Ordering::Relaxed);
                bytes.copy_from_slice(&Sha256::digest(count.to_be_bytes()));
            }
        }
        Ok(bytes)
    }
}

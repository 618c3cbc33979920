//! Counts by error code. The codes of refusals are the gateway's own words, so there are few; should one ever come
//! from outside, the table ends and the rest is counted together.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use super::{add, read};

/// Codes that are told apart: about twice as many as there are.
const CODES_MAX: usize = 64;

/// The label of all further ones.
const OTHER: &str = "other";

/// A table that grows in place, without a lock.
#[derive(Debug)]
pub(super) struct Codes {
    rows: [(OnceLock<Box<str>>, AtomicU64); CODES_MAX],
    other: AtomicU64,
}

impl Default for Codes {
    fn default() -> Codes {
        let row = |_| (OnceLock::new(), AtomicU64::new(0));
        Codes { rows: std::array::from_fn(row), other: AtomicU64::new(0) }
    }
}

impl Codes {
    pub(super) fn count(&self, code: &str) {
        let row = self.rows.iter().find(|(name, _)| **name.get_or_init(|| code.into()) == *code);
        add(row.map_or(&self.other, |(_, count)| count), 1);
    }

    /// Every code that was counted.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        let known = self.rows.iter().map_while(|(name, count)| Some((&**name.get()?, read(count))));
        known.chain(std::iter::once((OTHER, read(&self.other))))
    }
}

#[cfg(test)]
mod tests {
    use super::{CODES_MAX, Codes, OTHER};

    #[test]
    fn codes_without_end_are_counted_in_a_table_that_has_one() {
        let codes = Codes::default();
        (0..1_000).for_each(|number| codes.count(&format!("code-{number}")));
        codes.count("code-0");
        let counted: Vec<_> = codes.iter().collect();
        assert_eq!(counted.len(), CODES_MAX + 1);
        assert_eq!(counted.first(), Some(&("code-0", 2)));
        assert_eq!(counted.last(), Some(&(OTHER, 1_000 - CODES_MAX as u64)));
    }
}

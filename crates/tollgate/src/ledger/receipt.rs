//! A receipt as it is stored and read back.

use domain::{Money, Receipt};

/// A receipt as stored, with what its settlement did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReceipt {
    /// The record of the call.
    pub receipt: Receipt,
    /// What was reserved for the call.
    pub hold: Money,
    /// What the account paid: at most the hold.
    pub charge: Money,
    /// The part of the cost above the hold, which nobody pays.
    pub uncollected: Money,
    /// When it was committed, in milliseconds since the Unix epoch.
    pub settled_at_ms: i64,
}

/// The most receipts that one read returns: about half a megabyte.
pub const RECEIPTS_MAX: u32 = 1_000;

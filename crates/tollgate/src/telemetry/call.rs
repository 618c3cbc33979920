//! A closed call, as the log line, the metrics and the span see it.

use domain::{Money, Receipt};

use super::CallTrace;

/// A call that is closed and stored.
#[derive(Debug)]
pub struct ClosedCall {
    /// Its record.
    pub receipt: Receipt,
    /// What the account paid.
    pub charge: Money,
    /// The part of the cost above the hold, which nobody pays.
    pub uncollected: Money,
    /// Its place in a trace, where traces are collected.
    pub trace: Option<Box<CallTrace>>,
}

impl ClosedCall {
    /// Whether a span is wanted of it.
    pub(super) fn is_sampled(&self) -> bool {
        self.trace.as_ref().is_some_and(|trace| trace.is_sampled())
    }
}

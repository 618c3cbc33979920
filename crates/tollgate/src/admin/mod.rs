//! The admin API: accounts, credit, keys and receipts, on a listener of its own.

pub mod view;

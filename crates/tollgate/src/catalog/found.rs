//! What a provider has for a name.

use domain::Offer;

/// Offers found for a name, and how.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) offers: Vec<Offer>,
    pub(super) how: String,
}

/// The model is known, but not served as asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotServed(pub(super) String);

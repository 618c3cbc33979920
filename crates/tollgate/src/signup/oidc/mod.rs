//! Sign-up with an OpenID Connect issuer: the visitor presents an ID token, and the issuer's published keys prove it.
//!
//! The token is taken apart and checked here, on `ring`, which the gateway has for TLS. A library would save the few
//! lines that split and decode, and bring a clock of its own, algorithms that must never be accepted, and weight.

mod fetch;
mod issuer;
mod jwks;
#[cfg(test)]
mod tests;
mod token;

pub use issuer::Issuer;
pub(super) use issuer::IssuerError;
pub use token::{TOKEN_BYTES_MAX, TokenError};

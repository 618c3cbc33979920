//! Stub.
use crate::{keys::*, ledger::Ledger};
use std::net::SocketAddr;
/// Stub.
#[derive(Debug)]
pub struct AdminState;
impl AdminState {
    /// Stub.
    pub fn new(_: Ledger, _: KeyRing, _: AdminKey, _: SocketAddr) -> AdminState {
        AdminState
    }
}
/// Stub.
pub fn router(_: AdminState) -> axum::Router {
    axum::Router::new()
}

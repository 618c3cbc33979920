//! The admin API: accounts, credit, keys and receipts, on a listener of its own.
//!
//! One endpoint per file. Every route but `/healthz` needs the admin key, and every request must name a host that is
//! surely this machine, so that no page in an operator's browser can reach it under a name of its own.

mod auth;
mod create_account;
mod create_key;
mod error;
mod fields;
mod grant_credit;
mod healthz;
mod host;
mod list_accounts;
mod list_keys;
mod list_receipts;
mod metrics;
mod revoke_key;
mod show_account;
mod show_receipt;
#[cfg(test)]
pub(crate) mod tests;
pub mod view;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};

pub use error::AdminError;

use crate::keys::{AdminKey, KeyRing};
use crate::ledger::Ledger;
use crate::telemetry::Scrape;

/// What the admin API works on.
#[derive(Clone)]
pub struct AdminState {
    /// Accounts, credit and receipts.
    pub ledger: Ledger,
    /// The keys of all accounts.
    pub keys: KeyRing,
    /// The key that operators present.
    pub admin_key: AdminKey,
    /// Names, beside `localhost` and IP addresses, under which operators may reach the listener.
    pub hosts: Arc<[String]>,
    /// What Prometheus reads.
    pub scrape: Arc<Scrape>,
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminState").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// Every route of the admin listener.
pub fn router(state: AdminState) -> Router {
    let locked = Router::new()
        .route("/admin/accounts", post(create_account::create_account).get(list_accounts::list_accounts))
        .route("/admin/accounts/{account}", get(show_account::show_account))
        .route("/admin/accounts/{account}/grants", post(grant_credit::grant_credit))
        .route("/admin/accounts/{account}/keys", post(create_key::create_key).get(list_keys::list_keys))
        .route("/admin/keys/{key}", delete(revoke_key::revoke_key))
        .route("/metrics", get(metrics::metrics))
        .route("/admin/receipts", get(list_receipts::list_receipts))
        .route("/admin/receipts/{call}", get(show_receipt::show_receipt))
        .fallback(error::no_route)
        .method_not_allowed_fallback(error::no_method)
        .layer(from_fn_with_state(state.clone(), auth::require_key));
    Router::new()
        .route("/healthz", get(healthz::healthz))
        .merge(locked)
        // Outermost, so that a foreign page learns nothing, not even that the key was wrong.
        .layer(from_fn_with_state(state.clone(), host::require_known_host))
        .with_state(state)
}

//! The admin API: accounts, plans, credit, keys and receipts, on a listener of its own.
//!
//! One endpoint per file. Every route but `/healthz` needs the admin key, and every request must name a host that is
//! surely this machine, so that no page in an operator's browser can reach it under a name of its own.

mod auth;
mod change_account;
mod create_account;
mod create_invite;
mod create_key;
mod delete_plan;
mod error;
mod grant_credit;
mod healthz;
mod host;
mod list_accounts;
mod list_activity;
mod list_invites;
mod list_keys;
mod list_plans;
mod metrics;
mod openapi;
mod rebuild_usage;
mod revoke_invite;
mod revoke_key;
mod rotate_key;
mod scope;
mod set_plan;
mod show_account;
mod show_key;
mod show_plan;
mod show_receipt;
mod show_usage;
#[cfg(test)]
pub(crate) mod tests;
mod update_key;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use domain::Plan;

pub use error::AdminError;

use crate::catalog::Catalogue;
use crate::http::{Routes, docs, endpoint};
use crate::keys::{AdminKey, KeyRing};
use crate::ledger::Ledger;
use crate::plans::PlanBook;
use crate::serve::Places;
use crate::telemetry::Metrics;

/// What the admin API works on.
#[derive(Clone)]
pub struct AdminState {
    /// Accounts, credit and receipts.
    pub ledger: Ledger,
    /// The keys of all accounts.
    pub keys: KeyRing,
    /// The sets of limits that accounts are on.
    pub plans: PlanBook,
    /// The key that operators present.
    pub admin_key: AdminKey,
    /// Names, beside `localhost` and IP addresses, under which operators may reach the listener.
    pub hosts: Arc<[String]>,
    /// Models and their age.
    pub catalogue: Arc<Catalogue>,
    /// The places for connections of clients.
    pub connections: Places,
    /// The counts of all calls.
    pub metrics: Arc<Metrics>,
}

impl AdminState {
    /// The plan of that name, which a request names as `plan`.
    fn plan(&self, name: &str) -> Result<Arc<Plan>, AdminError> {
        let plan = name.parse().ok().and_then(|name| self.plans.get(&name));
        plan.ok_or_else(|| AdminError::no_such_plan(name))
    }

    /// The same, of a plan that has to be a trial.
    fn trial_plan(&self, name: &str) -> Result<Arc<Plan>, AdminError> {
        let plan = self.plan(name)?;
        let no_trial = || AdminError::invalid("plan", format!("The plan '{}' is no trial.", plan.name));
        plan.trial.as_ref().ok_or_else(no_trial)?;
        Ok(plan)
    }
}

impl AdminState {
    /// The time, in milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64 {
        self.ledger.clock().now_ms()
    }
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminState").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// The admin listener.
pub fn router(state: AdminState) -> Router {
    let locked = locked()
        .into_router()
        .fallback(error::no_route)
        .method_not_allowed_fallback(error::no_method)
        .layer(from_fn(auth::log));
    open()
        .into_router()
        .merge(locked)
        // Outermost, so that a foreign page learns nothing, not even that the key was wrong.
        .layer(from_fn_with_state(state.clone(), host::require_known_host))
        .with_state(state)
}

/// Every route of the admin listener.
fn routes() -> Routes<AdminState> {
    open().and(locked())
}

/// What is open to anyone, and asked for too often to be logged.
fn open() -> Routes<AdminState> {
    Routes::new()
        .public(endpoint!(healthz::healthz))
        .public(endpoint!(openapi::show))
        .public(endpoint!(docs::show))
}

/// What needs the admin key, and is logged.
fn locked() -> Routes<AdminState> {
    Routes::new()
        .admin(endpoint!(create_account::create_account))
        .admin(endpoint!(list_accounts::list_accounts))
        .admin(endpoint!(show_account::show_account))
        .admin(endpoint!(change_account::change_account))
        .admin(endpoint!(grant_credit::grant_credit))
        .admin(endpoint!(create_key::create_key))
        .admin(endpoint!(list_keys::list_keys))
        .admin(endpoint!(show_key::show_key))
        .admin(endpoint!(update_key::update_key))
        .admin(endpoint!(revoke_key::revoke_key))
        .admin(endpoint!(rotate_key::rotate_key))
        .admin(endpoint!(list_plans::list_plans))
        .admin(endpoint!(show_plan::show_plan))
        .admin(endpoint!(set_plan::set_plan))
        .admin(endpoint!(delete_plan::delete_plan))
        .admin(endpoint!(create_invite::create_invite))
        .admin(endpoint!(list_invites::list_invites))
        .admin(endpoint!(revoke_invite::revoke_invite))
        .admin(endpoint!(show_receipt::show_receipt))
        .admin(endpoint!(metrics::metrics))
        .admin(endpoint!(list_activity::list_activity))
        .admin(endpoint!(show_usage::show_usage))
        .admin(endpoint!(rebuild_usage::rebuild_usage))
}

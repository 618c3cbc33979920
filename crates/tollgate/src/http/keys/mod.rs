//! `/v1/keys`: the keys of an account, managed with a management key of it.

pub(super) mod create;
pub(super) mod list;
pub(super) mod revoke;
pub(super) mod rotate;
pub(super) mod show;
pub(super) mod update;

use std::sync::Arc;

use domain::KeyId;

use super::Named;
use super::key_bounds::Bounds;
use crate::error::ApiError;
use crate::gateway::Gateway;
use crate::keys::Key;
use crate::pipeline::Principal;

/// The key of that id, of the account of who asks.
fn find(gateway: &Gateway, principal: &Principal, id: KeyId) -> Result<Arc<Key>, ApiError> {
    gateway.keys.get(id).filter(|key| key.account == principal.account.id).ok_or_else(KeyId::unknown)
}

/// How far the operator may go with keys of the account. For who asks, `of` narrows it to what their key may do when it
/// is done.
fn bounds(gateway: &Gateway, principal: &Principal) -> Bounds {
    Bounds::of_operator(&principal.account, &gateway.plans, gateway.clock.now_ms())
}

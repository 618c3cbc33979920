//! Which calls a key may see in activity and usage.

use domain::KeyRole;

use crate::ledger::usage::Calls;
use crate::pipeline::Principal;

/// A user's key sees its own calls, a management key those of the whole account.
pub(super) fn own_calls(principal: &Principal) -> Calls {
    let key = match principal.key.rights.role {
        KeyRole::User => Some(principal.key.id),
        KeyRole::Management => None,
    };
    Calls { account: Some(principal.account.id), key, ..Calls::default() }
}

//! Which calls a key may see in activity and usage.

use crate::ledger::usage::Calls;
use crate::pipeline::Principal;

/// A key sees its own calls.
pub(super) fn own_calls(principal: &Principal) -> Calls {
    Calls { account: Some(principal.account.id), key: Some(principal.key.id), ..Calls::default() }
}

//! Who may call a route. A handler receives its caller only through [`Caller`], which has checked the role.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::KeyRole;

use crate::error::{ApiError, Refusal};
use crate::gateway::Worker;
use crate::pipeline::{Principal, authenticate};

/// What a caller must be to use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Anyone, without a credential.
    Public,
    /// The holder of any live key.
    Key,
    /// The holder of a management key.
    Management,
    /// The operator, with the admin key, on the admin listener.
    Admin,
}

impl Role {
    /// The role's word in the API's description.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Public => "public",
            Role::Key => "key",
            Role::Management => "management",
            Role::Admin => "admin",
        }
    }
}

/// A role that a caller proves with a credential.
pub trait Proven {
    /// Whom the handler is told about.
    type Who;
}

/// Any live key.
#[derive(Debug)]
pub enum Key {}

/// A management key.
#[derive(Debug)]
pub enum Management {}

/// The admin key.
#[derive(Debug)]
pub enum Admin {}

impl Proven for Key {
    type Who = Principal;
}

impl Proven for Management {
    type Who = Principal;
}

impl Proven for Admin {
    type Who = ();
}

/// The caller of a route, as the first parameter of its handler: `Caller(principal): Caller<Key>`.
///
/// It comes first, so that nothing of a request is read before its caller is known.
#[derive(Debug)]
pub struct Caller<R: Proven>(pub R::Who);

impl FromRequestParts<Arc<Worker>> for Caller<Key> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, worker: &Arc<Worker>) -> Result<Self, ApiError> {
        Ok(Caller(admit(worker, parts, Role::Key)?))
    }
}

impl FromRequestParts<Arc<Worker>> for Caller<Management> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, worker: &Arc<Worker>) -> Result<Self, ApiError> {
        Ok(Caller(admit(worker, parts, Role::Management)?))
    }
}

/// The caller, or the error that is counted and sent.
fn admit(worker: &Worker, parts: &Parts, role: Role) -> Result<Principal, ApiError> {
    let principal = authenticate(&worker.gateway, parts);
    principal.and_then(|principal| may(&principal, role).map(|()| principal)).map_err(|refusal| {
        let error = ApiError::from(refusal);
        worker.gateway.telemetry.metrics.refused(error.code());
        error
    })
}

/// Whether a key may use routes of `role`. A management key may do all that a user's key may.
fn may(principal: &Principal, role: Role) -> Result<(), Refusal> {
    match role {
        Role::Public | Role::Key => Ok(()),
        Role::Management => match principal.key.rights.role {
            KeyRole::Management => Ok(()),
            KeyRole::User => Err(Refusal::NotManagement),
        },
        // The admin key is no key of an account.
        Role::Admin => Err(Refusal::BadKey),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use domain::{AccountKind, KeyRole};

    use super::{Role, may};
    use crate::clock::Clock;
    use crate::entropy::Entropy;
    use crate::error::ApiError;
    use crate::keys::KeyRing;
    use crate::ledger::{KeyTerms, Ledger, NewAccount, StoreConfig};
    use crate::pipeline::Principal;

    #[tokio::test]
    async fn a_key_may_use_the_routes_of_its_role_and_no_others() {
        let ledger = Ledger::open(StoreConfig::Memory, Clock::System).unwrap();
        let entropy = Entropy::Counter(Arc::new(AtomicU64::new(0)));
        let keys = KeyRing::open(ledger.clone(), entropy).await.unwrap();
        let new = NewAccount {
            name: "ada".to_owned(),
            kind: AccountKind::Prepaid,
            terms: crate::ledger::Terms::default(),
        };
        let account = ledger.create_account(new).await.unwrap().id;
        let not_management = Some((403, "management_key_required"));
        for (key_role, refused) in [(KeyRole::User, not_management), (KeyRole::Management, None)] {
            let mut new = KeyTerms::from("laptop");
            new.rights.role = key_role;
            let (key, _) = keys.create(account, new).await.unwrap();
            let principal =
                Principal { key, actor: account.into(), account: ledger.account(account).unwrap() };
            for (role, refused) in [
                (Role::Public, None),
                (Role::Key, None),
                (Role::Management, refused),
                (Role::Admin, Some((401, "invalid_api_key"))),
            ] {
                let error = may(&principal, role).map_err(ApiError::from).err();
                let told = error.as_ref().map(|error| (error.status.as_u16(), error.code().unwrap()));
                assert_eq!(told, refused, "{key_role:?} {role:?}");
            }
        }
    }
}

//! What the gateway says of itself when it is ready, and the account that a first start makes.

use domain::AccountKind;
use serde::Serialize;

use crate::app::Running;
use crate::keys::Secret;
use crate::ledger::{LedgerError, NewAccount, Terms};

/// One line of JSON for programs that start the gateway. Secrets are there when they are known in the clear: made
/// just now, or given by the environment. Money is decimal US dollars.
#[derive(Debug, Serialize)]
pub struct Ready {
    /// The URL for clients, without `/v1`.
    pub url: String,
    /// The URL for operators, without `/admin`.
    pub admin_url: String,
    /// An API key.
    pub key: Option<String>,
    /// The admin key.
    pub admin_key: Option<String>,
    /// The admin key, if it was made just now.
    #[serde(skip)]
    pub new_admin_key: Option<String>,
    /// The account of the API key.
    pub account_id: Option<String>,
    /// The demo's call.
    #[serde(flatten)]
    pub call: Option<CallMade>,
}

/// The demo's call, and the balance around it.
#[derive(Debug, Serialize)]
pub struct CallMade {
    /// Its id.
    pub call_id: String,
    /// What it was charged.
    pub cost: String,
    /// What the account had before.
    pub balance_before: String,
    /// What it had after.
    pub balance_after: String,
}

/// An account with a key whose secret is still known.
#[derive(Debug)]
pub struct Owner {
    /// The account.
    pub account: domain::AccountId,
    /// The secret of its key.
    pub secret: Secret,
}

impl Ready {
    /// What a running gateway says of itself.
    #[must_use]
    pub fn new(running: &Running, owner: Option<&Owner>) -> Ready {
        let made = running.admin_key.as_ref().map(|secret| secret.expose().to_owned());
        let given = running.gateway.config.admin.key.as_ref().map(|key| key.expose().to_owned());
        Ready {
            url: running.url(),
            admin_url: running.admin_url(),
            key: owner.map(|owner| owner.secret.expose().to_owned()),
            admin_key: made.clone().or(given),
            new_admin_key: made,
            account_id: owner.map(|owner| owner.account.to_string()),
            call: None,
        }
    }
}

/// Makes an account with a key.
pub async fn make_owner(running: &Running, name: &str, kind: AccountKind) -> Result<Owner, LedgerError> {
    let new = NewAccount { name: name.to_owned(), kind, terms: Terms::default() };
    let account = running.gateway.ledger.create_account(new).await?.id;
    let (_, secret) = running.gateway.keys.create(account, name).await?;
    Ok(Owner { account, secret })
}

/// On an empty ledger, makes the metered account of the person who runs the gateway for themselves.
pub async fn owner_of_empty_ledger(running: &Running) -> Result<Option<Owner>, LedgerError> {
    if running.gateway.ledger.accounts().is_empty() {
        make_owner(running, "owner", AccountKind::Metered).await.map(Some)
    } else {
        Ok(None)
    }
}

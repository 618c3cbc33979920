//! Whose idempotency keys come to the admin API.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use domain::AccountId;

use super::AdminState;
use crate::entropy::Entropy;
use crate::http::KeepsAnswers;
use crate::ledger::{Ledger, Scope};

impl KeepsAnswers for AdminState {
    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn entropy(&self) -> &Entropy {
        self.keys.entropy()
    }

    /// The operator's, for the account that the path names if it names one.
    async fn scope(&self, parts: &mut Parts) -> Scope {
        let named = Path::<String>::from_request_parts(parts, self).await.ok();
        let account = named.and_then(|Path(text)| text.parse::<AccountId>().ok());
        account.map_or(Scope::OPERATOR, Scope::of_operator)
    }
}

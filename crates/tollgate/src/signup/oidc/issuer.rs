//! An issuer: its keys in memory, fetched when a sign-up needs them, by one sign-up for all, and not too often.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use domain::{Bucket, Limit};
use thiserror::Error;
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::fetch::Documents;
use super::jwks::KeySet;
use super::token::{Expected, Token, TokenError};
use crate::clock::Clock;
use crate::config::IssuerConfig;
use crate::signup::Identity;

/// How long fetched keys are believed, in milliseconds: an hour, after which a key that the issuer withdrew is gone.
const KEYS_AGE_MAX_MS: i64 = 60 * 60 * 1000;

/// Tokens that name unknown keys cost the issuer a fetch each, so fetches are limited: one in 30 s, and a few at once,
/// so that keys that change twice in a minute still work.
const FETCHES: Limit = match Limit::new(2, 4) {
    Ok(limit) => limit,
    Err(_) => panic!("the limit is within its bounds"),
};

/// An issuer that is trusted to say who somebody is.
#[derive(Debug)]
pub struct Issuer {
    config: IssuerConfig,
    clock: Clock,
    documents: Documents,
    known: ArcSwapOption<Known>,
    /// Held while keys are fetched.
    fetches: Mutex<Bucket>,
    /// Where the time of the bucket begins.
    since: Instant,
}

/// Keys, and when they were fetched.
#[derive(Debug)]
struct Known {
    keys: KeySet,
    fetched_at_ms: i64,
}

/// Why a token proved nothing.
#[derive(Debug, Error)]
pub enum IssuerError {
    /// The token is refused.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The issuer's keys cannot be had at the moment.
    #[error("the issuer's keys are not available")]
    Unavailable,
}

impl Issuer {
    /// An issuer whose keys are fetched at the first sign-up.
    #[must_use]
    pub fn new(config: IssuerConfig, clock: Clock) -> Issuer {
        Issuer {
            config,
            clock,
            documents: Documents::new(),
            known: ArcSwapOption::empty(),
            fetches: Mutex::new(Bucket::default()),
            since: Instant::now(),
        }
    }

    /// The identity that a token proves.
    pub async fn verify(&self, text: &str) -> Result<Identity, IssuerError> {
        let token = Token::parse(text)?;
        let known = match self.known() {
            Some(known) => known,
            None => self.fetch(None).await.ok_or(IssuerError::Unavailable)?,
        };
        match known.keys.verify(&token) {
            // Issuers change their keys. When there are no newer ones to be had, the token's key stays unknown.
            Err(TokenError::UnknownKey) => {
                let newer = self.fetch(Some(&known)).await.ok_or(TokenError::UnknownKey)?;
                newer.keys.verify(&token)?;
            }
            verdict => verdict?,
        }
        let IssuerConfig { issuer, audience, email_verified, .. } = &self.config;
        let expected = Expected { issuer, audience, email_verified: *email_verified };
        let subject = token.subject(expected, self.clock.now_ms().div_euclid(1000))?;
        Ok(Identity::of_issuer(issuer, &subject).ok_or(TokenError::Subject)?)
    }

    /// The keys in memory, unless they are too old.
    fn known(&self) -> Option<Arc<Known>> {
        let now_ms = self.clock.now_ms();
        self.known.load_full().filter(|known| now_ms - known.fetched_at_ms < KEYS_AGE_MAX_MS)
    }

    /// Keys that are not `seen`: those that another sign-up fetched meanwhile, or fetched now. `None` when the issuer
    /// does not give them, or was asked too often.
    async fn fetch(&self, seen: Option<&Arc<Known>>) -> Option<Arc<Known>> {
        let mut fetches = self.fetches.lock().await;
        if let Some(known) = self.known()
            && seen.is_none_or(|seen| !Arc::ptr_eq(seen, &known))
        {
            return Some(known);
        }
        let elapsed_ns = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        fetches.take(FETCHES, 1, elapsed_ns).ok()?;
        let fetched_at_ms = self.clock.now_ms();
        match self.documents.keys(&self.config).await {
            Ok(keys) => {
                info!(issuer = %self.config.issuer, "the issuer's keys were fetched");
                let known = Arc::new(Known { keys, fetched_at_ms });
                self.known.store(Some(Arc::clone(&known)));
                Some(known)
            }
            Err(error) => {
                warn!(issuer = %self.config.issuer, %error, "the issuer's keys were not fetched");
                None
            }
        }
    }
}

//! Sign-up: a visitor proves who they are, and gets a trial account with its credit and a key, once per identity.
//!
//! A sign-up runs to its end once it has begun, whether or not the visitor waits for the answer, so that what is stored
//! and what is in memory are the same.

mod identity;
mod invite;
mod oidc;
mod throttle;
mod verifier;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{AccountKind, KeyId, Plan, PlanName};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::info;

pub use identity::Identity;
pub use invite::InviteCode;
pub use oidc::{Issuer, TOKEN_BYTES_MAX, TokenError};
pub use verifier::{Proof, Verified, Verifier};

use crate::clock::Clock;
use crate::config::SignupConfig;
use crate::keys::{KeyRing, Secret};
use crate::ledger::{Account, Answered, Ledger, LedgerError, NewTrial, SignUp};
use crate::plans::PlanBook;
use throttle::Throttle;

/// Sign-ups that are checked at once. So many can fail before a failure counts, and no more.
const AT_ONCE_MAX: usize = 16;

/// How long a sign-up waits for its turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(10);

/// The name of an account whose owner gave none, and of its key.
const NAME_DEFAULT: &str = "trial";

/// Where visitors sign up.
#[derive(Debug)]
pub struct Desk {
    verifier: Verifier,
    /// The plan of those whose proof names none.
    plan: PlanName,
    plans: PlanBook,
    throttle: Throttle,
    /// Where the time of the throttle begins.
    since: Instant,
    turns: Arc<Semaphore>,
    ledger: Ledger,
    keys: KeyRing,
}

/// What a visitor got.
#[derive(Debug)]
pub struct Opened {
    /// The account.
    pub account: Arc<Account>,
    /// Its plan, as it was then.
    pub plan: Arc<Plan>,
    /// The id of its key.
    pub key: KeyId,
    /// The secret of its key, which is nowhere else.
    pub secret: Secret,
}

/// Why a visitor got nothing.
#[derive(Debug, Error)]
pub enum SignupError {
    /// This peer failed too often.
    #[error("too many failed sign-ups")]
    Throttled(Duration),
    /// Too many sign-ups are waiting.
    #[error("too many sign-ups at once")]
    Busy,
    /// What was presented is not what is asked for here: the name of the field that is.
    #[error("'{0}' is what proves who you are here")]
    OtherProof(&'static str),
    /// The plan to open does not exist, or is no trial any more.
    #[error("the plan of this sign-up is no trial")]
    NoTrial,
    /// The code is unknown, used, revoked or expired.
    #[error("the invite code is not good")]
    BadInvite,
    /// The token proves nothing.
    #[error("the ID token is refused: {0}")]
    BadToken(#[source] TokenError),
    /// The issuer's keys cannot be had at the moment.
    #[error("the issuer's keys are not available")]
    IssuerUnavailable,
    /// The visitor, who proved who they are, has an account already.
    #[error("this identity has an account already")]
    Registered,
    /// The ledger refused or failed.
    #[error(transparent)]
    Ledger(LedgerError),
}

impl Desk {
    /// The desk that a configuration asks for.
    #[must_use]
    pub fn new(
        config: &SignupConfig,
        plans: &PlanBook,
        ledger: &Ledger,
        keys: &KeyRing,
        clock: &Clock,
    ) -> Desk {
        Desk {
            verifier: Verifier::new(&config.verifier, ledger, clock),
            plan: config.plan.clone(),
            plans: plans.clone(),
            throttle: Throttle::new(),
            since: Instant::now(),
            turns: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            ledger: ledger.clone(),
            keys: keys.clone(),
        }
    }

    /// Signs a visitor up, who calls their account `name`, and answers as `answer` says, which is told what was opened in
    /// the transaction that opens it.
    pub(crate) async fn sign_up<R: Send + 'static>(
        self: &Arc<Desk>,
        proof: Proof,
        name: Option<String>,
        peer: IpAddr,
        answer: impl FnOnce(Opened) -> Answered<R> + Send + 'static,
    ) -> Result<R, SignupError> {
        let turn = timeout(TURN_WAIT_MAX, Arc::clone(&self.turns).acquire_owned());
        let turn = turn.await.map_err(|_| SignupError::Busy)?.map_err(|_| SignupError::Busy)?;
        self.throttle.check(peer, self.elapsed_ns()).map_err(SignupError::Throttled)?;
        let desk = Arc::clone(self);
        let signing_up = tokio::spawn(async move {
            let answered = desk.open(proof, name, answer).await;
            if answered.as_ref().is_err_and(SignupError::is_failed_proof) {
                desk.throttle.count_failure(peer, desk.elapsed_ns());
            }
            drop(turn);
            answered
        });
        // The task is given up only when the gateway stops.
        signing_up.await.unwrap_or(Err(SignupError::Ledger(LedgerError::Closed)))
    }

    async fn open<R: Send + 'static>(
        &self,
        proof: Proof,
        name: Option<String>,
        answer: impl FnOnce(Opened) -> Answered<R> + Send + 'static,
    ) -> Result<R, SignupError> {
        let Verified { identity, invite, plan } = self.verifier.verify(proof).await?;
        let plan = plan.unwrap_or_else(|| self.plan.clone());
        let found = self.plans.get(&plan).and_then(|plan| Some((plan.trial.clone()?, plan)));
        let (trial, plan) = found.ok_or(SignupError::NoTrial)?;
        let id = self.ledger.next_account_id();
        let (key, secret) = self.keys.draft(id, NAME_DEFAULT)?;
        let (key_id, plan_name) = (key.id, plan.name.clone());
        let new = NewTrial {
            name: name.unwrap_or_else(|| NAME_DEFAULT.to_owned()),
            kind: AccountKind::Prepaid,
            plan: plan.name.clone(),
            trial,
        };
        let visitor = SignUp { account: id, identity: identity.mark(), invite, key };
        let keys = self.keys.clone();
        let opening = self.ledger.sign_up(new, visitor, move |key| keys.keep(key));
        let opened = move |account| Opened { account, plan, key: key_id, secret };
        let reply = opening.answered(move |account| answer(opened(account))).await?;
        info!(account = %id, plan = %plan_name, "a visitor signed up");
        Ok(reply)
    }

    fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl SignupError {
    /// Whether the visitor presented something that proves nothing, as a guesser does.
    fn is_failed_proof(&self) -> bool {
        matches!(self, SignupError::BadInvite | SignupError::BadToken(_))
    }
}

impl From<LedgerError> for SignupError {
    fn from(error: LedgerError) -> SignupError {
        match error {
            LedgerError::Registered => SignupError::Registered,
            // Another sign-up with the same code was faster.
            LedgerError::InviteSpent => SignupError::BadInvite,
            other => SignupError::Ledger(other),
        }
    }
}

impl From<getrandom::Error> for SignupError {
    fn from(error: getrandom::Error) -> SignupError {
        SignupError::Ledger(error.into())
    }
}

//! How visitors prove who they are: a closed list, of which the configuration chooses one.

use domain::{InviteId, PlanName};

use super::oidc::{Issuer, IssuerError};
use super::{Identity, SignupError, invite};
use crate::clock::Clock;
use crate::config::{IssuerConfig, VerifierConfig};
use crate::ledger::Ledger;

/// What turns a proof into an identity.
#[derive(Debug)]
pub enum Verifier {
    /// Codes that the operator makes, each for an identity.
    InviteCodes {
        /// Where they are kept.
        ledger: Ledger,
        /// Until when they are good.
        clock: Clock,
    },
    /// ID tokens of an issuer.
    OpenIdConnect(Box<Issuer>),
}

/// What a visitor presents.
pub enum Proof {
    /// An invite code.
    InviteCode(String),
    /// An ID token.
    IdToken(String),
}

/// What a proof proved.
#[derive(Debug)]
pub struct Verified {
    /// Who it is.
    pub identity: Identity,
    /// The invite to use up.
    pub invite: Option<InviteId>,
    /// The plan that the invite opens, if it names one.
    pub plan: Option<PlanName>,
}

impl Verifier {
    /// The verifier of a configuration.
    #[must_use]
    pub fn new(config: &VerifierConfig, ledger: &Ledger, clock: &Clock) -> Verifier {
        match config {
            VerifierConfig::Invite => Verifier::InviteCodes { ledger: ledger.clone(), clock: clock.clone() },
            VerifierConfig::Oidc(issuer) => {
                Verifier::OpenIdConnect(Box::new(Issuer::new(IssuerConfig::clone(issuer), clock.clone())))
            }
        }
    }

    /// Who presents `proof`. A code that is unknown, used, revoked or expired gets one answer.
    pub(super) async fn verify(&self, proof: Proof) -> Result<Verified, SignupError> {
        match (self, proof) {
            (Verifier::InviteCodes { ledger, clock }, Proof::InviteCode(code)) => {
                let digest = invite::digest(&code).ok_or(SignupError::BadInvite)?;
                let row = ledger.invite(digest).await?.filter(|row| row.is_good(clock.now_ms()));
                let row = row.ok_or(SignupError::BadInvite)?;
                let identity = Identity::invited(&row.identity).ok_or(SignupError::BadInvite)?;
                let plan = row.plan.and_then(|plan| plan.parse().ok());
                Ok(Verified { identity, invite: Some(row.id), plan })
            }
            (Verifier::OpenIdConnect(issuer), Proof::IdToken(token)) => {
                let identity = issuer.verify(&token).await.map_err(|error| match error {
                    IssuerError::Token(error) => SignupError::BadToken(error),
                    IssuerError::Unavailable => SignupError::IssuerUnavailable,
                })?;
                Ok(Verified { identity, invite: None, plan: None })
            }
            (Verifier::InviteCodes { .. }, Proof::IdToken(_)) => Err(SignupError::OtherProof("invite_code")),
            (Verifier::OpenIdConnect(_), Proof::InviteCode(_)) => Err(SignupError::OtherProof("id_token")),
        }
    }
}

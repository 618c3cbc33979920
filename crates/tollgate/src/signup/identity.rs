//! Who a visitor proved to be: one bounded, normalised string per person, which has one trial.

use sha2::{Digest, Sha256};

use crate::ledger::{IdentityKind, IdentityMark};

/// The longest name of an invited identity in bytes: the longest e-mail address has 254 characters.
const NAME_LEN_MAX: usize = 254;

/// The longest subject of an issuer in bytes (OpenID Connect Core 1.0, section 2).
const SUBJECT_LEN_MAX: usize = 255;

/// A proven identity: `invite:<name>` or `oidc:<issuer>|<subject>`.
///
/// Identities of different kinds are different: who shall have one trial over both needs one verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    kind: IdentityKind,
    text: String,
}

impl Identity {
    /// The identity that an operator names on an invite, in lower case and without spaces around it, so that an
    /// e-mail address in another spelling is the same. `None` when it is empty, too long, or has control characters.
    #[must_use]
    pub fn invited(name: &str) -> Option<Identity> {
        let name = name.trim().to_lowercase();
        let fits = (1..=NAME_LEN_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
        fits.then(|| Identity { kind: IdentityKind::Invite, text: format!("invite:{name}") })
    }

    /// The identity that an issuer calls `subject`, exactly as it writes it. `None` when it is empty, too long, or not
    /// visible ASCII.
    #[must_use]
    pub fn of_issuer(issuer: &str, subject: &str) -> Option<Identity> {
        let visible = subject.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        let fits = (1..=SUBJECT_LEN_MAX).contains(&subject.len()) && visible;
        fits.then(|| Identity { kind: IdentityKind::Oidc, text: format!("oidc:{issuer}|{subject}") })
    }

    /// The name on the invite, or the issuer and the subject.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, name)| name)
    }

    /// What the ledger keeps of it: its kind, and its SHA-256.
    #[must_use]
    pub fn mark(&self) -> IdentityMark {
        IdentityMark { kind: self.kind, digest: Sha256::digest(&self.text).into() }
    }
}

#[cfg(test)]
mod tests {
    use super::Identity;

    #[test]
    fn an_invited_name_is_the_same_in_every_spelling() {
        let ada = Identity::invited("ada@example.org").unwrap();
        for spelling in [" Ada@Example.org", "ADA@EXAMPLE.ORG\n", "ada@example.org"] {
            assert_eq!(Identity::invited(spelling).unwrap(), ada, "{spelling:?}");
        }
        assert_ne!(Identity::invited("ada@example.com").unwrap().mark(), ada.mark());
        assert_eq!(ada.name(), "ada@example.org");
        for refused in ["", " ", "a\0b", "a\nb", &"a".repeat(255)] {
            assert!(Identity::invited(refused).is_none(), "{refused:?}");
        }
    }

    #[test]
    fn a_subject_is_exact_and_belongs_to_its_issuer() {
        let of = |issuer, subject| Identity::of_issuer(issuer, subject).map(|identity| identity.mark());
        assert_ne!(of("https://a", "ada"), of("https://a", "Ada"));
        assert_ne!(of("https://a", "ada"), of("https://b", "ada"));
        for refused in ["", "a\0", "ä", &"a".repeat(256)] {
            assert_eq!(of("https://a", refused), None, "{refused:?}");
        }
    }
}

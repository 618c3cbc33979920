//! How the person who signed up for an account is known again.

/// How an identity is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityKind {
    /// By an invite code.
    Invite,
    /// By an OpenID Connect issuer.
    Oidc,
}

impl IdentityKind {
    /// The word in the store and in the admin API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            IdentityKind::Invite => "invite",
            IdentityKind::Oidc => "oidc",
        }
    }

    /// The kind of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<IdentityKind> {
        [IdentityKind::Invite, IdentityKind::Oidc].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What is kept of an identity: enough to know it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityMark {
    /// How it was proven.
    pub kind: IdentityKind,
    /// Its SHA-256.
    pub digest: [u8; 32],
}

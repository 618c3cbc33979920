//! Identifiers. Each is a prefixed 128-bit value, so that a person can tell them apart and none fits in another's place.

use std::fmt;
use std::str::FromStr;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// The identifier with these bits.
            #[must_use]
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// The bits, as the store keeps them.
            #[must_use]
            pub const fn to_bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{:032x}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = UnknownId;

            fn from_str(text: &str) -> Result<Self, UnknownId> {
                parse_bits(text, concat!($prefix, "_")).map(Self).ok_or(UnknownId)
            }
        }
    };
}

id!(
    /// An account.
    AccountId, "acct"
);
id!(
    /// An API key (not its secret).
    KeyId, "key"
);
id!(
    /// A call, and so its receipt.
    CallId, "call"
);
id!(
    /// A grant of credit.
    GrantId, "grant"
);
id!(
    /// A stored conversation.
    ConversationId, "conv"
);
id!(
    /// An invite to sign up (not its code).
    InviteId, "invite"
);

/// The text is no identifier of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of this kind")]
pub struct UnknownId;

/// Exactly 32 lower-case hexadecimal digits after the prefix: one spelling per identifier.
fn parse_bits(text: &str, prefix: &str) -> Option<u128> {
    let digits = text.strip_prefix(prefix)?;
    let canonical = digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if canonical { u128::from_str_radix(digits, 16).ok() } else { None }
}

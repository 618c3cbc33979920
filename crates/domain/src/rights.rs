//! What a key may do: its role, and which models, from where and until when. A key that was made with another key never
//! has more rights than its maker.

use std::net::IpAddr;

use crate::models::Models;
use crate::network::Networks;

/// What a key is for. A management key may do all that a user key may, so it is the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyRole {
    /// Makes calls, and sees its own.
    #[default]
    User,
    /// Also manages the keys of its account, and sees all its calls.
    Management,
}

impl KeyRole {
    /// The word in the store and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyRole::User => "user",
            KeyRole::Management => "management",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<KeyRole> {
        [KeyRole::User, KeyRole::Management].into_iter().find(|role| role.as_str() == text)
    }
}

/// The rights of one key; `None` is no bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// What the key is for.
    pub role: KeyRole,
    /// The models it may call.
    pub models: Option<Models>,
    /// The networks it may be used from.
    pub networks: Option<Networks>,
    /// When it stops working, in milliseconds since the Unix epoch.
    pub expires_at_ms: Option<i64>,
}

/// Names one of the rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RightName {
    /// [`Rights::role`].
    Role,
    /// [`Rights::models`].
    Models,
    /// [`Rights::networks`].
    Networks,
    /// [`Rights::expires_at_ms`].
    ExpiresAt,
}

impl RightName {
    /// The field in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            RightName::Role => "role",
            RightName::Models => "models",
            RightName::Networks => "networks",
            RightName::ExpiresAt => "expires_at",
        }
    }
}

impl Rights {
    /// Whether the key may call the model of this id.
    #[must_use]
    pub fn allow_model(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.allows(model))
    }

    /// Whether the key may be used from this address.
    #[must_use]
    pub fn allow_address(&self, address: IpAddr) -> bool {
        self.networks.as_ref().is_none_or(|networks| networks.contain(address))
    }

    /// Whether the key still works at `at_ms`. It stops at its expiry, not after it.
    #[must_use]
    pub fn are_live_at(&self, at_ms: i64) -> bool {
        self.expires_at_ms.is_none_or(|expires_at_ms| at_ms < expires_at_ms)
    }

    /// Whether these rights are surely no more than those of `maker`; the error names the first that is more.
    pub fn is_within(&self, maker: &Rights) -> Result<(), RightName> {
        let check = |name, holds: bool| if holds { Ok(()) } else { Err(name) };
        check(RightName::Role, self.role <= maker.role)?;
        check(RightName::Models, within(&self.models, &maker.models, Models::is_within))?;
        check(RightName::Networks, within(&self.networks, &maker.networks, Networks::are_within))?;
        check(
            RightName::ExpiresAt,
            within(&self.expires_at_ms, &maker.expires_at_ms, |own, most| own <= most),
        )
    }
}

/// Whether a bound is at least as strict as `most`; no bound is looser than any.
fn within<T>(own: &Option<T>, most: &Option<T>, holds: fn(&T, &T) -> bool) -> bool {
    match (own, most) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(own), Some(most)) => holds(own, most),
    }
}

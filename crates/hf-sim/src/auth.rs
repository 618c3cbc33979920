//! Who may call: tokens are told apart by their first letters, so a test picks a case by picking a token.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use crate::refusal::Refusal;

/// A token that may call.
pub(crate) struct Caller {
    broke: bool,
}

impl Caller {
    /// Refuses a caller whose credits are used up (`hf_broke…`).
    pub(crate) fn can_pay(&self) -> Result<(), Refusal> {
        if self.broke { Err(Refusal::NoCredit) } else { Ok(()) }
    }
}

/// Reads the bearer token and the organisation to bill.
pub(crate) fn authorise(headers: &HeaderMap) -> Result<Caller, Refusal> {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    let Some(token) = token.filter(|token| token.len() > "hf_".len() && token.starts_with("hf_")) else {
        return Err(Refusal::BadToken);
    };
    if token.starts_with("hf_noinference") {
        return Err(Refusal::NoPermission);
    }
    match headers.get("x-hf-bill-to").map(|value| String::from_utf8_lossy(value.as_bytes())) {
        Some(name) if name.starts_with("org-unknown") => Err(Refusal::UnknownOrganisation(name.into_owned())),
        _ => Ok(Caller { broke: token.starts_with("hf_broke") }),
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

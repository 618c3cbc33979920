//! What an upstream must not repeat to our clients: its credential, and the values of the headers that the operator
//! gave it.

use std::fmt;
use std::sync::Arc;

use wire::error::UpstreamError;

use crate::config::ProviderConfig;

/// What a secret is replaced by.
const MASK: &str = "***";

/// A shorter value is a word like any other (`team`, `ollama`), and hiding it would only garble messages.
const LEN_MIN: usize = 8;

/// The secrets of one provider. Clones are cheap.
#[derive(Clone)]
pub struct Secrets(Arc<[String]>);

impl Secrets {
    pub(super) fn of(config: &ProviderConfig) -> Secrets {
        let key = config.api_key.iter().map(|key| key.expose());
        let headers = config.headers.iter().filter_map(|(_, value)| value.to_str().ok());
        let mut all: Vec<String> =
            key.chain(headers).filter(|text| text.len() >= LEN_MIN).map(str::to_owned).collect();
        // The longest first, so that one that begins like another is not left with its rest in the clear.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Secrets(all.into())
    }

    /// What an upstream said, without the secrets.
    #[must_use]
    pub fn hide(&self, error: UpstreamError) -> UpstreamError {
        UpstreamError {
            message: self.hide_in(error.message),
            code: error.code.map(|text| self.hide_in(text)),
            kind: error.kind.map(|text| self.hide_in(text)),
            param: error.param.map(|text| self.hide_in(text)),
        }
    }

    fn hide_in(&self, mut text: String) -> String {
        for secret in self.0.iter() {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
            // Texts are cut to a length, perhaps in the middle of a secret.
            let cut_off = (LEN_MIN..secret.len()).rev().find(|&len| text.ends_with(&secret[..len]));
            if let Some(len) = cut_off {
                text.truncate(text.len() - len);
                text.push_str(MASK);
            }
        }
        text
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    #[test]
    fn secrets_are_hidden_also_where_a_text_was_cut() {
        let secrets = Secrets(vec!["0123456789abcdef".to_owned(), "0123456789".to_owned()].into());
        for (said, told) in [
            ("key 0123456789abcdef, again 0123456789abcdef!", "key ***, again ***!"),
            ("key 0123456789 is bad", "key *** is bad"),
            ("Bearer 0123456789abcd", "Bearer ***"),
            ("key 01234567", "key ***"),
            ("key 0123", "key 0123"),
            ("", ""),
        ] {
            assert_eq!(secrets.hide_in(said.to_owned()), told, "{said}");
        }
    }
}

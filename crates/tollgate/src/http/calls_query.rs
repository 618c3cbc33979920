//! Filters over calls as query parameters, of both listeners.

use domain::{AccountId, KeyId};
use serde::Deserialize;

use crate::ledger::usage::{Calls, Ended};
use crate::time::parse_rfc3339;

/// The longest text that is looked for, in characters. Nothing that is stored is longer, but models' names may be.
const TEXT_CHARS_MAX: usize = 256;

/// The length of a date.
const DATE_BYTES: usize = "2026-01-31".len();

/// A time in UTC: `2026-01-31`, `2026-01-31T12:00:00Z` or with an offset.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub(crate) struct When(pub(crate) i64);

impl TryFrom<String> for When {
    type Error = &'static str;

    fn try_from(text: String) -> Result<When, &'static str> {
        parse_time(&text).map(When).ok_or("no time such as 2026-01-31 or 2026-01-31T12:00:00Z")
    }
}

/// How a call ended: `4xx`, `404` or `client_gone`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Status(pub(crate) Ended);

impl TryFrom<String> for Status {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Status, &'static str> {
        Ended::parse(&text).map(Status).ok_or("no status such as 404, 4xx or client_gone")
    }
}

/// A text to look for, exactly as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Text(pub(crate) String);

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Text, &'static str> {
        let fits = (1..=TEXT_CHARS_MAX).contains(&text.chars().count());
        if !fits || text.chars().any(char::is_control) {
            return Err("must have 1 to 256 characters, and no control characters");
        }
        Ok(Text(text))
    }
}

/// The id of a key. One that is none is a mistake; one that is another account's names no call.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct KeyText(pub(crate) KeyId);

impl TryFrom<String> for KeyText {
    type Error = &'static str;

    fn try_from(text: String) -> Result<KeyText, &'static str> {
        text.parse().map(KeyText).map_err(|_| "no id of a key, such as key_0198…")
    }
}

/// The id of an account.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct AccountText(pub(crate) AccountId);

impl TryFrom<String> for AccountText {
    type Error = &'static str;

    fn try_from(text: String) -> Result<AccountText, &'static str> {
        text.parse().map(AccountText).map_err(|_| "no id of an account, such as acct_0198…")
    }
}

/// A query with the filters that both listeners have, and whatever it has beside.
macro_rules! calls_query {
    ($(#[$meta:meta])* $name:ident { $($rest:tt)* }) => {
        $(#[$meta])*
        #[derive(serde::Deserialize, utoipa::IntoParams)]
        #[into_params(parameter_in = Query)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            /// Calls that started at this time or later, in RFC 3339: `2026-01-31`, `2026-01-31T12:00:00Z`.
            #[param(value_type = Option<String>)]
            from: Option<$crate::http::calls_query::When>,
            /// Calls that started before this time.
            #[param(value_type = Option<String>)]
            to: Option<$crate::http::calls_query::When>,
            /// Calls of the key with this id.
            #[param(value_type = Option<String>)]
            key: Option<$crate::http::calls_query::KeyText>,
            /// Calls that this model served, as its provider calls it.
            #[param(value_type = Option<String>, min_length = 1, max_length = 256)]
            model: Option<$crate::http::calls_query::Text>,
            /// Calls that this provider served.
            #[param(value_type = Option<String>, min_length = 1, max_length = 256)]
            provider: Option<$crate::http::calls_query::Text>,
            /// Calls that ended with this status (`404`), one of its class (`4xx`), or in this way (`client_gone`).
            #[param(value_type = Option<String>)]
            status: Option<$crate::http::calls_query::Status>,
            $($rest)*
        }

        impl $name {
            /// The calls that the filters mean, within the caller's own.
            fn calls(&self, own: &$crate::ledger::usage::Calls) -> Option<$crate::ledger::usage::Calls> {
                let key = self.key.map(|key| key.0);
                $crate::http::calls_query::within(own, $crate::ledger::usage::Calls {
                    key,
                    from_ms: self.from.map(|from| from.0),
                    to_ms: self.to.map(|to| to.0),
                    model: self.model.as_ref().map(|text| text.0.clone()),
                    provider: self.provider.as_ref().map(|text| text.0.clone()),
                    ended: self.status.map(|status| status.0),
                    ..$crate::ledger::usage::Calls::default()
                })
            }
        }
    };
}
pub(crate) use calls_query;

/// A query for activity, with the filters of both listeners and whatever one of them has beside.
macro_rules! activity_query {
    ($name:ident { $($rest:tt)* }) => {
        $crate::http::calls_query::calls_query! {
            /// Which calls.
            $name {
                $($rest)*
                /// Calls of this session, as `x-tollgate-session` named it.
                #[param(value_type = Option<String>, min_length = 1, max_length = 256)]
                session: Option<$crate::http::calls_query::Text>,
                /// Calls with this label, as `x-tollgate-label` named it.
                #[param(value_type = Option<String>, min_length = 1, max_length = 256)]
                label: Option<$crate::http::calls_query::Text>,
                /// A page of JSON, or everything as `csv` or `jsonl`.
                #[param(inline)]
                format: Option<$crate::http::activity_reply::Format>,
                /// Calls on a page; 50 when nobody says.
                #[param(minimum = 1, maximum = 1000)]
                limit: Option<u32>,
                /// The `next_cursor` of the page before.
                cursor: Option<String>,
            }
        }

        impl $name {
            /// What is asked of the caller's own calls.
            fn asked(&self, own: &$crate::ledger::usage::Calls) -> $crate::http::activity_reply::Asked<'_> {
                let calls = self.calls(own).map(|calls| $crate::ledger::usage::Calls {
                    session: self.session.as_ref().map(|text| text.0.clone()),
                    label: self.label.as_ref().map(|text| text.0.clone()),
                    ..calls
                });
                let (format, limit, cursor) = (self.format, self.limit, self.cursor.as_deref());
                $crate::http::activity_reply::Asked { calls, format, limit, cursor }
            }
        }
    };
}
pub(crate) use activity_query;

/// What is asked for within the caller's own calls; `None` when nothing can be both.
pub(crate) fn within(own: &Calls, asked: Calls) -> Option<Calls> {
    let key = match (own.key, asked.key) {
        (Some(own), Some(asked)) if own != asked => return None,
        (own, asked) => own.or(asked),
    };
    Some(Calls { account: own.account, key, ..asked })
}

/// A date is its first moment.
fn parse_time(text: &str) -> Option<i64> {
    if text.len() == DATE_BYTES {
        return parse_rfc3339(&format!("{text}T00:00:00Z"));
    }
    // A plus in a query that was not escaped arrives as a space.
    let (before, of_day) = text.split_at_checked(DATE_BYTES + 1)?;
    parse_rfc3339(&format!("{before}{}", of_day.replace(' ', "+")))
}

#[cfg(test)]
mod tests {
    use super::parse_time;
    use crate::time::rfc3339;

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text, means) in [
            ("2026-01-31", "2026-01-31T00:00:00.000Z"),
            ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000Z"),
            ("2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500Z"),
            ("2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00.123Z"),
            ("2026-01-31T00:30:00+01:00", "2026-01-30T23:30:00.000Z"),
            ("2026-01-31T00:30:00 01:00", "2026-01-30T23:30:00.000Z"),
            ("2026-01-31T23:30:00-01:00", "2026-02-01T00:30:00.000Z"),
        ] {
            assert_eq!(parse_time(text).map(rfc3339).as_deref(), Some(means), "{text}");
        }
        for text in [
            "",
            "now",
            "2026",
            "2026-1-31",
            "2026-02-30",
            "2026-00-01",
            "2026-01-31T",
            "2026-01-31T12:00:00",
            "2026-01-31T24:00:00Z",
            "2026-01-31T12:00Z",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00+1:00",
            "2026-01-31T12:00:00+23:99",
            "2026-01-31T12:00:00-24:00",
            "99999999999999999999",
            "-1-01-01",
            "２０２６-01-31",
            "2026-01-31T12:00:00\u{e9}",
            "'; DROP TABLE receipts",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}

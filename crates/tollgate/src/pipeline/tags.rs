//! The client's own names for what a call belongs to, which its receipt keeps.

use hyper::header::HeaderMap;

use crate::error::Refusal;
use crate::ledger::usage::TAG_CHARS_MAX;

/// The conversation, task or agent that the call belongs to.
pub(super) const SESSION_HEADER: &str = "x-tollgate-session";

/// The purpose that the call serves.
pub(super) const LABEL_HEADER: &str = "x-tollgate-label";

/// The headers in which coding agents name their own conversation: Codex CLI, by its newer and its older name, and
/// Claude Code.
const AGENT_SESSION_HEADERS: [&str; 3] = ["session-id", "session_id", "x-claude-code-session-id"];

/// What the call belongs to: as the gateway's header says, else as a coding agent calls its conversation. What an agent
/// says was not meant for the gateway, so it is passed over where it does not fit.
pub(super) fn session_tag(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let ours = tag(headers, SESSION_HEADER)?;
    Ok(ours.or_else(|| AGENT_SESSION_HEADERS.into_iter().find_map(|name| tag(headers, name).ok().flatten())))
}

/// The value of the header `name`: 1 to 128 visible characters, which may have spaces between them.
pub(super) fn tag(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(name).into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    // Of two values either could be the one that is meant.
    let only = values.next().is_none();
    let text = value.to_str().unwrap_or_default();
    let fits = (1..=TAG_CHARS_MAX).contains(&text.len()) && !text.contains('\t');
    if only && fits { Ok(Some(text.to_owned())) } else { Err(Refusal::Tag(name)) }
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderMap, HeaderValue};

    use super::{LABEL_HEADER, SESSION_HEADER, session_tag, tag};
    use crate::error::Refusal;

    #[test]
    fn a_tag_is_short_and_visible() {
        let longest = "x".repeat(128);
        for (value, kept) in [
            ("a", true),
            ("nightly report; 7 of 9, 'DROP TABLE receipts'", true),
            (longest.as_str(), true),
            (&format!("{longest}x"), false),
            ("", false),
            ("a\tb", false),
            ("caf\u{e9}", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(SESSION_HEADER, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            let read = tag(&headers, SESSION_HEADER);
            match kept {
                true => assert_eq!(read.unwrap().as_deref(), Some(value)),
                false => assert!(matches!(read, Err(Refusal::Tag(SESSION_HEADER))), "{value}"),
            }
            assert!(tag(&headers, LABEL_HEADER).unwrap().is_none());
        }
    }

    #[test]
    fn two_tags_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(LABEL_HEADER, HeaderValue::from_static("a"));
        headers.append(LABEL_HEADER, HeaderValue::from_static("a"));
        assert!(matches!(tag(&headers, LABEL_HEADER), Err(Refusal::Tag(LABEL_HEADER))));
    }
    #[test]
    fn an_agent_names_its_session_where_nobody_else_does() {
        let long = "x".repeat(129);
        for (headers, expected) in [
            (&[][..], None),
            (&[("session-id", "codex 1")], Some("codex 1")),
            (&[("session_id", "codex 0")], Some("codex 0")),
            (&[("x-claude-code-session-id", "claude")], Some("claude")),
            (&[("session-id", "codex"), (SESSION_HEADER, "mine")], Some("mine")),
            (&[("session-id", ""), ("x-claude-code-session-id", "claude")], Some("claude")),
            (&[("session-id", &long)], None),
            (&[("session-id", "a"), ("session-id", "b")], None),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(session_tag(&map).unwrap().as_deref(), expected, "{headers:?}");
        }
    }
}

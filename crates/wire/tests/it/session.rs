//! The client's own name of a conversation is the same in every dialect.

use bytes::Bytes;
use serde_json::{Value, json};
use wire::Target;
use wire::chat::{ChatRequest, RequestError};
use wire::completions::CompletionsRequest;
use wire::embeddings::EmbeddingsRequest;
use wire::messages::MessagesRequest;
use wire::responses::{HostedTools, ResponsesRequest};
use wire::session::is_session_name;

/// What each dialect reads in `session_id`.
fn read(name: &Value) -> Vec<Result<Option<String>, RequestError>> {
    let mut body = json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "a"}]});
    body["session_id"] = name.clone();
    let chat = body.to_string();
    let other = |key: &str| json!({"model": "m", key: "a", "session_id": name}).to_string();
    let (input, prompt) = (other("input"), other("prompt"));
    let named = |target: &Target| target.session_id.clone();
    vec![
        ChatRequest::parse(chat.clone().into()).map(|asks| named(asks.target())),
        MessagesRequest::parse(chat.as_bytes()).map(|asks| named(&asks.ask.target)),
        ResponsesRequest::parse(input.as_bytes(), HostedTools::default()).map(|asks| named(&asks.ask.target)),
        CompletionsRequest::parse(&Bytes::from(prompt)).map(|asks| named(asks.text.target())),
        EmbeddingsRequest::parse(input.into()).map(|asks| named(asks.target())),
    ]
}

#[test]
fn a_name_is_good_in_every_dialect_or_in_none() {
    let longest = "x".repeat(128);
    for (name, good) in [
        ("a", true),
        ("my chat; 7 of 9", true),
        (longest.as_str(), true),
        (&format!("{longest}x"), false),
        ("", false),
        (" ", false),
        (" a", false),
        ("a ", false),
        ("a\tb", false),
        ("a\nb", false),
        ("caf\u{e9}", false),
    ] {
        assert_eq!(is_session_name(name), good, "{name:?}");
        for read in read(&json!(name)) {
            match read {
                Ok(read) => assert_eq!((read.as_deref(), good), (Some(name), true)),
                Err(error) => assert_eq!(
                    (error.code, error.param.as_deref(), good),
                    ("invalid_value", Some("session_id"), false)
                ),
            }
        }
    }
}

#[test]
fn null_names_nothing_and_a_number_is_no_name() {
    assert!(read(&Value::Null).into_iter().all(|read| read == Ok(None)));
    assert!(read(&json!(7)).into_iter().all(|read| read.unwrap_err().code == "invalid_type"));
}

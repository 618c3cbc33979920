//! The legacy Completions dialect: requests, chunks, the whole text, and that both say the same.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json as value};
use wire::chat::RequestError;
use wire::completions::{CompletionsRequest, CompletionsWriter};
use wire::error::ErrorBody;
use wire::pivot::{Finish, Item, Part, Request, Role, Writer};

use crate::telling::{ending, events, finish, frames, json, names, stream, text, thought};

pub(crate) fn request(fields: Value) -> Result<CompletionsRequest, RequestError> {
    let mut body = value!({"model": "m", "prompt": "Once"});
    let Value::Object(fields) = fields else { panic!("{fields}") };
    body.as_object_mut().unwrap().extend(fields);
    CompletionsRequest::parse(&Bytes::from(body.to_string()))
}

/// The same as a chat.
fn chat(fields: Value) -> Result<Request, RequestError> {
    request(fields)?.chat
}

#[test]
fn a_prompt_is_the_message_of_a_user() {
    let read = request(value!({
        "provider": "acme", "session_id": "s", "max_tokens": 5, "temperature": 0, "stop": "\n", "seed": 7, "user": "u",
        "n": 1, "best_of": 1, "echo": false, "logprobs": null, "suffix": null,
        "stream": true, "stream_options": {"include_usage": true},
    }))
    .unwrap();
    assert_eq!((read.text.target().session_id.as_deref(), read.text.usage_asked()), (Some("s"), true));
    let ask = read.chat.unwrap();
    assert_eq!(
        (ask.target.model.as_str(), ask.target.provider.as_deref(), ask.stream),
        ("m", Some("acme"), true)
    );
    assert_eq!(ask.input, [Item::message(Role::User, vec![Part::Text("Once".to_owned())])]);
    assert_eq!((ask.settings.output_tokens, ask.settings.stop), (Some(5), vec!["\n".to_owned()]));
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(ask.settings.passing, [pair("temperature", "0"), pair("seed", "7"), pair("user", "\"u\"")]);
}

#[test]
fn one_prompt_may_stand_in_an_array_and_the_limit_is_that_of_the_dialect() {
    let one = chat(value!({"prompt": ["Once"]})).unwrap();
    assert_eq!(one, chat(value!({})).unwrap());
    assert_eq!(one.settings.output_tokens, Some(16));
    assert!(!request(value!({"stream_options": {"include_usage": true}})).unwrap().text.usage_asked());
}

#[test]
fn what_a_chat_cannot_do_is_refused_with_its_place() {
    for (fields, code, param) in [
        (value!({"model": null}), "missing_required_parameter", "model"),
        (value!({"prompt": null}), "missing_required_parameter", "prompt"),
        (value!({"prompt": ["a", "b"]}), "invalid_value", "prompt"),
        (value!({"prompt": []}), "invalid_value", "prompt"),
        (value!({"prompt": [1, 2, 3]}), "invalid_value", "prompt"),
        (value!({"prompt": [[1, 2, 3]]}), "invalid_value", "prompt"),
        (value!({"suffix": "end"}), "unsupported_parameter", "suffix"),
        (value!({"echo": true}), "unsupported_parameter", "echo"),
        (value!({"logprobs": 1}), "unsupported_parameter", "logprobs"),
        (value!({"top_logprobs": 1}), "unsupported_parameter", "top_logprobs"),
        (value!({"n": 2}), "unsupported_parameter", "n"),
        (value!({"best_of": 2}), "unsupported_parameter", "best_of"),
        (value!({"messages": []}), "unsupported_parameter", "messages"),
        (value!({"tools": []}), "unsupported_parameter", "tools"),
        (value!({"stop": [1]}), "invalid_type", "stop[0]"),
        (value!({"max_tokens": -1}), "invalid_type", "max_tokens"),
        (value!({"response_format": {"type": "json_object"}}), "unsupported_parameter", "response_format"),
        (value!({"stream_options": {"include_usage": 1}}), "invalid_type", "stream_options.include_usage"),
    ] {
        let error = chat(fields.clone()).unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (code, Some(param)), "{fields}");
    }
}

const HEAD: &str = r#""id":"cmpl-0123456789abcdef0123456789abcdef","object":"text_completion","created":1700000000,"model":"acme/model""#;

const USAGE: &str = r#""usage":{"prompt_tokens":30,"completion_tokens":7,"total_tokens":37,"prompt_tokens_details":{"cached_tokens":10},"completion_tokens_details":{"reasoning_tokens":3},"cost":0.00123,"cost_details":{"usage_source":"reported"}}"#;

fn choice(text: &str, finish: &str) -> String {
    format!(r#""choices":[{{"index":0,"text":"{text}","logprobs":null,"finish_reason":{finish}}}]"#)
}

#[test]
fn a_stream_is_chunks_of_text_and_its_usage_where_asked() {
    let told = |usage_asked, finish| {
        let answer = vec![thought("hm"), text("He"), text("llo")];
        let (_, out) = stream(&mut CompletionsWriter::new(&names(), usage_asked), answer, Some(finish));
        String::from_utf8(out).unwrap()
    };
    let chunks = |rest: &str| {
        let chunk = |text, finish| format!("data: {{{HEAD},{}{rest}}}\n\n", choice(text, finish));
        [chunk("", "null"), chunk("He", "null"), chunk("llo", "null"), chunk("", "\"length\"")].concat()
    };
    assert_eq!(told(false, Finish::Length), format!("{}data: [DONE]\n\n", chunks("")));
    let usage = format!("data: {{{HEAD},\"choices\":[],{USAGE}}}\n\n");
    assert_eq!(told(true, Finish::Length), format!("{}{usage}data: [DONE]\n\n", chunks(",\"usage\":null")));
    let unsaid = told(true, Finish::Unsaid);
    assert!(unsaid.contains(r#"data: {"error":{"message":"#) && !unsaid.contains("[DONE]"), "{unsaid}");
}

#[test]
fn a_failure_in_the_middle_is_the_last_chunk() {
    let mut writer = CompletionsWriter::new(&names(), true);
    let (items, _) = stream(&mut writer, vec![text("a")], None);
    let error = ErrorBody { message: "It broke.".to_owned(), kind: "server_error", param: None, code: None };
    let mut out = Vec::new();
    writer.fail(&items, &error, &mut out);
    let expected = format!(
        "data: {{\"error\":{{\"message\":\"It broke.\",\"type\":\"server_error\",\"param\":null,\"code\":null}},{HEAD},{}}}\n\n",
        choice("", "\"error\"")
    );
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn the_whole_object_has_every_key() {
    let mut writer = CompletionsWriter::new(&names(), false);
    let (items, _) = stream(&mut writer, vec![thought("hm"), text("Hello")], Some(Finish::Stop));
    let whole = writer.whole(&items, &ending(Finish::Stop));
    assert_eq!(
        str::from_utf8(&whole).unwrap(),
        format!("{{{HEAD},{},{USAGE}}}", choice("Hello", "\"stop\""))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { fork: false, ..ProptestConfig::default() })]

    #[test]
    fn what_is_streamed_is_what_is_told_whole(events in events(), finish in finish()) {
        let mut writer = CompletionsWriter::new(&names(), true);
        let (items, out) = stream(&mut writer, events, Some(finish));
        let whole = writer.whole(&items, &ending(finish));
        let whole = json(str::from_utf8(&whole).unwrap());
        let mut streamed = String::new();
        let mut last = Value::Null;
        for (_, data) in frames(out).into_iter().filter(|(_, data)| data != "[DONE]") {
            let chunk = json(&data);
            streamed.push_str(chunk["choices"][0]["text"].as_str().unwrap_or_default());
            if !chunk["choices"][0]["finish_reason"].is_null() {
                last = chunk["choices"][0]["finish_reason"].clone();
            }
        }
        prop_assert_eq!(&streamed, whole["choices"][0]["text"].as_str().unwrap());
        prop_assert_eq!(&last, &whole["choices"][0]["finish_reason"]);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = CompletionsRequest::parse(&Bytes::from(body));
    }
}

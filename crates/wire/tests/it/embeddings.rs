//! Embeddings: what is taken, what is refused and how it is named, what is sent on, and every form of an answer.

use bytes::Bytes;
use domain::{Usage, UsageSource};
use wire::chat::{ReplyFault, RequestError};
use wire::embeddings::{EmbeddingsReply, EmbeddingsRequest, Form};

fn try_parse(body: &str) -> Result<EmbeddingsRequest, RequestError> {
    EmbeddingsRequest::parse(Bytes::from(body.to_owned()))
}

fn parse(body: &str) -> EmbeddingsRequest {
    try_parse(body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

fn asking(input: &str) -> EmbeddingsRequest {
    parse(&format!(r#"{{"model":"m","input":{input}}}"#))
}

#[test]
fn inputs_of_each_kind_are_counted() {
    for (input, texts, estimate, most) in [
        (r#""abcd""#, 1, 1, 6 + 128),
        (r#""abcde""#, 1, 2, 7 + 128),
        // As written, never fewer bytes than the text has.
        (r#""\u00e4\n""#, 1, 1, 10 + 128),
        (r#"["a","abcdefgh"]"#, 2, 3, 13 + 2 * 128),
        ("[1,2,3]", 1, 3, 3 + 128),
        (" [ 0 , 2147483647 ] ", 1, 2, 2 + 128),
        ("[[1],[2,3]]", 2, 3, 3 + 2 * 128),
    ] {
        let request = asking(input);
        let bound = request.bound();
        assert_eq!((request.texts(), request.prompt_tokens_estimate()), (texts, estimate), "{input}");
        assert_eq!((bound.input_tokens, bound.output_tokens, bound.n), (most, Some(0), 1), "{input}");
    }
    let instructed = parse(r#"{"model":"m","input":["a","b"],"prompt":"Look: "}"#);
    assert_eq!(instructed.bound().input_tokens, 6 + 2 * (128 + 16), "an instruction is put before each text");
}

#[test]
fn what_cannot_be_embedded_is_refused_by_name() {
    let texts = |count: usize| format!("[{}]", vec!["\"a\""; count].join(","));
    let tokens = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    assert_eq!(asking(&texts(2_048)).texts(), 2_048);
    assert_eq!(asking(&tokens(300_000)).prompt_tokens_estimate(), 300_000);
    let input = |value: &str| format!(r#"{{"model":"m","input":{value}}}"#);
    let with = |more: &str| format!(r#"{{"model":"m","input":"a",{more}}}"#);
    for (body, code, param) in [
        ("[]".to_owned(), "invalid_json", None),
        ("{".to_owned(), "invalid_json", None),
        (r#"{"input":"a"}"#.to_owned(), "missing_required_parameter", Some("model")),
        (r#"{"model":"m"}"#.to_owned(), "missing_required_parameter", Some("input")),
        (input("null"), "missing_required_parameter", Some("input")),
        (input(r#""""#), "invalid_value", Some("input")),
        (input("[]"), "invalid_value", Some("input")),
        (input("7"), "invalid_type", Some("input")),
        (input("{}"), "invalid_type", Some("input")),
        (input(r#"["a",""]"#), "invalid_value", Some("input[1]")),
        (input(r#"["a",null]"#), "invalid_type", Some("input[1]")),
        (input(r#"["a",{"text":"b"}]"#), "invalid_type", Some("input[1]")),
        (input(r#"["a",[1]]"#), "invalid_type", Some("input")),
        (input("[[1],[]]"), "invalid_value", Some("input[1]")),
        (input("[[1],[-2]]"), "invalid_type", Some("input[1]")),
        (input("[1,2.5]"), "invalid_type", Some("input")),
        (input("[1,\"a\"]"), "invalid_type", Some("input")),
        (input("[2147483648]"), "invalid_type", Some("input")),
        (input(&texts(2_049)), "invalid_value", Some("input")),
        (input(&tokens(300_001)), "invalid_value", Some("input")),
        (input(&format!("[{0},{0}]", tokens(150_001))), "invalid_value", Some("input")),
        (with(r#""encoding_format":"int8""#), "invalid_value", Some("encoding_format")),
        (with(r#""encoding_format":1"#), "invalid_type", Some("encoding_format")),
        (with(r#""dimensions":0"#), "invalid_value", Some("dimensions")),
        (with(r#""dimensions":"3""#), "invalid_type", Some("dimensions")),
        (with(r#""user":3"#), "invalid_type", Some("user")),
        (with(r#""stream":true"#), "unsupported_parameter", Some("stream")),
        (with(r#""input":"b""#), "duplicate_parameter", Some("input")),
        (with(r#""Input":"b""#), "invalid_value", Some("Input")),
        (with(r#""inputs":"b""#), "unsupported_parameter", Some("inputs")),
        (with(r#""provider":{}"#), "invalid_type", Some("provider")),
        (with(r#""session_id":"""#), "invalid_value", Some("session_id")),
    ] {
        let shown: String = body.chars().take(80).collect();
        let error = try_parse(&body).map(|_| ()).expect_err(&shown);
        assert_eq!((error.code, error.param.as_deref()), (code, param), "{shown}: {error}");
    }
}

#[test]
fn what_is_sent_is_what_was_written_in_the_form_of_the_server() {
    let ours = r#""provider":"p","session_id":"s","stream":false"#;
    for (body, openai, task) in [
        (
            format!(r#"{{ "input" : "a\u0062", "model":"m", {ours}, "truncate": true, "user":"u" }}"#),
            r#"{"model":"up","input" : "a\u0062","truncate": true,"user":"u"}"#,
            r#"{"inputs":["a\u0062"],"truncate": true}"#,
        ),
        (
            r#"{"model":"m","input":[ "a","b" ],"encoding_format":"base64"}"#.to_owned(),
            r#"{"model":"up","input":[ "a","b" ],"encoding_format":"base64"}"#,
            r#"{"inputs":[ "a","b" ]}"#,
        ),
    ] {
        let request = parse(&body);
        assert_eq!(request.forward(Form::OpenAi, "up"), openai);
        assert_eq!(request.forward(Form::Task, "up"), task);
    }
}

#[test]
fn a_task_takes_texts_and_nothing_that_it_would_drop() {
    for (more, param) in [
        (r#""input":"a""#, None),
        (r#""input":"a","dimensions":null,"encoding_format":"base64","user":"u""#, None),
        (r#""input":"a","dimensions":8"#, Some("dimensions")),
        (r#""input":[1,2]"#, Some("input")),
        (r#""input":[[1],[2]]"#, Some("input")),
    ] {
        let request = parse(&format!(r#"{{"model":"m",{more}}}"#));
        assert_eq!(request.suits(Form::OpenAi), Ok(()));
        let refused = request.suits(Form::Task).err();
        assert!(refused.iter().all(|error| error.code == "unsupported_parameter"), "{refused:?}");
        assert_eq!(refused.and_then(|error| error.param).as_deref(), param, "{more}");
    }
}

/// The answer to a client that a body becomes: with the usage that it was charged.
fn told(body: &str, form: Form, request: &EmbeddingsRequest) -> String {
    let reply = EmbeddingsReply::parse(body.as_bytes(), form, request);
    let reply = reply.unwrap_or_else(|fault| panic!("{fault}: {body}"));
    let usage = reply.tally().reported.unwrap_or(Usage { input: 7, ..Usage::default() });
    let source =
        if reply.tally().reported.is_some() { UsageSource::Reported } else { UsageSource::Estimated };
    String::from_utf8(reply.with_usage(&usage, None, source).to_vec()).unwrap()
}

#[test]
fn every_form_becomes_openais_list() {
    let one = asking(r#""a""#);
    let two = asking(r#"["a","b"]"#);
    let coded = parse(r#"{"model":"m","input":["a","b"],"encoding_format":"base64"}"#);
    let list = |vectors: [&str; 2]| {
        format!(
            "{{\"object\":\"list\",\"model\":\"m\",\"data\":[{{\"object\":\"embedding\",\"index\":0,\"embedding\":{}}},\
             {{\"object\":\"embedding\",\"index\":1,\"embedding\":{}}}]}}",
            vectors[0], vectors[1]
        )
    };
    let usage = |tokens: u64, source: &str| {
        format!(
            ",\"usage\":{{\"prompt_tokens\":{tokens},\"total_tokens\":{tokens},\"cost\":null,\
             \"cost_details\":{{\"usage_source\":\"{source}\"}}}}}}"
        )
    };
    let ended = |list: String, usage: String| format!("{}{usage}", list.strip_suffix('}').unwrap());
    let plain = list(["[0.10, -2e-3]", "[3,4]"]);
    let base64 = list(["\"AACAPwAAAMA=\"", "\"AAAAPw==\""]);
    for (request, form, body, expected) in [
        (&two, Form::Task, "[[0.10, -2e-3],[3,4]]", ended(plain.clone(), usage(7, "estimated"))),
        (&coded, Form::Task, "[[1,-2.0],[0.5]]", ended(base64.clone(), usage(7, "estimated"))),
        (
            &two,
            Form::OpenAi,
            &*ended(plain.clone(), ",\"usage\":{\"prompt_tokens\":9,\"total_tokens\":9}}".to_owned()),
            ended(plain.clone(), usage(9, "reported")),
        ),
        (&two, Form::OpenAi, &*plain, ended(plain.clone(), usage(7, "estimated"))),
        // No text has no tokens.
        (
            &two,
            Form::OpenAi,
            &*ended(plain.clone(), ",\"usage\":{\"prompt_tokens\":0,\"total_tokens\":0}}".to_owned()),
            ended(plain.clone(), usage(7, "estimated")),
        ),
        (&coded, Form::OpenAi, &*list(["[1,-2.0]", "[0.5]"]), ended(base64.clone(), usage(7, "estimated"))),
        (&coded, Form::OpenAi, &*base64, ended(base64.clone(), usage(7, "estimated"))),
    ] {
        assert_eq!(told(body, form, request), expected, "{body}");
    }
    let alone = told("[0.5,1]", Form::Task, &one);
    assert!(alone.contains("\"embedding\":[0.5,1]}]"), "{alone}");
}

#[test]
fn an_answer_that_is_none_is_told_apart_from_an_error() {
    let two = asking(r#"["a","b"]"#);
    let coded = parse(r#"{"model":"m","input":["a"],"encoding_format":"base64"}"#);
    let item = |index: &str, embedding: &str| format!(r#"{{"index":{index},"embedding":{embedding}}}"#);
    let list = |items: &[String]| format!(r#"{{"data":[{}]}}"#, items.join(","));
    let (first, second) = (item("0", "[1]"), item("1", "[2]"));
    for (form, body) in [
        (Form::Task, String::new()),
        (Form::Task, "<html></html>".to_owned()),
        (Form::Task, "[[1],[2]".to_owned()),
        (Form::Task, "[[1]]".to_owned()),
        (Form::Task, "[[1],[2],[3]]".to_owned()),
        (Form::Task, "[1,2]".to_owned()),
        (Form::Task, "[[1],[null]]".to_owned()),
        (Form::Task, "[[1],[]]".to_owned()),
        (Form::Task, "[[1],\"AAAA\"]".to_owned()),
        // One vector for each token: which of them stands for the text is not ours to say.
        (Form::Task, "[[[1],[2]],[[3],[4]]]".to_owned()),
        (Form::Task, "{}".to_owned()),
        (Form::OpenAi, "[[1],[2]]".to_owned()),
        (Form::OpenAi, "{}".to_owned()),
        (Form::OpenAi, r#"{"data":null}"#.to_owned()),
        (Form::OpenAi, r#"{"data":{}}"#.to_owned()),
        (Form::OpenAi, list(std::slice::from_ref(&first))),
        (Form::OpenAi, list(&[first.clone(), second, item("2", "[3]")])),
        (Form::OpenAi, list(&[first.clone(), first.clone()])),
        (Form::OpenAi, list(&[first.clone(), item("2", "[2]")])),
        (Form::OpenAi, list(&[first.clone(), item("-1", "[2]")])),
        (Form::OpenAi, list(&[first.clone(), item("1", "\"AAAA\"")])),
        (Form::OpenAi, list(&[first.clone(), item("1", "[true]")])),
        (Form::OpenAi, list(&[first.clone(), r#"{"index":1}"#.to_owned()])),
        (Form::OpenAi, list(&[first.clone(), "7".to_owned()])),
    ] {
        let fault = EmbeddingsReply::parse(body.as_bytes(), form, &two).map(|_| ());
        assert!(matches!(fault, Err(ReplyFault::Malformed(_))), "{body}: {fault:?}");
    }
    for format in ["\"\"", "7", "null"] {
        let body = list(&[item("0", format)]);
        let fault = EmbeddingsReply::parse(body.as_bytes(), Form::OpenAi, &coded).map(|_| ());
        assert!(matches!(fault, Err(ReplyFault::Malformed(_))), "{body}: {fault:?}");
    }
    for (form, body) in [
        (Form::Task, r#"{"error":"boom","error_type":"Backend"}"#),
        (Form::OpenAi, r#"{"error":{"message":"boom"}}"#),
        (Form::OpenAi, r#"{"data":[],"error":"boom"}"#),
        (Form::OpenAi, r#"{"detail":"boom"}"#),
    ] {
        let Err(ReplyFault::Error(error)) = EmbeddingsReply::parse(body.as_bytes(), form, &two) else {
            panic!("no error: {body}")
        };
        assert_eq!(error.message, "boom");
    }
}

#[test]
fn a_usage_that_cannot_be_is_suspect() {
    let request = asking(r#""a""#);
    for (usage, input, suspect) in [
        (r#"{"prompt_tokens":5,"total_tokens":5}"#, Some(5), false),
        (r#"{"prompt_tokens":5,"completion_tokens":0,"total_tokens":5}"#, Some(5), false),
        (r#"{"total_tokens":5}"#, Some(5), false),
        (r#"{"prompt_tokens":5,"total_tokens":9}"#, Some(5), true),
        (r#"{"prompt_tokens":-5}"#, None, true),
        (r#"{"prompt_tokens":0}"#, None, true),
        ("{}", None, false),
        ("[]", None, true),
        ("null", None, false),
    ] {
        let body = format!(r#"{{"id":"e1","data":[{{"embedding":[1]}}],"usage":{usage}}}"#);
        let reply = EmbeddingsReply::parse(body.as_bytes(), Form::OpenAi, &request).unwrap();
        let tally = reply.tally();
        assert_eq!(
            (tally.reported.map(|usage| usage.input), tally.usage_suspect),
            (input, suspect),
            "{usage}"
        );
        assert_eq!((tally.vectors, tally.upstream_id.as_deref()), (1, Some("e1")));
    }
}

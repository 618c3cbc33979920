//! Requests: what is taken, what is refused and how it is named, what is sent on.

use bytes::Bytes;
use domain::CallBound;
use wire::Forward;
use wire::chat::{ChatRequest, RequestError};

#[test]
fn a_plain_request_is_read() {
    let request = parse(
        r#"{"messages":[{"role":"user","content":"hi"}],"model":"org/m:cheapest","provider":"huggingface",
            "n":2,"max_tokens":10,"stream":true,"stream_options":{"include_usage":true}}"#,
    );
    assert_eq!(
        (request.target().model.as_str(), request.target().provider.as_deref()),
        ("org/m:cheapest", Some("huggingface"))
    );
    assert!(request.stream() && request.usage_asked());
    let bound = request.bound();
    assert_eq!((bound.output_tokens, bound.n), (Some(10), 2));
    let plain = with("");
    assert_eq!((&plain.target().provider, plain.stream(), plain.usage_asked()), (&None, false, false));
    assert_eq!((plain.bound().output_tokens, plain.bound().n), (None, 1));
    assert_eq!(plain.prompt_tokens_estimate(), 1);
    assert!(!with(r#","stream_options":{"include_usage":true}"#).usage_asked(), "nothing streams");
}

#[test]
fn numbers_are_integers_within_bounds() {
    let good = [
        ("max_tokens", "1"),
        ("max_tokens", "2147483647"),
        ("max_completion_tokens", "4096"),
        ("n", "1"),
        ("n", "128"),
        ("top_logprobs", "0"),
        ("top_logprobs", "20"),
        ("top_logprobs", "null"),
    ];
    for (field, value) in good {
        assert!(try_with(&format!(",\"{field}\":{value}")).is_ok(), "{field} {value}");
    }
    let never = [
        "-1",
        "-0",
        "1.0",
        "5.0",
        "0.5",
        "1e2",
        "1E400",
        "\"5\"",
        "true",
        "[]",
        "[1]",
        "{}",
        "4294967296",
        "9007199254740993",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999999999999999",
    ];
    let per_field: [(&str, &[&str]); 4] = [
        ("max_tokens", &["0", "null", "2147483648"]),
        ("max_completion_tokens", &["0", "null", "2147483648"]),
        ("n", &["0", "null", "129"]),
        ("top_logprobs", &["21"]),
    ];
    for (field, own) in per_field {
        for value in never.iter().chain(own) {
            let error = try_with(&format!(",\"{field}\":{value}")).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(field), "{value}");
            assert!(matches!(error.code, "invalid_type" | "invalid_value"), "{value}: {error:?}");
        }
    }
    let million_digits = format!(",\"max_tokens\":1{}", "0".repeat(1_000_000));
    assert_eq!(try_with(&million_digits).unwrap_err().code, "invalid_value");
}

#[test]
fn each_fault_names_its_field() {
    let table = [
        (r#"{"messages":[{"role":"user"}]}"#, "missing_required_parameter", Some("model")),
        (r#"{"model":"","messages":[{"role":"user"}]}"#, "invalid_value", Some("model")),
        (r#"{"model":7,"messages":[{"role":"user"}]}"#, "invalid_type", Some("model")),
        (r#"{"model":null,"messages":[{"role":"user"}]}"#, "invalid_type", Some("model")),
        (r#"{"model":"\ud800","messages":[{"role":"user"}]}"#, "invalid_type", Some("model")),
        (r#"{"model":"m"}"#, "missing_required_parameter", Some("messages")),
        (r#"{"model":"m","messages":[]}"#, "invalid_value", Some("messages")),
        (r#"{"model":"m","messages":null}"#, "invalid_type", Some("messages")),
        (r#"{"model":"m","messages":"hi"}"#, "invalid_type", Some("messages")),
        (r#"{"model":"m","messages":[{"role":"user"},7]}"#, "invalid_type", Some("messages[1]")),
        (
            r#"{"model":"m","messages":[{"role":"user"},{"content":"x"}]}"#,
            "invalid_type",
            Some("messages[1].role"),
        ),
        (r#"{"model":"m","messages":[{"role":1}]}"#, "invalid_type", Some("messages[0].role")),
        (
            r#"{"model":"m","messages":[{"role":"user","role":"system"}]}"#,
            "duplicate_parameter",
            Some("messages[0].role"),
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":7}]}"#,
            "invalid_type",
            Some("messages[0].content"),
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":{}}]}"#,
            "invalid_type",
            Some("messages[0].content"),
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[7]}]}"#,
            "invalid_type",
            Some("messages[0].content[0]"),
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":["x",{}]}]}"#,
            "invalid_type",
            Some("messages[0].content[1].type"),
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","type":"image_url"}]}]}"#,
            "duplicate_parameter",
            Some("messages[0].content[0].type"),
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","Type":"image_url"}]}]}"#,
            "invalid_value",
            Some("Type"),
        ),
        (r#"{"model":"m","model":"m","messages":[{"role":"user"}]}"#, "duplicate_parameter", Some("model")),
        (r#"{"model":"m","x":1,"x":1,"messages":[{"role":"user"}]}"#, "duplicate_parameter", Some("x")),
        (r#"{"model":"m","input":"hi"}"#, "missing_required_parameter", Some("messages")),
    ];
    for (body, code, param) in table {
        let error = try_parse(body).unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (code, param), "{body}: {}", error.message);
    }
    let responses = try_parse(r#"{"model":"m","input":[]}"#).unwrap_err();
    assert!(responses.message.contains("/v1/responses"), "{}", responses.message);
}

#[test]
fn a_body_that_is_no_json_object_is_refused() {
    let table = [
        "",
        "hi",
        "[]",
        "null",
        r#"{"model":"m""#,
        r#"{"model":"m","messages":[{"role":"user"}]} {}"#,
        "\u{feff}{}",
        r#"{"model":"m","a":01,"messages":[{"role":"user"}]}"#,
        r#"{"\ud800":1}"#,
    ];
    for body in table {
        let error = try_parse(body).unwrap_err();
        assert_eq!((error.code, error.param), ("invalid_json", None), "{body}: {}", error.message);
    }
    let latin = ChatRequest::parse(Bytes::from_static(b"{\"model\":\"\xe9\"}")).unwrap_err();
    assert_eq!(latin.code, "invalid_json");
}

#[test]
fn settings_are_checked_where_they_change_the_call() {
    let table = [
        (r#","max_tokens":1,"max_completion_tokens":1"#, "invalid_value", "max_completion_tokens"),
        (r#","max_tokens":1,"max_tok\u0065ns":2"#, "duplicate_parameter", "max_tokens"),
        (r#","Max_Tokens":2"#, "invalid_value", "Max_Tokens"),
        (r#","max_to\u212Aens":2"#, "invalid_value", "max_to\u{212a}ens"),
        (r#","\u017ftream":true"#, "invalid_value", "\u{17f}tream"),
        (r#","stream":"true""#, "invalid_type", "stream"),
        (r#","stream":1"#, "invalid_type", "stream"),
        (r#","stream_options":true"#, "invalid_type", "stream_options"),
        (r#","stream_options":{"include_usage":1}"#, "invalid_type", "stream_options.include_usage"),
        (
            r#","stream_options":{"include_usage":true,"include_usage":false}"#,
            "duplicate_parameter",
            "stream_options.include_usage",
        ),
        (r#","stream_options":{"Include_Usage":true}"#, "invalid_value", "stream_options.include_usage"),
        (r#","provider":{"order":["groq"]}"#, "invalid_type", "provider"),
        (r#","provider":null"#, "invalid_type", "provider"),
        (r#","provider":"""#, "invalid_value", "provider"),
        (r#","tools":{}"#, "invalid_type", "tools"),
        (r#","web_search_options":{}"#, "unsupported_parameter", "web_search_options"),
        (r#","audio":{"voice":"x"}"#, "unsupported_parameter", "audio"),
        (r#","modalities":["text","audio"]"#, "unsupported_parameter", "modalities"),
        (r#","modalities":"audio""#, "unsupported_parameter", "modalities"),
        (r#","service_tier":"priority""#, "unsupported_parameter", "service_tier"),
        (r#","service_tier":7"#, "unsupported_parameter", "service_tier"),
        (r#","best_of":2"#, "unsupported_parameter", "best_of"),
    ];
    for (fields, code, param) in table {
        let error = try_with(fields).unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (code, Some(param)), "{fields}: {}", error.message);
    }
    let fine = [
        r#","stream":null"#,
        r#","stream_options":null"#,
        r#","tools":null"#,
        r#","modalities":["text"]"#,
        r#","modalities":null"#,
        r#","audio":null"#,
        r#","service_tier":"flex""#,
        r#","service_tier":null"#,
        r#","temperature":"hot","top_p":-1,"Temperature":0"#,
        r#","x":1e999999,"y":"\ud800""#,
    ];
    for fields in fine {
        assert!(try_with(fields).is_ok(), "{fields}");
    }
}

#[test]
fn no_other_name_of_a_limit_gets_past_it() {
    let table = [
        ("n_predict", "'max_tokens'"),
        ("n_cmpl", "'n'"),
        ("auto_max_new_tokens", "'max_tokens'"),
        ("max_length", "'max_tokens'"),
        ("max_new_tokens", "'max_tokens'"),
        ("max_tokens_to_sample", "'max_tokens'"),
        ("num_predict", "'max_tokens'"),
        ("N_Predict", "'max_tokens'"),
        ("N_CMPL", "'n'"),
        ("Max_New_To\u{212a}ens", "'max_tokens'"),
        ("max_token\u{17f}_to_sample", "'max_tokens'"),
    ];
    for (field, standard) in table {
        for value in ["1", "100000", "null"] {
            let error = try_with(&format!(",\"max_tokens\":5,\"{field}\":{value}")).unwrap_err();
            assert_eq!(
                (error.code, error.param.as_deref()),
                ("unsupported_parameter", Some(field)),
                "{value}"
            );
            assert!(error.message.contains(standard), "{}", error.message);
        }
    }
    let escaped = try_with(r#","n_predic\u0074":1"#).unwrap_err();
    assert_eq!((escaped.code, escaped.param.as_deref()), ("unsupported_parameter", Some("n_predict")));
    assert!(try_with(r#","min_tokens":5,"ignore_eos":true,"best_of":1"#).is_ok(), "these raise no limit");
}

#[test]
fn too_much_of_anything_is_refused() {
    let messages =
        |count: usize| format!("{{\"model\":\"m\",\"messages\":[{}]}}", list(r#"{"role":"user"}"#, count));
    let parts = |count: usize| {
        let parts = list(r#"{"type":"text","text":""}"#, count);
        format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":[{parts}]}},{{"role":"user","content":["x"]}}]}}"#
        )
    };
    let tools = |count: usize| body(&format!(",\"tools\":[{}]", list("{}", count)));
    let fields = |count: usize| body(&(0..count).map(|at| format!(",\"f{at}\":0")).collect::<String>());
    let model = |len: usize| format!(r#"{{"model":"{}","messages":[{{"role":"user"}}]}}"#, "é".repeat(len));
    let nested = |depth: usize| body(&format!(",\"x\":{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1)));
    let table = [
        (messages(100_000), messages(100_001), "messages"),
        (messages(1), messages(1_000_000), "messages"),
        (parts(99_999), parts(100_000), "messages[1].content"),
        (tools(256), tools(257), "tools"),
        (fields(998), fields(999), ""),
        (fields(1), fields(100_000), ""),
        (model(256), model(257), "model"),
        (nested(64), nested(65), ""),
        (
            body(&format!(",\"provider\":\"{}\"", "p".repeat(64))),
            body(&format!(",\"provider\":\"{}\"", "p".repeat(65))),
            "provider",
        ),
    ];
    for (most, too_much, param) in table {
        assert!(try_parse(&most).is_ok(), "{param}");
        let error = try_parse(&too_much).unwrap_err();
        assert_eq!(error.param.unwrap_or_default(), param);
    }
    for bracket in ["[", "{", "{\"a\":", "[{\"a\":["] {
        let error = try_parse(&bracket.repeat(1_000_000)).unwrap_err();
        assert_eq!(error.code, "body_too_deep", "{bracket}");
    }
    assert_eq!(try_parse(&"]".repeat(1_000_000)).unwrap_err().code, "invalid_json");
    let million_keys = body(&",\"a\":0".repeat(1_000_000));
    assert_eq!(try_parse(&million_keys).unwrap_err().code, "too_many_fields");
    assert!(
        try_with(&format!(",\"user\":\"{}\"", "[".repeat(1_000_000))).is_ok(),
        "brackets in a text are no nesting"
    );
}

#[test]
fn the_forwarded_body_is_the_request_with_our_words() {
    let messages = r#""messages":[{"role":"user","content":"hi"}]"#;
    let table = [
        ("", None, format!(r#"{{"model":"up","x":1,{messages}}}"#)),
        ("", Some(7), format!(r#"{{"model":"up","max_tokens":7,"x":1,{messages}}}"#)),
        (
            r#","max_completion_tokens":9"#,
            None,
            format!(r#"{{"model":"up","x":1,{messages},"max_completion_tokens":9}}"#),
        ),
        (
            r#","max_completion_tokens":9"#,
            Some(7),
            format!(r#"{{"model":"up","max_tokens":7,"x":1,{messages}}}"#),
        ),
        (
            r#","provider":"p" , "y" :  [ 1.50 ]"#,
            None,
            format!(r#"{{"model":"up","x":1,{messages},"y" :  [ 1.50 ]}}"#),
        ),
        (
            r#","stream":true"#,
            None,
            format!(
                r#"{{"model":"up","x":1,{messages},"stream":true,"stream_options":{{"include_usage":true}}}}"#
            ),
        ),
        (
            r#","stream_options":{"a":[1],"include_usage":false,"b":"\u00e9"},"stream":true"#,
            None,
            format!(
                r#"{{"model":"up","x":1,{messages},"stream_options":{{"include_usage":true,"a":[1],"b":"\u00e9"}},"stream":true}}"#
            ),
        ),
        (
            r#","stream":true,"stream_options":null"#,
            None,
            format!(
                r#"{{"model":"up","x":1,{messages},"stream":true,"stream_options":{{"include_usage":true}}}}"#
            ),
        ),
        (
            r#","stream_options":{"include_usage":false}"#,
            None,
            format!(r#"{{"model":"up","x":1,{messages},"stream_options":{{"include_usage":false}}}}"#),
        ),
    ];
    for (fields, output_tokens, expected) in table {
        let request = parse(&format!(r#"{{ "x":1, "model":"m",{messages}{fields} }}"#));
        let sent = request.forward(&Forward { upstream_model: "up", output_tokens });
        assert_eq!(sent, expected, "{fields}");
    }
    let quoted = with("").forward(&Forward { upstream_model: "a\"b\\", output_tokens: None });
    assert!(quoted.starts_with(br#"{"model":"a\"b\\","#));
}

#[test]
fn what_is_priced_is_what_is_sent() {
    let request = with(r#","n":3,"stream":true,"tools":[{"type":"function"}]"#);
    let sent = request.forward(&Forward { upstream_model: "another/name:groq", output_tokens: Some(512) });
    let again = ChatRequest::parse(sent).unwrap();
    assert_eq!(again.bound(), CallBound { output_tokens: Some(512), ..request.bound() });
    assert_eq!(again.prompt_tokens_estimate(), request.prompt_tokens_estimate());
}

fn body(fields: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{fields}}}"#)
}

fn list(item: &str, count: usize) -> String {
    vec![item; count].join(",")
}

pub(crate) fn with(fields: &str) -> ChatRequest {
    try_with(fields).unwrap()
}

fn try_with(fields: &str) -> Result<ChatRequest, RequestError> {
    try_parse(&body(fields))
}

pub(crate) fn parse(body: &str) -> ChatRequest {
    try_parse(body).unwrap()
}

fn try_parse(body: &str) -> Result<ChatRequest, RequestError> {
    ChatRequest::parse(Bytes::copy_from_slice(body.as_bytes()))
}

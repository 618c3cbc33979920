//! Errors of upstreams: every shape that was seen, and what must never come through.

use wire::error::{ErrorBody, UpstreamError};

/// Status, body, message, code, type, parameter.
type Row =
    (u16, &'static str, &'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>);

const SHAPES: [Row; 30] = [
    (
        400,
        r#"{"error":{"message":"The requested model 'X' does not exist.","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#,
        "The requested model 'X' does not exist.",
        Some("model_not_found"),
        Some("invalid_request_error"),
        Some("model"),
    ),
    (401, r#"{"error":"Invalid username or password."}"#, "Invalid username or password.", None, None, None),
    (
        400,
        r#"{"message":"property 'store' is unsupported","type":"invalid_request_error","param":"validation_error","code":"wrong_api_format"}"#,
        "property 'store' is unsupported",
        Some("wrong_api_format"),
        Some("invalid_request_error"),
        Some("validation_error"),
    ),
    (
        400,
        r#"{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}"#,
        "too long",
        Some("400"),
        Some("BadRequestError"),
        None,
    ),
    (
        429,
        r#"{"error":{"code":"1211","message":"Unknown model"}}"#,
        "Unknown model",
        Some("1211"),
        None,
        None,
    ),
    (
        502,
        r#"{"message":"upstream provider failed","reason":"timeout"}"#,
        "upstream provider failed",
        None,
        None,
        None,
    ),
    (422, r#"{"detail":"Unexpected fields {'x'}"}"#, "Unexpected fields {'x'}", None, None, None),
    (
        422,
        r#"{"detail":[{"loc":["body","messages",0],"msg":"field required","type":"missing"},{"loc":["body","n"],"msg":"too big"}]}"#,
        "body.messages.0: field required; body.n: too big",
        None,
        None,
        None,
    ),
    // A message that is a list or an object: Mistral's, and those that nobody knows, which are shown as they are.
    (
        422,
        r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","messages",0,"user","name"],"msg":"Extra inputs are not permitted","input":"ann"}]},"type":"invalid_request_error","param":null,"code":"1000"}"#,
        "body.messages.0.user.name: Extra inputs are not permitted",
        Some("1000"),
        Some("invalid_request_error"),
        None,
    ),
    (
        400,
        r#"{"error":{"message":[ {"why":"too long"} ],"code":"x"}}"#,
        r#"[{"why":"too long"}]"#,
        Some("x"),
        None,
        None,
    ),
    (400, r#"{"message":{"n": ["too big"]}}"#, r#"{"n":["too big"]}"#, None, None, None),
    (400, r#"{"detail":[["n", 3]]}"#, r#"[["n",3]]"#, None, None, None),
    (400, r#"{"message":{"why":"hf_12345678"}}"#, r#"{"why":"hf_***"}"#, None, None, None),
    (
        500,
        r#"{"message":{},"detail":[]}"#,
        "the upstream sent an error without a message (status 500)",
        None,
        None,
        None,
    ),
    (
        422,
        r#"{"error":"Input is too long","error_type":"validation"}"#,
        "Input is too long",
        None,
        Some("validation"),
        None,
    ),
    (
        200,
        r#"{"error":{"message":"Request failed","http_status_code":422}}"#,
        "Request failed",
        Some("422"),
        None,
        None,
    ),
    (
        503,
        r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
        "Loading model",
        Some("503"),
        Some("unavailable_error"),
        None,
    ),
    (
        503,
        r#"{"error":"Model a/b is currently loading","estimated_time":118.03}"#,
        "Model a/b is currently loading",
        None,
        None,
        None,
    ),
    (
        400,
        r#"{"success":false,"error":[{"path":["model"],"message":"Required"}]}"#,
        "model: Required",
        None,
        None,
        None,
    ),
    (400, r#"[{"error":{"code":400,"message":"bad","status":"INVALID"}}]"#, "bad", Some("400"), None, None),
    (500, r#"["first","second"]"#, "first; second", None, None, None),
    (500, r#"{"code":500,"msg":"404 NOT_FOUND","success":false}"#, "404 NOT_FOUND", Some("500"), None, None),
    (500, r#"{"error":{"error":"nested text"}}"#, "nested text", None, None, None),
    (500, r#""just a text""#, "just a text", None, None, None),
    (500, "Internal Server Error\n", "Internal Server Error", None, None, None),
    (
        502,
        "<!DOCTYPE html><html><head><TITLE lang=en>502 Bad Gateway</TITLE></head><body>secret internals</body></html>",
        "502 Bad Gateway",
        None,
        None,
        None,
    ),
    (503, "", "the upstream sent an error without a message (status 503)", None, None, None),
    (
        504,
        "<html><body>no title</body></html>",
        "the upstream sent an error without a message (status 504)",
        None,
        None,
        None,
    ),
    (
        500,
        r#"{"error":{"message":"  ","code":""}}"#,
        "the upstream sent an error without a message (status 500)",
        None,
        None,
        None,
    ),
    (500, r#"{"error":null}"#, "the upstream sent an error without a message (status 500)", None, None, None),
];

#[test]
fn every_known_shape_is_read() {
    for (status, body, message, code, kind, param) in SHAPES {
        let error = UpstreamError::read(status, body.as_bytes());
        let read =
            (error.message.as_str(), error.code.as_deref(), error.kind.as_deref(), error.param.as_deref());
        assert_eq!(read, (message, code, kind, param), "{body}");
    }
}

#[test]
fn secrets_do_not_come_through() {
    let table = [
        ("key hf_AbCdEfGh12345678 is bad", "key hf_*** is bad"),
        ("key (sk-proj-abc_DEF-123456)", "key (sk-***)"),
        ("tg-0123456789abcdef", "tg-***"),
        ("header Authorization: Bearer abc.def-ghi_jkl=", "header Authorization: Bearer ***"),
        ("authorization: bearer   xyz12345", "authorization: bearer   ***"),
        ("HF_TOKENTOKEN and SK-ABCDEFGH", "HF_*** and SK-***"),
        ("a risk-averse task-force of hf_hub", "a risk-averse task-force of hf_hub"),
        ("Bearer token is missing", "Bearer token is missing"),
        ("ünïcode hf_12345678ü", "ünïcode hf_***ü"),
    ];
    for (said, shown) in table {
        let body =
            serde_json::to_vec(&serde_json::json!({"error": {"message": said, "code": said}})).unwrap();
        let error = UpstreamError::read(400, &body);
        assert_eq!((error.message.as_str(), error.code.as_deref()), (shown, Some(shown)));
        assert_eq!(UpstreamError::read(400, said.as_bytes()).message, shown);
    }
}

#[test]
fn a_message_is_bounded_and_printable() {
    let long = UpstreamError::read(500, "é".repeat(5_000).as_bytes());
    assert_eq!(long.message, "é".repeat(1_000));
    let controls = UpstreamError::read(500, b"{\"error\":\"a\\u0000b\\u001b[31m\\r\\nc\\u009d\"}");
    assert_eq!(controls.message, "ab[31m  c");
    let garbage = UpstreamError::read(500, &[0xff, 0xfe, 0x00, 0x41]);
    assert_eq!(garbage.message, "\u{fffd}\u{fffd}A");
    let deep = UpstreamError::read(500, "[".repeat(100_000).as_bytes());
    assert_eq!(deep.message.len(), 1_000);
}

#[test]
fn our_error_has_all_four_keys() {
    let error = ErrorBody {
        message: "no \"credit\"".to_owned(),
        kind: "insufficient_quota",
        param: None,
        code: Some("insufficient_credit".into()),
    };
    let expected = r#"{"error":{"message":"no \"credit\"","type":"insufficient_quota","param":null,"code":"insufficient_credit"}}"#;
    assert_eq!(error.render(), expected.as_bytes());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { fork: false, ..Default::default() })]

    #[test]
    fn any_bytes_are_an_error_with_a_message(body: Vec<u8>, text: String) {
        for body in [body.as_slice(), text.as_bytes()] {
            let error = UpstreamError::read(500, body);
            assert!(!error.message.is_empty() && error.message.chars().count() <= 1_000);
            assert!(!error.message.chars().any(char::is_control));
        }
    }
}

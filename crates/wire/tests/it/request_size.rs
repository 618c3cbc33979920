//! How large a prompt can be, for the hold, and how large it is taken for where nobody counts it.

use domain::usage::TOKENS_MAX;

use super::request::{parse, with};

#[test]
fn the_bound_counts_all_that_the_model_may_read() {
    let base = with("").bound().input_tokens;
    assert_eq!(base, 256 + 16 + r#""messages":[{"role":"user","content":"hi"}]"#.len() as u64);
    let grows = |fields: &str, by: u64| {
        assert_eq!(with(fields).bound().input_tokens - base, by, "{fields}");
    };
    grows(r#","temperature":0.5,"user":"u""#, r#""user":"u""#.len() as u64);
    grows(r#","stop":["long"],"seed":1,"metadata":{"a":"b"},"logit_bias":{}"#, 0);
    grows(r#","tools":[{"a":1},{"b":2}]"#, 2 * 64 + r#""tools":[{"a":1},{"b":2}]"#.len() as u64);
    grows(r#","unknown":{"text":"x"}"#, r#""unknown":{"text":"x"}"#.len() as u64);
    for field in ["chat_template", "mm_processor_kwargs", "media_io_kwargs"] {
        assert_eq!(with(&format!(",\"{field}\":null")).bound().input_tokens, TOKENS_MAX, "{field}");
    }
}

#[test]
fn an_image_counts_as_an_image_and_not_as_text() {
    let of = |parts: &str| {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{parts}]}}]}}"#);
        parse(&body).bound().input_tokens
    };
    let empty = of("");
    let written = |part: &str| of(part) - empty;
    let payload = "A".repeat(1_000_000);
    let data_url = |kind: &str, shape: &str| format!(r#"{{"type":"{kind}","image_url":{shape}}}"#);
    let nested =
        data_url("image_url", &format!(r#"{{"url":"data:image/png;base64,{payload}","detail":"low"}}"#));
    let flat = data_url("input_image", &format!(r#""data:image/png;base64,{payload}""#));
    for part in [nested, flat] {
        assert!((16_384..16_384 + 100).contains(&written(&part)));
    }
    let link = r#"{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}"#;
    assert_eq!(written(link), 16_384 + link.len() as u64);
    // What only looks like an image is text, and what is no known kind has no bound of its own.
    let text = format!(r#"{{"type":"text","image_url":"data:image/png;base64,{payload}"}}"#);
    assert_eq!(written(&text), text.len() as u64);
    let hidden = format!(r#"{{"type":"image_url","image_url":{{"url":"data:text/plain,{payload}"}}}}"#);
    assert_eq!(written(&hidden), 16_384 + hidden.len() as u64);
    assert_eq!(of(r#"{"type":"video_url","video_url":{"url":"https://example.com/a.mp4"}}"#), TOKENS_MAX);
}

#[test]
fn an_estimate_counts_text_by_its_bytes_and_images_each() {
    let data = format!(
        r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{}"}}}}"#,
        "A".repeat(100_000)
    );
    let link = r#"{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}"#;
    let text = r#"{"type":"text","text":"four and"}"#;
    let table = [
        (String::new(), 0),
        (text.to_owned(), 2),
        (link.to_owned(), 1_024),
        (data.clone(), 1_024),
        (format!("{text},{data},{link}"), 2 + 2 * 1_024),
    ];
    for (parts, tokens) in table {
        let request =
            parse(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{parts}]}}]}}"#));
        assert_eq!(request.prompt_tokens_estimate(), tokens);
        assert!(tokens <= request.bound().input_tokens, "an estimate is within the hold");
    }
}

//! Numbers at their edges: whatever stands where a count is meant, nothing is held, charged or sent on by mistake.

use domain::Money;
use hyper::StatusCode;
use serde_json::Value;

use crate::client::Reply;
use crate::dice::Dice;
use crate::harness::{Gateway, MODEL, Setup};

/// The fields that multiply money, and the largest value that each takes.
const COUNTS: [(&str, u64); 3] =
    [("max_tokens", (1 << 31) - 1), ("max_completion_tokens", (1 << 31) - 1), ("n", 128)];

/// What is no count, for any of them.
const WRONG: [&str; 29] = [
    "-1",
    "0",
    "-0",
    "-9223372036854775808",
    "2147483648",
    "4294967296",
    "4294967297",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "1e308",
    "1e400",
    "-1e308",
    "1e1",
    "1E2",
    "5.0",
    "0.5",
    "-0.0",
    "\"5\"",
    "\"\"",
    "null",
    "true",
    "false",
    "[]",
    "[5]",
    "{}",
    "{\"value\":5}",
];

/// A body with `extra` among its fields.
fn body(extra: &str, streamed: bool) -> String {
    format!(
        "{{\"model\":\"{MODEL}\",{extra},\"stream\":{streamed},\"messages\":[{{\"role\":\"user\",\"content\":\"Hi\"}}]}}"
    )
}

/// The answer names the field, and the call left no trace but its receipt.
async fn assert_refused(gateway: &Gateway, reply: &Reply, field: &str, sent_body: &str) {
    let error = &reply.json()["error"];
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{sent_body}: {error}");
    assert_eq!(
        (&error["param"], &error["type"]),
        (&Value::from(field), &Value::from("invalid_request_error")),
        "{sent_body}"
    );
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains(field) && error["code"].is_string(), "{sent_body}: {error}");
    let receipt = gateway.books().receipt(&reply.call_id()).await;
    assert_eq!(receipt.ending(), ("refused", "not_sent", "none"), "{sent_body}");
    assert_eq!(
        (receipt.hold, receipt.charge, receipt.attempts),
        (Money::ZERO, Money::ZERO, 0),
        "{sent_body}"
    );
}

#[tokio::test]
async fn what_is_no_count_is_refused_by_name() {
    let gateway = Gateway::start().await;
    let before = gateway.balance().await;
    for (field, _) in COUNTS {
        for wrong in WRONG {
            for streamed in [false, true] {
                let body = body(&format!("\"{field}\":{wrong}"), streamed);
                let reply = gateway.client.post("/v1/chat/completions", body.clone()).await;
                assert_refused(&gateway, &reply, field, &body).await;
            }
        }
    }
    assert_eq!((gateway.chats().len(), gateway.balance().await), (0, before));
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_field_that_stands_twice_is_refused_however_it_is_spelled() {
    let gateway = Gateway::start().await;
    let before = gateway.balance().await;
    for (field, _) in COUNTS {
        let first = field.chars().next().expect("a letter");
        let escaped = format!("\\u{:04x}{}", u32::from(first), &field[1..]);
        let upper = field.to_ascii_uppercase();
        for (extra, named) in [
            (format!("\"{field}\":5,\"{field}\":5"), field),
            (format!("\"{field}\":5,\"{field}\":1000000"), field),
            (format!("\"{field}\":5,\"{escaped}\":1000000"), field),
            (format!("\"{escaped}\":5,\"{field}\":-1"), field),
            (format!("\"{escaped}\":5,\"{escaped}\":5"), field),
            (format!("\"{upper}\":1000000"), upper.as_str()),
            (format!("\"{field}\":5,\"{upper}\":1000000"), upper.as_str()),
        ] {
            let body = body(&extra, false);
            let reply = gateway.client.post("/v1/chat/completions", body.clone()).await;
            assert_refused(&gateway, &reply, named, &body).await;
        }
    }
    for (extra, named) in [
        ("\"max_tokens\":5,\"max_completion_tokens\":5", "max_completion_tokens"),
        ("\"max_completion_tokens\":5,\"max_tokens\":5", "max_tokens"),
    ] {
        let body = body(extra, true);
        let reply = gateway.client.post("/v1/chat/completions", body.clone()).await;
        assert_refused(&gateway, &reply, named, &body).await;
    }
    assert_eq!((gateway.chats().len(), gateway.balance().await), (0, before));
    assert!(gateway.finish().await);
}

/// A random numeral that JSON allows, of any length.
fn numeral(dice: &mut Dice) -> String {
    let digits = |dice: &mut Dice, count: u64| -> String {
        (0..count).map(|_| char::from(b'0' + u8::try_from(dice.below(10)).expect("a digit"))).collect()
    };
    let length = [1, 1, 2, 3, 9, 10, 19, 20, 60][usize::try_from(dice.below(9)).expect("an index")];
    let whole = digits(dice, length);
    let whole = whole.trim_start_matches('0');
    let mut text = if whole.is_empty() { "0".to_owned() } else { whole.to_owned() };
    match dice.below(8) {
        0 => text.insert(0, '-'),
        1 => text = format!("{text}.{}", digits(dice, 3)),
        2 => text = format!("{text}e{}", dice.below(400)),
        3 => text = format!("{text}E-{}", dice.below(400)),
        _ => {}
    }
    text
}

#[tokio::test]
async fn any_numeral_is_a_count_within_its_bounds_or_refused() {
    let gateway = Gateway::start_with(Setup { credit: "0.50", ..Setup::default() }).await;
    let mut dice = Dice::new(11);
    let (mut served, mut unaffordable, mut refused) = (0, 0, 0);
    for _ in 0..400 {
        let (field, most) = *dice.pick(&COUNTS);
        let text = numeral(&mut dice);
        let count =
            if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<u64>().ok() } else { None };
        let body = body(&format!("\"{field}\":{text}"), dice.below(2) == 0);
        let before = gateway.chats().len();
        let reply = gateway.client.post("/v1/chat/completions", body.clone()).await;
        if count.is_some_and(|count| (1..=most).contains(&count)) {
            match reply.status.as_u16() {
                200 => served += 1,
                402 => {
                    assert_eq!(gateway.chats().len(), before, "{body}");
                    unaffordable += 1;
                }
                // The upstream has bounds of its own.
                400 => assert_eq!((field, gateway.chats().len() - before), ("n", 1), "{body}"),
                other => panic!("{other} to {body}"),
            }
        } else {
            assert_refused(&gateway, &reply, field, &body).await;
            assert_eq!(gateway.chats().len(), before, "{body}");
            refused += 1;
        }
    }
    assert!(served > 20 && unaffordable > 5 && refused > 100, "{served} {unaffordable} {refused}");
    gateway.settled().await;
    let receipts = gateway.books().check().await;
    assert_eq!(receipts.len(), 400);
    assert!(gateway.finish().await);
}

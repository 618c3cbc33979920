//! Errors as the providers, and the proxies before them, write them.

use super::json::{object, quoted};
use super::{Dialect, ErrorShape};
use crate::refusal::{BAD_TOKEN, NO_CREDIT, NO_PERMISSION};
use crate::script::Script;
use crate::vocabulary::{DialectName, ErrorBody, StreamError};

/// An error body may be this big; four mebibytes are more than any sane reader keeps.
const HUGE_BYTES: usize = 4 << 20;

/// A body without any `error` key, as a proxy before a provider writes it.
const REASON: &str = "{\"message\":\"upstream provider failed\",\"reason\":\"timeout\"}";

/// Whom an error is about.
pub(crate) struct Pair<'a> {
    pub(crate) model: &'a str,
    pub(crate) provider: &'a str,
}

/// What an error says.
pub(crate) struct ErrorWords {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) code: String,
}

impl ErrorWords {
    /// The words of a scripted error.
    pub(crate) fn scripted(script: &Script, status: u16, pair: &Pair<'_>) -> Self {
        let (message, code) = match status {
            400 => ("The request was not understood", "invalid_request_error"),
            401 => (BAD_TOKEN, "invalid_api_key"),
            402 => (NO_CREDIT, "insufficient_credits"),
            403 => (NO_PERMISSION, "permission_denied"),
            404 => ("The model does not exist or you do not have access to it", "model_not_found"),
            408 | 504 => ("The request timed out", "timeout"),
            422 => ("Input validation error", "validation"),
            429 => ("Rate limit reached, please slow down", "rate_limit_exceeded"),
            503 => ("Model is overloaded, please try again later", "overloaded"),
            _ => ("The server had an error while processing your request", "server_error"),
        };
        let message = match status {
            410 => format!(
                "The requested model is deprecated and no longer supported by provider {}",
                pair.provider
            ),
            _ => message.to_owned(),
        };
        Self {
            status,
            message: script.message.clone().unwrap_or(message),
            code: script.code.clone().unwrap_or_else(|| code.to_owned()),
        }
    }
}

/// Content type and text of an error body.
pub(crate) fn error_body(
    dialect: &Dialect,
    words: &ErrorWords,
    body: Option<ErrorBody>,
    pair: &Pair<'_>,
) -> (&'static str, String) {
    let ErrorWords { status, message, code } = words;
    let value = match body {
        Some(ErrorBody::Html) => return ("text/html", html(*status)),
        Some(ErrorBody::Empty) => return ("text/plain", String::new()),
        Some(ErrorBody::Huge) => return ("text/plain", "overloaded ".repeat(HUGE_BYTES / 11 + 1)),
        Some(ErrorBody::Json) => shape(ErrorShape::Nested, words),
        Some(ErrorBody::Flat) => shape(ErrorShape::Flat, words),
        Some(ErrorBody::String) => object(&[("error", &quoted(message))]),
        Some(ErrorBody::Detail) => shape(ErrorShape::Detail, words),
        Some(ErrorBody::Reason) => REASON.to_owned(),
        Some(ErrorBody::Cold) => {
            let loading = quoted(&format!("Model {} is currently loading", pair.model));
            object(&[("error", &loading), ("estimated_time", "118.03")])
        }
        // These come from the router, whichever provider would have served.
        None if matches!(status, 401 | 402 | 403 | 410) && code_is_plain(code) => {
            object(&[("error", &quoted(message))])
        }
        Some(ErrorBody::Dialect) | None => shape(dialect.errors, words),
    };
    ("application/json", value)
}

/// The `data:` payload of an error inside a stream.
pub(crate) fn stream_error(dialect: &Dialect, words: &ErrorWords, way: Option<StreamError>) -> String {
    let message = &words.message;
    match way {
        Some(StreamError::String) => object(&[("error", &quoted(message)), ("error_type", "\"generation\"")]),
        Some(StreamError::Object) => shape(ErrorShape::Nested, words),
        Some(StreamError::Dialect) | None => match dialect.name {
            DialectName::Tgi => {
                let inner =
                    object(&[("message", &quoted(message)), ("http_status_code", &words.status.to_string())]);
                object(&[("error", &inner)])
            }
            DialectName::Sglang => object(&[("error", &shape(ErrorShape::FlatObject, words))]),
            // The text goes out as it is: quotes in it break the JSON, as they do there.
            DialectName::Transformers => format!("{{\"error\": \"{message} (at \"generate\")\"}}"),
            _ => shape(dialect.errors, words),
        },
    }
}

fn shape(shape: ErrorShape, words: &ErrorWords) -> String {
    let ErrorWords { status, message, code } = words;
    let (message, number) = (&quoted(message), &status.to_string());
    let (kind, class) = (&quoted(kind(*status)), &quoted(class_name(*status)));
    let plain = object(&[("message", message), ("type", kind), ("param", "null"), ("code", &quoted(code))]);
    let numbered = [("message", message.as_str()), ("type", class), ("param", "null"), ("code", number)];
    match shape {
        ErrorShape::Nested => object(&[("error", &plain)]),
        ErrorShape::NestedId => object(&[("id", "\"oSim-error\""), ("error", &plain)]),
        ErrorShape::NestedRequestId => {
            let code = quoted(&code.to_uppercase());
            let inner =
                object(&[("object", "\"error\""), ("type", kind), ("code", &code), ("message", message)]);
            object(&[("error", &inner), ("request_id", "\"sim-error\"")])
        }
        ErrorShape::NestedNumber => object(&[("error", &object(&numbered))]),
        ErrorShape::NumericText => {
            let code = quoted(if code_is_plain(code) { numeric(*status) } else { code });
            object(&[("error", &object(&[("code", &code), ("message", message)]))])
        }
        ErrorShape::Flat => plain,
        ErrorShape::FlatObject => object(&[&[("object", "\"error\"")], &numbered[..]].concat()),
        ErrorShape::Typed => object(&[("error", message), ("error_type", &quoted(typed(*status)))]),
        ErrorShape::LlamaCpp => {
            object(&[("error", &object(&[("code", number), ("message", message), ("type", kind)]))])
        }
        ErrorShape::Detail => object(&[("detail", message)]),
    }
}

/// Whether the code is a word of ours and not one that a script chose for its meaning, such as `1113`.
fn code_is_plain(code: &str) -> bool {
    code.starts_with(|letter: char| letter.is_ascii_lowercase())
}

fn kind(status: u16) -> &'static str {
    match status {
        401 | 403 => "authentication_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        503 => "unavailable_error",
        400..500 => "invalid_request_error",
        _ => "server_error",
    }
}

fn class_name(status: u16) -> &'static str {
    match status {
        404 => "NotFoundError",
        429 => "RateLimitError",
        400..500 => "BadRequestError",
        503 => "ServiceUnavailableError",
        _ => "InternalServerError",
    }
}

fn typed(status: u16) -> &'static str {
    match status {
        429 => "overloaded",
        422 => "validation",
        424 => "generation",
        500 => "incomplete_generation",
        503 => "healthcheck",
        _ => "unknown",
    }
}

fn numeric(status: u16) -> &'static str {
    match status {
        400 => "1210",
        401 => "1000",
        404 => "1211",
        429 => "1302",
        503 => "1234",
        _ => "500",
    }
}

fn html(status: u16) -> String {
    let title = match status {
        502 => "502 Bad Gateway",
        503 => "503 Service Temporarily Unavailable",
        504 => "504 Gateway Time-out",
        _ => "ERROR: The request could not be satisfied",
    };
    format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n\
         </html>\r\n"
    )
}

//! Errors that the router itself makes, with the bodies seen in the field. They come in two shapes:
//! `{"error":"text"}` and `{"error":{message,type,param,code}}`.

use hyper::StatusCode;

use crate::config::UnmappedError;
use crate::dialect::json::{object, quoted};
use crate::reply::Reply;

pub(crate) enum Refusal {
    BadToken,
    NoPermission,
    UnknownOrganisation(String),
    NoCredit,
    ModelNotFound(String),
    ModelNotSupported(String),
    NotChat(String),
    NotMapped { asked: String, provider: String },
    Retired { provider: String },
    BadRequest { message: String, param: Option<&'static str> },
    BadDirective(String),
    NoRoute,
    WrongMethod,
    TooLarge,
}

pub(crate) const NO_CREDIT: &str = "You have depleted your monthly included credits. Purchase pre-paid credits to \
     continue using Inference Providers. Alternatively, subscribe to PRO to get 20x more included credits.";
pub(crate) const BAD_TOKEN: &str = "Invalid username or password.";
pub(crate) const NO_PERMISSION: &str = "This authentication method does not have sufficient permissions to call \
     Inference Providers on behalf of user simulated-user";

impl Refusal {
    pub(crate) fn reply(&self, unmapped: UnmappedError) -> Reply {
        let (status, body) = self.body(unmapped);
        Reply::json(status, body)
    }

    fn body(&self, unmapped: UnmappedError) -> (StatusCode, String) {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::BadToken => (StatusCode::UNAUTHORIZED, text(BAD_TOKEN)),
            Self::NoPermission => (StatusCode::FORBIDDEN, text(NO_PERMISSION)),
            Self::UnknownOrganisation(name) => (
                StatusCode::FORBIDDEN,
                text(&format!("You do not have permission to bill Inference Providers to {name}")),
            ),
            Self::NoCredit => (StatusCode::PAYMENT_REQUIRED, text(NO_CREDIT)),
            Self::ModelNotFound(asked) => (bad, model_error(asked, "does not exist.", "model_not_found")),
            Self::ModelNotSupported(asked) => (bad, not_supported(asked)),
            Self::NotChat(asked) => (bad, model_error(asked, "is not a chat model.", "model_not_supported")),
            Self::NotMapped { asked, provider } => match unmapped {
                UnmappedError::Nested => (bad, not_supported(asked)),
                UnmappedError::Text => (bad, text(&format!("Model not supported by provider {provider}"))),
            },
            Self::Retired { provider } => (
                StatusCode::GONE,
                text(&format!(
                    "The requested model is deprecated and no longer supported by provider {provider}"
                )),
            ),
            Self::BadRequest { message, param } => {
                (bad, nested(message, "invalid_request_error", *param, "invalid_request"))
            }
            Self::BadDirective(message) => {
                (bad, nested(&format!("hf-sim: {message}"), "simulator_error", None, "bad_directive"))
            }
            Self::NoRoute => (StatusCode::NOT_FOUND, text("Not Found")),
            Self::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, text("Method Not Allowed")),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, text("Payload Too Large")),
        }
    }
}

fn not_supported(asked: &str) -> String {
    model_error(asked, "is not supported by any provider you have enabled.", "model_not_supported")
}

fn model_error(asked: &str, what: &str, code: &str) -> String {
    let message = format!("The requested model '{asked}' {what}");
    nested(&message, "invalid_request_error", Some("model"), code)
}

fn text(message: &str) -> String {
    object(&[("error", &quoted(message))])
}

fn nested(message: &str, kind: &str, param: Option<&str>, code: &str) -> String {
    let param = param.map_or("null".to_owned(), quoted);
    let words =
        [("message", &quoted(message)), ("type", &quoted(kind)), ("param", &param), ("code", &quoted(code))];
    object(&[("error", &object(&words.map(|(key, value)| (key, value.as_str()))))])
}

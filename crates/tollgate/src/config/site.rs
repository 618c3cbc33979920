//! Where a provider does what not all of them do at one address: below its own, or at the paths of Hugging Face's own
//! providers.

use std::fmt::Write;

use axum::http::Uri;

use super::base_url::BaseUrl;

/// Who serves a Hugging Face model without a suffix, where the router does not choose.
pub(super) const INFERENCE_PROVIDER_DEFAULT: &str = "hf-inference";

/// Where something is done with one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site<'a> {
    /// The address.
    pub uri: Uri,
    /// The model's name there.
    pub model: &'a str,
    /// Which of Hugging Face's own providers it is.
    pub inference_provider: Option<&'static str>,
}

impl<'a> Site<'a> {
    /// At `path` below the provider's address.
    pub(super) fn below(base_url: &BaseUrl, path: &str, upstream_model: &'a str) -> Option<Site<'a>> {
        Some(Site { uri: base_url.join(path)?, model: upstream_model, inference_provider: None })
    }

    /// At the path of the inference provider `name`, in which `{model}` stands for the model.
    pub(super) fn of_inference_provider(
        base_url: &BaseUrl,
        (name, path): (&'static str, &str),
        model: &'a str,
    ) -> Option<Site<'a>> {
        let uri = base_url.join_above_v1(&path.replace("{model}", &in_path(model)?))?;
        Some(Site { uri, model, inference_provider: Some(name) })
    }
}

/// A model at Hugging Face and the inference provider that its suffix names.
pub(super) fn split(upstream_model: &str) -> (&str, &str) {
    match upstream_model.rsplit_once(':') {
        Some((model, suffix)) if !suffix.contains('/') => (model, suffix),
        _ => (upstream_model, INFERENCE_PROVIDER_DEFAULT),
    }
}

/// A model's name as a part of a path; `None` when it would lead elsewhere.
fn in_path(model: &str) -> Option<String> {
    if model.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return None;
    }
    let mut path = String::with_capacity(model.len());
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            path.push(char::from(byte));
        } else {
            // Writing to memory cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    Some(path)
}

//! Where traces are sent: `[telemetry]`, and the environment variables that OpenTelemetry's programs share.

use std::time::Duration;

use axum::http::Uri;
use axum::http::header::{HeaderName, HeaderValue};

use super::base_url::BaseUrl;
use super::env::Env;
use super::error::ConfigError;
use super::section::Section;
use super::server::DEADLINE_MS_MAX;

/// Headers of one collector: a credential and a tenant are usual.
const HEADERS_MAX: usize = 32;

/// The name of the service in traces.
const SERVICE_NAME_DEFAULT: &str = "tollgate";

/// The longest name of a service.
const SERVICE_NAME_LEN_MAX: usize = 255;

/// OpenTelemetry's own default.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// All traces.
const SAMPLE_PER_MILLE_MAX: u64 = 1_000;

/// `[telemetry]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// The collector of traces; without it none are made.
    pub otlp: Option<OtlpConfig>,
}

/// A collector that speaks OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpConfig {
    /// Where traces go: the endpoint and `/v1/traces`.
    pub traces: Uri,
    /// Headers of every request. `Debug` hides their values.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The name of the service in traces.
    pub service_name: String,
    /// How many of a thousand traces are sent.
    pub sample_per_mille: u16,
    /// How long one batch of spans may take, with all its tries.
    pub timeout: Duration,
}

/// Reads `[telemetry]`. As elsewhere, the environment wins over the file.
pub(super) fn read_telemetry(
    section: &mut Section,
    env: &Env,
    warnings: &mut Vec<String>,
) -> Result<TelemetryConfig, ConfigError> {
    let endpoint = section.parsed("otlp_endpoint", BaseUrl::parse)?;
    let mut headers = Vec::new();
    let inner = section.section("otlp_headers")?;
    for (name, value) in inner.entries(HEADERS_MAX)? {
        let value = match value.strip_prefix("env:") {
            Some(variable) => {
                let text = env.get(variable);
                text.ok_or_else(|| inner.wrong(&name, format!("the variable {variable} is not set")))?
            }
            None => &value,
        };
        headers.push(header(&name, value).map_err(|message| inner.wrong(&name, message))?);
    }
    let service_name = section.parsed("service_name", service_name)?;
    let sample_per_mille = section.number("sample_per_mille", 0..=SAMPLE_PER_MILLE_MAX)?;
    let timeout = section.number("otlp_timeout_ms", 1..=DEADLINE_MS_MAX)?;

    let endpoint = from_env(env, "OTEL_EXPORTER_OTLP_ENDPOINT", BaseUrl::parse)?.or(endpoint);
    let headers = from_env(env, "OTEL_EXPORTER_OTLP_HEADERS", header_list)?.unwrap_or(headers);
    let service_name = from_env(env, "OTEL_SERVICE_NAME", self::service_name)?.or(service_name);
    let Some(endpoint) = endpoint else { return Ok(TelemetryConfig::default()) };
    if !headers.is_empty() && endpoint.is_exposed() {
        warnings.push(format!("[telemetry] sends otlp_headers in clear text to {endpoint}"));
    }
    let traces = endpoint.join("/v1/traces");
    Ok(TelemetryConfig {
        otlp: Some(OtlpConfig {
            traces: traces.ok_or_else(|| section.wrong("otlp_endpoint", "is no address of a collector"))?,
            headers,
            service_name: service_name.unwrap_or_else(|| SERVICE_NAME_DEFAULT.to_owned()),
            sample_per_mille: sample_per_mille.and_then(|number| u16::try_from(number).ok()).unwrap_or(1_000),
            timeout: timeout.map_or(TIMEOUT_DEFAULT, Duration::from_millis),
        }),
    })
}

fn from_env<T>(
    env: &Env,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, ConfigError> {
    let Some(text) = env.get(name) else { return Ok(None) };
    parse(text).map(Some).map_err(|message| ConfigError::Variable { name: name.to_owned(), message })
}

fn service_name(text: &str) -> Result<String, String> {
    match (1..=SERVICE_NAME_LEN_MAX).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err(format!("must have 1 to {SERVICE_NAME_LEN_MAX} bytes")),
    }
}

/// A header whose value may be a credential: it never shows in `Debug` or in a message.
fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let name = name.parse().map_err(|_| "is not a header name".to_owned())?;
    let mut value = HeaderValue::from_str(value).map_err(|_| "cannot stand in a header".to_owned())?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// `name=value,name=value`, the values percent-encoded (OpenTelemetry, "Specifying headers via environment variables").
fn header_list(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let headers: Vec<_> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or("must be name=value, separated by commas")?;
            header(name.trim(), &percent_decoded(value.trim())?)
        })
        .collect::<Result<_, String>>()?;
    if headers.len() > HEADERS_MAX {
        return Err(format!("has more than {HEADERS_MAX} headers"));
    }
    Ok(headers)
}

fn percent_decoded(text: &str) -> Result<String, String> {
    let wrong = || "has a % that is not followed by two hexadecimal digits".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(wrong()) };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| wrong())?);
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}

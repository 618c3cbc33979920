//! Providers: the built-in rows, and the `[providers.<id>]` sections over them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use domain::ModelKind;
use toml::{Table, Value};
use wire::embeddings::Form;

use super::base_url::BaseUrl;
use super::ca_file::{CaFile, read_ca_file};
use super::completions::{CompletionsKind, parse_completions};
use super::embeddings::{EmbeddingsKind, parse_embeddings};
use super::env::Env;
use super::error::ConfigError;
use super::policy::{AbortPolicy, CatalogueKind, Timeouts, parse_abort, parse_catalogue, read_timeouts};
use super::secret::ApiKey;
use super::section::Section;
use super::server::DEADLINE_MS_MAX;
use super::site::Site;

/// The built-in rows.
pub(super) const BUILT_IN: &str = include_str!("../../../../catalog/providers.toml");

/// More upstreams than anybody has; a generated file with more is a mistake.
const PROVIDERS_MAX: usize = 64;
const ID_LEN_MAX: usize = 32;
const ALIASES_MAX: usize = 16;
const HEADERS_MAX: usize = 32;

const DRAIN_CAP_DEFAULT: Duration = Duration::from_secs(30);

/// Time between two reads of a model list. Hugging Face's own clients cache its list as long.
const REFRESH_DEFAULT: Duration = Duration::from_secs(300);

/// A list that is read more often than this is a mistake in the unit.
const REFRESH_MS_MIN: u64 = 100;

/// Headers that the gateway itself sets. A static one would break framing, or put a second credential beside ours.
const HEADERS_OURS: [HeaderName; 9] = [
    header::AUTHORIZATION,
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::ACCEPT_ENCODING,
];

/// One upstream.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// The id: lower-case letters, digits, `-` and `_`.
    pub id: Arc<str>,
    /// Other names that clients may use for it.
    pub aliases: Vec<String>,
    /// Where it answers.
    pub base_url: BaseUrl,
    /// What vouches for its server, if not the built-in roots.
    pub ca_file: Option<CaFile>,
    /// Its credential; none is sent without one.
    pub api_key: Option<ApiKey>,
    /// The environment variables that the credential was looked for in, for messages.
    pub api_key_variables: Vec<String>,
    /// The organisation that Hugging Face bills (`X-HF-Bill-To`).
    pub bill_to: Option<HeaderValue>,
    /// Headers added to every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Where it makes embeddings.
    pub embeddings: EmbeddingsKind,
    /// Where it completes texts.
    pub completions: CompletionsKind,
    /// How its models are learnt.
    pub catalogue: CatalogueKind,
    /// How often they are read anew.
    pub refresh: Duration,
    /// Its deadlines.
    pub timeouts: Timeouts,
    /// What becomes of an answer whose client left.
    pub abort: AbortPolicy,
    /// How long a drain reads on at most.
    pub drain_cap: Duration,
}

impl ProviderConfig {
    /// Where it makes the embeddings of `upstream_model`, and in what form; `None` when nowhere.
    #[must_use]
    pub fn embeddings_site<'a>(&self, upstream_model: &'a str) -> Option<(Site<'a>, Form)> {
        self.embeddings.site(&self.base_url, upstream_model)
    }

    /// Where it completes texts with `upstream_model`, which is of that kind; `None` when nowhere.
    #[must_use]
    pub fn completions_site<'a>(&self, upstream_model: &'a str, kind: Option<ModelKind>) -> Option<Site<'a>> {
        self.completions.site(&self.base_url, upstream_model, kind)
    }
}

/// Reads every enabled provider, built-in rows first, and says in `warnings` what works but should not stay so. Files
/// that it names are found from `folder`.
pub(super) fn read_providers(
    providers: Section,
    env: &Env,
    folder: &Path,
    warnings: &mut Vec<String>,
) -> Result<Vec<ProviderConfig>, ConfigError> {
    let mut rows: BTreeMap<String, Value> = built_in()?.into_iter().collect();
    let mut read = Vec::new();
    for (id, section) in providers.named(PROVIDERS_MAX)? {
        let base = rows.remove(&id).and_then(|row| row.as_table().cloned()).unwrap_or_default();
        read.extend(read_provider(&id, section.over(&base), env, folder, warnings)?);
    }
    let untouched = Section::root("catalog/providers.toml", rows.into_iter().collect());
    for (id, section) in untouched.named(PROVIDERS_MAX)? {
        read.extend(read_provider(&id, section, env, folder, warnings)?);
    }
    read.sort_by(|a, b| a.id.cmp(&b.id));
    check_names(&read)?;
    Ok(read)
}

/// The built-in rows, by id.
pub(super) fn built_in() -> Result<Table, ConfigError> {
    super::parse_toml("catalog/providers.toml", BUILT_IN)
}

/// `None` for a provider that is not enabled.
fn read_provider(
    id: &str,
    mut section: Section,
    env: &Env,
    folder: &Path,
    warnings: &mut Vec<String>,
) -> Result<Option<ProviderConfig>, ConfigError> {
    let named =
        id.len() <= ID_LEN_MAX && id.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !named || !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    {
        return Err(
            section.wrong("", format!("a provider's id has at most {ID_LEN_MAX} of a-z, 0-9, - and _"))
        );
    }
    let enabled = section.flag("enabled")?.unwrap_or(true);
    let base_url = read_base_url(&mut section, env)?;
    let mut noticed = Vec::new();
    let (api_key, api_key_variables) = read_api_key(id, &mut section, env, &mut noticed)?;
    let provider = ProviderConfig {
        id: id.into(),
        aliases: read_aliases(&mut section)?,
        ca_file: read_ca_file(&mut section, folder)?,
        bill_to: section.parsed("bill_to", header_value)?,
        headers: read_headers(&section.section("headers")?)?,
        embeddings: section.parsed("embeddings", parse_embeddings)?.unwrap_or(EmbeddingsKind::OpenAi),
        completions: section.parsed("completions", parse_completions)?.unwrap_or(CompletionsKind::Chat),
        catalogue: section.parsed("catalogue", parse_catalogue)?.unwrap_or(CatalogueKind::OpenAi),
        refresh: section
            .number("refresh_ms", REFRESH_MS_MIN..=DEADLINE_MS_MAX)?
            .map_or(REFRESH_DEFAULT, Duration::from_millis),
        timeouts: read_timeouts(section.section("timeouts")?)?,
        abort: section.parsed("abort", parse_abort)?.unwrap_or(AbortPolicy::Drain),
        drain_cap: section
            .number("drain_ms", 0..=DEADLINE_MS_MAX)?
            .map_or(DRAIN_CAP_DEFAULT, Duration::from_millis),
        base_url,
        api_key,
        api_key_variables,
    };
    if provider.ca_file.is_some() && !provider.base_url.is_secure() {
        return Err(section.wrong("ca_file", "needs a base_url that begins with https://"));
    }
    section.finish()?;
    if provider.api_key.is_some() && provider.base_url.is_exposed() {
        noticed.push(format!("[providers.{id}] sends its credential in clear text to {}", provider.base_url));
    }
    if !enabled {
        return Ok(None);
    }
    warnings.append(&mut noticed);
    Ok(Some(provider))
}

/// The variable named by `base_url_env` wins over `base_url`, so that a row can be redirected without a file.
fn read_base_url(section: &mut Section, env: &Env) -> Result<BaseUrl, ConfigError> {
    let configured = section.parsed("base_url", BaseUrl::parse)?;
    let redirected = section.string("base_url_env")?;
    if let Some((name, text)) = redirected.and_then(|name| env.get(&name).map(|text| (name.clone(), text))) {
        return BaseUrl::parse(text).map_err(|message| ConfigError::Variable { name, message });
    }
    configured
        .ok_or_else(|| section.missing("base_url", "where does it answer? Such as http://127.0.0.1:8081/v1"))
}

/// The first credential of the list that is there, and the variables that were looked at.
fn read_api_key(
    id: &str,
    section: &mut Section,
    env: &Env,
    warnings: &mut Vec<String>,
) -> Result<(Option<ApiKey>, Vec<String>), ConfigError> {
    let mut variables = Vec::new();
    let mut found = None;
    for source in section.strings("api_key")?.unwrap_or_default() {
        let text = match source.strip_prefix("env:") {
            Some(name) => {
                variables.push(name.to_owned());
                env.get(name)
            }
            None => {
                warnings.push(format!(
                    "[providers.{id}] api_key is written in the file; \"env:NAME\" keeps it out of it"
                ));
                Some(source.as_str())
            }
        };
        if let (None, Some(text)) = (&found, text) {
            let key = ApiKey::new(text);
            found =
                Some(key.ok_or_else(|| section.wrong("api_key", "must be visible ASCII without spaces"))?);
        }
    }
    if found.is_none() && !variables.is_empty() {
        warnings.push(format!("[providers.{id}] has no credential: {} is not set", variables.join(" or ")));
    }
    Ok((found, variables))
}

fn read_aliases(section: &mut Section) -> Result<Vec<String>, ConfigError> {
    let aliases = section.strings("aliases")?.unwrap_or_default();
    let fits = |alias: &String| {
        let length = (1..=ID_LEN_MAX).contains(&alias.len());
        length
            && alias
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
    };
    if aliases.len() > ALIASES_MAX || !aliases.iter().all(fits) {
        let message = format!("must be at most {ALIASES_MAX} names of a-z, 0-9, -, _ and .");
        return Err(section.wrong("aliases", message));
    }
    Ok(aliases)
}

fn read_headers(headers: &Section) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
    let mut read = Vec::new();
    for (name, value) in headers.entries(HEADERS_MAX)? {
        let parsed: Option<HeaderName> = name.parse().ok();
        let header = parsed.ok_or_else(|| headers.wrong(&name, "is not a header name"))?;
        if HEADERS_OURS.contains(&header) {
            return Err(headers.wrong(&name, "is set by the gateway itself"));
        }
        read.push((header, header_value(&value).map_err(|message| headers.wrong(&name, message))?));
    }
    Ok(read)
}

/// Header values may be secrets of their own, so they never show in `Debug`.
fn header_value(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text).map_err(|_| "cannot stand in a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Every id and alias means one provider.
fn check_names(providers: &[ProviderConfig]) -> Result<(), ConfigError> {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for provider in providers {
        let names = std::iter::once(&*provider.id).chain(provider.aliases.iter().map(String::as_str));
        for name in names {
            match owners.insert(name, &provider.id) {
                Some(other) if other != &*provider.id => {
                    let ids = format!("[providers.{other}] and [providers.{}]", provider.id);
                    return Err(ConfigError::Conflict(format!("{ids} are both called `{name}`")));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

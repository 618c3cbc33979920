//! `[tokenizers]`: where the tokenizers of models are read from, and where they are kept.

use std::fmt;
use std::path::{Path, PathBuf};

use super::base_url::BaseUrl;
use super::env::Env;
use super::error::ConfigError;
use super::hub_name::HubName;
use super::secret::ApiKey;
use super::section::Section;

const HUB_URL: &str = "https://huggingface.co";

/// Beside the database.
const FOLDER: &str = "tokenizers";

/// A hundred large tokenizers.
const DISK_BYTES_DEFAULT: u64 = 1 << 30;
/// The largest tokenizer with its templates.
const DISK_BYTES_MIN: u64 = 80 << 20;
const DISK_BYTES_MAX: u64 = 1 << 40;

/// `[tokenizers]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenizersConfig {
    /// Whether those that are not on disk are fetched.
    pub fetch: bool,
    /// The Hub: `https`, or `http` on this machine.
    pub hub_url: BaseUrl,
    /// The credential for the Hub; none is sent without one.
    pub api_key: Option<ApiKey>,
    /// Where they are kept.
    pub folder: PathBuf,
    /// What they may take there, in bytes.
    pub disk_bytes_max: u64,
}

/// The tokenizer that the configuration names for a model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TokenizerSource {
    /// That of a repository of the Hub.
    Hub(HubName),
    /// The files in a folder of this machine.
    Folder(PathBuf),
}

impl TokenizerSource {
    /// A path begins with `/` or `.`; anything else names a repository.
    pub(super) fn parse(text: &str) -> Result<TokenizerSource, String> {
        if text.starts_with(['/', '.']) {
            return Ok(TokenizerSource::Folder(text.into()));
        }
        let name = HubName::parse(text).ok_or(
            "must be a repository of the Hub such as \"org/name\", or the path of a folder that begins with / or ./",
        )?;
        Ok(TokenizerSource::Hub(name))
    }
}

pub(super) fn read_tokenizers(
    section: &mut Section,
    env: &Env,
    data_dir: &Path,
    store: &Path,
) -> Result<TokenizersConfig, ConfigError> {
    let hub_url = section.parsed("hub_url", parse_hub_url)?;
    let hub_url = hub_url.map_or_else(|| parse_hub_url(HUB_URL), Ok);
    let folder = section.string("folder")?.map(|folder| data_dir.join(folder));
    Ok(TokenizersConfig {
        fetch: section.flag("fetch")?.unwrap_or(true),
        hub_url: hub_url.map_err(|why| section.wrong("hub_url", why))?,
        api_key: read_api_key(section, env)?,
        folder: folder.unwrap_or_else(|| store.with_file_name(FOLDER)),
        disk_bytes_max: section
            .number("disk_bytes_max", DISK_BYTES_MIN..=DISK_BYTES_MAX)?
            .unwrap_or(DISK_BYTES_DEFAULT),
    })
}

/// A tokenizer that travelled in the clear may have been changed, and a credential seen.
fn parse_hub_url(text: &str) -> Result<BaseUrl, String> {
    let url = BaseUrl::parse(text)?;
    if url.is_exposed() { Err("must begin with https://".to_owned()) } else { Ok(url) }
}

/// A variable that is not set is no mistake: most tokenizers need no credential.
fn read_api_key(section: &mut Section, env: &Env) -> Result<Option<ApiKey>, ConfigError> {
    let Some(source) = section.string("api_key")? else { return Ok(None) };
    let text = match source.strip_prefix("env:") {
        Some(variable) => env.get(variable),
        None => Some(source.as_str()),
    };
    let key = |text| {
        ApiKey::new(text).ok_or_else(|| section.wrong("api_key", "must be visible ASCII without spaces"))
    };
    text.map(key).transpose()
}

impl fmt::Display for TokenizerSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenizerSource::Hub(name) => name.fmt(f),
            TokenizerSource::Folder(path) => path.display().fmt(f),
        }
    }
}

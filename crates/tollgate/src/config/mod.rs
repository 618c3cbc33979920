//! The configuration: `tollgate.toml`, the environment and `.env`, and the command line, read once at the start into
//! values that cannot be wrong.
//!
//! The command line wins over the environment, the environment over `.env`, and both over the file; what nobody says
//! has a default. Everything is optional. This module alone reads the environment.

mod base_url;
mod ca_file;
mod completions;
mod embeddings;
mod env;
mod error;
mod hub_name;
mod log;
mod model;
mod plan;
mod policy;
mod provider;
mod route;
mod secret;
mod section;
mod server;
mod sessions;
mod signup;
mod site;
mod telemetry;
#[cfg(test)]
mod tests;
mod tokenizers;
mod usage;

use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use domain::Plan;
use toml::Table;

pub use base_url::BaseUrl;
pub use ca_file::CaFile;
pub use completions::CompletionsKind;
pub use embeddings::EmbeddingsKind;
pub use env::Env;
pub use error::ConfigError;
pub use hub_name::HubName;
pub use log::{LogConfig, LogFormat, LogLevel};
pub use model::ModelConfig;
pub use policy::{AbortPolicy, CatalogueKind, Timeouts};
pub use provider::ProviderConfig;
pub use route::{OfferRef, RouteConfig, RouteStrategy};
pub use secret::ApiKey;
pub use server::{AdminConfig, ServerConfig, StoreConfig};
pub use sessions::SessionPolicy;
pub use signup::{IssuerConfig, SignupConfig, VerifierConfig};
pub use site::Site;
pub use telemetry::{OtlpConfig, TelemetryConfig};
pub use tokenizers::{TokenizerSource, TokenizersConfig};
pub use usage::UsagePolicy;

use section::Section;

/// The file that is read when none is named and it exists.
const FILE_DEFAULT: &str = "tollgate.toml";

/// The largest configuration file in bytes: ten thousand models fit.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// An admin key that is shorter can be guessed.
const ADMIN_KEY_LEN_ADVISED: usize = 16;

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The listener for clients.
    pub server: ServerConfig,
    /// The listener for operators.
    pub admin: AdminConfig,
    /// The database.
    pub store: StoreConfig,
    /// How the history of calls is kept.
    pub usage: UsagePolicy,
    /// How sessions are kept.
    pub sessions: SessionPolicy,
    /// What is logged.
    pub log: LogConfig,
    /// Where traces are sent.
    pub telemetry: TelemetryConfig,
    /// The enabled providers, by id.
    pub providers: Vec<ProviderConfig>,
    /// The configured models, by id.
    pub models: Vec<ModelConfig>,
    /// The configured routes, by name.
    pub routes: Vec<RouteConfig>,
    /// Sign-up by visitors, where it is enabled.
    pub signup: Option<SignupConfig>,
    /// The configured plans, by name.
    pub plans: Vec<Plan>,
    /// The tokenizers of models.
    pub tokenizers: TokenizersConfig,
    /// Where relative paths of the store begin.
    pub data_dir: PathBuf,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// What works but should not stay so, one sentence each, without secrets.
    pub warnings: Vec<String>,
}

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--admin-listen`.
    pub admin_listen: Option<SocketAddr>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
}

/// Everything that a configuration is made of.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The configuration file and its text.
    pub file: Option<(PathBuf, String)>,
    /// The environment.
    pub env: Env,
    /// The command line.
    pub overrides: Overrides,
}

impl Config {
    /// Reads the environment, `./.env`, and the file at `path`, else the one that `TOLLGATE_CONFIG` names, else
    /// `./tollgate.toml` when it exists.
    pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Config, ConfigError> {
        let env = Env::read(Path::new(".env"))?;
        let named = path.map(Path::to_owned).or_else(|| env.get("TOLLGATE_CONFIG").map(PathBuf::from));
        let path = named.or_else(|| Some(PathBuf::from(FILE_DEFAULT)).filter(|path| path.is_file()));
        let file = match path {
            None => None,
            Some(path) => {
                let text = read_text(&path)?;
                Some((path, text))
            }
        };
        Config::resolve(Sources { file, env, overrides: overrides.clone() })
    }

    /// Makes the configuration of `sources`. Reads nothing else but the certificates that it names.
    pub fn resolve(sources: Sources) -> Result<Config, ConfigError> {
        let Sources { file, env, overrides } = sources;
        let (name, table) = match &file {
            None => ("tollgate.toml".to_owned(), Table::new()),
            Some((path, text)) => {
                let name = path.display().to_string();
                let table = parse_toml(&name, text)?;
                (name, table)
            }
        };
        let folder = file.as_ref().and_then(|(path, _)| path.parent()).unwrap_or(Path::new(""));
        let mut root = Section::root(&name, table);
        let mut warnings = Vec::new();

        let data_dir = overrides
            .data_dir
            .or_else(|| env.get("TOLLGATE_DATA_DIR").map(PathBuf::from))
            .unwrap_or_default();
        let mut server = root.read("server", server::read_server)?;
        let mut admin = root.read("admin", |section| server::read_admin(section, &env))?;
        let store = root.read("store", |section| server::read_store(section, &data_dir))?;
        let usage = root.read("usage", usage::read_usage)?;
        let sessions = root.read("sessions", sessions::read_sessions)?;
        let providers = provider::read_providers(root.section("providers")?, &env, folder, &mut warnings)?;
        let models = model::read_models(root.section("models")?, &providers)?;
        let routes = route::read_routes(root.section("routes")?, &providers)?;
        let telemetry =
            root.read("telemetry", |section| telemetry::read_telemetry(section, &env, &mut warnings))?;
        let signup = root.read("signup", signup::read_signup)?;
        let plans = plan::read_plans(root.section("plans")?)?;
        let tokenizers = root.read("tokenizers", |section| {
            tokenizers::read_tokenizers(section, &env, &data_dir, &store.path)
        })?;
        root.finish()?;

        server.listen = address(overrides.listen, "TOLLGATE_LISTEN", &env)?.unwrap_or(server.listen);
        admin.listen =
            address(overrides.admin_listen, "TOLLGATE_ADMIN_LISTEN", &env)?.unwrap_or(admin.listen);
        check_admin(&server, &admin, &mut warnings)?;
        let log = LogConfig::from_env(&env)?;
        let file = file.map(|(path, _)| path);
        Ok(Config {
            server,
            admin,
            store,
            usage,
            sessions,
            log,
            telemetry,
            providers,
            models,
            routes,
            plans,
            tokenizers,
            signup,
            data_dir,
            file,
            warnings,
        })
    }
}

/// Parses TOML. The message tells the line and not its text, which may hold a secret.
fn parse_toml(file: &str, text: &str) -> Result<Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        ConfigError::Syntax { file: file.to_owned(), line, message: error.message().to_owned() }
    })
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    let no_text = |error| ConfigError::Unreadable {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, error),
    };
    String::from_utf8(read_file(path, FILE_BYTES_MAX)?).map_err(no_text)
}

/// A file of at most `limit` bytes.
fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(read).is_ok_and(|read| read > limit) {
        return Err(ConfigError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// The address from the command line, else from the variable `name`.
fn address(given: Option<SocketAddr>, name: &str, env: &Env) -> Result<Option<SocketAddr>, ConfigError> {
    match (given, env.get(name)) {
        (Some(address), _) => Ok(Some(address)),
        (None, None) => Ok(None),
        (None, Some(text)) => server::parse_address(text)
            .map(Some)
            .map_err(|message| ConfigError::Variable { name: name.to_owned(), message }),
    }
}

fn check_admin(
    server: &ServerConfig,
    admin: &AdminConfig,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    if server.listen == admin.listen && server.listen.port() != 0 {
        return Err(ConfigError::Conflict(format!("[server] and [admin] both listen on {}", server.listen)));
    }
    if !admin.listen.ip().is_loopback() {
        warnings.push(format!(
            "[admin] listens on {}, which other machines may reach, without TLS",
            admin.listen
        ));
    }
    if admin.key.as_ref().is_some_and(|key| key.expose().len() < ADMIN_KEY_LEN_ADVISED) {
        warnings.push(format!("TOLLGATE_ADMIN_KEY has fewer than {ADMIN_KEY_LEN_ADVISED} characters"));
    }
    Ok(())
}

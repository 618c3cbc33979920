//! Where the gateway listens, where it stores, and how it logs.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Network;
use domain::network::NETWORKS_MAX;
use wire::responses::HostedTools;

use super::env::Env;
use super::error::ConfigError;
use super::secret::ApiKey;
use super::section::Section;

/// The longest deadline that can be set: a day. Longer ones are a mistake in the unit.
pub(super) const DEADLINE_MS_MAX: u64 = 24 * 60 * 60 * 1000;

const WORKERS_MAX: u64 = 256;
const BODY_BYTES_DEFAULT: usize = 20 * 1024 * 1024;
const BODY_BYTES_MIN: u64 = 1024;
const BODY_BYTES_MAX: u64 = 1024 * 1024 * 1024;
const BODIES_BYTES_DEFAULT: usize = 1024 * 1024 * 1024;
const BODIES_BYTES_MAX: u64 = 1024 * 1024 * 1024 * 1024;
const DRAIN_DEFAULT: Duration = Duration::from_secs(30);
const SETTLE_DEFAULT: Duration = Duration::from_secs(5);
const KEEP_ALIVE_DEFAULT: Duration = Duration::from_secs(10);
const KEEP_ALIVE_MS_MAX: u64 = 60 * 60 * 1000;
/// Long enough for a laptop that changes its network, short enough to free the upstream of one that was closed.
const WRITE_STALL_DEFAULT: Duration = Duration::from_secs(60);
/// Longer than what usual clients and proxies keep a connection for, so that they are the first to close it.
const IDLE_DEFAULT: Duration = Duration::from_secs(75);

/// `[server]`: the listener for clients.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Threads that serve calls, from 1 to 256; by default one per core.
    pub workers: usize,
    /// The largest request body in bytes, from 1 KiB to 1 GiB.
    pub body_bytes_max: usize,
    /// Bytes of all request bodies together, with what is kept of them, from `body_bytes_max` to 1 TiB.
    pub bodies_bytes_max: usize,
    /// How long a shutdown waits for open calls.
    pub drain: Duration,
    /// How long an answer waits for its charge to be stored. Without it the answer must not look complete.
    pub settle: Duration,
    /// The pause after which a silent stream carries a comment, so that nobody between takes it for dead.
    pub keep_alive: Duration,
    /// How long a client may take nothing of an answer that is ready for it, before its connection is closed.
    pub write_stall: Duration,
    /// The networks of proxies that are believed about where a request comes from; by default none.
    pub trusted_proxies: Vec<Network>,
    /// What becomes of tools of `/v1/responses` that no upstream has; by default those that coding agents offer with every
    /// request are left out.
    pub hosted_tools: HostedTools,
    /// How long a connection may go without a request, and how long the head of a request may take. Of both listeners.
    pub idle: Duration,
}

/// `[admin]`: the listener for operators.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// Where operators connect.
    pub listen: SocketAddr,
    /// `TOLLGATE_ADMIN_KEY`; without it the gateway makes one at its first start and shows it once.
    pub key: Option<ApiKey>,
    /// Names under which operators reach the listener, beside `localhost` and IP addresses.
    pub hosts: Vec<String>,
}

/// `[store]`: the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The SQLite file.
    pub path: PathBuf,
}

pub(super) fn read_server(section: &mut Section) -> Result<ServerConfig, ConfigError> {
    let millis = Duration::from_millis;
    let body_bytes_max = section
        .number("body_bytes_max", BODY_BYTES_MIN..=BODY_BYTES_MAX)?
        .map_or(BODY_BYTES_DEFAULT, as_size);
    let bodies_bytes_max = section.number("bodies_bytes_max", BODY_BYTES_MIN..=BODIES_BYTES_MAX)?;
    let bodies_bytes_max = bodies_bytes_max.map_or(BODIES_BYTES_DEFAULT.max(body_bytes_max), as_size);
    if bodies_bytes_max < body_bytes_max {
        return Err(section.wrong("bodies_bytes_max", "must be at least body_bytes_max"));
    }
    Ok(ServerConfig {
        listen: section.parsed("listen", parse_address)?.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8000))),
        workers: section.number("workers", 1..=WORKERS_MAX)?.map_or_else(cores, as_size),
        body_bytes_max,
        bodies_bytes_max,
        drain: section.number("drain_ms", 0..=DEADLINE_MS_MAX)?.map_or(DRAIN_DEFAULT, millis),
        settle: section.number("settle_ms", 1..=DEADLINE_MS_MAX)?.map_or(SETTLE_DEFAULT, millis),
        keep_alive: section
            .number("keep_alive_ms", 1..=KEEP_ALIVE_MS_MAX)?
            .map_or(KEEP_ALIVE_DEFAULT, millis),
        write_stall: section
            .number("write_stall_ms", 1..=DEADLINE_MS_MAX)?
            .map_or(WRITE_STALL_DEFAULT, millis),
        trusted_proxies: read_networks(section, "trusted_proxies")?,
        hosted_tools: section.parsed("hosted_tools", parse_hosted_tools)?.unwrap_or_default(),
        idle: section.number("idle_ms", 1..=DEADLINE_MS_MAX)?.map_or(IDLE_DEFAULT, millis),
    })
}

pub(super) fn read_admin(section: &mut Section, env: &Env) -> Result<AdminConfig, ConfigError> {
    let listen = section.parsed("listen", parse_address)?.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8001)));
    let key = match env.get("TOLLGATE_ADMIN_KEY") {
        None => None,
        Some(text) => Some(ApiKey::new(text).ok_or_else(|| ConfigError::Variable {
            name: "TOLLGATE_ADMIN_KEY".to_owned(),
            message: "must be visible ASCII without spaces".to_owned(),
        })?),
    };
    Ok(AdminConfig { listen, key, hosts: section.strings("hosts")?.unwrap_or_default() })
}

pub(super) fn read_store(section: &mut Section, data_dir: &Path) -> Result<StoreConfig, ConfigError> {
    let path = section.parsed("url", parse_store_url)?.unwrap_or_else(|| PathBuf::from("tollgate.db"));
    Ok(StoreConfig { path: data_dir.join(path) })
}

/// An IP address with a port.
pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let literal =
        text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    literal
        .parse()
        .map_err(|_| format!("must be an IP address and a port such as 127.0.0.1:8000, not `{text}`"))
}

fn parse_hosted_tools(text: &str) -> Result<HostedTools, String> {
    match text {
        "usual" => Ok(HostedTools::DropUsual),
        "refuse" => Ok(HostedTools::Refuse),
        "drop" => Ok(HostedTools::Drop),
        _ => Err(format!("must be usual, refuse or drop, not `{text}`")),
    }
}

/// A list of networks, which may be empty.
fn read_networks(section: &mut Section, key: &'static str) -> Result<Vec<Network>, ConfigError> {
    let texts = section.strings(key)?.unwrap_or_default();
    if texts.len() > NETWORKS_MAX {
        return Err(section.wrong(key, format!("must be at most {NETWORKS_MAX} networks")));
    }
    let parse = |text: &String| text.parse().map_err(|error| section.wrong(key, format!("`{text}` {error}")));
    texts.iter().map(parse).collect()
}

/// The path behind `sqlite://`. The address of another store is not repeated: it may carry a password.
fn parse_store_url(text: &str) -> Result<PathBuf, String> {
    if let Some(path) = text.strip_prefix("sqlite://") {
        return if path.is_empty() {
            Err("names no file: write sqlite://tollgate.db".to_owned())
        } else {
            Ok(path.into())
        };
    }
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Err("PostgreSQL is not supported by this version: use sqlite://tollgate.db".to_owned());
    }
    Err("must begin with sqlite://".to_owned())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Every bound above fits any `usize` that the gateway runs on.
fn as_size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

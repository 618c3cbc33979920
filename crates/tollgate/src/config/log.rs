//! What is logged, and in which form.

use super::env::Env;
use super::error::ConfigError;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What an operator should look at.
    Warn,
    /// What happened, one line per call.
    Info,
    /// How it happened.
    Debug,
    /// Everything.
    Trace,
}

/// `TOLLGATE_LOG` and `TOLLGATE_LOG_FORMAT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// The level of everything that no target names.
    pub level: LogLevel,
    /// Levels by target: `("tollgate::pipeline", Debug)`.
    pub targets: Vec<(String, LogLevel)>,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig { format: LogFormat::Text, level: LogLevel::Info, targets: Vec::new() }
    }
}

impl LogConfig {
    /// Reads `TOLLGATE_LOG` (`info`, or `warn,tollgate::pipeline=debug`) and `TOLLGATE_LOG_FORMAT` (`text`, `json`).
    pub fn from_env(env: &Env) -> Result<LogConfig, ConfigError> {
        let mut config = LogConfig::default();
        for part in env.get("TOLLGATE_LOG").unwrap_or_default().split(',').map(str::trim) {
            match part.split_once('=') {
                _ if part.is_empty() => {}
                None => config.level = level(part)?,
                Some((target, word)) => config.targets.push((target.trim().to_owned(), level(word.trim())?)),
            }
        }
        config.format = match env.get("TOLLGATE_LOG_FORMAT") {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => return Err(refused("TOLLGATE_LOG_FORMAT", "text or json", other)),
        };
        Ok(config)
    }
}

fn level(word: &str) -> Result<LogLevel, ConfigError> {
    Ok(match word.to_ascii_lowercase().as_str() {
        "off" => LogLevel::Off,
        "error" => LogLevel::Error,
        "warn" => LogLevel::Warn,
        "info" => LogLevel::Info,
        "debug" => LogLevel::Debug,
        "trace" => LogLevel::Trace,
        _ => return Err(refused("TOLLGATE_LOG", "off, error, warn, info, debug or trace", word)),
    })
}

fn refused(name: &str, expected: &str, got: &str) -> ConfigError {
    ConfigError::Variable { name: name.to_owned(), message: format!("must be {expected}, not `{got}`") }
}

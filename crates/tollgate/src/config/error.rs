//! Why a configuration was refused. Every message names the source and the key, and no message shows a value that
//! could be a secret.

use std::path::PathBuf;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or unreadable.
    #[error("cannot read {path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than may be.
    #[error("{path}: larger than {limit} bytes", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The text is not TOML.
    #[error("{file}, line {line}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// A key is unknown, missing, or its value is refused.
    #[error("{file}: {place}: {message}", place = place(section, key))]
    Key {
        /// The file.
        file: String,
        /// The section: `providers.local`.
        section: String,
        /// The key: `base_url`.
        key: String,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// The value of an environment variable is refused.
    #[error("environment variable {name}: {message}")]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// The command line, the environment and the file together make no sense.
    #[error("{0}")]
    Conflict(String),
}

/// `[server] listen`, `[server]`, or `listen` at the top of the file.
fn place(section: &str, key: &str) -> String {
    match (section, key) {
        ("", key) => key.to_owned(),
        (section, "") => format!("[{section}]"),
        (section, key) => format!("[{section}] {key}"),
    }
}

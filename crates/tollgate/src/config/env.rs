//! The environment: the process's own variables over those of a `.env` file. Nothing else in the program reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::error::ConfigError;

/// Environment variables, read once.
#[derive(Clone, Default)]
pub struct Env {
    variables: BTreeMap<String, String>,
}

impl Env {
    /// The process's variables over those in the file `dotenv`, which need not exist.
    ///
    /// Variables whose name or value is not UTF-8 are left out: none of ours is.
    pub fn read(dotenv: &Path) -> Result<Env, ConfigError> {
        let mut variables = BTreeMap::new();
        if dotenv.is_file() {
            let entries = dotenvy::from_path_iter(dotenv).map_err(|error| unreadable(dotenv, error))?;
            for entry in entries {
                let (name, value) = entry.map_err(|error| unreadable(dotenv, error))?;
                variables.insert(name, value);
            }
        }
        let own = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        variables.extend(own);
        Ok(Env { variables })
    }

    /// Exactly these variables.
    #[must_use]
    pub fn of(variables: &[(&str, &str)]) -> Env {
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Env { variables: owned.collect() }
    }

    /// The value of `name`, trimmed; an empty one counts as not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

/// Shows how many variables there are, and none of them.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env({} variables)", self.variables.len())
    }
}

/// The parser's message for a bad line quotes the line, which may hold a secret, so only its place is told.
fn unreadable(path: &Path, error: dotenvy::Error) -> ConfigError {
    match error {
        dotenvy::Error::Io(source) => ConfigError::Unreadable { path: path.to_owned(), source },
        dotenvy::Error::LineParse(text, _) => ConfigError::Syntax {
            file: path.display().to_string(),
            line: line_of(path, &text),
            message: "not of the form NAME=value".to_owned(),
        },
        _ => ConfigError::Conflict(format!("{}: not a file of NAME=value lines", path.display())),
    }
}

fn line_of(path: &Path, text: &str) -> usize {
    let content = std::fs::read_to_string(path).unwrap_or_default();
    content.lines().position(|line| line.trim() == text.trim()).map_or(0, |index| index + 1)
}

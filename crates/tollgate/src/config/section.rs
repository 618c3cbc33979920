//! Reads one section of the file key by key, so that each mistake is told with its file, its section and its key.
//!
//! A reader asks for the keys that it knows; [`Section::finish`] refuses those that nobody asked for and suggests the
//! nearest known one.

use std::ops::RangeInclusive;

use toml::{Table, Value};

use super::error::ConfigError;

/// How alike two names must be for one to be suggested: a letter or two of a short word.
const SUGGESTION_LIKENESS_MIN: f64 = 0.75;

/// One section on its way to becoming typed values.
#[derive(Debug)]
pub(super) struct Section {
    file: String,
    path: String,
    table: Table,
    known: Vec<&'static str>,
}

impl Section {
    /// The whole file.
    pub(super) fn root(file: &str, table: Table) -> Section {
        Section { file: file.to_owned(), path: String::new(), table, known: Vec::new() }
    }

    /// The value of `key` as it stands.
    pub(super) fn value(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    /// A string.
    pub(super) fn string(&mut self, key: &'static str) -> Result<Option<String>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.expected(key, "a string in quotes", &other)),
        }
    }

    /// A string, or a list of strings.
    pub(super) fn strings(&mut self, key: &'static str) -> Result<Option<Vec<String>>, ConfigError> {
        let values = match self.value(key) {
            None => return Ok(None),
            Some(Value::Array(values)) => values,
            Some(single) => vec![single],
        };
        let strings = values.into_iter().map(|value| match value {
            Value::String(text) => Ok(text),
            other => Err(self.expected(key, "a list of strings", &other)),
        });
        strings.collect::<Result<_, _>>().map(Some)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Boolean(flag)) => Ok(Some(flag)),
            Some(other) => Err(self.expected(key, "true or false", &other)),
        }
    }

    /// A whole number within `bounds`.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<u64>,
    ) -> Result<Option<u64>, ConfigError> {
        let number = match self.value(key) {
            None => return Ok(None),
            Some(Value::Integer(number)) => number,
            Some(other) => return Err(self.expected(key, "a whole number", &other)),
        };
        match u64::try_from(number).ok().filter(|number| bounds.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                Err(self
                    .wrong(key, format!("must be from {} to {}, not {number}", bounds.start(), bounds.end())))
            }
        }
    }

    /// A text that `parse` understands, or the message of its error.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.string(key)? else { return Ok(None) };
        parse(&text).map(Some).map_err(|message| self.wrong(key, message))
    }

    /// The section of that name inside this one; an empty one when it is missing.
    pub(super) fn section(&mut self, key: &'static str) -> Result<Section, ConfigError> {
        match self.value(key) {
            None => Ok(self.inner(key, Table::new())),
            Some(Value::Table(table)) => Ok(self.inner(key, table)),
            Some(other) => Err(self.expected(key, "a section", &other)),
        }
    }

    /// Whether `key` is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The section of that name, read by `read` to its last key.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section) -> Result<T, ConfigError>,
    ) -> Result<T, ConfigError> {
        let mut section = self.section(key)?;
        let value = read(&mut section)?;
        section.finish()?;
        Ok(value)
    }

    /// Everything here as names with strings: `headers = { X-Team = "blue" }`.
    pub(super) fn entries(&self, count_max: usize) -> Result<Vec<(String, String)>, ConfigError> {
        if self.table.len() > count_max {
            return Err(self.wrong("", format!("more than {count_max} entries")));
        }
        let entries = self.table.iter().map(|(name, value)| match value {
            Value::String(text) => Ok((name.clone(), text.clone())),
            other => Err(self.expected(name, "a string in quotes", other)),
        });
        entries.collect()
    }

    /// Everything left here as named sections: `[providers.a]` and `[providers.b]` of `providers`.
    pub(super) fn named(mut self, count_max: usize) -> Result<Vec<(String, Section)>, ConfigError> {
        let table = std::mem::take(&mut self.table);
        if table.len() > count_max {
            return Err(self.wrong("", format!("more than {count_max} sections")));
        }
        let sections = table.into_iter().map(|(name, value)| match value {
            Value::Table(inner) => {
                let section = self.inner(&name, inner);
                Ok((name, section))
            }
            other => Err(self.expected(&name, "a section", &other)),
        });
        sections.collect()
    }

    /// Lays this section over `base`, key by key and inside inner sections as well.
    pub(super) fn over(mut self, base: &Table) -> Section {
        self.table = merged(base.clone(), self.table);
        self
    }

    /// Refuses what nobody asked for.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        let Some(key) = self.table.keys().next() else { return Ok(()) };
        let advice = match nearest(key, self.known.iter().copied()) {
            Some(known) => format!("; did you mean `{known}`?"),
            None => format!("; known here: {}", self.known.join(", ")),
        };
        Err(self.wrong(key, format!("unknown key{advice}")))
    }

    /// The error for a refused value of `key`.
    pub(super) fn wrong(&self, key: &str, message: impl Into<String>) -> ConfigError {
        let (file, section) = (self.file.clone(), self.path.clone());
        ConfigError::Key { file, section, key: key.to_owned(), message: message.into() }
    }

    /// The error for a missing `key`.
    pub(super) fn missing(&self, key: &str, hint: &str) -> ConfigError {
        self.wrong(key, format!("is missing: {hint}"))
    }

    fn expected(&self, key: &str, what: &str, got: &Value) -> ConfigError {
        self.wrong(key, format!("must be {what}, not {}", describe(got)))
    }

    fn inner(&self, key: &str, table: Table) -> Section {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Section { file: self.file.clone(), path, table, known: Vec::new() }
    }
}

/// The candidate most like `name`, if any is like it.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= SUGGESTION_LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn merged(mut base: Table, over: Table) -> Table {
    for (key, value) in over {
        let value = match (base.remove(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => Value::Table(merged(below, above)),
            (_, value) => value,
        };
        base.insert(key, value);
    }
    base
}

/// The type of a value, never the value: it could be a secret in the wrong place.
fn describe(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a point",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}

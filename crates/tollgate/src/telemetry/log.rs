//! Log lines on standard error: one readable line with fields per event, for people or as JSON. Those of calls are
//! written by `line.rs`.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogConfig, LogFormat, LogLevel};

/// Starts logging for the whole process. An error means that it was started before; the first setting stays.
pub fn init(config: &LogConfig) -> Result<(), TryInitError> {
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match config.format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(filter(config))).try_init()
}

fn filter(config: &LogConfig) -> Targets {
    let named = config.targets.iter().map(|(target, level)| (target.clone(), level_filter(*level)));
    Targets::new().with_default(level_filter(config.level)).with_targets(named)
}

fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::{LogConfig, LogFormat, LogLevel, filter};

    #[test]
    fn a_target_has_its_own_level() {
        let targets =
            vec![("tollgate::pipeline".to_owned(), LogLevel::Debug), ("hyper".to_owned(), LogLevel::Off)];
        let filter = filter(&LogConfig { format: LogFormat::Text, level: LogLevel::Warn, targets });
        for (target, level, enabled) in [
            ("tollgate", Level::WARN, true),
            ("tollgate", Level::INFO, false),
            ("tollgate::pipeline::relay", Level::DEBUG, true),
            ("tollgate::pipeline", Level::TRACE, false),
            ("hyper::client", Level::ERROR, false),
        ] {
            assert_eq!(filter.would_enable(target, &level), enabled, "{target} {level}");
        }
    }
}

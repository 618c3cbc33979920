//! Token counts as the providers spell them, and as a script makes them lie.

use super::{Cached, Dialect};
use crate::usage::Usage;
use crate::vocabulary::{DialectName, UsageFault};

/// The JSON of a usage object.
pub(super) fn usage_json(dialect: &Dialect, usage: &Usage, fault: Option<UsageFault>) -> String {
    let Usage { prompt_tokens: prompt, completion_tokens: completion, .. } = *usage;
    let (prompt_text, completion_text, total) = match fault {
        Some(UsageFault::Null) => return "null".to_owned(),
        Some(UsageFault::LyingNegative) => ("-5".to_owned(), "-100".to_owned(), "-105".to_owned()),
        Some(UsageFault::LyingHuge) => (
            "9007199254740993".to_owned(),
            "18446744073709551615".to_owned(),
            "27453943328450292608".to_owned(),
        ),
        Some(UsageFault::Float) => {
            (format!("{prompt}.0"), format!("{completion}.5"), format!("{}.5", prompt + completion))
        }
        Some(UsageFault::String) => {
            (format!("\"{prompt}\""), format!("\"{completion}\""), format!("\"{}\"", prompt + completion))
        }
        Some(UsageFault::Inconsistent) => {
            (prompt.to_string(), completion.to_string(), (prompt + completion + 1000).to_string())
        }
        _ => (prompt.to_string(), completion.to_string(), (prompt + completion).to_string()),
    };
    let mut json = format!(
        "{{\"prompt_tokens\":{prompt_text},\"completion_tokens\":{completion_text},\"total_tokens\":{total}"
    );
    json.push_str(&details(dialect, usage, fault));
    json.push('}');
    json
}

/// The members after the three that everybody sends.
fn details(dialect: &Dialect, usage: &Usage, fault: Option<UsageFault>) -> String {
    let prompt = usage.prompt_tokens;
    let cached = match fault {
        Some(UsageFault::Inconsistent) => prompt + 500,
        _ => usage.cached_tokens,
    };
    let place = match fault {
        Some(UsageFault::FlatCached) => Cached::Flat,
        Some(UsageFault::Inconsistent) => Cached::Details,
        _ => dialect.cached,
    };
    let mut json = match place {
        Cached::Details => format!(",\"prompt_tokens_details\":{{\"cached_tokens\":{cached}}}"),
        Cached::Flat => format!(",\"cached_tokens\":{cached}"),
        Cached::HitMiss => format!(
            ",\"prompt_tokens_details\":{{\"cached_tokens\":{cached}}},\"prompt_cache_hit_tokens\":{cached},\
             \"prompt_cache_miss_tokens\":{}",
            prompt.saturating_sub(cached)
        ),
        Cached::Null => ",\"prompt_tokens_details\":null".to_owned(),
        Cached::Untold => String::new(),
    };
    let reasoning = usage.reasoning_tokens;
    if dialect.name == DialectName::Sglang {
        json.push_str(&format!(",\"reasoning_tokens\":{reasoning}"));
    } else if reasoning > 0 {
        json.push_str(&format!(",\"completion_tokens_details\":{{\"reasoning_tokens\":{reasoning}}}"));
    }
    if dialect.name == DialectName::Groq {
        json.push_str(
            ",\"queue_time\":0.0021,\"prompt_time\":0.0013,\"completion_time\":0.0418,\"total_time\":0.0431",
        );
    }
    json
}

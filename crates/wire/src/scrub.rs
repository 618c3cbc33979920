//! Makes text of an upstream fit to be shown: no control characters, no secrets, a bounded length.

/// What a secret is replaced by, after its prefix.
const MASK: &str = "***";

/// Prefixes of credentials: Hugging Face tokens, keys in OpenAI's style, our own keys.
const SECRET_PREFIXES: [&str; 3] = ["hf_", "sk-", "tg-"];

/// Fewer characters than this after a prefix are a word, not a secret.
const SECRET_LEN_MIN: usize = 6;

/// Characters that are read for one that is kept: masks and control characters only shorten a text.
const READ_PER_KEPT: usize = 16;

/// `text` without control characters and secrets, trimmed and cut to `chars_max` characters.
pub(crate) fn clean(text: &str, chars_max: usize) -> String {
    let printable: String = text
        .chars()
        .take(chars_max.saturating_mul(READ_PER_KEPT))
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' => Some(' '),
            c if c.is_control() => None,
            c => Some(c),
        })
        .collect();
    let masked = mask(printable.trim());
    match masked.char_indices().nth(chars_max) {
        Some((end, _)) => masked[..end].to_owned(),
        None => masked,
    }
}

fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(first) = rest.chars().next() {
        let starts_word = before.is_none_or(|c: char| !c.is_alphanumeric());
        match secret_prefix(rest).filter(|_| starts_word) {
            Some(prefix) => {
                masked.push_str(&rest[..prefix]);
                masked.push_str(MASK);
                rest = &rest[prefix + token_len(&rest[prefix..])..];
                before = Some('*');
            }
            None => {
                masked.push(first);
                before = Some(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    masked
}

/// The length of the prefix when `text` starts with a secret.
fn secret_prefix(text: &str) -> Option<usize> {
    let named = SECRET_PREFIXES.iter().find(|prefix| starts_with_ignore_case(text, prefix));
    let prefix = match named {
        Some(prefix) => prefix.len(),
        None if starts_with_ignore_case(text, "bearer ") => {
            let spaces = text["bearer ".len()..].bytes().take_while(|b| *b == b' ').count();
            "bearer ".len() + spaces
        }
        None => return None,
    };
    (token_len(&text[prefix..]) >= SECRET_LEN_MIN).then_some(prefix)
}

fn token_len(text: &str) -> usize {
    let is_token =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'=');
    text.bytes().take_while(|b| is_token(b)).count()
}

fn starts_with_ignore_case(text: &str, prefix: &str) -> bool {
    text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

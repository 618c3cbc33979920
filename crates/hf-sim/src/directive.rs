//! Directives: scripts written into a prompt, `[[sim key=value flag key="a b"]]`, which travel through a gateway.

use serde_json::{Map, Value};

use crate::script::Rule;

const OPEN: &str = "[[sim";

/// Reads every directive in `text`, in order. The error says what is wrong and names the word.
pub(crate) fn parse(text: &str) -> Result<Vec<Rule>, String> {
    let mut rules = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        rest = &rest[at + OPEN.len()..];
        if !rest.starts_with([' ', ']']) {
            continue;
        }
        let words = words(&mut rest)?;
        rules.push(Rule::from_map(words).map_err(|error| format!("directive: {error}"))?);
    }
    Ok(rules)
}

/// Reads words up to `]]` and leaves `rest` after it.
fn words(rest: &mut &str) -> Result<Map<String, Value>, String> {
    let mut words = Map::new();
    loop {
        *rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("]]") {
            *rest = after;
            return Ok(words);
        }
        let end = rest.find([' ', '=', ']']).ok_or("directive: `]]` is missing")?;
        let (key, after) = rest.split_at(end);
        let value = match after.strip_prefix('=') {
            None => {
                *rest = after;
                Value::Bool(true)
            }
            Some(after) => {
                *rest = after;
                value(rest)?
            }
        };
        if key.is_empty() || words.insert(key.to_owned(), value).is_some() {
            return Err(format!("directive: the word `{key}` is empty or given twice"));
        }
    }
}

/// Reads one value: a JSON string when quoted, else a bare number, truth value or word.
fn value(rest: &mut &str) -> Result<Value, String> {
    if rest.starts_with('"') {
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        let text = stream.next().and_then(Result::ok).ok_or("directive: a quote is not closed")?;
        *rest = &rest[stream.byte_offset()..];
        return Ok(Value::String(text));
    }
    let end = rest.find([' ', ']']).ok_or("directive: `]]` is missing")?;
    let (bare, after) = rest.split_at(end);
    *rest = after;
    Ok(match bare {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        number if let Ok(number) = number.parse::<u64>() => Value::from(number),
        word => Value::from(word),
    })
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::script::{Match, Rule, Script};
    use crate::vocabulary::ErrorBody;

    #[test]
    fn a_directive_is_found_in_prose_with_its_condition() {
        let rules = parse("Hi [[sim status=503 body=html times=2 id=7]] there [[sim no_done]]").unwrap();
        let when = Match { times: Some(2), id: Some("7".to_owned()), ..Match::any() };
        let then = Script { status: Some(503), body: Some(ErrorBody::Html), ..Script::default() };
        assert_eq!(rules[0], Rule { when, then });
        assert_eq!(rules[1].then, Script { no_done: true, ..Script::default() });
    }

    #[test]
    fn a_quoted_value_may_hold_anything() {
        let rules = parse(r#"[[sim text="say \"hi\" ]] 東京\n" tokens=3]]"#).unwrap();
        assert_eq!(rules[0].then.text.as_deref(), Some("say \"hi\" ]] 東京\n"));
        assert_eq!(rules[0].then.tokens, Some(3));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, names) in [
            ("[[sim statuz=429]]", "statuz"),
            ("[[sim body=htm]]", "htm"),
            ("[[sim status=99]]", "99"),
            ("[[sim status=429", "]]"),
            ("[[sim text=\"abc]]", "quote"),
            ("[[sim no_done no_done]]", "twice"),
            ("[[sim tokens=many]]", "many"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(names), "{text}: {error}");
        }
    }

    #[test]
    fn prose_without_directives_is_left_alone() {
        for text in ["", "[[simple]]", "[sim status=500]", "[[similar things]]"] {
            assert_eq!(parse(text).unwrap(), Vec::new(), "{text}");
        }
    }
}

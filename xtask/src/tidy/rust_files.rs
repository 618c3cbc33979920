//! Rules for source files: they say what they are for, stay small, and have honest names.

use super::{Finding, Page};

/// A file that needs more has two ideas in it.
const LINES_MAX: usize = 400;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "manager", "service"];

pub(super) fn check(page: &Page) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !page.text.starts_with("//! ") {
        findings
            .push(Finding::new(page.place(), "the first line must be `//! ` and say what the file is for"));
    }
    let lines = page.text.lines().count();
    if lines > LINES_MAX {
        findings
            .push(Finding::new(page.place(), format!("{lines} lines, the limit is {LINES_MAX}: split it")));
    }
    if let Some(name) = empty_name(page) {
        findings.push(Finding::new(page.place(), format!("`{name}` says nothing: name what is inside")));
    }
    let unfinished = concat!("todo", "!(");
    for (number, line) in page.text.lines().enumerate() {
        if line.contains(unfinished) {
            findings.push(Finding::new(format!("{}:{}", page.place(), number + 1), "unfinished work"));
        }
    }
    findings
}

fn empty_name(page: &Page) -> Option<&'static str> {
    let parts = page.path.iter().filter_map(|part| part.to_str());
    let mut words = parts.flat_map(|part| part.trim_end_matches(".rs").split(['_', '-']));
    words.find_map(|word| EMPTY_NAMES.into_iter().find(|name| *name == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> usize {
        check(&Page { path: path.into(), text: text.to_owned() }).len()
    }

    #[test]
    fn each_rule_finds_what_it_is_for() {
        let cases = [
            ("a file in order", "crates/wire/src/sse.rs", "//! Events.\n".to_owned(), 0),
            ("no first line", "crates/wire/src/sse.rs", "use std::fmt;\n".to_owned(), 1),
            ("400 lines", "crates/wire/src/sse.rs", "//! Events.\n".repeat(400), 0),
            ("401 lines", "crates/wire/src/sse.rs", "//! Events.\n".repeat(401), 1),
            ("an empty name", "crates/wire/src/utils.rs", "//! Things.\n".to_owned(), 1),
            ("an empty word in a name", "crates/wire/src/key_manager.rs", "//! Things.\n".to_owned(), 1),
            ("a folder without meaning", "crates/wire/src/helpers/sse.rs", "//! Things.\n".to_owned(), 1),
            (
                "unfinished",
                "crates/wire/src/sse.rs",
                concat!("//! A.\nfn a() { todo", "!() }\n").to_owned(),
                1,
            ),
        ];
        for (name, path, text, expected) in cases {
            assert_eq!(problems(path, &text), expected, "{name}");
        }
    }
}

//! Which top-level modules of a crate import which, read line by line from formatted source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Page;

/// A top-level module imports another, perhaps in many places.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    /// File and line of each, in order; at least one.
    pub(super) places: Vec<String>,
}

/// The files below `sources`, each with its path from there. The crate's roots tie the modules together, and tests may
/// look at everything: neither is of a module.
pub(super) fn files<'a>(pages: &'a [Page], sources: &str) -> Vec<(&'a Path, &'a Page)> {
    let is_of_a_module = |path: &Path| {
        path.extension().is_some_and(|extension| extension == "rs")
            && !["lib.rs", "main.rs"].iter().any(|root| path == Path::new(root))
            && !path.iter().any(|part| part == "tests" || part == "tests.rs")
    };
    let below = pages.iter().filter_map(|page| Some((page.path.strip_prefix(sources).ok()?, page)));
    below.filter(|(path, _)| is_of_a_module(path)).collect()
}

/// The top-level module that a path from the crate's sources belongs to.
pub(super) fn module(path: &Path) -> &str {
    let first = path.iter().next().and_then(|part| part.to_str()).unwrap_or_default();
    first.trim_end_matches(".rs")
}

/// Every import between two top-level modules. What a crate's root exports again, for other crates, is no module.
pub(super) fn imports<'a>(files: &[(&'a Path, &'a Page)]) -> Vec<Import<'a>> {
    let modules: BTreeSet<&str> = files.iter().map(|(path, _)| module(path)).collect();
    let mut places = BTreeMap::<_, Vec<_>>::new();
    for (path, page) in files {
        let from = module(path);
        for (line, name) in named(&product(path, &page.text)) {
            if let Some(to) = modules.get(name.as_str()).filter(|to| **to != from) {
                places.entry((from, *to)).or_default().push(format!("{}:{line}", page.place()));
            }
        }
    }
    places.into_iter().map(|((from, to), places)| Import { from, to, places }).collect()
}

/// The text without comments and without what is compiled for tests only; every line keeps its number. Paths that
/// climb to the crate's root begin with `crate::`.
fn product(path: &Path, text: &str) -> String {
    let mut product = String::with_capacity(text.len());
    let mut indentation_of_test = None;
    for line in text.lines() {
        let code = line.trim_start();
        let indentation = line.len() - code.len();
        if let Some(of_test) = indentation_of_test {
            // rustfmt ends an item where it began to indent it.
            if indentation == of_test && code.ends_with([';', '}', ',']) {
                indentation_of_test = None;
            }
        } else if code.starts_with("#[cfg(test)]") {
            indentation_of_test = Some(indentation);
        } else if !code.starts_with("//") {
            product.push_str(line.split(" //").next().unwrap_or_default());
        }
        product.push('\n');
    }
    let depth = path.with_extension("").iter().filter(|part| *part != "mod").count();
    product.replace(&"super::".repeat(depth), "crate::")
}

/// The name behind each `crate::`, or each of the names where a group is behind it, with its line.
fn named(product: &str) -> Vec<(usize, String)> {
    let is_of_a_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut names = Vec::new();
    for (root, begin) in product.match_indices("crate::") {
        if product[..root].ends_with(is_of_a_name) {
            continue;
        }
        let begin = root + begin.len();
        for at in starts(&product[begin..]) {
            let rest = product[begin + at..].trim_start();
            let line = product[..product.len() - rest.len()].lines().count();
            names.push((line, rest.chars().take_while(|letter| is_of_a_name(*letter)).collect()));
        }
    }
    names
}

/// Where the names of `path` begin: at its start and, where that is a brace, behind it and each comma directly inside.
fn starts(path: &str) -> Vec<usize> {
    let mut starts = vec![0];
    let mut depth = 0;
    for (at, letter) in path.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(letter, '{' | ',') {
            starts.push(at + 1);
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file of the crate imports of the modules `b`, `c` and `d`: each with its line.
    fn imports_of(path: &str, text: &str) -> Vec<String> {
        let page =
            |path: &str, text: &str| Page { path: format!("src/{path}").into(), text: text.to_owned() };
        let pages = [page(path, text), page("b.rs", ""), page("c/mod.rs", ""), page("d.rs", "")];
        let files = files(&pages, "src");
        let line = |place: &String| place.rsplit(':').next().unwrap_or_default().to_owned();
        imports(&files)
            .iter()
            .flat_map(|import| import.places.iter().map(|place| format!("{}:{}", import.to, line(place))))
            .collect()
    }

    #[test]
    fn imports_are_read_however_they_are_written() {
        let cases: [(&str, &str, &str, &[&str]); 12] = [
            ("a use line", "a.rs", "//! A.\nuse crate::b::B;\n", &["b:2"]),
            ("a use line of a file in a folder", "a/e/f.rs", "pub use crate::b;\n", &["b:1"]),
            (
                "a path in code",
                "a.rs",
                "fn a() -> crate::c::C {\n    crate::b::b(&crate::b::B)\n}\n",
                &["b:2", "b:2", "c:1"],
            ),
            ("a group", "a.rs", "use crate::{b, c::C};\n", &["b:1", "c:1"]),
            (
                "a nested group",
                "a.rs",
                "use crate::{\n    b::{B, d::D},\n    c,\n};\nuse d::D;\n",
                &["b:2", "c:3"],
            ),
            ("one name of two places", "a.rs", "use crate::b;\n\nuse crate::b::B;\n", &["b:1", "b:3"]),
            ("behind an address", "a.rs", "f(\"http://b\", crate::b::B); // crate::c\n", &["b:1"]),
            ("a macro", "a.rs", "$crate::b::B\n", &["b:1"]),
            ("up to the root", "a/e.rs", "use super::super::b::B;\nuse super::c;\n", &["b:1"]),
            ("up to the root from the module", "a/mod.rs", "use super::b::B;\n", &["b:1"]),
            ("its own module", "a/e.rs", "use crate::a::A;\n", &[]),
            ("another crate, and what is no module", "a.rs", "use other_crate::b;\nuse crate::B;\n", &[]),
        ];
        for (name, path, text, expected) in cases {
            assert_eq!(imports_of(path, text), expected, "{name}");
        }
    }

    #[test]
    fn comments_are_no_imports() {
        let text =
            "//! [`b`](crate::b)\n/// See [`crate::b::B`].\nstruct A; // crate::c\n    // use crate::d;\n";
        assert_eq!(imports_of("a.rs", text), [""; 0]);
    }

    #[test]
    fn what_tests_import_is_none_and_what_stands_behind_them_is_one() {
        let inside = "#[cfg(test)]\nmod tests {\n    use crate::b;\n\n    fn t() {\n        crate::c::c();\n    }\n}\n";
        let line = "#[cfg(test)]\nuse crate::b::{\n    B,\n};\n#[cfg(test)]\nmod tests;\n";
        let method = "impl A {\n    #[cfg(test)]\n    fn t() {\n        crate::b::b();\n    }\n";
        for (name, text) in [("a module", inside), ("a use line", line), ("a method", method)] {
            assert_eq!(imports_of("a.rs", text), [""; 0], "{name}");
            let behind = format!("{text}use crate::d;\n");
            assert_eq!(imports_of("a.rs", &behind), [format!("d:{}", behind.lines().count())], "{name}");
        }
        for path in ["a/tests.rs", "a/tests/b.rs", "a/e/tests/f.rs", "lib.rs", "main.rs"] {
            assert_eq!(imports_of(path, "use crate::b;\n"), [""; 0], "{path}");
        }
    }
}

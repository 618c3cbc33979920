//! Modules stand on floors: no circle of imports, and where `ARCHITECTURE.md` lists the floors, none goes up.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use super::imports::{Import, files, imports, module};
use super::{Finding, Page};

/// The sources of the crates whose top-level modules import each other in one direction.
const WITHOUT_CIRCLES: [&str; 4] =
    ["crates/domain/src", "crates/tollgate/src", "crates/wire/src", "xtask/src"];

/// The sources whose floors are listed, and where: from the top, one line for each, behind the line that says this.
const LISTED: &str = "crates/tollgate/src";
const LIST: &str = "ARCHITECTURE.md";
const LIST_BEGINS: &str = "a module imports only what stands below it";

pub(super) fn check(pages: &[Page]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for sources in WITHOUT_CIRCLES {
        findings.extend(check_circle(&imports(&files(pages, sources))));
    }
    findings.extend(check_list(pages));
    findings
}

/// Names the smallest circle only: what mends it often mends the others.
fn check_circle(imports: &[Import<'_>]) -> Option<Finding> {
    let circle = imports.iter().filter_map(|first| way_back(first, imports)).min_by_key(Vec::len)?;
    let place = circle.first()?.places.first()?;
    let steps: Vec<_> = circle.into_iter().map(in_words).collect();
    let problem = format!(
        "modules import each other in a circle: {}. Take one of these imports out, or move what it needs to a module below both",
        steps.join(", ")
    );
    Some(Finding::new(place, problem))
}

fn in_words(import: &Import<'_>) -> String {
    format!("{} -> {} ({})", import.from, import.to, import.places.join(" "))
}

/// The shortest way that begins with `first` and comes back to the module that it leaves.
fn way_back<'a>(first: &'a Import<'a>, imports: &'a [Import<'a>]) -> Option<Vec<&'a Import<'a>>> {
    let mut ways = VecDeque::from([vec![first]]);
    let mut seen = BTreeSet::from([first.to]);
    while let Some(way) = ways.pop_front() {
        let here = way.last()?.to;
        if here == first.from {
            return Some(way);
        }
        for next in imports.iter().filter(|import| import.from == here) {
            if seen.insert(next.to) {
                ways.push_back([way.as_slice(), &[next]].concat());
            }
        }
    }
    None
}

/// The list names every folder once and nothing else, and no import goes up in it. A small file that it leaves out
/// stands on the last floor.
fn check_list(pages: &[Page]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let files = files(pages, LISTED);
    let modules: BTreeSet<_> = files.iter().map(|(path, _)| module(path)).collect();
    let mut lines = BTreeMap::new();
    for (line, name) in listed(pages) {
        let place = format!("{LIST}:{line}");
        if !modules.contains(name) {
            findings.push(Finding::new(
                place,
                format!("`{name}` is no module of {LISTED}: take it out of the floors"),
            ));
        } else if let Some(earlier) = lines.insert(name, line) {
            findings.push(Finding::new(place, format!("`{name}` is on the floor of line {earlier} already")));
        }
    }
    let folders = files.iter().filter(|(path, _)| path.parent() != Some(Path::new("")));
    let folders: BTreeSet<_> = folders.map(|(path, _)| module(path)).collect();
    for name in folders.into_iter().filter(|name| !lines.contains_key(name)) {
        let problem = format!("`{name}` is on no floor: name it in the list below “{LIST_BEGINS}”");
        findings.push(Finding::new(LIST, problem));
    }
    let last = lines.values().max().copied().unwrap_or_default();
    let floor = |name| lines.get(name).copied().unwrap_or(last);
    for import in imports(&files).iter().filter(|import| floor(import.from) > floor(import.to)) {
        let problem = format!(
            "an import goes up: {}, from the floor of {LIST}:{} to that of line {}. Take it out, or move one of them in the list",
            in_words(import),
            floor(import.from),
            floor(import.to)
        );
        findings.push(Finding::new(&import.places[0], problem));
    }
    findings
}

/// What the list names between backticks, each with its line.
fn listed(pages: &[Page]) -> Vec<(usize, &str)> {
    let text = pages.iter().find(|page| page.path == Path::new(LIST)).map_or("", |page| &page.text);
    let lines = text.lines().zip(1..).skip_while(|(line, _)| !line.contains(LIST_BEGINS));
    let floors = lines.skip(2).take_while(|(line, _)| !line.is_empty());
    // Every second piece between backticks is a name.
    floors
        .flat_map(|(line, number)| line.split('`').skip(1).step_by(2).map(move |name| (number, name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The repository with its list of floors and files of the listed crate: path and text.
    fn findings(floors: &str, files: &[(&str, &str)]) -> Vec<Finding> {
        let list = format!("# A\n\nInside `it` {LIST_BEGINS}. From the top:\n\n{floors}\n\n| `table` |\n");
        let file = |(path, text): &(&str, &str)| Page {
            path: Path::new(LISTED).join(path),
            text: (*text).to_owned(),
        };
        let mut pages: Vec<_> = files.iter().map(file).collect();
        pages.push(Page { path: LIST.into(), text: list });
        check(&pages)
    }

    fn problem_of(findings: &[Finding]) -> (&str, &str) {
        let [Finding { place, problem }] = findings else { panic!("one finding: {findings:?}") };
        (place, problem)
    }

    #[test]
    fn the_sources_that_are_checked_are_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for sources in WITHOUT_CIRCLES.into_iter().chain([LISTED]) {
            assert!(root.join(sources).is_dir(), "{sources}");
        }
    }

    #[test]
    fn imports_that_go_down_or_stay_on_their_floor_are_in_order() {
        let files = [
            ("a.rs", "use crate::b;\nuse crate::c;\nuse crate::small;\n"),
            ("b/mod.rs", "use crate::c;\n"),
            ("c/mod.rs", "use crate::small;\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n"),
            ("c/tests.rs", "use crate::a;\n"),
            ("small.rs", "//! For [`crate::a`].\n"),
        ];
        assert_eq!(findings("1. the start: `a`, `b`\n2. `c`, and small files", &files), []);
    }

    #[test]
    fn the_smallest_circle_is_named_with_every_import() {
        let files = [
            ("a.rs", "use crate::b;\n"),
            ("b/mod.rs", "\nuse crate::c;\n"),
            ("b/part.rs", "use crate::{\n    c::C,\n};\n"),
            ("c.rs", "use crate::d;\nuse crate::b;\n"),
            ("d.rs", "use crate::a;\n"),
        ];
        let findings = findings("1. `a`, `b`, `c`, `d`", &files);
        let (place, problem) = problem_of(&findings);
        assert_eq!(place, "crates/tollgate/src/b/mod.rs:2");
        let circle = "b -> c (crates/tollgate/src/b/mod.rs:2 crates/tollgate/src/b/part.rs:2), \
                      c -> b (crates/tollgate/src/c.rs:2). ";
        assert!(problem.contains(circle), "{problem}");
    }

    #[test]
    fn a_circle_of_three_is_one() {
        let files = [("a.rs", "use crate::b;\n"), ("b.rs", "use crate::c;\n"), ("c.rs", "use crate::a;\n")];
        assert!(problem_of(&findings("1. `a`", &files)).1.contains(": a -> b ("));
    }

    #[test]
    fn an_import_that_goes_up_is_named_with_both_floors() {
        let cases = [
            ("from floor to floor", "b/mod.rs", "b", "1. `a`\n2. `b`"),
            ("from a small file that is not listed", "small.rs", "small", "1. `a`\n2. `b`"),
        ];
        for (name, path, from, floors) in cases {
            let findings = findings(floors, &[("a.rs", ""), ("b/mod.rs", ""), (path, "use crate::a::A;\n")]);
            let (place, problem) = problem_of(&findings);
            assert_eq!(place, format!("{LISTED}/{path}:1"), "{name}");
            assert!(problem.contains(&format!("{from} -> a ({place})")), "{problem}");
            assert!(problem.contains("floor of ARCHITECTURE.md:6 to that of line 5"), "{problem}");
        }
    }

    #[test]
    fn the_list_is_of_the_modules_that_there_are() {
        let cases = [
            ("twice", "1. `a`\n2. `b`, `a`", "ARCHITECTURE.md:6", "`a` is on the floor of line 5 already"),
            ("gone", "1. `a`, `b`\n2. `c`", "ARCHITECTURE.md:6", "`c` is no module"),
            ("a folder left out", "1. `a`", "ARCHITECTURE.md", "`b` is on no floor"),
        ];
        for (name, floors, place, problem) in cases {
            let findings = findings(floors, &[("a.rs", ""), ("b/mod.rs", ""), ("small.rs", "")]);
            assert_eq!(problem_of(&findings).0, place, "{name}");
            assert!(problem_of(&findings).1.contains(problem), "{name}: {findings:?}");
        }
    }
}

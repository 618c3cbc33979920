//! Rules for Markdown: links lead somewhere, decisions stay on one page, the changelog is open for the next entry.

use std::path::Path;

use super::{Finding, Page};

/// An architecture decision is a page: context, decision, consequences.
const DECISION_LINES_MAX: usize = 60;

pub(super) fn check(page: &Page, root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = page.text.lines().count();
    if page.path.starts_with("docs/adr") && lines > DECISION_LINES_MAX {
        findings
            .push(Finding::new(page.place(), format!("{lines} lines, the limit is {DECISION_LINES_MAX}")));
    }
    let folder = root.join(&page.path);
    let folder = folder.parent().unwrap_or(root);
    for (line, target) in links(&page.text) {
        let file = target.split('#').next().unwrap_or_default();
        if !file.is_empty() && !is_elsewhere(target) && !folder.join(file).exists() {
            findings
                .push(Finding::new(format!("{}:{line}", page.place()), format!("`{target}` leads nowhere")));
        }
    }
    findings
}

pub(super) fn check_changelog(pages: &[Page]) -> Option<Finding> {
    let changelog = pages.iter().find(|page| page.path == Path::new("CHANGELOG.md"));
    let is_open =
        changelog.is_some_and(|page| page.text.lines().any(|line| line.starts_with("## [Unreleased]")));
    (!is_open).then(|| Finding::new("CHANGELOG.md", "needs a section `## [Unreleased]`"))
}

/// Every `[text](target)` outside of code, with its line number.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_fence = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        }
        if in_fence {
            continue;
        }
        // Every second piece between backticks is code.
        for prose in line.split('`').step_by(2) {
            found.extend(targets(prose).map(|target| (number + 1, target)));
        }
    }
    found
}

fn targets(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.trim())
}

fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_prose_and_not_in_code() {
        let text =
            "See [a](a.md) and [b](../b.md#part).\n`[c](c.md)`\n```\n[d](d.md)\n```\n[e](https://e.org)\n";
        assert_eq!(links(text), [(1, "a.md"), (1, "../b.md#part"), (6, "https://e.org")]);
    }

    #[test]
    fn a_link_to_nowhere_is_named_with_its_line() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = |text: &str| Page { path: "README.md".into(), text: text.to_owned() };
        assert_eq!(check(&page("[here](Cargo.toml#a) [web](https://e.org) [part](#part)"), root), []);
        assert_eq!(
            check(&page("\n[gone](gone.md)"), root),
            [Finding::new("README.md:2", "`gone.md` leads nowhere")]
        );
    }

    #[test]
    fn a_decision_fits_on_a_page() {
        let page = |lines| Page { path: "docs/adr/0001.md".into(), text: "a\n".repeat(lines) };
        assert_eq!(check(&page(60), Path::new(".")), []);
        assert_eq!(check(&page(61), Path::new(".")).len(), 1);
    }

    #[test]
    fn the_changelog_is_open_for_the_next_entry() {
        let with = |text: &str| [Page { path: "CHANGELOG.md".into(), text: text.to_owned() }];
        assert!(check_changelog(&with("# Changelog\n\n## [Unreleased]\n")).is_none());
        assert!(check_changelog(&with("# Changelog\n")).is_some());
        assert!(check_changelog(&[]).is_some());
    }
}

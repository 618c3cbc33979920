//! The repository's own rules, each checked by reading files: a rule that matters is enforced.

mod floors;
mod imports;
mod prose;
mod rust_files;

use std::fs;
use std::path::{Path, PathBuf};

use crate::console::say;
use crate::failure::{Failure, Result, While};

/// One broken rule: where, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    place: String,
    problem: String,
}

impl Finding {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

/// A text file of the repository, by its path from the root.
pub(crate) struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

/// Reports every broken rule at once.
pub(crate) fn check(root: &Path) -> Result<()> {
    let pages = read_pages(root)?;
    let mut findings = Vec::new();
    for page in &pages {
        match page.path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => findings.extend(rust_files::check(page)),
            Some("md") => findings.extend(prose::check(page, root)),
            _ => {}
        }
    }
    findings.extend(prose::check_changelog(&pages));
    findings.extend(floors::check(&pages));
    for finding in &findings {
        say(format_args!("{}: {}", finding.place, finding.problem));
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} broken rules, listed above"))),
    }
}

fn read_pages(root: &Path) -> Result<Vec<Page>> {
    let mut pages = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).during(folder.display())? {
            let path = entry.during(folder.display())?.path();
            if is_skipped(&path) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
                let text = fs::read_to_string(&path).during(path.display())?;
                let path = path.strip_prefix(root).during(path.display())?.to_path_buf();
                pages.push(Page { path, text });
            }
        }
    }
    pages.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(pages)
}

/// Hidden folders, build output and installed packages are not ours to judge.
fn is_skipped(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with('.') || matches!(name, "target" | "node_modules" | "__pycache__")
}

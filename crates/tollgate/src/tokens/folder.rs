//! The tokenizers on disk: `org/name/` with its files, below one folder.
//!
//! A tokenizer is written beside its place and moved there when it is whole. One that is broken all the same does not
//! load, and is fetched anew.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::files::{FILES, TokenizerFiles};
use crate::config::HubName;

/// How the folders begin that are being written. No name of a repository begins with a dot.
const UNFINISHED: &str = ".new-";

/// Folders that are looked at when room is made. Whoever has more tokenizers than that has put them there.
const ENTRIES_MAX: usize = 100_000;

/// The folder of all tokenizers.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    bytes_max: u64,
    /// Held while a tokenizer is written, so that what is unfinished is nobody else's.
    writing: Mutex<()>,
}

/// A tokenizer on disk.
struct Kept {
    path: PathBuf,
    bytes: u64,
    written: SystemTime,
}

impl Folder {
    pub(super) fn new(root: PathBuf, bytes_max: u64) -> Folder {
        Folder { root, bytes_max, writing: Mutex::new(()) }
    }

    /// The tokenizer of that name, if it is there.
    pub(super) fn read(&self, name: &HubName) -> io::Result<Option<TokenizerFiles>> {
        TokenizerFiles::read(&self.place(name))
    }

    /// Puts a tokenizer in its place, instead of one that is there, after making room for it.
    pub(super) fn write(&self, name: &HubName, files: &TokenizerFiles) -> io::Result<()> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        fs::create_dir_all(&self.root)?;
        self.make_room(files.len())?;
        let unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(&self.root)?;
        files.write(unfinished.path())?;
        let place = self.place(name);
        remove(&place)?;
        if let Some(organisation) = place.parent() {
            fs::create_dir_all(organisation)?;
        }
        fs::rename(unfinished.keep(), place)
    }

    fn place(&self, name: &HubName) -> PathBuf {
        self.root.join(name.as_str())
    }

    /// Removes what was left unfinished, and the oldest tokenizers until `bytes` more have room. Folders with anything
    /// else in them are not of our making, and stay.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut kept = Vec::new();
        for organisation in folders(&self.root)? {
            if organisation.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED)) {
                remove(&organisation)?;
                continue;
            }
            for path in folders(&organisation)? {
                kept.extend(Kept::at(path)?);
            }
        }
        kept.sort_by_key(|kept| kept.written);
        let mut taken: u64 = kept.iter().map(|kept| kept.bytes).sum();
        for oldest in kept {
            if taken + bytes <= self.bytes_max {
                break;
            }
            remove(&oldest.path)?;
            taken -= oldest.bytes;
        }
        Ok(())
    }
}

impl Kept {
    /// `None` for a folder that is not of our making.
    fn at(path: PathBuf) -> io::Result<Option<Kept>> {
        let mut bytes = 0;
        for file in fs::read_dir(&path)? {
            let file = file?;
            if !FILES.iter().any(|(name, _)| file.file_name() == *name) {
                return Ok(None);
            }
            bytes += file.metadata()?.len();
        }
        let written = fs::metadata(&path)?.modified()?;
        Ok(Some(Kept { path, bytes, written }))
    }
}

/// Removes a tokenizer, if it is there. It is an error when there is anything else in its folder.
fn remove(path: &Path) -> io::Result<()> {
    match Kept::at(path.to_owned()) {
        Ok(Some(kept)) => fs::remove_dir_all(kept.path),
        Ok(None) => Err(io::Error::other(format!("{} holds more than a tokenizer", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The folders in a folder; links are none.
fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)?.take(ENTRIES_MAX) {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

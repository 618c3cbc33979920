//! The files of a database: private to their owner, and owned by one process.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::ledger::OpenError;

/// Proof that this process is the only owner of a database. The system takes the lock back when the process ends,
/// however it ends; the file stays.
#[derive(Debug)]
pub(super) struct OwnerLock {
    _file: File,
}

impl OwnerLock {
    /// Takes the lock beside the database at `path`, in a folder that is created when it does not exist.
    pub(super) fn take(path: &Path) -> Result<OwnerLock, OpenError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            create_folder(folder).map_err(|source| OpenError::Io { path: folder.to_owned(), source })?;
        }
        let lock = lock_path(path);
        let file = open_private(&lock).map_err(|source| OpenError::Io { path: lock.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(OwnerLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { database: path.to_owned(), lock }),
            Err(TryLockError::Error(source)) => Err(OpenError::Io { path: lock, source }),
        }
    }
}

/// Creates the database's file before SQLite would, which makes its log alike. Call it only under the lock: closing the
/// file takes SQLite's own locks on it away.
pub(super) fn create_private(path: &Path) -> Result<(), OpenError> {
    match open_private(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && path.exists() => {
            Err(OpenError::ReadOnly { path: path.to_owned() })
        }
        Err(source) => Err(OpenError::Io { path: path.to_owned(), source }),
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

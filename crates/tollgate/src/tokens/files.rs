//! The files of a tokenizer, as the Hub names them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use bytes::Bytes;

/// The tokenizer itself. The largest ones have some 35 MiB.
pub(super) const TOKENIZER: (&str, u64) = ("tokenizer.json", 64 << 20);

/// Its settings, special tokens and templates: a megabyte where thousands of tokens are reserved.
pub(super) const CONFIG: (&str, u64) = ("tokenizer_config.json", 4 << 20);

/// Its chat template. The largest ones have some 30 KiB.
pub(super) const TEMPLATE: (&str, u64) = ("chat_template.jinja", 1 << 20);

/// All of them.
pub(super) const FILES: [(&str, u64); 3] = [TOKENIZER, CONFIG, TEMPLATE];

/// The files of one tokenizer.
#[derive(Clone, Debug)]
pub(super) struct TokenizerFiles {
    pub(super) tokenizer: Bytes,
    pub(super) config: Option<Bytes>,
    pub(super) template: Option<Bytes>,
}

impl TokenizerFiles {
    /// Those in `folder`; `None` when there is no tokenizer in it.
    ///
    /// # Errors
    /// When one cannot be read, or is too large.
    pub(super) fn read(folder: &Path) -> io::Result<Option<TokenizerFiles>> {
        let Some(tokenizer) = read(folder, TOKENIZER)? else { return Ok(None) };
        let (config, template) = (read(folder, CONFIG)?, read(folder, TEMPLATE)?);
        Ok(Some(TokenizerFiles { tokenizer, config, template }))
    }

    /// Writes them into `folder`, to the disk.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let files = [
            (TOKENIZER, Some(&self.tokenizer)),
            (CONFIG, self.config.as_ref()),
            (TEMPLATE, self.template.as_ref()),
        ];
        for ((name, _), bytes) in files {
            let Some(bytes) = bytes else { continue };
            let mut file = File::create_new(folder.join(name))?;
            file.write_all(bytes)?;
            file.sync_all()?;
        }
        Ok(())
    }

    /// What they take, in bytes.
    pub(super) fn len(&self) -> u64 {
        let optional = |file: &Option<Bytes>| file.as_ref().map_or(0, Bytes::len);
        (self.tokenizer.len() + optional(&self.config) + optional(&self.template)) as u64
    }
}

fn read(folder: &Path, (name, bytes_max): (&str, u64)) -> io::Result<Option<Bytes>> {
    let file = match File::open(folder.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("{name} has more than {bytes_max} bytes"),
        ));
    }
    Ok(Some(bytes.into()))
}

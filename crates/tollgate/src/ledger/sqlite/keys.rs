//! Keys in SQLite.

use domain::{KeyId, KeyRole, Limits, Models, Networks, Rights};
use rusqlite::{Connection, Row, named_params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::SqliteStore;
use super::columns::{ColumnId, read_optional_word, read_word};

use crate::ledger::LedgerError;
use crate::ledger::key::{KeyRow, KeyTerms, PreviousSecret};
use crate::ledger::store::KeyStore;
use crate::limits::LimitFields;

impl KeyStore for SqliteStore {
    fn keys(&mut self) -> Result<Vec<KeyRow>, LedgerError> {
        let mut statement = self.connection.prepare("SELECT * FROM keys ORDER BY id")?;
        let rows = statement.query_map([], key_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn create_key(&mut self, row: &KeyRow) -> Result<(), LedgerError> {
        insert(&self.connection, row)
    }

    fn save_key(&mut self, row: &KeyRow) -> Result<(), LedgerError> {
        let update = "UPDATE keys SET
                name = :name, prefix = :prefix, digest = :digest, previous_digest = :previous_digest,
                previous_until_ms = :previous_until_ms, role = :role, models = :models, networks = :networks,
                expires_at_ms = :expires_at_ms, limits = :limits, labels = :labels, rotated_at_ms = :rotated_at_ms,
                revoked_at_ms = :revoked_at_ms
            WHERE id = :id AND account = :account AND maker IS :maker AND created_at_ms = :created_at_ms";
        let changed = write(&self.connection, update, row)?;
        if changed == 1 { Ok(()) } else { Err(LedgerError::UnknownKey) }
    }
}

/// Writes a new key, within the caller's transaction.
pub(super) fn insert(connection: &Connection, row: &KeyRow) -> Result<(), LedgerError> {
    let insert = "INSERT INTO keys
             (id, account, maker, name, prefix, digest, previous_digest, previous_until_ms, role, models, networks,
              expires_at_ms, limits, labels, created_at_ms, rotated_at_ms, revoked_at_ms)
         VALUES
             (:id, :account, :maker, :name, :prefix, :digest, :previous_digest, :previous_until_ms, :role, :models,
              :networks, :expires_at_ms, :limits, :labels, :created_at_ms, :rotated_at_ms, :revoked_at_ms)";
    write(connection, insert, row).map(|_| ())
}

/// Runs a statement with all of a row's values.
fn write(connection: &Connection, sql: &str, row: &KeyRow) -> Result<usize, LedgerError> {
    let KeyTerms { name, rights, limits, labels } = &row.terms;
    let models = rights.models.as_ref().map(|models| models.patterns().collect::<Vec<_>>());
    let networks = rights
        .networks
        .as_ref()
        .map(|networks| networks.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>());
    Ok(connection.execute(
        sql,
        named_params! {
            ":id": row.id.column(),
            ":account": row.account.column(),
            ":maker": row.maker.map(KeyId::column),
            ":name": name,
            ":prefix": row.prefix,
            ":digest": row.digest,
            ":previous_digest": row.previous.map(|previous| previous.digest),
            ":previous_until_ms": row.previous.map(|previous| previous.until_ms),
            ":role": rights.role.as_str(),
            ":models": models.map(|models| json(&models)).transpose()?,
            ":networks": networks.map(|networks| json(&networks)).transpose()?,
            ":expires_at_ms": rights.expires_at_ms,
            ":limits": json(&LimitFields::from(limits))?,
            ":labels": json(labels)?,
            ":created_at_ms": row.created_at_ms,
            ":rotated_at_ms": row.rotated_at_ms,
            ":revoked_at_ms": row.revoked_at_ms,
        },
    )?)
}

fn key_row(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    let previous = match row.get("previous_digest")? {
        Some(digest) => Some(PreviousSecret { digest, until_ms: row.get("previous_until_ms")? }),
        None => None,
    };
    let maker: Option<[u8; 16]> = row.get("maker")?;
    let rights = Rights {
        role: read_word(row, "role", KeyRole::parse)?,
        models: read_optional_word(row, "models", |text| Models::new(parsed::<Vec<String>>(text)?).ok())?,
        networks: read_optional_word(row, "networks", read_networks)?,
        expires_at_ms: row.get("expires_at_ms")?,
    };
    Ok(KeyRow {
        id: ColumnId::read(row, "id")?,
        account: ColumnId::read(row, "account")?,
        maker: maker.map(|bytes| KeyId::from_bits(u128::from_be_bytes(bytes))),
        terms: KeyTerms {
            name: row.get("name")?,
            rights,
            limits: read_word(row, "limits", |text| Limits::try_from(&parsed::<LimitFields>(text)?).ok())?,
            labels: read_word(row, "labels", parsed)?,
        },
        prefix: row.get("prefix")?,
        digest: row.get("digest")?,
        previous,
        created_at_ms: row.get("created_at_ms")?,
        rotated_at_ms: row.get("rotated_at_ms")?,
        revoked_at_ms: row.get("revoked_at_ms")?,
    })
}

fn read_networks(text: &str) -> Option<Networks> {
    let networks =
        parsed::<Vec<String>>(text)?.iter().map(|text| text.parse().ok()).collect::<Option<Vec<_>>>()?;
    Networks::new(networks).ok()
}

fn json(value: &impl Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|error| LedgerError::Failed(Box::new(error)))
}

fn parsed<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

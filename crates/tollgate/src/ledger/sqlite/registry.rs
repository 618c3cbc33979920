//! Openings of accounts, their terms, and invites in SQLite.

use domain::{AccountId, InviteId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::columns::ColumnId;
use super::{keys, treasury};
use crate::ledger::LedgerError;
use crate::ledger::registry::{INVITES_PAGE_MAX, InviteRow, Opening, Registry};

const INVITE_COLUMNS: &str =
    "id, digest, identity, plan, created_at_ms, expires_at_ms, revoked_at_ms, used_at_ms, account";

impl Registry for SqliteStore {
    fn open_account(&mut self, opening: &Opening<'_>) -> Result<(), LedgerError> {
        let savepoint = self.connection.savepoint()?;
        let account = opening.account;
        if let Some(identity) = account.identity
            && is_registered(&savepoint, &identity.digest)?
        {
            return Err(LedgerError::Registered);
        }
        treasury::insert_account(&savepoint, account)?;
        if let Some(invite) = opening.invite {
            use_invite(&savepoint, invite, account.id, account.created_at_ms)?;
        }
        if let Some(grant) = opening.grant {
            treasury::insert_grant(&savepoint, grant)?;
        }
        if let Some(key) = opening.key {
            keys::insert(&savepoint, key)?;
        }
        savepoint.commit()?;
        Ok(())
    }

    fn create_invite(&mut self, row: &InviteRow) -> Result<(), LedgerError> {
        self.connection.execute(
            "INSERT INTO invites (id, digest, identity, plan, created_at_ms, expires_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                row.id.column(),
                row.digest,
                row.identity,
                row.plan,
                row.created_at_ms,
                row.expires_at_ms
            ],
        )?;
        Ok(())
    }

    fn invite(&mut self, digest: &[u8; 32]) -> Result<Option<InviteRow>, LedgerError> {
        let sql = format!("SELECT {INVITE_COLUMNS} FROM invites WHERE digest = ?1");
        Ok(self.connection.prepare_cached(&sql)?.query_row([digest], invite_row).optional()?)
    }

    fn invites(&mut self, before: Option<InviteId>, limit: u32) -> Result<Vec<InviteRow>, LedgerError> {
        // Ids are never all ones, so without a bound every one is below it.
        let before = before.unwrap_or(InviteId::from_bits(u128::MAX)).column();
        let sql = format!("SELECT {INVITE_COLUMNS} FROM invites WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
        let mut statement = self.connection.prepare(&sql)?;
        let rows = statement.query_map(params![before, limit.min(INVITES_PAGE_MAX)], invite_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn revoke_invite(&mut self, id: InviteId, at_ms: i64) -> Result<InviteRow, LedgerError> {
        self.connection.execute(
            "UPDATE invites SET revoked_at_ms = ?1 WHERE id = ?2 AND revoked_at_ms IS NULL AND used_at_ms IS NULL",
            params![at_ms, id.column()],
        )?;
        let sql = format!("SELECT {INVITE_COLUMNS} FROM invites WHERE id = ?1");
        let row = self.connection.query_row(&sql, [id.column()], invite_row).optional()?;
        row.ok_or(LedgerError::UnknownInvite)
    }
}

fn is_registered(connection: &Connection, digest: &[u8; 32]) -> Result<bool, LedgerError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM accounts WHERE identity = ?1")?;
    Ok(statement.exists([digest])?)
}

fn use_invite(
    connection: &Connection,
    invite: InviteId,
    account: AccountId,
    at_ms: i64,
) -> Result<(), LedgerError> {
    let changed = connection.execute(
        "UPDATE invites SET used_at_ms = ?1, account = ?2
         WHERE id = ?3 AND used_at_ms IS NULL AND revoked_at_ms IS NULL AND expires_at_ms > ?1",
        params![at_ms, account.column(), invite.column()],
    )?;
    if changed == 1 { Ok(()) } else { Err(LedgerError::InviteSpent) }
}

fn invite_row(row: &Row<'_>) -> rusqlite::Result<InviteRow> {
    let used_at_ms: Option<i64> = row.get("used_at_ms")?;
    let used = match used_at_ms {
        Some(at_ms) => Some((at_ms, ColumnId::read(row, "account")?)),
        None => None,
    };
    Ok(InviteRow {
        id: ColumnId::read(row, "id")?,
        digest: row.get("digest")?,
        identity: row.get("identity")?,
        plan: row.get("plan")?,
        created_at_ms: row.get("created_at_ms")?,
        expires_at_ms: row.get("expires_at_ms")?,
        revoked_at_ms: row.get("revoked_at_ms")?,
        used,
    })
}

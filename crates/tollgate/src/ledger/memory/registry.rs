//! Openings of accounts, their terms, and invites in memory.

use domain::{AccountId, InviteId};

use super::{MemoryStore, Tables};
use crate::ledger::LedgerError;
use crate::ledger::registry::{INVITES_PAGE_MAX, InviteRow, Opening, Registry};

impl Registry for MemoryStore {
    fn open_account(&mut self, opening: &Opening<'_>) -> Result<(), LedgerError> {
        let mut tables = self.tables();
        let account = opening.account;
        let taken = |row: &crate::ledger::AccountRow| row.identity == account.identity;
        if account.identity.is_some() && tables.accounts.values().any(taken) {
            return Err(LedgerError::Registered);
        }
        if let Some(invite) = opening.invite {
            tables.use_invite(invite, account.id, account.created_at_ms)?;
        }
        tables.accounts.insert(account.id, account.clone());
        if let Some(grant) = opening.grant {
            tables.grant(grant)?;
        }
        if let Some(key) = opening.key {
            tables.keys.insert(key.id, key.clone());
        }
        Ok(())
    }

    fn create_invite(&mut self, row: &InviteRow) -> Result<(), LedgerError> {
        self.tables().invites.insert(row.id, row.clone());
        Ok(())
    }

    fn invite(&mut self, digest: &[u8; 32]) -> Result<Option<InviteRow>, LedgerError> {
        Ok(self.tables().invites.values().find(|row| row.digest == *digest).cloned())
    }

    fn invites(&mut self, before: Option<InviteId>, limit: u32) -> Result<Vec<InviteRow>, LedgerError> {
        let before = before.unwrap_or(InviteId::from_bits(u128::MAX));
        let limit = limit.min(INVITES_PAGE_MAX) as usize;
        Ok(self.tables().invites.range(..before).rev().take(limit).map(|(_, row)| row.clone()).collect())
    }

    fn revoke_invite(&mut self, id: InviteId, at_ms: i64) -> Result<InviteRow, LedgerError> {
        let mut tables = self.tables();
        let row = tables.invites.get_mut(&id).ok_or(LedgerError::UnknownInvite)?;
        if row.used.is_none() {
            row.revoked_at_ms.get_or_insert(at_ms);
        }
        Ok(row.clone())
    }
}

impl Tables {
    fn use_invite(&mut self, id: InviteId, account: AccountId, at_ms: i64) -> Result<(), LedgerError> {
        let row = self.invites.get_mut(&id).filter(|row| row.is_good(at_ms));
        row.ok_or(LedgerError::InviteSpent)?.used = Some((at_ms, account));
        Ok(())
    }
}

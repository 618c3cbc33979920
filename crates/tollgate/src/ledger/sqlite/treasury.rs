//! Accounts, grants and settlements in SQLite.

use std::collections::BTreeMap;

use domain::{AccountId, AccountKind, CallId, Money, PlanName};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::SqliteStore;
use super::columns::{ColumnId, ISSUED, REVENUE, read_money, read_optional_word, read_word};
use super::{answers, receipts, sessions};
use crate::ledger::LedgerError;
use crate::ledger::account::{AccountRow, Terms};
use crate::ledger::grant::{GrantRow, NewGrant};
use crate::ledger::identity::{IdentityKind, IdentityMark};
use crate::ledger::store::{Booked, Settlement, Treasury};

const INSERT_JOURNAL: &str =
    "INSERT INTO journal (reason, ref, debit, credit, amount_nanos, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

impl Treasury for SqliteStore {
    fn accounts(&mut self) -> Result<Vec<AccountRow>, LedgerError> {
        let mut statement = self.connection.prepare(
            "SELECT id, name, kind, plan, trial_ends_at_ms, granted_nanos, spent_nanos, identity_kind, identity,
                    created_at_ms
             FROM accounts ORDER BY id",
        )?;
        let rows = statement.query_map([], account_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn create_account(&mut self, row: &AccountRow) -> Result<(), LedgerError> {
        insert_account(&self.connection, row)
    }

    fn set_terms(&mut self, account: AccountId, terms: &Terms) -> Result<(), LedgerError> {
        update_terms(&self.connection, account, terms)
    }

    fn grant(&mut self, grant: &NewGrant<'_>) -> Result<GrantRow, LedgerError> {
        let savepoint = self.connection.savepoint()?;
        if let Some(earlier) = earlier_grant(&savepoint, grant)? {
            let same = (earlier.amount, earlier.paid) == (grant.amount, grant.paid);
            return if same { Ok(earlier) } else { Err(LedgerError::Conflict) };
        }
        let row = insert_grant(&savepoint, grant)?;
        savepoint.commit()?;
        Ok(row)
    }

    fn settle(&mut self, batch: &[Settlement], at_ms: i64) -> Result<Vec<Booked>, LedgerError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (booked, sums) = book_calls(&transaction, batch, at_ms)?;
        for (account, sum) in sums {
            charge_account(&transaction, account, &sum, at_ms)?;
        }
        transaction.commit()?;
        Ok(booked)
    }
}

/// Writes a new account, within the caller's transaction.
pub(super) fn insert_account(connection: &Connection, row: &AccountRow) -> Result<(), LedgerError> {
    connection.execute(
        "INSERT INTO accounts
             (id, name, kind, plan, trial_ends_at_ms, granted_nanos, spent_nanos, identity_kind, identity, created_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6, ?7, ?8)",
        params![
            row.id.column(),
            row.name,
            row.kind.as_str(),
            row.terms.plan.as_ref().map(PlanName::as_str),
            row.terms.trial_ends_at_ms,
            row.identity.map(|identity| identity.kind.as_str()),
            row.identity.map(|identity| identity.digest),
            row.created_at_ms
        ],
    )?;
    Ok(())
}

/// Writes a grant whose reference is new, within the caller's transaction.
pub(super) fn insert_grant(connection: &Connection, grant: &NewGrant<'_>) -> Result<GrantRow, LedgerError> {
    let (granted, spent) = totals(connection, grant.account)?;
    let granted = granted.checked_add(grant.amount).ok_or(LedgerError::TooLarge)?;
    let row = grant.row(granted.saturating_sub(spent));
    let (id, account, amount) = (grant.id.column(), grant.account.column(), grant.amount.nanos());
    connection.execute(
        "INSERT INTO grants (id, account, reference, amount_nanos, balance_nanos, paid, created_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![id, account, grant.reference, amount, row.balance.nanos(), grant.paid, grant.at_ms],
    )?;
    connection.execute(INSERT_JOURNAL, params!["grant", id, ISSUED, account, amount, grant.at_ms])?;
    connection
        .execute("UPDATE accounts SET granted_nanos = ?1 WHERE id = ?2", params![granted.nanos(), account])?;
    if let Some(terms) = grant.terms {
        update_terms(connection, grant.account, terms)?;
    }
    Ok(row)
}

/// Changes the terms of an account.
pub(super) fn update_terms(
    connection: &Connection,
    account: AccountId,
    terms: &Terms,
) -> Result<(), LedgerError> {
    let changed = connection.execute(
        "UPDATE accounts SET plan = ?1, trial_ends_at_ms = ?2 WHERE id = ?3",
        params![terms.plan.as_ref().map(PlanName::as_str), terms.trial_ends_at_ms, account.column()],
    )?;
    if changed == 1 { Ok(()) } else { Err(LedgerError::UnknownAccount) }
}

/// What a batch charges one account.
struct Sum {
    kind: AccountKind,
    charge: Money,
    /// One call of the sum, which names it in the journal.
    call: CallId,
}

/// Writes the receipts and the charges of a batch, and adds the charges up by account.
fn book_calls(
    connection: &Connection,
    batch: &[Settlement],
    at_ms: i64,
) -> Result<(Vec<Booked>, BTreeMap<AccountId, Sum>), LedgerError> {
    let mut insert_receipt = connection.prepare_cached(receipts::INSERT)?;
    let mut insert_journal = connection.prepare_cached(INSERT_JOURNAL)?;
    let mut booked = Vec::with_capacity(batch.len());
    let mut sums = BTreeMap::new();
    for settlement in batch {
        let receipt = &settlement.receipt;
        let settled = receipt.settled(settlement.hold);
        if !receipts::insert(&mut insert_receipt, settlement, settled, at_ms)? {
            let mut earlier = receipts::booked(connection, receipt.account, receipt.call)?;
            if let Some(answer) = &settlement.answer {
                earlier.kept = answers::holds(connection, &answer.mark.place, receipt.call)?;
            }
            earlier.session_bytes = session_bytes(connection, settlement)?;
            booked.push(earlier);
            continue;
        }
        let kept = settlement.kept_answer(settled);
        if let Some(answer) = kept {
            answers::insert(connection, answer, at_ms)?;
        }
        let tokens = receipt.tokens();
        if let Some(turn) = &settlement.turn {
            sessions::settle_turn(connection, settlement, turn, at_ms)?;
        }
        let (kept, session_bytes) = (kept.is_some(), session_bytes(connection, settlement)?);
        booked.push(Booked { settled, tokens, at_ms, repeated: false, kept, session_bytes });
        if settled.charge.is_zero() {
            continue;
        }
        let (call, account) = (receipt.call.column(), receipt.account.column());
        insert_journal.execute(params!["charge", call, account, REVENUE, settled.charge.nanos(), at_ms])?;
        let sum = sums.entry(receipt.account).or_insert_with(|| Sum {
            kind: settlement.kind,
            charge: Money::ZERO,
            call: receipt.call,
        });
        sum.charge = sum.charge.checked_add(settled.charge).ok_or(LedgerError::TooLarge)?;
    }
    Ok((booked, sums))
}

/// What the account's sessions take now, where the call has a turn.
fn session_bytes(connection: &Connection, settlement: &Settlement) -> rusqlite::Result<Option<u64>> {
    let turn = settlement.turn.as_ref();
    turn.map(|turn| sessions::account_bytes(connection, turn.account)).transpose()
}

/// Adds a batch's charge to an account. What a metered account uses beyond its grants is granted to it.
fn charge_account(
    connection: &Connection,
    account: AccountId,
    sum: &Sum,
    at_ms: i64,
) -> Result<(), LedgerError> {
    let mut credit_line = Money::ZERO;
    if sum.kind == AccountKind::Metered {
        let (granted, spent) = totals(connection, account)?;
        credit_line = sum.charge.saturating_sub(granted.saturating_sub(spent));
    }
    let id = account.column();
    if !credit_line.is_zero() {
        connection.prepare_cached(INSERT_JOURNAL)?.execute(params![
            "credit_line",
            sum.call.column(),
            ISSUED,
            id,
            credit_line.nanos(),
            at_ms
        ])?;
    }
    let changed = connection
        .prepare_cached(
            "UPDATE accounts SET granted_nanos = granted_nanos + ?1, spent_nanos = spent_nanos + ?2 WHERE id = ?3",
        )?
        .execute(params![credit_line.nanos(), sum.charge.nanos(), id])?;
    if changed == 1 { Ok(()) } else { Err(LedgerError::UnknownAccount) }
}

/// Granted and spent.
fn totals(connection: &Connection, account: AccountId) -> Result<(Money, Money), LedgerError> {
    connection
        .prepare_cached("SELECT granted_nanos, spent_nanos FROM accounts WHERE id = ?1")?
        .query_row([account.column()], |row| {
            Ok((read_money(row, "granted_nanos")?, read_money(row, "spent_nanos")?))
        })
        .optional()?
        .ok_or(LedgerError::UnknownAccount)
}

fn earlier_grant(connection: &Connection, grant: &NewGrant<'_>) -> Result<Option<GrantRow>, LedgerError> {
    let earlier = connection
        .query_row(
            "SELECT id, amount_nanos, balance_nanos, paid, created_at_ms FROM grants
             WHERE account = ?1 AND reference = ?2",
            params![grant.account.column(), grant.reference],
            |row| {
                Ok(GrantRow {
                    id: ColumnId::read(row, "id")?,
                    account: grant.account,
                    amount: read_money(row, "amount_nanos")?,
                    reference: grant.reference.to_owned(),
                    paid: row.get("paid")?,
                    balance: read_money(row, "balance_nanos")?,
                    created_at_ms: row.get("created_at_ms")?,
                    repeated: true,
                })
            },
        )
        .optional()?;
    Ok(earlier)
}

fn account_row(row: &Row<'_>) -> rusqlite::Result<AccountRow> {
    let identity = match row.get("identity")? {
        Some(digest) => {
            Some(IdentityMark { kind: read_word(row, "identity_kind", IdentityKind::parse)?, digest })
        }
        None => None,
    };
    Ok(AccountRow {
        id: ColumnId::read(row, "id")?,
        name: row.get("name")?,
        kind: read_word(row, "kind", AccountKind::parse)?,
        terms: Terms {
            plan: read_optional_word(row, "plan", |text| text.parse().ok())?,
            trial_ends_at_ms: row.get("trial_ends_at_ms")?,
        },
        granted: read_money(row, "granted_nanos")?,
        spent: read_money(row, "spent_nanos")?,
        identity,
        created_at_ms: row.get("created_at_ms")?,
    })
}

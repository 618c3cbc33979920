//! Openings of accounts, their terms, and invites, on every store.

use domain::{AccountId, AccountKind, GrantId, InviteId, KeyId};

use super::money;
use super::treasury::{ADA, BOB, new_account, on_every_store};

use crate::ledger::account::{AccountRow, Terms};
use crate::ledger::grant::NewGrant;
use crate::ledger::identity::{IdentityKind, IdentityMark};
use crate::ledger::key::KeyRow;
use crate::ledger::registry::{InviteRow, Opening};
use crate::ledger::store::Store;
use crate::ledger::{KeyTerms, LedgerError};

const FIRST: InviteId = InviteId::from_bits(1);

fn invite(id: InviteId) -> InviteRow {
    InviteRow {
        id,
        digest: [u8::try_from(id.to_bits()).unwrap(); 32],
        identity: "ada@example.org".to_owned(),
        plan: Some("trial".to_owned()),
        created_at_ms: 1,
        expires_at_ms: 100,
        revoked_at_ms: None,
        used: None,
    }
}

fn row(id: AccountId) -> AccountRow {
    let identity = Some(IdentityMark { kind: IdentityKind::Invite, digest: [7; 32] });
    AccountRow { identity, created_at_ms: 50, ..new_account(id, AccountKind::Prepaid) }
}

fn key(account: AccountId) -> KeyRow {
    KeyRow {
        id: KeyId::from_bits(account.to_bits()),
        account,
        maker: None,
        terms: KeyTerms { name: "default".to_owned(), ..KeyTerms::default() },
        prefix: "tg-abcdefgh".to_owned(),
        digest: [u8::try_from(account.to_bits() % 251).unwrap(); 32],
        previous: None,
        created_at_ms: 50,
        rotated_at_ms: None,
        revoked_at_ms: None,
    }
}

fn gift<'a>(account: AccountId, reference: &'a str, terms: Option<&'a Terms>) -> NewGrant<'a> {
    let id = GrantId::from_bits(account.to_bits() + reference.len() as u128);
    NewGrant { id, account, amount: money(10), reference, paid: terms.is_some(), terms, at_ms: 50 }
}

/// Opens an account with credit and a key for the identity of these tests.
fn open(store: &mut dyn Store, account: &AccountRow, invite: Option<InviteId>) -> Result<(), LedgerError> {
    let (grant, key) = (gift(account.id, "trial", None), key(account.id));
    store.open_account(&Opening { account, grant: Some(&grant), key: Some(&key), invite })
}

/// All that a store has of accounts, keys and invites.
fn contents(store: &mut dyn Store) -> (Vec<AccountRow>, Vec<KeyRow>, Vec<InviteRow>) {
    (store.accounts().unwrap(), store.keys().unwrap(), store.invites(None, 10).unwrap())
}

#[test]
fn an_opening_is_all_or_nothing() {
    on_every_store(|test| {
        let store = test.store();
        store.create_invite(&invite(FIRST)).unwrap();
        open(store, &row(ADA), Some(FIRST)).unwrap();
        let opened = contents(store);
        let account = AccountRow { granted: money(10), ..row(ADA) };
        let used = InviteRow { used: Some((50, ADA)), ..invite(FIRST) };
        assert_eq!(opened, (vec![account], vec![key(ADA)], vec![used]));

        // The identity has its account, and with another identity the invite is used: neither leaves a trace.
        let second = InviteId::from_bits(2);
        store.create_invite(&invite(second)).unwrap();
        let before = contents(store);
        assert!(matches!(open(store, &row(BOB), Some(second)), Err(LedgerError::Registered)));
        let stranger = AccountRow { identity: None, ..row(BOB) };
        assert!(matches!(open(store, &stranger, Some(FIRST)), Err(LedgerError::InviteSpent)));
        assert_eq!(contents(store), before);
    });
}

#[test]
fn an_invite_that_is_not_good_opens_nothing() {
    on_every_store(|test| {
        let store = test.store();
        let (expired, revoked, unknown) = (FIRST, InviteId::from_bits(2), InviteId::from_bits(3));
        store.create_invite(&InviteRow { expires_at_ms: 50, ..invite(expired) }).unwrap();
        store.create_invite(&invite(revoked)).unwrap();
        assert_eq!(store.revoke_invite(revoked, 40).unwrap().revoked_at_ms, Some(40));
        assert_eq!(store.revoke_invite(revoked, 41).unwrap().revoked_at_ms, Some(40), "the first time stays");
        assert!(matches!(store.revoke_invite(unknown, 40), Err(LedgerError::UnknownInvite)));
        for invite in [expired, revoked, unknown] {
            assert!(
                matches!(open(store, &row(ADA), Some(invite)), Err(LedgerError::InviteSpent)),
                "{invite}"
            );
        }
        assert_eq!(store.accounts().unwrap(), []);
        assert_eq!(store.invite(&[2; 32]).unwrap().map(|row| row.id), Some(revoked));
        assert_eq!(store.invite(&[9; 32]).unwrap(), None);
        // A used invite stays used when it is revoked.
        store.create_invite(&invite(unknown)).unwrap();
        open(store, &row(ADA), Some(unknown)).unwrap();
        let row = store.revoke_invite(unknown, 60).unwrap();
        assert_eq!((row.used, row.revoked_at_ms), (Some((50, ADA)), None));
    });
}

#[test]
fn invites_are_listed_newest_first_page_by_page() {
    on_every_store(|test| {
        let store = test.store();
        for id in 1..=5 {
            store.create_invite(&invite(InviteId::from_bits(id))).unwrap();
        }
        let mut page = |before, limit| -> Vec<u128> {
            let rows = store.invites(before, limit).unwrap();
            rows.iter().map(|row| row.id.to_bits()).collect()
        };
        assert_eq!(page(None, 2), [5, 4]);
        assert_eq!(page(Some(InviteId::from_bits(4)), 2), [3, 2]);
        assert_eq!(page(Some(InviteId::from_bits(2)), 2), [1]);
        assert_eq!(page(Some(FIRST), 2), [0; 0]);
    });
}

#[test]
fn a_grant_changes_the_terms_once() {
    on_every_store(|test| {
        let store = test.store();
        open(store, &row(ADA), None).unwrap();
        let paid = Terms::default();
        let first = store.grant(&gift(ADA, "invoice", Some(&paid))).unwrap();
        assert_eq!(store.accounts().unwrap()[0].terms, paid);

        // Meanwhile the operator changed them again: the same reference once more must not.
        let team = Terms { plan: "team".parse().ok(), trial_ends_at_ms: Some(99) };
        store.set_terms(ADA, &team).unwrap();
        let again = store.grant(&gift(ADA, "invoice", Some(&paid))).unwrap();
        assert_eq!((again.id, again.repeated, first.repeated), (first.id, true, false));
        assert_eq!(store.accounts().unwrap()[0].terms, team);
        // Paid or not is part of what the reference stands for.
        let other = store.grant(&gift(ADA, "invoice", None));
        assert!(matches!(other, Err(LedgerError::Conflict)), "{other:?}");
    });
}

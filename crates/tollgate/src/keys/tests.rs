//! Tests of keys: what is shown, what is stored, what authenticates.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use domain::{AccountId, AccountKind, KeyId};

use super::{AdminKey, Entropy, KeyRing};
use crate::clock::Clock;
use crate::ledger::{Ledger, LedgerError, NewAccount, StoreConfig, Terms};

fn entropy() -> Entropy {
    Entropy::Counter(Arc::new(AtomicU64::new(0)))
}

async fn account(ledger: &Ledger) -> AccountId {
    let new = NewAccount { name: "Ada".to_owned(), kind: AccountKind::Prepaid, terms: Terms::default() };
    ledger.create_account(new).await.expect("an account").id
}

fn sqlite(path: &Path) -> Ledger {
    Ledger::open(StoreConfig::Sqlite(path.to_owned()), Clock::System).expect("a ledger")
}

fn memory() -> Ledger {
    Ledger::open(StoreConfig::Memory, Clock::System).expect("a ledger")
}

#[tokio::test]
async fn a_key_authenticates_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = sqlite(&path);
    let ada = account(&ledger).await;
    let ring = KeyRing::open(ledger.clone(), entropy()).await.unwrap();
    let (laptop, laptop_secret) = ring.create(ada, "laptop").await.unwrap();
    let (server, server_secret) = ring.create(ada, "server").await.unwrap();
    assert_eq!(ring.authenticate(laptop_secret.expose()), Some(Arc::clone(&laptop)));
    assert_eq!(ring.authenticate(server_secret.expose()), Some(Arc::clone(&server)));

    let revoked = ring.revoke(ada, laptop.id).await.unwrap();
    assert!(revoked.revoked_at_ms.is_some());
    assert_eq!(ring.authenticate(laptop_secret.expose()), None);
    assert_eq!(ring.revoke(ada, laptop.id).await.unwrap(), revoked, "again is the same");
    // Two keys of one millisecond stand in either order.
    let mut both = [Arc::clone(&revoked), Arc::clone(&server)];
    both.sort_by_key(|key| key.id);
    assert_eq!(ring.list(ada), both);

    // After a restart it is all the same.
    ledger.close().await;
    let ledger = sqlite(&path);
    let ring = KeyRing::open(ledger.clone(), entropy()).await.unwrap();
    assert_eq!(ring.authenticate(laptop_secret.expose()), None);
    assert_eq!(ring.authenticate(server_secret.expose()).map(|key| key.id), Some(server.id));
    let stored = |key: &Arc<super::Key>| (key.id, key.name.clone(), key.prefix.clone(), key.revoked_at_ms);
    assert_eq!(ring.list(ada).iter().map(stored).collect::<Vec<_>>(), both.each_ref().map(stored));
    ledger.close().await;
}

#[tokio::test]
async fn only_the_whole_secret_authenticates() {
    let ledger = memory();
    let ada = account(&ledger).await;
    let ring = KeyRing::open(ledger, entropy()).await.unwrap();
    let (_, secret) = ring.create(ada, "laptop").await.unwrap();
    let secret = secret.expose();
    let others = [
        String::new(),
        secret[..secret.len() - 1].to_owned(),
        format!("{secret}A"),
        format!(" {secret}"),
        secret.to_uppercase(),
        "' OR 1 = 1 --".to_owned(),
        "%".to_owned(),
        "tg-\0".to_owned(),
        secret.repeat(1_000),
    ];
    for other in others {
        assert_eq!(ring.authenticate(&other), None, "{other:.80}");
    }
}

#[tokio::test]
async fn a_key_belongs_to_one_account() {
    let ledger = memory();
    let (ada, bob) = (account(&ledger).await, account(&ledger).await);
    let ring = KeyRing::open(ledger, entropy()).await.unwrap();
    let (key, secret) = ring.create(ada, "laptop").await.unwrap();
    let foreign = ring.revoke(bob, key.id).await;
    assert!(matches!(foreign, Err(LedgerError::UnknownKey)), "{foreign:?}");
    let unknown = ring.revoke(ada, KeyId::from_bits(1)).await;
    assert!(matches!(unknown, Err(LedgerError::UnknownKey)), "{unknown:?}");
    assert!(ring.authenticate(secret.expose()).is_some());
    assert_eq!(ring.list(bob), []);
    let nobody = ring.create(AccountId::from_bits(1), "laptop").await;
    assert!(matches!(nobody, Err(LedgerError::UnknownAccount)), "{nobody:?}");
    let unnamed = ring.create(ada, "").await;
    assert!(matches!(unnamed, Err(LedgerError::Invalid(_))), "{unnamed:?}");
}

#[tokio::test]
async fn secrets_are_long_readable_in_part_and_never_the_same() {
    let ledger = memory();
    let ada = account(&ledger).await;
    let ring = KeyRing::open(ledger, Entropy::System).await.unwrap();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let (key, secret) = ring.create(ada, "laptop").await.unwrap();
        let [head, label, tail] = secret.expose().splitn(3, '-').collect::<Vec<_>>().try_into().unwrap();
        assert_eq!((head, label.len(), tail.len()), ("tg", 8, 43));
        assert!(
            label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'9') && b != b'l' && b != b'o'),
            "{label}"
        );
        assert!(tail.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')));
        assert_eq!(key.prefix, format!("tg-{label}"));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert!(seen.insert(secret.expose().to_owned()));
    }
}

#[tokio::test]
async fn the_files_hold_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = sqlite(&folder.path().join("ledger.db"));
    let ada = account(&ledger).await;
    let ring = KeyRing::open(ledger.clone(), Entropy::System).await.unwrap();
    let (key, secret) = ring.create(ada, "laptop").await.unwrap();
    let (_, admin_secret) = AdminKey::load_or_create(None, &ledger, &Entropy::System).await.unwrap();
    let admin_secret = admin_secret.unwrap();
    let mut prefix_seen = false;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        for secret in [&secret, &admin_secret] {
            assert!(!holds(&secret.expose()[secret.prefix().len()..]));
        }
        prefix_seen |= holds(&key.prefix);
    }
    assert!(prefix_seen, "the test looks where keys are");
    ledger.close().await;
}

#[tokio::test]
async fn the_admin_key_is_made_once_and_shown_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = sqlite(&path);
    let (admin, secret) = AdminKey::load_or_create(None, &ledger, &entropy()).await.unwrap();
    let secret = secret.unwrap();
    assert!(admin.matches(secret.expose()));
    ledger.close().await;
    let ledger = sqlite(&path);
    let (admin, again) = AdminKey::load_or_create(None, &ledger, &entropy()).await.unwrap();
    assert!(again.is_none());
    assert!(admin.matches(secret.expose()));
    for other in ["", "admin", &secret.expose()[1..], &secret.expose().repeat(100)] {
        assert!(!admin.matches(other), "{other:.80}");
    }
    // The environment has the last word, and a key of a customer never is the administrator's.
    let (given, none) =
        AdminKey::load_or_create(Some("from the environment"), &ledger, &entropy()).await.unwrap();
    assert!(none.is_none());
    assert!(given.matches("from the environment") && !given.matches(secret.expose()));
    ledger.close().await;
}

#[tokio::test]
async fn an_admin_key_that_can_be_guessed_is_refused() {
    let ledger = memory();
    for given in ["", "1234567", &"x".repeat(257)] {
        let refused = AdminKey::load_or_create(Some(given), &ledger, &entropy()).await;
        assert!(matches!(refused, Err(LedgerError::Invalid(_))), "{given:.20}");
    }
    assert!(AdminKey::load_or_create(Some("12345678"), &ledger, &entropy()).await.is_ok());
}

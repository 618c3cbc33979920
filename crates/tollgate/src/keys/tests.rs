//! Tests of keys: what is shown, what is stored, what authenticates.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use domain::{AccountId, AccountKind, Ask, KeyId, Period, Used};
use tokio::task::JoinSet;

use super::{AdminKey, KEYS_PER_ACCOUNT_MAX, Key, KeyRing, Secret};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::error::{ApiError, Refusal};
use crate::ledger::{KeyTerms, Ledger, LedgerError, NewAccount, StoreConfig, Terms};
use crate::limits::Reservation;
use crate::plans::PlanBook;

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

/// The key that a secret shows.
fn shown(ring: &KeyRing, secret: &Secret) -> Option<Arc<Key>> {
    ring.authenticate(secret.expose()).map(|(key, _)| key)
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
    assert_eq!(shown(&ring, &laptop_secret), Some(Arc::clone(&laptop)));
    assert_eq!(shown(&ring, &server_secret), Some(Arc::clone(&server)));

    let revoked = ring.revoke(ada, laptop.id, anybody_may).await.unwrap();
    assert!(revoked.revoked_at_ms.is_some());
    assert_eq!(ring.authenticate(laptop_secret.expose()), None);
    assert_eq!(ring.revoke(ada, laptop.id, anybody_may).await.unwrap(), revoked, "again is the same");
    // Of keys that were made in the same millisecond, either may stand first.
    let mut both = [Arc::clone(&revoked), Arc::clone(&server)];
    both.sort_by_key(|key| key.id);
    assert_eq!(ring.page(ada, None, 10), both);

    // After a restart it is all the same, but for the meters, which are other ones.
    ledger.close().await;
    let ledger = sqlite(&path);
    let ring = KeyRing::open(ledger.clone(), entropy()).await.unwrap();
    assert_eq!(ring.authenticate(laptop_secret.expose()), None);
    let found = shown(&ring, &server_secret).expect("the key");
    assert_eq!(found.row(), server.row());
    let listed: Vec<_> = ring.page(ada, None, 10).iter().map(|key| key.row()).collect();
    assert_eq!(listed, both.map(|key| key.row()));
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
    let foreign = ring.revoke(bob, key.id, anybody_may).await;
    assert!(matches!(foreign, Err(LedgerError::UnknownKey)), "{foreign:?}");
    let unknown = ring.revoke(ada, KeyId::from_bits(1), anybody_may).await;
    assert!(matches!(unknown, Err(LedgerError::UnknownKey)), "{unknown:?}");
    assert!(ring.authenticate(secret.expose()).is_some());
    assert_eq!(ring.page(bob, None, 10), []);
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

/// A ring on a clock that the test moves, at 2026-01-31T23:00:00Z.
async fn ring_in_time() -> (KeyRing, Ledger, AccountId, Arc<AtomicI64>) {
    let time = Arc::new(AtomicI64::new(1_769_900_400_000));
    let ledger = Ledger::open(StoreConfig::Memory, Clock::Manual(Arc::clone(&time))).unwrap();
    let ada = account(&ledger).await;
    (KeyRing::open(ledger.clone(), entropy()).await.unwrap(), ledger, ada, time)
}

fn anybody_may(_: &Key, _: Option<&Key>) -> Result<(), LedgerError> {
    Ok(())
}

#[tokio::test]
async fn an_old_secret_works_until_its_overlap_ends_or_another_rotation_comes() {
    let (ring, _, ada, time) = ring_in_time().await;
    let (key, first) = ring.create(ada, "laptop").await.unwrap();
    let minute = Duration::from_secs(60);
    let works = |secret: &Secret| shown(&ring, secret).is_some_and(|found| found.meter == key.meter);
    let (rotated, second) = ring.rotate(ada, key.id, minute, anybody_may).await.unwrap();
    assert_eq!((rotated.id, rotated.prefix.as_str()), (key.id, second.prefix()));
    time.fetch_add(59_999, Ordering::Relaxed);
    assert_eq!((works(&first), works(&second)), (true, true));
    time.fetch_add(1, Ordering::Relaxed);
    assert_eq!((works(&first), works(&second)), (false, true));

    let (_, third) = ring.rotate(ada, key.id, minute, anybody_may).await.unwrap();
    let (_, fourth) = ring.rotate(ada, key.id, minute, anybody_may).await.unwrap();
    let at_work = [&first, &second, &third, &fourth].map(works);
    assert_eq!(at_work, [false, false, true, true], "only the last two");
    // A change in between ends nothing.
    ring.update(ada, key.id, |key, _| Ok::<_, LedgerError>(key.terms())).await.unwrap();
    assert!(works(&third) && works(&fourth));
    let (_, fifth) = ring.rotate(ada, key.id, Duration::ZERO, anybody_may).await.unwrap();
    assert_eq!([&third, &fourth, &fifth].map(works), [false, false, true], "without overlap");
    let (_, sixth) = ring.rotate(ada, key.id, minute, anybody_may).await.unwrap();
    ring.revoke(ada, key.id, anybody_may).await.unwrap();
    assert_eq!([&fifth, &sixth].map(works), [false, false], "both at once");
    let refused = ring.rotate(ada, key.id, minute, anybody_may).await;
    assert!(matches!(refused, Err(LedgerError::KeyRevoked)), "{refused:?}");
}

#[tokio::test]
async fn changes_that_meet_are_all_made_and_never_bring_a_revoked_key_back() {
    let (ring, _, ada, _) = ring_in_time().await;
    let (key, secret) = ring.create(ada, "laptop").await.unwrap();
    let relabel = |at: u32| {
        let (ring, id) = (ring.clone(), key.id);
        async move {
            let edit = move |key: &Key, _: Option<&Key>| {
                let mut labels: BTreeMap<_, _> =
                    key.labels.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
                labels.insert(at.to_string(), "x".to_owned());
                let labels = labels.try_into().map_err(|_| LedgerError::TooLarge)?;
                Ok(KeyTerms { labels, ..key.terms() })
            };
            ring.update::<LedgerError>(ada, id, edit).await
        }
    };
    let mut changes: JoinSet<_> = (0..16).map(relabel).collect();
    while let Some(changed) = changes.join_next().await {
        changed.unwrap().unwrap();
    }
    assert_eq!(ring.get(key.id).unwrap().labels.iter().count(), 16);

    let mut changes: JoinSet<_> = (0..16).map(relabel).collect();
    let revoked = ring.revoke(ada, key.id, anybody_may).await.unwrap();
    while let Some(changed) = changes.join_next().await {
        let changed = changed.unwrap();
        assert!(matches!(changed, Ok(_) | Err(LedgerError::KeyRevoked)), "{changed:?}");
    }
    assert_eq!(ring.authenticate(secret.expose()), None);
    assert_eq!(ring.get(key.id).unwrap().revoked_at_ms, revoked.revoked_at_ms);
    let stored = ring.ledger.on_writer(|store| store.keys()).await.unwrap();
    assert_eq!(stored[0].revoked_at_ms, revoked.revoked_at_ms, "in the store as well");
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_keys() {
    let (ring, ledger, ada, _) = ring_in_time().await;
    for _ in 0..KEYS_PER_ACCOUNT_MAX {
        ring.keep(ring.draft(ada, "laptop").unwrap().0);
    }
    let one_more = ring.create(ada, "laptop").await;
    assert!(matches!(one_more, Err(LedgerError::TooManyKeys)), "{one_more:?}");
    let bob = account(&ledger).await;
    assert!(ring.create(bob, "laptop").await.is_ok(), "another account's do not count");
    assert_eq!(ring.all().len(), KEYS_PER_ACCOUNT_MAX + 1);
}

#[tokio::test]
async fn a_cap_that_starts_anew_each_day_is_whole_again_at_midnight() {
    let (ring, ledger, ada, time) = ring_in_time().await;
    let mut new = KeyTerms::from("laptop");
    new.limits.quotas[Period::Day].spend = Some("0.10".parse().unwrap());
    let (key, _) = ring.create(ada, new).await.unwrap();
    let account = ledger.account(ada).unwrap();
    let spend = |amount: &str| {
        let limits = PlanBook::default().allowance(&account, &key).unwrap().limits;
        let ask = Ask { tokens: 0, rate_tokens: 0, spend: amount.parse().unwrap() };
        Reservation::take(&account.meter, &key.meter, &limits, ask, ledger.clock().now(), ledger.clock())
    };
    let whole = Used { counted: true, tokens: 0, spend: "0.10".parse().unwrap() };
    spend("0.10").unwrap().end(whole);
    let refused = ApiError::from(Refusal::Limited(spend("0.000000001").unwrap_err()));
    assert_eq!((refused.status.as_u16(), refused.code()), (402, Some("spend_cap_reached")));
    assert!(refused.body.message.contains("until 2026-02-01T00:00:00.000Z"), "{refused:?}");
    time.fetch_add(3_600_000 - 1, Ordering::Relaxed);
    assert!(spend("0.000000001").is_err(), "a millisecond before midnight");
    time.fetch_add(1, Ordering::Relaxed);
    spend("0.10").unwrap().end(whole);
    assert_eq!(key.meter.counts(ledger.clock().now_ms())[Period::Total].spend, "0.20".parse().unwrap());
}

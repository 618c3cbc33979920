//! What is not opened, and how the files are kept.

use std::path::Path;

use rusqlite::Connection;

use super::{Books, clock, money, receipt};

use crate::ledger::sqlite::VERSION;
use crate::ledger::{KeyTerms, Ledger, LedgerError, OpenError, StoreConfig};

fn refusal(path: &Path) -> OpenError {
    match Ledger::open(StoreConfig::Sqlite(path.to_owned()), clock()) {
        Err(LedgerError::Open(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_second_owner_is_refused_with_the_name_of_the_file() {
    let books = Books::open();
    let error = refusal(&books.path());
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains("ledger.db.lock"), "{error}");
    // The refused owner took nothing away from the first.
    let ada = books.account(10).await;
    assert_eq!(ada.balance().granted, money(10));
    books.close().await;
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let books = Books::open();
    let path = books.path();
    let Books { folder: _folder, ledger } = books;
    ledger.close().await;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, OpenError::Newer { found: 99, known: VERSION, .. }), "{error:?}");
}

#[tokio::test]
async fn the_keys_of_the_first_release_have_the_rights_that_they_had() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let first = Connection::open(&path).unwrap();
    first.execute_batch(include_str!("../../migrations/sqlite/0001_ledger.sql")).unwrap();
    first.pragma_update(None, "application_id", 0x544F_4C4C).unwrap();
    first.pragma_update(None, "user_version", 1).unwrap();
    let rows = "INSERT INTO accounts VALUES (x'00000000000000000000000000000007', 'Ada', 'prepaid', NULL, 0, 0, 1);
        INSERT INTO keys VALUES (x'00000000000000000000000000000008', x'00000000000000000000000000000007', 'laptop',
            'tg-abcdefgh', zeroblob(32), 2, 3)";
    first.execute_batch(rows).unwrap();
    drop(first);
    let ledger = Ledger::open(StoreConfig::Sqlite(path), clock()).unwrap();
    let keys = ledger.on_writer(|store| store.keys()).await.unwrap();
    let terms = KeyTerms { name: "laptop".to_owned(), ..KeyTerms::default() };
    assert_eq!((&keys[0].terms, keys[0].revoked_at_ms, keys[0].previous), (&terms, Some(3), None));
    ledger.close().await;
}

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is a letter, not a database, and a long one at that. ".repeat(40)).unwrap();
    assert!(matches!(refusal(&text), OpenError::Damaged { .. }));

    let books = Books::open();
    books.account(10).await;
    let (path, folder) = (books.path(), books.folder);
    books.ledger.close().await;
    // The pages behind the first, which holds the schema, are overwritten.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4_096..].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    drop(folder);
}

#[test]
fn a_path_that_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("directory");
    std::fs::create_dir(&directory).unwrap();
    assert!(matches!(refusal(&directory), OpenError::Io { .. }));
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert!(matches!(refusal(&folder.path().join("file/ledger.db")), OpenError::Io { .. }));
}

/// A database that this process may only read, which an administrator's process can see as a read-only connection.
#[tokio::test]
async fn a_read_only_database_is_refused() {
    let books = Books::open();
    let path = books.path();
    let Books { folder: _folder, ledger } = books;
    ledger.close().await;
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).unwrap();
    match Ledger::open(StoreConfig::Sqlite(path), clock()) {
        Err(LedgerError::Open(OpenError::ReadOnly { .. })) => {}
        // Permissions do not bind the superuser, who can write to it.
        Ok(ledger) => ledger.close().await,
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn what_is_written_about_money_stays() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let mut admission = books.ledger.try_admit(&ada).unwrap();
    admission.hold(money(100)).unwrap();
    admission.settle(receipt(ada.id, 1, 60)).await.unwrap();
    let connection = Connection::open(books.path()).unwrap();
    for table in ["journal", "receipts", "grants"] {
        let column = if table == "receipts" { "charge_nanos" } else { "amount_nanos" };
        for change in [format!("UPDATE {table} SET {column} = 1"), format!("DELETE FROM {table}")] {
            let error = connection.execute(&change, []).unwrap_err();
            assert!(error.to_string().contains("insert-only"), "{change}: {error}");
        }
    }
    for change in [
        "UPDATE accounts SET spent_nanos = granted_nanos + 1",
        "UPDATE accounts SET spent_nanos = -1",
        "UPDATE accounts SET granted_nanos = granted_nanos + 9223372036854775807",
    ] {
        let error = connection.execute(change, []).unwrap_err();
        assert!(error.to_string().contains("CHECK"), "{change}: {error}");
    }
    drop(connection);
    books.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_private_to_their_owner() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("new/data");
    let path = home.join("ledger.db");
    let ledger = super::open(path.clone());
    super::account(&ledger, domain::AccountKind::Prepaid, 1).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock"] {
        assert_eq!(mode(&home.join(file)), 0o600, "{file}");
    }
    ledger.close().await;
    assert!(!home.join("ledger.db-wal").exists(), "a clean end leaves no log behind");
}

/// A database of the first release: its receipts are there, whole and rolled up.
#[tokio::test]
async fn a_database_of_the_first_schema_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let first = rusqlite::Connection::open(&path).unwrap();
    first.execute_batch(include_str!("../../migrations/sqlite/0001_ledger.sql")).unwrap();
    first
        .execute_batch(
            "PRAGMA application_id = 0x544F4C4C; PRAGMA user_version = 1;
             INSERT INTO accounts VALUES (x'0000000000000000000000000000000A', 'Ada', 'prepaid', NULL, 100, 7, 5);
             INSERT INTO grants VALUES (x'0000000000000000000000000000000B', x'0000000000000000000000000000000A',
                                        'first', 100, 100, 5);
             INSERT INTO journal VALUES
                 ('grant', x'0000000000000000000000000000000B', x'00000000000000000000000000000001',
                  x'0000000000000000000000000000000A', 100, 5),
                 ('charge', x'0000000000000000000000000000000C', x'0000000000000000000000000000000A',
                  x'00000000000000000000000000000002', 7, 88);
             INSERT INTO receipts VALUES (3, x'0000000000000000000000000000000A',
                 x'0000000000000000000000000000000C', x'0000000000000000000000000000000D', 77, 88, 'chat', 1, 'asked',
                 'served', 'huggingface', 'novita', 'why', 10, 4, 5, 1, 'reported', 0, 1, 2, 3, 7, 9, 7, 0, 'complete',
                 'reported', 200, NULL, 11, 12, 1, 'stop', 'upstream')",
        )
        .unwrap();
    drop(first);
    let ledger = super::open(path);
    let books = super::Books { folder, ledger };
    let stored = books.ledger.anyones_receipt(domain::CallId::from_bits(0xC)).await.unwrap().unwrap();
    let receipt = &stored.receipt;
    assert_eq!((receipt.started_at_ms, stored.settled_at_ms, stored.charge.nanos()), (77, 88, 7));
    assert_eq!(
        (receipt.upstream_id.as_deref(), receipt.finish_reason.as_deref()),
        (Some("upstream"), Some("stop"))
    );
    assert_eq!((receipt.first_token_us, receipt.total_us), (Some(11), 12));
    assert_eq!((&receipt.session, &receipt.label), (&None, &None));
    let counts = books.ledger.counts(100).await.unwrap();
    assert_eq!(counts[0].key, domain::KeyId::from_bits(0xD));
    assert_eq!(counts[0].counts[domain::Period::Total].spend.nanos(), 7);
    books.close().await;
}

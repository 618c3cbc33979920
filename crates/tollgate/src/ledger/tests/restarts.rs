//! What a restart finds, after a clean end and after a crash.

use domain::{AccountKind, Money};

use super::{Books, PATIENCE, account, money, open, receipt};
use crate::ledger::{LedgerError, OpenError, StoreConfig};

#[tokio::test]
async fn balances_survive_and_holds_do_not() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let meter = account(&books.ledger, AccountKind::Metered, 10).await;
    for (call, payer, cost) in [(1, &ada, 250), (2, &meter, 30)] {
        let mut admission = books.ledger.try_admit(payer).unwrap();
        admission.hold(money(300)).unwrap();
        admission.settle(receipt(payer.id, call, cost)).await.unwrap();
    }
    let before = [ada.balance(), meter.balance()];
    assert_eq!(
        before[1].granted,
        money(30),
        "what a metered account uses beyond its grants is granted to it"
    );
    let books = books.reopen().await;
    let after = [ada.id, meter.id].map(|id| books.ledger.balance(id).unwrap());
    assert_eq!(after, before);
    let account = books.ledger.account(ada.id).unwrap();
    assert_eq!(
        (account.name.as_str(), account.kind, account.terms().plan.clone()),
        ("Ada", AccountKind::Prepaid, None)
    );
    books.close().await;
}

/// The image of a crash: the files as they are at one moment, without any clean end.
#[tokio::test]
async fn what_was_answered_is_in_the_image_of_a_crash() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let mut open_call = books.ledger.try_admit(&ada).unwrap();
    open_call.hold(money(500)).unwrap();
    for call in 1..=20 {
        let mut admission = books.ledger.try_admit(&ada).unwrap();
        admission.hold(money(20)).unwrap();
        admission.settle(receipt(ada.id, call, 7)).await.unwrap();
        let image = tempfile::tempdir().unwrap();
        for file in ["ledger.db", "ledger.db-wal"] {
            std::fs::copy(books.folder.path().join(file), image.path().join(file)).unwrap();
        }
        let ledger = open(image.path().join("ledger.db"));
        let crashed = Books { folder: image, ledger };
        let balance = crashed.ledger.balance(ada.id).unwrap();
        assert_eq!(balance.spent.nanos(), 7 * i64::try_from(call).unwrap());
        assert_eq!((balance.granted, balance.held), (money(1_000), Money::ZERO));
        crashed.close().await;
    }
    drop(open_call);
    books.close().await;
}

/// A ledger that is dropped without being closed commits what was sent to it, and then lets go of its files.
#[tokio::test]
async fn dropping_the_ledger_loses_nothing() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let mut admission = books.ledger.try_admit(&ada).unwrap();
    admission.hold(money(100)).unwrap();
    let path = books.path();
    let Books { folder, ledger } = books;
    drop(ledger);
    drop(admission.settle(receipt(ada.id, 1, 60)));
    let ledger = tokio::time::timeout(PATIENCE, async {
        loop {
            match crate::ledger::Ledger::open(StoreConfig::Sqlite(path.clone()), super::clock()) {
                Ok(ledger) => return ledger,
                Err(LedgerError::Open(OpenError::InUse { .. })) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    });
    let books = Books { ledger: ledger.await.unwrap(), folder };
    assert_eq!(books.ledger.balance(ada.id).unwrap().spent, money(60));
    books.close().await;
}

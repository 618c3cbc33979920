//! The escrow against a model that keeps every grant, hold and charge in a list and adds them up anew at each step.

use domain::{AccountKind, Balance, Escrow, Hold, Money, Refused, Settled};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;

/// One step of an account's life.
#[derive(Clone, Copy, Debug)]
enum Step {
    Grant(Money),
    Hold(Money),
    /// Ends the open hold of this index, counted around, at this cost.
    Settle(usize, Money),
}

/// The lists. In an `i128` no sum of them overflows.
#[derive(Debug, Default)]
struct Model {
    grants: Vec<i128>,
    credit_lines: Vec<i128>,
    holds: Vec<i128>,
    charges: Vec<i128>,
}

impl Model {
    fn granted(&self) -> i128 {
        self.grants.iter().chain(&self.credit_lines).sum()
    }

    fn in_use(&self) -> i128 {
        self.holds.iter().chain(&self.charges).sum()
    }

    /// The shown balance: what a metered account's holds use beyond its grants counts as granted.
    fn balance(&self) -> [i128; 4] {
        let granted = self.granted().max(self.in_use());
        [granted, granted - self.in_use(), self.holds.iter().sum(), self.charges.iter().sum()]
    }
}

/// The escrow and the model side by side.
struct Pair {
    kind: AccountKind,
    escrow: Escrow,
    model: Model,
    open: Vec<Hold>,
}

impl Pair {
    fn new(kind: AccountKind) -> Pair {
        let escrow = Escrow::open(kind, Money::ZERO, Money::ZERO).expect("nothing is not more than nothing");
        Pair { kind, escrow, model: Model::default(), open: Vec::new() }
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        let spent_before = self.escrow.balance().spent;
        match step {
            Step::Grant(amount) => self.grant(amount)?,
            Step::Hold(amount) => self.hold(amount)?,
            Step::Settle(index, cost) if !self.open.is_empty() => self.settle(index, cost)?,
            Step::Settle(..) => {}
        }
        let balance = self.escrow.balance();
        prop_assert_eq!(terms(balance), self.model.balance());
        let [granted, available, held, spent] = terms(balance);
        prop_assert_eq!(granted, available + held + spent);
        prop_assert!(available >= 0 && held >= 0 && spent >= 0);
        prop_assert!(balance.spent >= spent_before, "spent only grows");
        if self.kind == AccountKind::Prepaid {
            prop_assert!(held + spent <= self.model.grants.iter().sum(), "never over the grants");
            prop_assert_eq!(self.escrow.budget(), Some(balance.available));
        }
        Ok(())
    }

    fn grant(&mut self, amount: Money) -> Result<(), TestCaseError> {
        let fits = self.model.granted() + wide(amount) <= wide(Money::MAX);
        prop_assert_eq!(self.escrow.grant(amount), fits);
        if fits {
            self.model.grants.push(wide(amount));
        }
        Ok(())
    }

    fn hold(&mut self, amount: Money) -> Result<(), TestCaseError> {
        let cap = match self.kind {
            AccountKind::Prepaid => self.model.granted(),
            AccountKind::Metered => wide(Money::MAX),
        };
        let before = self.escrow;
        let fits = self.model.in_use() + wide(amount) <= cap;
        match self.escrow.hold(amount) {
            Ok(hold) => {
                prop_assert!(fits);
                prop_assert_eq!(hold.amount(), amount);
                self.model.holds.push(wide(amount));
                self.open.push(hold);
            }
            Err(Refused { needed, available }) => {
                prop_assert!(!fits, "no false refusal");
                prop_assert_eq!((needed, available), (amount, before.balance().available));
                prop_assert_eq!(self.escrow, before, "a refusal changes nothing");
            }
        }
        Ok(())
    }

    fn settle(&mut self, index: usize, cost: Money) -> Result<(), TestCaseError> {
        let index = index % self.open.len();
        let held = self.model.holds.remove(index);
        let Settled { charge, uncollected } = self.escrow.settle(self.open.remove(index), cost);
        prop_assert_eq!(wide(charge), wide(cost).min(held));
        prop_assert_eq!(wide(charge) + wide(uncollected), wide(cost));
        self.model.charges.push(wide(charge));
        let beyond = self.model.charges.iter().sum::<i128>() - self.model.granted();
        if self.kind == AccountKind::Metered && beyond > 0 {
            self.model.credit_lines.push(beyond);
        }
        Ok(())
    }
}

fn wide(amount: Money) -> i128 {
    i128::from(amount.nanos())
}

fn terms(balance: Balance) -> [i128; 4] {
    [balance.granted, balance.available, balance.held, balance.spent].map(wide)
}

/// Mostly small amounts, so that balances run out; sometimes the edges.
fn amounts() -> impl Strategy<Value = Money> {
    let money = |nanos: i64| Money::from_nanos(nanos).expect("not negative");
    prop_oneof![
        8 => (0i64..50).prop_map(money),
        2 => (0i64..i64::MAX).prop_map(money),
        1 => (0i64..3).prop_map(move |below| money(i64::MAX - below)),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => amounts().prop_map(Step::Grant),
        3 => amounts().prop_map(Step::Hold),
        2 => (any::<usize>(), amounts()).prop_map(|(index, cost)| Step::Settle(index, cost)),
    ]
}

proptest! {
    #[test]
    fn the_escrow_is_its_model(
        kind in prop_oneof![Just(AccountKind::Prepaid), Just(AccountKind::Metered)],
        steps in vec(steps(), 1..60),
    ) {
        let mut pair = Pair::new(kind);
        for step in steps {
            pair.take(step)?;
        }
    }

    /// What a restart finds is the same account: the totals say all when nothing is held.
    #[test]
    fn the_totals_say_all(steps in vec(steps(), 1..40)) {
        let mut pair = Pair::new(AccountKind::Prepaid);
        for step in steps {
            pair.take(step)?;
        }
        while !pair.open.is_empty() {
            pair.take(Step::Settle(0, Money::ZERO))?;
        }
        let balance = pair.escrow.balance();
        let reopened = Escrow::open(AccountKind::Prepaid, balance.granted, balance.spent).unwrap();
        prop_assert_eq!(reopened, pair.escrow);
    }
}

#[test]
fn a_ledger_that_spent_more_than_it_granted_is_not_opened() {
    let [one, two] = [1, 2].map(|nanos| Money::from_nanos(nanos).unwrap());
    assert_eq!(Escrow::open(AccountKind::Prepaid, one, two), None);
    assert_eq!(Escrow::open(AccountKind::Metered, one, two), None);
    assert!(Escrow::open(AccountKind::Prepaid, two, two).is_some());
}

#[test]
fn kinds_are_read_as_they_are_written() {
    for kind in [AccountKind::Prepaid, AccountKind::Metered] {
        assert_eq!(AccountKind::parse(kind.as_str()), Some(kind));
    }
    assert_eq!(AccountKind::parse("Prepaid"), None);
}

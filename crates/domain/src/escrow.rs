//! The escrow of one account: the state machine that makes a credit cap hold.
//!
//! At every moment `granted = available + held + spent`, and no term is negative. A hold ends exactly once, because
//! ending it consumes it. On a prepaid account the sum of all holds and charges never exceeds what was granted. A
//! metered account has no cap: its grant grows by what it uses beyond it, so the same identity holds.

use crate::money::Money;

/// How an account pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// It spends what was granted before, and not a nano-dollar more.
    Prepaid,
    /// It has no cap and is billed afterwards.
    Metered,
}

impl AccountKind {
    /// The word in the store and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AccountKind::Prepaid => "prepaid",
            AccountKind::Metered => "metered",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<AccountKind> {
        [AccountKind::Prepaid, AccountKind::Metered].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The money of one account, as shown: `granted = available + held + spent`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// All that was ever granted.
    pub granted: Money,
    /// What can be held now.
    pub available: Money,
    /// What calls in flight reserve.
    pub held: Money,
    /// What settled calls cost.
    pub spent: Money,
}

/// Money reserved for one call. It must end in [`Escrow::settle`], with a charge of zero to release it.
#[must_use = "a hold that is dropped stays held"]
#[derive(Debug, PartialEq, Eq)]
pub struct Hold {
    amount: Money,
}

impl Hold {
    /// The reserved amount.
    #[must_use]
    pub fn amount(&self) -> Money {
        self.amount
    }
}

/// Why a hold was refused: the balance does not cover it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What the hold asked for.
    pub needed: Money,
    /// What could be held.
    pub available: Money,
}

/// What the end of a hold did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What the account paid: the cost, at most the hold.
    pub charge: Money,
    /// The part of the cost above the hold, which nobody pays.
    pub uncollected: Money,
}

impl Settled {
    /// What a cost comes to under a hold of `held`.
    #[must_use]
    pub fn of(held: Money, cost: Money) -> Settled {
        let charge = cost.min(held);
        Settled { charge, uncollected: cost.saturating_sub(charge) }
    }
}

/// The escrow of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escrow {
    kind: AccountKind,
    granted: Money,
    spent: Money,
    held: Money,
}

impl Escrow {
    /// The escrow of an account whose ledger shows these totals, with nothing held.
    ///
    /// `None` when the ledger shows more spent than granted: that ledger is broken.
    #[must_use]
    pub fn open(kind: AccountKind, granted: Money, spent: Money) -> Option<Escrow> {
        (spent <= granted).then_some(Escrow { kind, granted, spent, held: Money::ZERO })
    }

    /// How the account pays.
    #[must_use]
    pub fn kind(&self) -> AccountKind {
        self.kind
    }

    /// The money that a new hold may take; `None` when there is no cap.
    #[must_use]
    pub fn budget(&self) -> Option<Money> {
        match self.kind {
            AccountKind::Prepaid => Some(self.free()),
            AccountKind::Metered => None,
        }
    }

    /// The balance as shown. The credit that a metered account's holds use beyond its grants counts as granted.
    #[must_use]
    pub fn balance(&self) -> Balance {
        let used = Money::saturating_from(sum(self.spent, self.held));
        Balance {
            granted: self.granted.max(used),
            available: self.free(),
            held: self.held,
            spent: self.spent,
        }
    }

    /// Adds a grant. `false`, and no change, when the total would not fit.
    #[must_use]
    pub fn grant(&mut self, amount: Money) -> bool {
        let Some(granted) = self.granted.checked_add(amount) else { return false };
        self.granted = granted;
        true
    }

    /// Reserves `amount`, or refuses.
    pub fn hold(&mut self, amount: Money) -> Result<Hold, Refused> {
        let refused = Refused { needed: amount, available: self.free() };
        let in_use = sum(self.spent, self.held) + u128::from(amount.nanos().unsigned_abs());
        let cap = match self.kind {
            AccountKind::Prepaid => self.granted,
            AccountKind::Metered => Money::MAX,
        };
        if in_use > u128::from(cap.nanos().unsigned_abs()) {
            return Err(refused);
        }
        self.held = self.held.checked_add(amount).ok_or(refused)?;
        Ok(Hold { amount })
    }

    /// Ends `hold`: charges `cost`, at most the hold, and gives the rest back.
    #[expect(clippy::needless_pass_by_value, reason = "taking the hold away is what makes it end once")]
    pub fn settle(&mut self, hold: Hold, cost: Money) -> Settled {
        let Hold { amount } = hold;
        let settled = Settled::of(amount, cost);
        // Neither clamps: the hold is a part of `held`, and `spent + held` was bounded when it was taken.
        self.held = self.held.saturating_sub(amount);
        self.spent = Money::saturating_from(sum(self.spent, settled.charge));
        if self.kind == AccountKind::Metered {
            self.granted = self.granted.max(self.spent);
        }
        settled
    }

    fn free(&self) -> Money {
        self.granted.saturating_sub(Money::saturating_from(sum(self.spent, self.held)))
    }
}

fn sum(a: Money, b: Money) -> u128 {
    u128::from(a.nanos().unsigned_abs()) + u128::from(b.nanos().unsigned_abs())
}

//! Money, rates and prices against exact arithmetic.

use domain::decimal::{DecimalError, Excess, parse_nanos};
use domain::{Money, Price, Rate, Usage};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

fn money() -> impl Strategy<Value = Money> {
    prop_oneof![0i64..2_000_000_000, 0..=i64::MAX]
        .prop_map(|nanos| Money::from_nanos(nanos).expect("not negative"))
}

fn rate() -> impl Strategy<Value = Rate> {
    prop_oneof![Just(0), Just(Rate::MAX.nanos()), 0..100_000_000_000u64, 0..=Rate::MAX.nanos()]
        .prop_map(|nanos| Rate::from_nanos(nanos).expect("not above the maximum"))
}

fn price() -> impl Strategy<Value = Price> {
    (rate(), rate(), option::of(rate())).prop_map(|(input, output, cached_input)| Price {
        input,
        output,
        cached_input,
    })
}

fn tokens() -> impl Strategy<Value = u64> {
    prop_oneof![0..20_000u64, 0..=1u64 << 32, Just(u64::MAX), any::<u64>()]
}

fn usage() -> impl Strategy<Value = Usage> {
    (tokens(), tokens(), tokens()).prop_map(|(input, cached_input, output)| Usage {
        input,
        cached_input,
        output,
        reasoning: 0,
    })
}

proptest! {
    #[test]
    fn money_is_read_as_it_is_written(amount in money()) {
        let text = amount.to_string();
        prop_assert_eq!(text.parse::<Money>(), Ok(amount));
        prop_assert!(text.split_once('.').is_some_and(|(_, places)| (2..=9).contains(&places.len())));
    }

    #[test]
    fn rates_are_read_as_they_are_written(rate in rate()) {
        prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
    }

    /// Any literal `digits × 10^exponent` with a point somewhere in its digits.
    #[test]
    fn literals_are_exact(digits in 0..1_000_000_000_000u64, places in 0..=11usize, exponent in -12i32..=12) {
        let text = format!("{digits:012}");
        let (whole, fraction) = text.split_at(12 - places);
        let point = if fraction.is_empty() { "" } else { "." };
        let literal = format!("{whole}{point}{fraction}e{exponent}");
        // digits × 10^(9 + exponent - places), as a fraction of two integers.
        let power = 9 + exponent - i32::try_from(places).unwrap();
        let numerator = u128::from(digits) * 10u128.pow(power.max(0).unsigned_abs());
        let divisor = 10u128.pow(power.min(0).unsigned_abs());
        let up = u64::try_from(numerator.div_ceil(divisor)).map_err(|_| DecimalError::TooLarge);
        prop_assert_eq!(parse_nanos(&literal, Excess::RoundUp), up);
        let exact = if numerator.is_multiple_of(divisor) { up } else { Err(DecimalError::TooFine) };
        prop_assert_eq!(parse_nanos(&literal, Excess::Refuse), exact);
    }

    #[test]
    fn anything_else_is_refused_without_a_panic(text in ".{0,80}") {
        let read = parse_nanos(&text, Excess::RoundUp);
        let number = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
        prop_assert!(read.is_err() || text.chars().all(number));
    }

    /// One division, rounded up: never less than the exact cost, and less than a nano above it.
    #[test]
    fn costs_are_exact_but_for_less_than_a_nano(price in price(), usage in usage()) {
        let cached = usage.cached_input.min(usage.input);
        let terms = [
            (usage.input - cached, price.input),
            (cached, price.cached_input.unwrap_or(price.input)),
            (usage.output, price.output),
        ];
        let exact: u128 = terms.iter().map(|(tokens, rate)| u128::from(*tokens) * u128::from(rate.nanos())).sum();
        let cost = price.cost(&usage);
        let paid = u128::from(cost.nanos().unsigned_abs()) * 1_000_000;
        if cost == Money::MAX {
            prop_assert!(exact > paid - 1_000_000);
        } else {
            prop_assert!(paid >= exact && paid - exact < 1_000_000, "{paid} for {exact}");
        }
    }

    #[test]
    fn the_dearest_price_covers_both(one in price(), other in price(), usage in usage()) {
        prop_assert!(one.dearest(other).cost(&usage) >= other.cost(&usage).max(one.cost(&usage)));
        prop_assert_eq!(one.dearest(other), other.dearest(one));
    }

    #[test]
    fn sums_do_not_wrap(a in money(), b in money()) {
        let sum = i128::from(a.nanos()) + i128::from(b.nanos());
        prop_assert_eq!(a.checked_add(b).map(|sum| i128::from(sum.nanos())), (sum <= i128::from(i64::MAX)).then_some(sum));
        prop_assert_eq!(a.checked_sub(b).is_some(), a >= b);
        prop_assert_eq!(a.saturating_sub(b).nanos(), (a.nanos() - b.nanos()).max(0));
    }
}

#[test]
fn edges_of_money_literals() {
    use DecimalError::{Malformed, Negative, TooFine, TooLarge};
    let table: [(&str, Result<i64, DecimalError>); 25] = [
        ("0", Ok(0)),
        ("0.00", Ok(0)),
        ("1", Ok(1_000_000_000)),
        ("1.00", Ok(1_000_000_000)),
        ("007", Ok(7_000_000_000)),
        ("0.000000001", Ok(1)),
        ("2.5e-7", Ok(250)),
        ("1E3", Ok(1_000_000_000_000)),
        ("1e+3", Ok(1_000_000_000_000)),
        ("9223372036.854775807", Ok(i64::MAX)),
        ("9223372036.854775808", Err(TooLarge)),
        ("1e10", Err(TooLarge)),
        ("1e41", Err(TooLarge)),
        ("1e999999999999", Err(Malformed)),
        ("1e-2147483648", Err(TooLarge)),
        ("0.0000000001", Err(TooFine)),
        ("1e-10", Err(TooFine)),
        ("-1", Err(Negative)),
        ("-0", Err(Negative)),
        ("+1", Err(Malformed)),
        ("", Err(Malformed)),
        (".5", Err(Malformed)),
        ("5.", Err(Malformed)),
        ("NaN", Err(Malformed)),
        ("1,5", Err(Malformed)),
    ];
    for (literal, expected) in table {
        assert_eq!(literal.parse::<Money>().map(Money::nanos), expected, "{literal}");
    }
    for literal in [" 1", "1 ", "1e", "1e+", "1e--3", "1e+-3", "e5", "1.2.3", "0x10", "inf", "１"] {
        assert_eq!(literal.parse::<Money>(), Err(Malformed), "{literal}");
    }
}

#[test]
fn money_is_written_with_at_least_two_places() {
    let table = [
        (0, "0.00"),
        (1, "0.000000001"),
        (10_000_000, "0.01"),
        (1_500_000_000, "1.50"),
        (23_000, "0.000023"),
    ];
    for (nanos, text) in table {
        assert_eq!(Money::from_nanos(nanos).unwrap().to_string(), text);
    }
    assert_eq!(format!("{:>8}", Money::from_nanos(1_000_000_000).unwrap()), "    1.00");
}

#[test]
fn the_noise_of_a_float_rounds_up() {
    assert_eq!("0.09999999999999999".parse::<Rate>().unwrap().to_string(), "0.10");
    assert_eq!("0.1000000000000001".parse::<Rate>().unwrap().nanos(), 100_000_001);
    assert_eq!("1000000".parse::<Rate>(), Ok(Rate::MAX));
    assert_eq!("1000000.000000001".parse::<Rate>(), Err(DecimalError::TooLarge));
}

#[test]
fn a_cost_by_hand() {
    // 1,000 tokens in, 400 of them cached, 250 out, at 0.27, 0.07 and 1.10 dollars per million.
    let price = Price {
        input: "0.27".parse().unwrap(),
        output: "1.10".parse().unwrap(),
        cached_input: Some("0.07".parse().unwrap()),
    };
    let usage = Usage { input: 1_000, cached_input: 400, output: 250, reasoning: 100 };
    // 600 × 0.27 + 400 × 0.07 + 250 × 1.10 = 465 millionths of a dollar.
    assert_eq!(price.cost(&usage).to_string(), "0.000465");
    assert_eq!(Price::FREE.cost(&usage), Money::ZERO);
}

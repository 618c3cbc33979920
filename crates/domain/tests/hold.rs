//! The hold covers whatever the call may cost, and the account can pay it.

use domain::hold::{OUTPUT_TOKENS_DEFAULT, OUTPUT_TOKENS_FLOOR};
use domain::{CallBound, Money, Price, Rate, Usage};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

fn tokens() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..200_000u64, 1 => any::<u64>(), 1 => (0..3u64).prop_map(|below| u64::MAX - below)]
}

fn rate() -> impl Strategy<Value = Rate> {
    prop_oneof![2 => Just(0), 6 => 0..20_000_000_000u64, 1 => 0..=Rate::MAX.nanos()]
        .prop_map(|nanos| Rate::from_nanos(nanos).expect("not above the maximum"))
}

fn price() -> impl Strategy<Value = Price> {
    (rate(), rate(), option::of(rate())).prop_map(|(input, output, cached_input)| Price {
        input,
        output,
        cached_input,
    })
}

fn budget() -> impl Strategy<Value = Option<Money>> {
    let money = Money::from_nanos;
    prop_oneof![
        1 => Just(None),
        4 => (0..1_000_000_000i64).prop_map(money),
        1 => (0..=i64::MAX).prop_map(money),
        1 => Just(Some(Money::MAX)),
    ]
}

fn bound() -> impl Strategy<Value = CallBound> {
    let output = option::of(prop_oneof![0..100_000u64, 0..=u64::MAX]);
    let n = prop_oneof![4 => 1..=8u32, 1 => 1..=u32::MAX];
    (tokens(), output, n).prop_map(|(input_tokens, output_tokens, n)| CallBound {
        input_tokens,
        output_tokens,
        n,
    })
}

proptest! {
    #[test]
    fn a_quote_is_affordable_and_covers_every_usage(
        bound in bound(),
        price in price(),
        context in option::of(tokens()),
        available in budget(),
        part in (0.0..=1.0f64, 0.0..=1.0f64, 0.0..=1.0f64),
    ) {
        match bound.quote(&price, context, available) {
            Ok(quote) => {
                prop_assert!(available.is_none_or(|available| quote.amount <= available));
                prop_assert!(quote.output_tokens >= 1);
                prop_assert_eq!(quote.clamped, bound.output_tokens.is_none());
                if let Some(asked) = bound.output_tokens {
                    prop_assert_eq!(quote.output_tokens, asked.max(1));
                } else {
                    prop_assert!(quote.output_tokens <= OUTPUT_TOKENS_DEFAULT);
                }
                let input_max = context.map_or(bound.input_tokens, |context| context.min(bound.input_tokens));
                let output_max = quote.output_tokens.saturating_mul(u64::from(bound.n));
                let input = share(input_max, part.0);
                let usages = [
                    Usage { input: input_max, cached_input: 0, output: output_max, reasoning: 0 },
                    Usage { input: input_max, cached_input: input_max, output: output_max, reasoning: 0 },
                    Usage { input, cached_input: share(input, part.1), output: share(output_max, part.2), reasoning: 0 },
                ];
                for usage in usages {
                    prop_assert!(price.cost(&usage) <= quote.amount, "{usage:?}");
                }
            }
            Err(refusal) => {
                let available = available.expect("an account without a cap is never refused");
                prop_assert!(refusal.needed >= available);
                let affordable = refusal.affordable_output_tokens;
                let wanted = bound.output_tokens.unwrap_or(OUTPUT_TOKENS_FLOOR).max(1);
                prop_assert!(affordable < wanted);
                if affordable > 0 {
                    let named = CallBound { output_tokens: Some(affordable), ..bound };
                    prop_assert!(named.quote(&price, context, Some(available)).is_ok(), "the named limit is affordable");
                    let above = CallBound { output_tokens: Some(affordable + 1), ..bound };
                    prop_assert!(above.quote(&price, context, Some(available)).is_err(), "and is the largest one");
                }
            }
        }
    }
}

fn share(whole: u64, part: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a random part of a number"
    )]
    let share = (whole as f64 * part) as u64;
    share.min(whole)
}

/// One dollar per million tokens in, ten out.
fn plain() -> Price {
    let [input, output] = ["1", "10"].map(|text| text.parse().expect("a rate"));
    Price { input, output, cached_input: None }
}

fn dollars(text: &str) -> Option<Money> {
    text.parse().ok()
}

#[test]
fn without_a_limit_the_balance_sets_one() {
    let bound = CallBound { input_tokens: 1_000, output_tokens: None, n: 1 };
    // 1,000 tokens in are a tenth of a cent; each token out is a thousandth of a cent.
    let quote = |available| bound.quote(&plain(), Some(100_000), available).unwrap().output_tokens;
    assert_eq!(quote(None), OUTPUT_TOKENS_DEFAULT);
    assert_eq!(quote(dollars("1")), OUTPUT_TOKENS_DEFAULT);
    assert_eq!(quote(dollars("0.011")), 1_000);
    assert_eq!(quote(dollars("0.00356")), OUTPUT_TOKENS_FLOOR);
    let refusal = bound.quote(&plain(), Some(100_000), dollars("0.003559999")).unwrap_err();
    assert_eq!((refusal.needed, refusal.affordable_output_tokens), (dollars("0.00356").unwrap(), 255));
}

#[test]
fn choices_share_the_balance() {
    let bound = CallBound { input_tokens: 0, output_tokens: None, n: 4 };
    let quote = bound.quote(&plain(), None, dollars("0.04")).unwrap();
    assert_eq!((quote.output_tokens, quote.amount), (1_000, dollars("0.04").unwrap()));
}

#[test]
fn a_named_limit_is_kept_or_refused() {
    let bound = CallBound { input_tokens: 1_000, output_tokens: Some(50_000), n: 1 };
    let quote = bound.quote(&plain(), None, dollars("0.501")).unwrap();
    assert_eq!((quote.output_tokens, quote.clamped), (50_000, false));
    let refusal = bound.quote(&plain(), None, dollars("0.011")).unwrap_err();
    assert_eq!((refusal.needed, refusal.affordable_output_tokens), (dollars("0.501").unwrap(), 1_000));
}

#[test]
fn a_balance_below_the_prompt_refuses_whatever_the_limit() {
    for output_tokens in [None, Some(0), Some(1)] {
        let bound = CallBound { input_tokens: 1_000, output_tokens, n: 1 };
        let refusal = bound.quote(&plain(), None, dollars("0.0009")).unwrap_err();
        assert_eq!(refusal.affordable_output_tokens, 0, "{output_tokens:?}");
    }
}

#[test]
fn an_empty_balance_may_use_what_is_free() {
    let bound = CallBound { input_tokens: 1_000, output_tokens: None, n: 1 };
    let quote = bound.quote(&Price::FREE, None, Some(Money::ZERO)).unwrap();
    assert_eq!((quote.amount, quote.output_tokens), (Money::ZERO, OUTPUT_TOKENS_DEFAULT));
}

#[test]
fn the_limit_leaves_room_for_the_prompt() {
    let table = [
        // context, prompt bound, limit
        (Some(4_096), 1_000, 3_096),
        // The bound of the prompt is coarse: it counts bytes. A quarter of the context is left in any case.
        (Some(4_096), 4_000, 1_024),
        (Some(4_096), u64::MAX, 1_024),
        (Some(1_000_000), 10, OUTPUT_TOKENS_DEFAULT),
        (Some(0), 10, 1),
        (None, u64::MAX, OUTPUT_TOKENS_DEFAULT),
    ];
    for (context, input_tokens, limit) in table {
        let bound = CallBound { input_tokens, output_tokens: None, n: 1 };
        let quote = bound.quote(&plain(), context, None).unwrap();
        assert_eq!(quote.output_tokens, limit, "{context:?}, {input_tokens}");
    }
}

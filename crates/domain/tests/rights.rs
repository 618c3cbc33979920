//! The rights of keys: no child ever may what its maker may not, and how patterns, networks and names of plans are
//! written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use domain::models::{InvalidModels, PATTERN_LEN_MAX, PATTERNS_MAX};
use domain::network::{InvalidNetwork, NETWORKS_MAX};
use domain::{KeyRole, Models, Money, Network, Networks, PlanName, RightName, Rights, Trial};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_oneof, proptest};

/// A request that a key makes.
#[derive(Clone, Debug)]
struct Request {
    role: KeyRole,
    model: String,
    address: IpAddr,
    at_ms: i64,
}

fn allows(rights: &Rights, request: &Request) -> bool {
    rights.role >= request.role
        && rights.allow_model(&request.model)
        && rights.allow_address(request.address)
        && rights.are_live_at(request.at_ms)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn what_a_child_may_its_maker_may(child in rights(), maker in rights(), requests in vec(requests(), 10..=10)) {
        let is_within = child.is_within(&maker).is_ok();
        for request in requests {
            prop_assert!(!is_within || !allows(&child, &request) || allows(&maker, &request), "{request:?}");
        }
        prop_assert!(child.is_within(&child).is_ok(), "nobody has more than oneself");
        let all = Rights { role: KeyRole::Management, ..Rights::default() };
        prop_assert!(child.is_within(&all).is_ok());
    }
}

proptest! {
    #[test]
    fn what_is_said_to_be_more_is_more(child in network(), maker in network(), address in addresses()) {
        // For two networks the rule is exact: the child lies between the first and the last address of its maker.
        let inside = first_of(&child).is_ipv4() == first_of(&maker).is_ipv4()
            && first_of(&maker) <= first_of(&child)
            && last_of(&child) <= last_of(&maker);
        prop_assert!(child.is_within(&maker) == inside, "{child} {maker}");
        prop_assert!(!child.is_within(&maker) || !child.contains(address) || maker.contains(address));
        prop_assert!(child.to_string().parse() == Ok(child));
    }

    #[test]
    fn no_text_breaks_a_parser(text in "\\PC{0,40}", near in "[0-9a-f:./*]{0,24}") {
        for text in [text, near] {
            if let Ok(network) = text.parse::<Network>() {
                prop_assert!(network.to_string().parse() == Ok(network));
            }
            if let Ok(models) = Models::new([text.as_str()]) {
                prop_assert!(models.allows(&text));
            }
            if let Ok(name) = text.parse::<PlanName>() {
                prop_assert!(name.as_str() == text);
            }
        }
    }
}

#[test]
fn the_right_that_is_more_is_named() {
    let maker = Rights {
        role: KeyRole::User,
        models: Models::new(["openai/*", "zai/glm"]).ok(),
        networks: networks(&["10.0.0.0/8", "2001:db8::/32"]),
        expires_at_ms: Some(1000),
    };
    type Change = fn(&mut Rights);
    let cases: [(Change, Result<(), RightName>); 11] = [
        (|_| (), Ok(())),
        (|child| child.models = Models::new(["openai/gpt-*", "ZAI/glm"]).ok(), Ok(())),
        (|child| child.networks = networks(&["10.1.2.3"]), Ok(())),
        (|child| child.expires_at_ms = Some(999), Ok(())),
        (|child| child.role = KeyRole::Management, Err(RightName::Role)),
        (|child| child.models = None, Err(RightName::Models)),
        (|child| child.models = Models::new(["openai*"]).ok(), Err(RightName::Models)),
        (|child| child.networks = None, Err(RightName::Networks)),
        (|child| child.networks = networks(&["10.0.0.0/7"]), Err(RightName::Networks)),
        (|child| child.expires_at_ms = None, Err(RightName::ExpiresAt)),
        (|child| child.expires_at_ms = Some(1001), Err(RightName::ExpiresAt)),
    ];
    for (change, expected) in cases {
        let mut child = maker.clone();
        change(&mut child);
        assert_eq!(child.is_within(&maker), expected, "{child:?}");
    }
}

#[test]
fn a_key_stops_at_its_expiry() {
    let rights = Rights { expires_at_ms: Some(1000), ..Rights::default() };
    assert!(rights.are_live_at(999) && !rights.are_live_at(1000));
    assert!(Rights::default().are_live_at(i64::MAX));
}

#[test]
fn which_models_a_pattern_allows() {
    for (pattern, model, allowed) in [
        ("openai/gpt-oss-20b", "openai/gpt-oss-20b", true),
        ("openai/gpt-oss-20b", "OpenAI/GPT-OSS-20B", true),
        ("openai/gpt-oss-20b", "openai/gpt-oss-20b:fast", false),
        ("openai/gpt-oss-20b", "openai/gpt-oss", false),
        ("openai/*", "openai/gpt-oss-20b", true),
        ("openai/*", "openai/", true),
        ("openai/*", "openai", false),
        ("openai/*", "evil/openai/gpt", false),
        ("*", "", true),
        ("é*", "é", true),
        ("é*", "\u{c3}", false),
        ("ab*", "aé", false),
    ] {
        assert_eq!(Models::new([pattern]).expect("a pattern").allows(model), allowed, "{pattern} {model}");
    }
}

#[test]
fn which_texts_are_patterns() {
    let longest = "m".repeat(PATTERN_LEN_MAX);
    for valid in ["*", "a", "a*", "org/model:provider", longest.as_str()] {
        let models = Models::new([valid]).expect("a pattern");
        assert_eq!(models.patterns().collect::<Vec<_>>(), [valid]);
    }
    let too_long = "m".repeat(PATTERN_LEN_MAX + 1);
    for invalid in ["", "**", "a*b", "*a", "a b", "a\n", "\u{7f}", too_long.as_str()] {
        assert!(matches!(Models::new([invalid]), Err(InvalidModels::Pattern(_))), "{invalid:?}");
    }
    assert_eq!(Models::new::<&str>([]), Err(InvalidModels::Empty));
    assert!(Models::new(vec!["a"; PATTERNS_MAX]).is_ok());
    assert_eq!(Models::new(std::iter::repeat("a")), Err(InvalidModels::TooMany), "an endless list ends");
}

#[test]
fn how_networks_are_read_and_shown() {
    for (text, shown) in [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::fffe:0:0/95", "::fffe:0:0/95"),
    ] {
        let network: Network = text.parse().expect(text);
        assert_eq!(network.to_string(), shown);
    }
    for text in [
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/08",
        "10.0.0.0/8/8",
        "10.0.0/8",
        "010.0.0.0/8",
        " 10.0.0.0/8",
        "::/129",
        "::/256",
        "example.org",
        "[::1]",
        "fe80::1%eth0",
    ] {
        assert_eq!(text.parse::<Network>(), Err(InvalidNetwork::Malformed), "{text:?}");
    }
    let slip = "10.0.0.1/8".parse::<Network>().expect_err("not the first");
    assert_eq!(slip.to_string(), "has bits set after the prefix: the network is 10.0.0.0/8");
}

#[test]
fn which_addresses_a_network_holds() {
    for (network, address, holds) in [
        ("10.0.0.0/8", "10.255.255.255", true),
        ("10.0.0.0/8", "11.0.0.0", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("10.0.0.0/8", "::a00:1", false),
        ("0.0.0.0/0", "255.255.255.255", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "::1", true),
        ("::/0", "10.0.0.1", false),
        ("::/0", "::ffff:10.0.0.1", false),
        ("2001:db8::/33", "2001:db8:7fff::", true),
        ("2001:db8::/33", "2001:db8:8000::", false),
    ] {
        let network: Network = network.parse().expect("a network");
        assert_eq!(network.contains(address.parse().expect("an address")), holds, "{network} {address}");
    }
}

#[test]
fn sets_of_networks_are_bounded() {
    let one: Network = "::1".parse().expect("an address");
    assert!(Networks::new([]).is_err());
    assert!(Networks::new(vec![one; NETWORKS_MAX]).is_ok());
    assert!(Networks::new(vec![one; NETWORKS_MAX + 1]).is_err());
}

#[test]
fn roles_have_words_and_an_order() {
    for (role, word) in [(KeyRole::User, "user"), (KeyRole::Management, "management")] {
        assert_eq!((role.as_str(), KeyRole::parse(word)), (word, Some(role)));
    }
    assert_eq!(KeyRole::parse("admin"), None);
    assert!(KeyRole::Management > KeyRole::User);
}

#[test]
fn names_of_plans() {
    let longest = "p".repeat(64);
    for valid in ["a", "free", "team-2_b", longest.as_str()] {
        assert_eq!(valid.parse::<PlanName>().map(|name| name.to_string()), Ok(valid.to_owned()));
    }
    let too_long = "p".repeat(65);
    for invalid in ["", "2a", "-a", "_a", "Free", "a b", "a/b", "é", "a\0", too_long.as_str()] {
        assert!(invalid.parse::<PlanName>().is_err(), "{invalid:?}");
    }
}

#[test]
fn a_trial_ends_after_its_days() {
    let trial = Trial { days: 3, credit: Money::ZERO, converts_to: None };
    assert_eq!(trial.ends_at_ms(1000), 259_201_000);
    assert_eq!(trial.ends_at_ms(i64::MAX), i64::MAX);
}

fn networks(texts: &[&str]) -> Option<Networks> {
    let networks: Vec<Network> = texts.iter().map(|text| text.parse().expect("a network")).collect();
    Some(Networks::new(networks).expect("not empty"))
}

fn first_of(network: &Network) -> IpAddr {
    let text = network.to_string();
    text.split_once('/').expect("a prefix").0.parse().expect("an address")
}

fn last_of(network: &Network) -> IpAddr {
    let prefix: u32 = network.to_string().split_once('/').expect("a prefix").1.parse().expect("a number");
    match first_of(network) {
        IpAddr::V4(v4) => {
            Ipv4Addr::from_bits(v4.to_bits() | u32::MAX.checked_shr(prefix).unwrap_or(0)).into()
        }
        IpAddr::V6(v6) => {
            Ipv6Addr::from_bits(v6.to_bits() | u128::MAX.checked_shr(prefix).unwrap_or(0)).into()
        }
    }
}

/// Rights that are near each other, so that one is often within the other.
fn rights() -> impl Strategy<Value = Rights> {
    let models = vec(pattern(), 1..4).prop_map(|patterns| Models::new(patterns).expect("patterns"));
    let networks = vec(network(), 1..4).prop_map(|networks| Networks::new(networks).expect("not empty"));
    (role(), option::of(models), option::of(networks), option::of(0..4_i64))
        .prop_map(|(role, models, networks, expires_at_ms)| Rights { role, models, networks, expires_at_ms })
}

fn role() -> impl Strategy<Value = KeyRole> {
    prop_oneof![Just(KeyRole::User), Just(KeyRole::Management)]
}

fn pattern() -> impl Strategy<Value = String> {
    prop_oneof!["[abA]{1,3}", "[abA]{0,2}\\*"]
}

fn network() -> impl Strategy<Value = Network> {
    let near = (addresses(), prop_oneof![Just(0_u8), 0..=32_u8, 90..=128_u8]);
    near.prop_map(|(address, prefix)| {
        let prefix = if address.is_ipv4() { prefix % 33 } else { prefix };
        match format!("{address}/{prefix}").parse() {
            Ok(network) | Err(InvalidNetwork::NotFirst(network)) => network,
            Err(InvalidNetwork::Malformed) => unreachable!("an address and a prefix"),
        }
    })
}

/// IPv4, IPv4-mapped and IPv6 addresses that share their first bits with others.
fn addresses() -> impl Strategy<Value = IpAddr> {
    let v4 = prop_oneof![0..8_u32, any::<u32>(), (0..32_u32).prop_map(|bit| 1 << bit)];
    let v6 = prop_oneof![0..8_u128, any::<u128>(), (0..128_u32).prop_map(|bit| 1 << bit)];
    prop_oneof![
        v4.clone().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        v4.prop_map(|bits| IpAddr::V6(Ipv4Addr::from_bits(bits).to_ipv6_mapped())),
        v6.prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    ]
}

fn requests() -> impl Strategy<Value = Request> {
    (role(), "[abAB]{0,4}", addresses(), -1..5_i64).prop_map(|(role, model, address, at_ms)| Request {
        role,
        model,
        address,
        at_ms,
    })
}

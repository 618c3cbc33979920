//! `[telemetry]` and the variables of OpenTelemetry.

use super::resolve;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

#[test]
fn without_an_endpoint_nothing_is_sent() {
    for toml in ["", "[telemetry]\nservice_name = \"a\"\nsample_per_mille = 5"] {
        assert_eq!(resolve(toml, &[("OTEL_SERVICE_NAME", "b")]).unwrap().telemetry.otlp, None);
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let toml = "[telemetry]\notlp_endpoint = \"http://127.0.0.1:1\"\nservice_name = \"a\"\n\
                otlp_headers = { x-a = \"env:A\" }\nsample_per_mille = 5";
    let file = resolve(toml, &[("A", "one")]).unwrap().telemetry.otlp.unwrap();
    assert_eq!(file.traces, "http://127.0.0.1:1/v1/traces");
    assert_eq!((file.service_name.as_str(), file.sample_per_mille), ("a", 5));
    assert_eq!((file.headers[0].0.as_str(), file.headers[0].1.as_bytes()), ("x-a", b"one".as_slice()));
    assert!(!format!("{file:?}").contains("one"), "{file:?}");

    let env = [
        ("A", "one"),
        (ENDPOINT, "https://collector.example/otlp/"),
        (HEADERS, "authorization=Basic%20YQ==, x-b=2"),
        ("OTEL_SERVICE_NAME", "b"),
    ];
    let both = resolve(toml, &env).unwrap().telemetry.otlp.unwrap();
    assert_eq!(both.traces, "https://collector.example/otlp/v1/traces");
    assert_eq!((both.service_name.as_str(), both.sample_per_mille), ("b", 5));
    let headers: Vec<_> =
        both.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(headers, [("authorization", b"Basic YQ==".as_slice()), ("x-b", b"2".as_slice())]);
}

#[test]
fn mistakes_are_named_and_values_are_not() {
    let with = |line: &str| format!("[telemetry]\notlp_endpoint = \"http://127.0.0.1:1\"\n{line}");
    for (toml, env, expected) in [
        (
            "[telemetry]\notlp_endpoint = \"127.0.0.1:4317\"".to_owned(),
            ("A", ""),
            "[telemetry] otlp_endpoint",
        ),
        (with("sample_per_mille = 1001"), ("A", ""), "from 0 to 1000"),
        (with("otlp_timeout_ms = 0"), ("A", ""), "from 1 to"),
        (with("service_name = \"\""), ("A", ""), "must have 1 to 255 bytes"),
        (with("otlp_headers = { x-a = \"env:B\" }"), ("A", ""), "the variable B is not set"),
        (with("otlp_headers = { x-a = \"sec\\nret\" }"), ("A", ""), "cannot stand in a header"),
        (with(""), (ENDPOINT, "grpc://secret"), "must begin with http:// or https://"),
        (with(""), (HEADERS, "secret"), "must be name=value"),
        (with(""), (HEADERS, "a=secret%2"), "two hexadecimal digits"),
        (with(""), (HEADERS, "a=secret%FF"), "is not UTF-8"),
    ] {
        let told = resolve(&toml, &[env]).unwrap_err();
        assert!(told.contains(expected) && !told.contains("secret"), "{told}");
    }
}

#[test]
fn headers_in_clear_text_are_warned_of() {
    let toml = "[telemetry]\notlp_endpoint = \"http://collector.example\"\notlp_headers = { x-a = \"1\" }";
    let warnings = resolve(toml, &[]).unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.contains("otlp_headers in clear text")), "{warnings:?}");
}

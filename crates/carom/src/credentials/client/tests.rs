use super::*;

#[test]
fn hosts_of_authorities() {
    let cases = [
        ("example.com", "example.com"),
        ("example.com:443", "example.com"),
        ("127.0.0.1:1", "127.0.0.1"),
        ("[::1]:443", "::1"),
        ("[::1]", "::1"),
        ("::1", "::1"),
    ];
    for (authority, host) in cases {
        assert_eq!(host_of(authority), host);
    }
}

#[test]
fn names_may_be_addresses() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(made.cert.pem()));
    for authority in ["localhost:1", "127.0.0.1:1", "[::1]:1"] {
        config.build(authority).expect(authority);
    }
    let error = config.build("under score!:1").expect_err("no name").to_string();
    assert!(error.contains("name of the server"), "{error}");
}

use super::*;

fn identity() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn error_of(config: &ServerTlsConfig) -> String {
    config.build().unwrap_err().to_string()
}

#[test]
fn a_good_identity_builds_with_h2_only() {
    let (chain, key) = identity();
    let config = ServerTlsConfig::new(Identity::from_pem(&chain, &key)).build().unwrap();
    assert_eq!(config.alpn_protocols, [b"h2".to_vec()]);
    ServerTlsConfig::new(Identity::from_pem(&chain, &key))
        .client_ca_root(Certificate::from_pem(&chain))
        .build()
        .unwrap();
}

#[test]
fn errors_say_which_pem_and_what_is_wrong() {
    let (chain, key) = identity();
    let (_, other_key) = identity();
    let error = error_of(&ServerTlsConfig::new(Identity::from_pem("", &key)));
    assert!(error.contains("certificate chain") && error.contains("no certificate"), "{error}");
    let error = error_of(&ServerTlsConfig::new(Identity::from_pem(&chain, &chain)));
    assert!(error.contains("private key") && error.contains("no private key"), "{error}");
    let error = error_of(&ServerTlsConfig::new(Identity::from_pem(&chain, &other_key)));
    assert!(error.contains("does not belong"), "{error}");
    let cut = &chain[..chain.len() / 2];
    let error = error_of(&ServerTlsConfig::new(Identity::from_pem(cut, &key)));
    assert!(error.contains("certificate chain"), "{error}");
    let garbled = ServerTlsConfig::new(Identity::from_pem(&chain, &key)).client_ca_root(
        Certificate::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    );
    let error = error_of(&garbled);
    assert!(error.contains("root certificates for clients"), "{error}");
}

#[test]
fn the_key_is_never_printed() {
    let (chain, key) = identity();
    let shown = format!("{:?}", ServerTlsConfig::new(Identity::from_pem(chain, &key)));
    assert!(!shown.contains("PRIVATE") && !shown.contains(&key[40..60]), "{shown}");
}

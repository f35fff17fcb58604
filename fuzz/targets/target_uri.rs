//! Target strings of channels: each is understood or refused with a reason, and what was understood is understood the
//! same way again.

#![no_main]

use carom::client::{Location, Target};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let target = match Target::parse(text) {
        Ok(target) => target,
        Err(error) => {
            assert_eq!(error.target(), text);
            assert!(error.to_string().starts_with("invalid target "));
            return;
        }
    };
    assert_eq!(target.as_str(), text);
    assert_eq!(Target::parse(target.as_str()).as_ref(), Ok(&target));
    match target.location() {
        Location::Dns { host, .. } => assert!(target.scheme() == "dns" && !host.is_empty(), "{target:?}"),
        Location::Fixed(addresses) => {
            assert!(!addresses.is_empty() && target.name_server().is_empty(), "{target:?}")
        }
        other => panic!("{other:?} of a scheme that is not known"),
    }
    // It becomes a header field.
    let authority = target.default_authority();
    assert!(
        !authority.is_empty() && !authority.bytes().any(|byte| byte <= b' ' || byte == 0x7f),
        "{authority:?}"
    );
});

//! Target strings of channels: each is understood or refused with a reason, and what was understood is understood the
//! same way again.

#![no_main]

use carom::client::resolver::Resolvers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let resolvers = Resolvers::default();
    let (target, resolver) = match resolvers.find(text) {
        Ok(found) => found,
        Err(error) => {
            assert_eq!(error.target(), text);
            assert!(error.to_string().starts_with("invalid target "));
            return;
        }
    };
    assert_eq!(target.as_str(), text);
    assert_eq!(resolvers.find(text).map(|(again, _)| again).ok().as_ref(), Some(&target));
    assert!(resolvers.get(target.scheme()).is_some() && !target.path().is_empty(), "{target:?}");
    // It becomes a header field.
    let authority = resolver.default_authority(&target);
    assert!(
        !authority.is_empty() && !authority.bytes().any(|byte| byte <= b' ' || byte == 0x7f),
        "{authority:?}"
    );
});

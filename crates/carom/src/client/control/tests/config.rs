//! Service configs: what they choose, and what becomes of bad ones.

use super::*;
use crate::client::connectivity::ConnectivityState::Ready;

impl Rig {
    fn resolve_with(&mut self, ports: &[u16], config: Result<&str, &str>) {
        let mut resolution = Resolution::new(ports.iter().map(|port| address(*port)).collect());
        resolution.service_config = Some(config.map(Arc::from).map_err(error));
        self.core.resolved(resolution, self.now);
        self.act();
    }

    /// The timeout of `/a.B/C` by the selector that was published last, in seconds.
    fn timeout(&self) -> Option<u64> {
        let selector = self.selectors.last().expect("published").as_ref()?;
        let method = selector.select(b"/a.B/C").expect("no error")?;
        method.timeout.map(|timeout| timeout.as_secs())
    }

    fn plain() -> Self {
        Self::configured(Policies::default(), None)
    }
}

const ROUND_ROBIN: &str = r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#;
const TWO_SECONDS: &str = r#"{"methodConfig":[{"name":[{}],"timeout":"2s"}]}"#;
const THREE_SECONDS: &str = r#"{"methodConfig":[{"name":[{}],"timeout":"3s"}]}"#;

#[test]
fn the_config_of_a_resolution_counts_before_the_default_and_none_brings_that_back() {
    let mut rig = Rig::configured(Policies::default(), Some(THREE_SECONDS));
    assert!(rig.selectors.is_empty(), "a resolution may bring another");
    rig.resolve_with(&[1], Ok(TWO_SECONDS));
    assert_eq!(rig.timeout(), Some(2));
    rig.resolve(&[1]);
    assert_eq!(rig.timeout(), Some(3));
    rig.resolve_with(&[1], Ok("{}"));
    assert_eq!(rig.timeout(), None, "an empty one is one");
    assert_eq!(rig.selectors.len(), 3);
}

#[test]
fn what_did_not_change_is_not_published_again() {
    let mut rig = Rig::configured(Policies::default(), Some(THREE_SECONDS));
    rig.resolve(&[1]);
    rig.resolve(&[2]);
    assert_eq!(rig.selectors.len(), 1);
}

#[test]
fn an_invalid_config_keeps_the_last_good_one_and_its_addresses_are_taken() {
    let mut rig = Rig::plain();
    rig.exit_idle();
    rig.resolve_with(&[1], Ok(TWO_SECONDS));
    let first = rig.take(1);
    rig.ready(&first);
    rig.resolve_with(&[7], Ok(r#"{"methodConfig":[{"timeout":"2"}]}"#));
    rig.take(7);
    assert_eq!((rig.selectors.len(), rig.timeout()), (1, Some(2)));
    rig.resolve_with(&[7], Err("no such record"));
    assert_eq!((rig.selectors.len(), rig.timeout()), (1, Some(2)));
    assert_eq!(rig.hints, 0);
    rig.pass(Duration::from_millis(1600));
    assert_eq!(rig.hints, 1, "the resolver hears of it, with back-off");
}

#[test]
fn an_invalid_config_and_none_before_it_fail_the_channel() {
    let mut rig = Rig::plain();
    rig.exit_idle();
    rig.resolve_with(&[1], Ok(r#"{"loadBalancingConfig":[{"nope":{}}]}"#));
    assert_eq!(rig.states(), [Connecting, TransientFailure]);
    let status = rig.failure();
    assert!(status.message().contains("none of the load-balancing policies is known: [nope]"), "{status}");
    assert!(status.source().is_some_and(|source| source.to_string().starts_with("invalid")));
    assert!(rig.attempts.is_empty() && rig.selectors.is_empty());
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.hints, 1);
    rig.resolve_with(&[1], Ok(ROUND_ROBIN));
    let first = rig.take(1);
    rig.ready(&first);
    assert_eq!(rig.states().last(), Some(&Ready));
}

#[test]
fn an_invalid_config_falls_back_to_the_default() {
    let mut rig = Rig::configured(Policies::default(), Some(THREE_SECONDS));
    rig.exit_idle();
    rig.resolve_with(&[1], Ok("nonsense"));
    rig.take(1);
    assert_eq!(rig.timeout(), Some(3));
}

#[test]
fn when_the_resolver_fails_first_the_default_counts() {
    let mut rig = Rig::configured(Policies::default(), Some(THREE_SECONDS));
    rig.exit_idle();
    rig.core.resolver_failed(&error("no such name"), rig.now);
    rig.act();
    assert_eq!(rig.timeout(), Some(3));
}

#[test]
fn a_config_chooses_the_policy() {
    let mut rig = Rig::plain();
    rig.exit_idle();
    rig.resolve_with(&[1, 2], Ok(ROUND_ROBIN));
    assert_eq!(rig.attempts.len(), 2, "all endpoints at once");
    assert_eq!(rig.states().last(), Some(&Connecting));
}

#[test]
fn a_policy_takes_over_when_it_has_something_to_offer() {
    let mut rig = Rig::plain();
    rig.exit_idle();
    rig.resolve(&[1]);
    let first = rig.take(1);
    rig.ready(&first);
    rig.states();
    rig.resolve_with(&[1, 2], Ok(ROUND_ROBIN));
    assert_eq!(rig.attempts.len(), 2, "it connects beside the old one");
    assert!(rig.states().is_empty() && rig.removed.is_empty(), "which goes on meanwhile");
    let second = rig.attempts.pop_back().expect("two");
    rig.ready(&second);
    assert_eq!(rig.states(), [Ready]);
    assert_eq!(rig.removed, ["ipv4:127.0.0.1:1"], "the connection of the old one");
    assert!(matches!(rig.pick(), Pick::Use { subchannel, .. } if subchannel.address() == &address(2)));
    // Back again, and away before it is ready: only the last counts.
    rig.resolve_with(&[3], Ok("{}"));
    assert_eq!(rig.attempts.len(), 2);
    rig.resolve_with(&[2, 3], Ok(ROUND_ROBIN));
    assert!(rig.states().iter().all(|state| *state == Ready));
    assert_eq!(rig.removed.iter().filter(|removed| *removed == "ipv4:127.0.0.1:3").count(), 1);
}

#[test]
fn a_policy_takes_over_when_the_old_one_lost_its_connection() {
    let mut rig = Rig::plain();
    rig.exit_idle();
    rig.resolve(&[1]);
    let first = rig.take(1);
    rig.ready(&first);
    rig.resolve_with(&[2], Ok(ROUND_ROBIN));
    rig.states();
    rig.fail(first, "gone");
    assert_eq!(rig.states(), [Idle, Connecting]);
    let second = rig.take(2);
    rig.ready(&second);
    assert_eq!(rig.states(), [Ready]);
}

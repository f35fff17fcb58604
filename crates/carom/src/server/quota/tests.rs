use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{MemoryQuota, Share, group_limit, half_of_memory, total_memory};

const MIB: usize = 1 << 20;

#[test]
fn shares_are_added_up_in_grains_and_given_back() {
    let quota = Arc::new(MemoryQuota::new(Some(MIB), Instant::now()));
    let (mut first, mut second) = (Share::new(&quota), Share::new(&quota));
    first.update(1000);
    assert_eq!(quota.used(), 0, "not worth telling");
    first.update(700_000);
    second.update(300_000);
    assert!(!quota.is_exceeded());
    second.update(400_000);
    assert!(quota.is_exceeded());
    assert!(first.is_too_large() && !second.is_too_large(), "half a mebibyte each");
    drop(first);
    assert!(!quota.is_exceeded());
    assert_eq!(quota.used(), 400_000);
    second.update(0);
    assert_eq!(quota.used(), 0);
}

#[test]
fn everybody_is_asked_now_and_then_while_it_is_exceeded() {
    let now = Instant::now();
    let quota = Arc::new(MemoryQuota::new(Some(MIB), now));
    assert!(!quota.reclaim_is_due(now));
    let mut share = Share::new(&quota);
    share.update(2 * MIB);
    assert!(quota.reclaim_is_due(now));
    assert!(!quota.reclaim_is_due(now + Duration::from_millis(50)));
    assert!(quota.reclaim_is_due(now + Duration::from_millis(100)));
}

#[test]
fn without_a_limit_nothing_exceeds_it() {
    let quota = Arc::new(MemoryQuota::new(None, Instant::now()));
    let mut share = Share::new(&quota);
    share.update(usize::MAX / 2);
    assert!(!quota.is_exceeded() && !share.is_too_large());
}

#[test]
fn the_default_is_read_from_the_system() {
    assert_eq!(total_memory("MemFree: 1 kB\nMemTotal:       2048 kB\n"), Some(2 * MIB));
    assert_eq!(total_memory("MemTotal: many kB\n"), None);
    assert_eq!(group_limit("1:name=systemd:/x\n"), None);
    assert!(half_of_memory().is_none_or(|bytes| bytes > MIB));
}

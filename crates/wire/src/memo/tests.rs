use super::*;

fn find(memo: &mut Memo<u32, u32, 4>, key: u32) -> Option<u32> {
    memo.find(|known| *known == key).copied()
}

#[test]
fn what_comes_again_is_found() {
    let mut memo = Memo::default();
    assert_eq!(find(&mut memo, 1), None);
    memo.keep(1, 10);
    memo.keep(2, 20);
    assert_eq!((find(&mut memo, 1), find(&mut memo, 2)), (Some(10), Some(20)));
}

#[test]
fn what_never_comes_again_does_not_push_out_what_does() {
    let mut memo = Memo::default();
    memo.keep(0, 0);
    for key in 1..10_000 {
        assert_eq!(find(&mut memo, 0), Some(0), "after {key} others");
        memo.keep(key, key);
        assert!(memo.entries.len() <= 4);
    }
}

#[test]
fn what_is_not_used_any_more_goes() {
    let mut memo = Memo::default();
    memo.keep(0, 0);
    assert_eq!(find(&mut memo, 0), Some(0));
    for key in 1..100 {
        memo.keep(key, key);
    }
    assert_eq!(find(&mut memo, 0), None);
}

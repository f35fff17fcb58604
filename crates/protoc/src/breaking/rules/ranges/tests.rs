use super::uncovered;

#[test]
fn what_others_do_not_cover_is_missing() {
    for (range, others, missing) in [
        ((1, 5), &[][..], &[(1, 5)][..]),
        ((1, 5), &[(1, 5)], &[]),
        ((1, 5), &[(1, 2), (3, 9)], &[]),
        ((1, 9), &[(3, 4), (4, 6)], &[(1, 2), (7, 9)]),
        ((1, 9), &[(-5, 0), (10, 20)], &[(1, 9)]),
        ((5, 5), &[(4, 4), (6, 6)], &[(5, 5)]),
        ((1, 9), &[(0, 20), (2, 3)], &[]),
    ] {
        assert_eq!(uncovered(range, others), missing, "{range:?} {others:?}");
    }
}

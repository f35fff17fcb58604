use super::{BUF, CAROM, parse};

#[test]
fn columns_of_both_programs_mean_the_same_byte() {
    let line = "\tx \u{e9} y".as_bytes();
    assert_eq!((BUF.byte(line, 1), CAROM.byte(line, 1)), (1, 1));
    assert_eq!((BUF.byte(line, 5), CAROM.byte(line, 9)), (2, 2), "behind the tab");
    assert_eq!((BUF.byte(line, 9), CAROM.byte(line, 14)), (7, 7), "behind the accent");
    assert_eq!((BUF.byte(b"", 1), CAROM.byte(b"", 1)), (1, 1));
}

#[test]
fn findings_are_read() {
    let line = "a/(b).proto(3,14) : error RULE_NAME : it has (1,2) : error X : in it";
    assert_eq!(parse(line), Some(("a/(b).proto", 3, 14, "RULE_NAME")));
    assert_eq!(parse("Failure: no"), None);
}

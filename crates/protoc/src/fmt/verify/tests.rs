use super::same_content;
use crate::{diagnostics::Diagnostics, source::Source, tokens::tokenize};

fn same(one: &str, other: &str) -> bool {
    let source = Source::new("x.proto", one.into());
    let tokens = tokenize(&source, &mut Diagnostics::default());
    same_content(&source, &tokens, &Source::new("x.proto", other.into()))
}

#[test]
fn white_space_separators_and_order_do_not_count() {
    assert!(same("a{b:1,c<d:2>};;", "a {\n  c: {d: 2}\n  b: 1\n}"));
    assert!(same("a // b  c\n;", "a /* b c */;"));
}

#[test]
fn words_numbers_strings_and_comments_do() {
    assert!(!same("a b", "a"));
    assert!(!same("a b", "ab"));
    assert!(!same("a = 1;", "a = 2;"));
    assert!(!same("\"a b\"", "\"a  b\""));
    assert!(!same("a {", "a"));
    assert!(!same("a // b", "a"));
    assert!(!same("a // b", "a // c"));
    assert!(!same("a // b", "a // b\n// b"));
    assert!(!same("a", "a \""));
}

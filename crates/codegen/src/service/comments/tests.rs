use super::doc;

fn lines(comment: &str) -> Vec<String> {
    let tokens = doc(Some(comment)).to_string();
    tokens
        .split("# [doc = \"")
        .skip(1)
        .map(|line| line.trim_end().trim_end_matches("\"]").replace("\\\\", "\\"))
        .collect()
}

#[test]
fn prose_stays_prose() {
    assert_eq!(lines(" Gives a <point>, see [Point].\n"), [r" Gives a \<point\>, see \[Point\]."]);
    assert_eq!(lines(" One.\n\n Two.\n"), [" One.", "", " Two."]);
    assert_eq!(lines(" In `a<b>` it stays.\n"), [" In `a<b>` it stays."]);
}

#[test]
fn code_is_never_a_test() {
    assert_eq!(lines(" A:\n\n      let x;\n"), [" A:", "", "    let x;"]);
    assert_eq!(lines(" ```\n [x]\n ```\n"), [" ```text", " [x]", " ```"]);
    assert_eq!(lines(" ```rust\n x();\n ```\n"), [" ```text", " x();", " ```"]);
    assert_eq!(lines(" ```\n open"), [" ```text", " open", " ```"]);
}

#[test]
fn no_comment_no_attribute() {
    assert!(doc(None).is_empty());
}

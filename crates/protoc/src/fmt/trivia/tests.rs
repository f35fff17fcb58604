use super::{Comment, Gap};

fn texts(gap: &Gap<'_>) -> Vec<String> {
    gap.comments.iter().map(|comment| String::from_utf8_lossy(comment.text).into_owned()).collect()
}

#[test]
fn a_gap_has_its_comments_and_the_lines_between_them() {
    let gap = Gap::read(b" // a \r\n\n/* b\n*/ /**/ ; /*/ c */\n");
    assert_eq!(texts(&gap), ["// a", "/* b\n*/", "/**/", "/*/ c */"]);
    let lines: Vec<usize> = gap.comments.iter().map(|comment| comment.lines_before).collect();
    assert_eq!((lines, gap.lines), (vec![0, 2, 0, 0], 1));
    assert_eq!(texts(&Gap::read(b"/* no end")), ["/* no end"]);
}

#[test]
fn comments_trail_the_token_before_or_are_attached_to_the_one_behind() {
    let gap = Gap::read(b" /* a */ // b\n// c\n\n// d\n/* e */");
    assert_eq!((gap.trailing(false), gap.attached()), (2, 3));
    let same_line = Gap::read(b" /* a */ ");
    assert_eq!((same_line.trailing(false), same_line.trailing(true), same_line.attached()), (0, 1, 0));
    let below = Gap::read(b"\n// a\n\n");
    assert_eq!((below.trailing(true), below.attached()), (0, 1));
}

#[test]
fn a_line_comment_becomes_a_block_unless_it_would_end_it() {
    let comment = |text: &'static str| Comment { text: text.as_bytes(), is_line: true, lines_before: 0 };
    assert_eq!(comment("// a").as_block().as_deref(), Some(&b"/* a */"[..]));
    assert_eq!(comment("//").as_block().as_deref(), Some(&b"/* */"[..]));
    assert_eq!(comment("// */").as_block(), None);
    assert_eq!(comment("// /*").as_block(), None);
}

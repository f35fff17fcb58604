use super::{changes, lines, unified};

/// Applies the changes and gives the new text.
fn applied(old: &str, new: &str) -> String {
    let (old_lines, new_lines) = (lines(old.as_bytes()), lines(new.as_bytes()));
    let mut out = Vec::new();
    let mut at = 0;
    for change in changes(&old_lines, &new_lines) {
        out.extend_from_slice(&old_lines[at..change.old.start]);
        out.extend_from_slice(&new_lines[change.new]);
        at = change.old.end;
    }
    out.extend_from_slice(&old_lines[at..]);
    String::from_utf8(out.concat()).expect("text")
}

#[test]
fn equal_texts_have_no_diff() {
    assert_eq!(unified("x", b"a\nb\n", b"a\nb\n"), "");
    assert_eq!(unified("x", b"", b""), "");
}

#[test]
fn a_diff_names_lines_and_shows_three_around() {
    let old = b"1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    let new = b"1\n2\n3\n4\nfive\n6\n7\n8\n9\n";
    let expected = "--- x\n+++ x\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n";
    assert_eq!(unified("x", old, new), expected);
}

#[test]
fn what_is_added_to_nothing_follows_line_zero() {
    assert_eq!(unified("x", b"", b"a\n"), "--- x\n+++ x\n@@ -0,0 +1 @@\n+a\n");
    assert_eq!(unified("x", b"a\n", b""), "--- x\n+++ x\n@@ -1 +0,0 @@\n-a\n");
}

#[test]
fn a_missing_line_end_is_told() {
    let expected = "--- x\n+++ x\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n";
    assert_eq!(unified("x", b"a", b"a\n"), expected);
}

#[test]
fn changes_far_apart_are_hunks_of_their_own() {
    let old: String = (0..40).map(|line| format!("{line}\n")).collect();
    let new = old.replace("3\n4\n", "3\nx\n4\n").replace("\n33\n", "\n");
    let diff = unified("x", old.as_bytes(), new.as_bytes());
    assert_eq!(diff.matches("@@ -").count(), 2, "{diff}");
}

#[test]
fn the_changes_make_the_new_text() {
    let old: String = (0..300).map(|line| format!("{}\n", line * 7 % 13)).collect();
    let shuffled: String = (0..300).map(|line| format!("{}\n", line * 5 % 17)).collect();
    let moved: String = (0..300).rev().map(|line| format!("{line}\n")).collect();
    for new in ["", "a\n", &old, &shuffled, &moved, &old.replace("3\n", ""), &old.replace("3\n", "3\n3\n")] {
        assert_eq!(applied(&old, new), new);
        assert_eq!(applied(new, &old), old);
    }
}

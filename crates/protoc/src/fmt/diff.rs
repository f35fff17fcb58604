//! What changes between two texts, as a unified diff.

use std::{collections::HashMap, fmt::Write as _, ops::Range};

/// Lines around a change.
const CONTEXT: usize = 3;
/// How often a region is divided at lines that occur once. What is left then is shown as changed as a whole, so that
/// no text makes this slow.
const MAX_DIVISIONS: usize = 32;

/// The differences in the form that `patch` reads, or nothing where there are none.
pub(super) fn unified(name: &str, old: &[u8], new: &[u8]) -> String {
    let (old_lines, new_lines) = (lines(old), lines(new));
    let mut out = String::new();
    for hunk in hunks(&old_lines, &new_lines) {
        if out.is_empty() {
            out = format!("--- {name}\n+++ {name}\n");
        }
        hunk.write(&old_lines, &new_lines, &mut out);
    }
    out
}

/// The lines of a text, each with its end.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Lines of the old text and those that take their place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    old: Range<usize>,
    new: Range<usize>,
}

/// Changes that are shown together.
struct Hunk {
    changes: Vec<Change>,
}

impl Hunk {
    fn write(&self, old: &[&[u8]], new: &[&[u8]], out: &mut String) {
        let (Some(first), Some(last)) = (self.changes.first(), self.changes.last()) else { return };
        let before = first.old.start.min(CONTEXT);
        let after = (old.len() - last.old.end).min(CONTEXT);
        let old_range = first.old.start - before..last.old.end + after;
        let new_range = first.new.start - before..last.new.end + after;
        // Writing to a String cannot fail.
        let _infallible = writeln!(out, "@@ -{} +{} @@", shown(&old_range), shown(&new_range));
        let mut at = old_range.start;
        for change in &self.changes {
            old[at..change.old.start].iter().for_each(|line| write_line(' ', line, out));
            old[change.old.clone()].iter().for_each(|line| write_line('-', line, out));
            new[change.new.clone()].iter().for_each(|line| write_line('+', line, out));
            at = change.old.end;
        }
        old[at..old_range.end].iter().for_each(|line| write_line(' ', line, out));
    }
}

/// First line and count; an empty range is named by the line before it.
fn shown(range: &Range<usize>) -> String {
    match range.len() {
        1 => format!("{}", range.start + 1),
        0 => format!("{},0", range.start),
        count => format!("{},{count}", range.start + 1),
    }
}

fn write_line(mark: char, line: &[u8], out: &mut String) {
    out.push(mark);
    out.push_str(&String::from_utf8_lossy(line));
    if !line.ends_with(b"\n") {
        out.push_str("\n\\ No newline at end of file\n");
    }
}

fn hunks(old: &[&[u8]], new: &[&[u8]]) -> Vec<Hunk> {
    let mut hunks: Vec<Hunk> = Vec::new();
    for change in changes(old, new) {
        let previous = hunks.last_mut().and_then(|hunk| Some((hunk.changes.last()?.old.end, hunk)));
        match previous {
            Some((end, hunk)) if change.old.start - end <= 2 * CONTEXT => hunk.changes.push(change),
            _ => hunks.push(Hunk { changes: vec![change] }),
        }
    }
    hunks
}

fn changes(old: &[&[u8]], new: &[&[u8]]) -> Vec<Change> {
    let mut changes = Vec::new();
    let (mut old_at, mut new_at) = (0, 0);
    let end = (old.len(), new.len());
    for (old_line, new_line) in common(old, new).into_iter().chain([end]) {
        if old_line > old_at || new_line > new_at {
            changes.push(Change { old: old_at..old_line, new: new_at..new_line });
        }
        (old_at, new_at) = (old_line + 1, new_line + 1);
    }
    changes
}

/// Pairs of equal lines, ascending on both sides: those at both ends of a region, and between them lines that occur
/// once on either side, by which the region is divided.
fn common(old: &[&[u8]], new: &[&[u8]]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut regions = vec![(0..old.len(), 0..new.len(), 0)];
    while let Some((mut left, mut right, divisions)) = regions.pop() {
        while !left.is_empty() && !right.is_empty() && old[left.start] == new[right.start] {
            pairs.push((left.start, right.start));
            left.start += 1;
            right.start += 1;
        }
        while !left.is_empty() && !right.is_empty() && old[left.end - 1] == new[right.end - 1] {
            left.end -= 1;
            right.end -= 1;
            pairs.push((left.end, right.end));
        }
        if left.is_empty() || right.is_empty() || divisions == MAX_DIVISIONS {
            continue;
        }
        let anchors = ascending(&unique(old, new, &left, &right));
        if anchors.is_empty() {
            continue;
        }
        let (mut left_at, mut right_at) = (left.start, right.start);
        for (left_line, right_line) in anchors {
            regions.push((left_at..left_line, right_at..right_line, divisions + 1));
            pairs.push((left_line, right_line));
            (left_at, right_at) = (left_line + 1, right_line + 1);
        }
        regions.push((left_at..left.end, right_at..right.end, divisions + 1));
    }
    pairs.sort_unstable();
    pairs
}

/// The lines that occur once on either side, in the order of the left.
fn unique(old: &[&[u8]], new: &[&[u8]], left: &Range<usize>, right: &Range<usize>) -> Vec<(usize, usize)> {
    let mut seen: HashMap<&[u8], (usize, usize, usize)> = HashMap::new();
    for line in &old[left.clone()] {
        seen.entry(line).or_default().0 += 1;
    }
    for index in right.clone() {
        if let Some(entry) = seen.get_mut(new[index]) {
            entry.1 += 1;
            entry.2 = index;
        }
    }
    let once = left.clone().filter_map(|index| match seen.get(old[index]) {
        Some((1, 1, other)) => Some((index, *other)),
        _ => None,
    });
    once.collect()
}

/// The longest choice of pairs that ascends on the right too.
fn ascending(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // Of each length the pair that ends the choice lowest, and for each pair the one before it.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, (_, right)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1 < *right);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() {
            ends.push(index);
        } else {
            ends[length] = index;
        }
    }
    let mut chosen: Vec<(usize, usize)> = std::iter::successors(ends.last().copied(), |index| before[*index])
        .map(|index| pairs[index])
        .collect();
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests;

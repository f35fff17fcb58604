//! A rule by its name, and what it reports to.

use std::fmt::Write as _;

use super::{
    finding::Finding,
    view::{FileView, Place},
};

/// A rule that can be asked for by name.
#[derive(Debug)]
pub(crate) struct Rule<Check> {
    /// The name that buf gave it.
    pub(crate) name: &'static str,
    /// What it can be asked for with.
    pub(crate) categories: &'static [&'static str],
    /// What it demands.
    pub(crate) purpose: &'static str,
    pub(crate) check: Check,
}

/// A table of rules: for each its categories, its name, the function that checks it, and its purpose.
macro_rules! rule_table {
    (
        $(#[$doc:meta])* $visibility:vis $table:ident: $check:ty;
        $($categories:ident $name:literal $function:path, $purpose:literal;)*
    ) => {
        $(#[$doc])*
        $visibility const $table: &[$crate::check::rule::Rule<$check>] = &[$(
            $crate::check::rule::Rule { name: $name, categories: $categories, purpose: $purpose, check: $function },
        )*];
    };
}

pub(crate) use rule_table;

/// The rules that are asked for by their names or those of their categories, in the order of the table.
///
/// # Errors
/// A name that neither a rule nor a category has.
pub(crate) fn select<'a, Check>(
    table: &'a [Rule<Check>],
    wanted: &[String],
    except: &[String],
) -> Result<Vec<&'a Rule<Check>>, String> {
    let is_named = |rule: &Rule<Check>, name: &String| {
        rule.name == name || rule.categories.iter().any(|category| category == name)
    };
    for name in wanted.iter().chain(except) {
        if !table.iter().any(|rule| is_named(rule, name)) {
            return Err(format!("There is no rule or category {name}. --list-rules shows all."));
        }
    }
    let chosen = |rule: &&Rule<Check>| {
        wanted.iter().any(|name| is_named(rule, name)) && !except.iter().any(|name| is_named(rule, name))
    };
    Ok(table.iter().filter(chosen).collect())
}

/// What the rules find. `ignore_prefix` is that of [`Report::new`].
pub(crate) fn apply<Check>(
    rules: &[&Rule<Check>],
    ignore_prefix: Option<&str>,
    run: impl Fn(&Check, &mut Report),
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in rules {
        let mut report = Report::new(rule.name, ignore_prefix);
        run(&rule.check, &mut report);
        findings.extend(report.findings);
    }
    findings
}

/// All rules for `--list-rules`: name, categories and purpose.
pub(crate) fn list<Check>(table: &[Rule<Check>]) -> String {
    let name_width = table.iter().map(|rule| rule.name.len()).max().unwrap_or_default();
    let categories: Vec<String> = table.iter().map(|rule| rule.categories.join(", ")).collect();
    let category_width = categories.iter().map(String::len).max().unwrap_or_default();
    let mut out = String::new();
    for (rule, categories) in table.iter().zip(categories) {
        let Rule { name, purpose, .. } = rule;
        let _infallible = writeln!(out, "{name:name_width$}  {categories:category_width$}  {purpose}");
    }
    out
}

/// Takes what one rule finds.
#[derive(Debug)]
pub(crate) struct Report {
    rule: &'static str,
    /// What a comment starts with that lets this rule pass; none where comments have no say.
    ignore: Option<String>,
    findings: Vec<Finding>,
}

impl Report {
    /// For the findings of the named rule. A comment that starts with `ignore_prefix` and the name of the rule lets
    /// what it stands above pass.
    fn new(rule: &'static str, ignore_prefix: Option<&str>) -> Self {
        let ignore = ignore_prefix.map(|prefix| format!("{prefix} {rule}"));
        Self { rule, ignore, findings: Vec::new() }
    }

    /// Something is wrong with the element of a path. Where the element has no place, the file as a whole has it.
    pub(crate) fn at(&mut self, file: &FileView<'_>, path: &[u32], message: String, suggestion: String) {
        if let Some(ignore) = &self.ignore {
            let ignores = |comment: &str| comment.lines().any(|line| line.trim().starts_with(ignore));
            if file.comments_around(path).any(ignores) {
                return;
            }
        }
        let place = file.place(path).unwrap_or(Place::START);
        self.push(file.shown.clone(), place, message, suggestion);
    }

    /// Something is wrong with the element of the first of the paths that has a place.
    pub(crate) fn at_first(
        &mut self,
        file: &FileView<'_>,
        paths: &[&[u32]],
        message: String,
        suggestion: String,
    ) {
        match paths.iter().find(|path| file.place(path).is_some()) {
            Some(path) => self.at(file, path, message, suggestion),
            None => self.about(file, message, suggestion),
        }
    }

    /// Something is wrong with a file as a whole.
    pub(crate) fn about(&mut self, file: &FileView<'_>, message: String, suggestion: String) {
        self.push(file.shown.clone(), Place::START, message, suggestion);
    }

    /// A file is missing.
    pub(crate) fn about_none(&mut self, message: String, suggestion: String) {
        self.push(String::new(), Place::START, message, suggestion);
    }

    fn push(&mut self, file: String, place: Place, message: String, suggestion: String) {
        self.findings.push(Finding { file, place, rule: self.rule, message, suggestion });
    }
}

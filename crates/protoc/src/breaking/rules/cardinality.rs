//! Rules about how often a field may be there, and whether its being there can be told.

use crate::{
    breaking::pairs::{Context, FieldIn},
    check::rule::Report,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cardinality {
    Explicit,
    Implicit,
    Required,
    Repeated,
    Map,
}

impl Cardinality {
    fn of(field: &FieldIn<'_>) -> Self {
        let FieldIn { version, field, .. } = field;
        let message = field.ty.message();
        if field.is_repeated() {
            let is_map = message.is_some_and(|id| version.pool.message(id).map_entry);
            return if is_map { Self::Map } else { Self::Repeated };
        }
        if field.is_required() {
            return Self::Required;
        }
        // Where a field is a message, in a oneof or an extension, it can always be told.
        let is_told = message.is_some() || field.oneof.is_some() || field.extendee.is_some();
        if is_told || !field.features.is_implicit() { Self::Explicit } else { Self::Implicit }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Explicit => "optional with explicit presence",
            Self::Implicit => "optional with implicit presence",
            Self::Required => "required",
            Self::Repeated => "repeated",
            Self::Map => "a map",
        }
    }

    /// What cannot be told apart on the wire.
    fn on_the_wire(self) -> Self {
        match self {
            Self::Implicit => Self::Explicit,
            Self::Map => Self::Repeated,
            other => other,
        }
    }

    /// What cannot be told apart on the wire or in JSON, where maps are objects.
    fn in_json(self) -> Self {
        match self {
            Self::Implicit => Self::Explicit,
            other => other,
        }
    }
}

fn compare(context: &Context<'_>, report: &mut Report, form: impl Fn(Cardinality) -> Cardinality) {
    for (old, new) in context.fields() {
        // Presence means nothing for the keys and values of maps.
        if old.in_map_entry() && new.in_map_entry() {
            continue;
        }
        let (was, is) = (Cardinality::of(&old), Cardinality::of(&new));
        if form(was) != form(is) {
            report.at(
                new.file,
                &new.path,
                format!("the {} was {} and is now {}", new.described(), was.words(), is.words()),
                format!("keep it {}", was.words()),
            );
        }
    }
}

pub(super) fn same(context: &Context<'_>, report: &mut Report) {
    compare(context, report, |cardinality| cardinality);
}

pub(super) fn wire_json_compatible(context: &Context<'_>, report: &mut Report) {
    compare(context, report, Cardinality::in_json);
}

pub(super) fn wire_compatible(context: &Context<'_>, report: &mut Report) {
    compare(context, report, Cardinality::on_the_wire);
}

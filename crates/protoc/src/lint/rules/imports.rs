//! Rules about imports.

use crate::{ast::ImportKind, check::rule::Report, ir::Import, lint::Context};

/// Reports the imports that are as they should not be.
fn each(
    context: &Context<'_>,
    report: &mut Report,
    is_wrong: impl Fn(&Import) -> bool,
    describe: impl Fn(&Import) -> (String, String),
) {
    for file in context.files {
        for (index, import) in file.file.imports.iter().enumerate().filter(|(_, import)| is_wrong(import)) {
            let (message, suggestion) = describe(import);
            report.at(file, &file.import_path(index), message, suggestion);
        }
    }
}

pub(super) fn no_public(context: &Context<'_>, report: &mut Report) {
    let is_public = |import: &Import| import.kind == ImportKind::Public;
    each(context, report, is_public, |import| {
        let message = format!("the import \"{}\" is public", import.path);
        (message, "import it plainly, and in each file that uses it".to_owned())
    });
}

pub(super) fn no_weak(context: &Context<'_>, report: &mut Report) {
    let is_weak = |import: &Import| import.kind == ImportKind::Weak;
    each(context, report, is_weak, |import| {
        (format!("the import \"{}\" is weak", import.path), "import it plainly".to_owned())
    });
}

pub(super) fn used(context: &Context<'_>, report: &mut Report) {
    each(
        context,
        report,
        |import| import.unused,
        |import| (format!("the import \"{}\" is not used", import.path), "remove it".to_owned()),
    );
}

//! Rules about services and their methods.

use crate::{
    breaking::pairs::{Context, MethodIn, Pair, without_dot},
    check::{
        rule::Report,
        view::{join, number},
    },
    ir::{Method, MethodType},
};

/// `MethodDescriptorProto.options`, and `MethodOptions.idempotency_level` in them.
const OPTIONS: u32 = 4;
const IDEMPOTENCY_LEVEL: u32 = 34;

pub(super) fn service_no_delete(context: &Context<'_>, report: &mut Report) {
    for (old, new) in context.files() {
        for view in &old.services {
            let name = &view.service.name;
            if !new.services.iter().any(|view| view.service.name == *name) {
                report.about(
                    new,
                    format!("the service \"{name}\" was deleted from the file"),
                    "keep it, deprecated".to_owned(),
                );
            }
        }
    }
}

pub(super) fn no_delete(context: &Context<'_>, report: &mut Report) {
    for Pair { old, new } in context.services() {
        let service = new.element.service;
        for method in &old.element.service.methods {
            if !service.methods.iter().any(|other| other.name == method.name) {
                report.at(
                    new.file,
                    &new.element.path,
                    format!("the method \"{}\" of the service \"{}\" was deleted", method.name, service.name),
                    "keep it, deprecated".to_owned(),
                );
            }
        }
    }
}

/// Reports methods of which something is no longer as it was.
fn same(
    context: &Context<'_>,
    report: &mut Report,
    what: &str,
    value: impl Fn(&Method) -> &str,
    part: &[u32],
) {
    for (service, old, new) in context.methods() {
        let (was, is) = (value(old.method), value(new.method));
        if was != is {
            let MethodIn { file, method, path } = &new;
            report.at(
                file,
                &join(path, part),
                format!(
                    "the method \"{}\" of the service \"{service}\" changed {what} from {was} to {is}",
                    method.name
                ),
                format!("keep {was}, or add another method"),
            );
        }
    }
}

fn streaming(ty: &MethodType) -> &'static str {
    if ty.stream { "streaming" } else { "unary" }
}

pub(super) fn same_client_streaming(context: &Context<'_>, report: &mut Report) {
    same(context, report, "its requests", |method| streaming(&method.input), &[]);
}

pub(super) fn same_server_streaming(context: &Context<'_>, report: &mut Report) {
    same(context, report, "its responses", |method| streaming(&method.output), &[]);
}

pub(super) fn same_request_type(context: &Context<'_>, report: &mut Report) {
    same(
        context,
        report,
        "its request type",
        |method| without_dot(&method.input.name),
        &[number::INPUT_TYPE],
    );
}

pub(super) fn same_response_type(context: &Context<'_>, report: &mut Report) {
    same(
        context,
        report,
        "its response type",
        |method| without_dot(&method.output.name),
        &[number::OUTPUT_TYPE],
    );
}

pub(super) fn same_idempotency_level(context: &Context<'_>, report: &mut Report) {
    same(context, report, "idempotency_level", idempotency_level, &[OPTIONS, IDEMPOTENCY_LEVEL]);
}

fn idempotency_level(method: &Method) -> &str {
    match method.options.value.varint(IDEMPOTENCY_LEVEL) {
        Some(1) => "NO_SIDE_EFFECTS",
        Some(2) => "IDEMPOTENT",
        _ => "IDEMPOTENCY_UNKNOWN",
    }
}

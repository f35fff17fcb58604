//! Rules about methods of services.

use std::collections::BTreeMap;

use super::check_name;
use crate::{
    check::{
        names,
        rule::Report,
        view::{FileView, Path, join, number},
    },
    ir::{Method, MethodType, Service},
    lint::Context,
};

const EMPTY: &str = "google.protobuf.Empty";

/// A method and where it stands.
pub(super) struct Rpc<'a> {
    pub(super) file: &'a FileView<'a>,
    service: &'a Service,
    pub(super) method: &'a Method,
    pub(super) path: Path,
}

impl Rpc<'_> {
    fn request(&self) -> &str {
        type_name(&self.method.input)
    }

    fn response(&self) -> &str {
        type_name(&self.method.output)
    }
}

/// The full name of a method's type, without the dot in front of it.
fn type_name(ty: &MethodType) -> &str {
    ty.name.strip_prefix('.').unwrap_or(&ty.name)
}

/// All methods of all services.
pub(super) fn all<'a>(context: &'a Context<'a>) -> Vec<Rpc<'a>> {
    let mut out = Vec::new();
    for file in context.files {
        for view in &file.services {
            for (index, method) in view.service.methods.iter().enumerate() {
                out.push(Rpc { file, service: view.service, method, path: view.method_path(index) });
            }
        }
    }
    out
}

pub(super) fn pascal_case(context: &Context<'_>, report: &mut Report) {
    for rpc in all(context) {
        let name = &rpc.method.name;
        let expected = names::pascal_case(name);
        check_name(report, rpc.file, &rpc.path, "method", name, "PascalCase", &expected);
    }
}

pub(super) fn request_response_unique(context: &Context<'_>, report: &mut Report) {
    let settings = context.settings;
    let rpcs = all(context);
    let mut users: BTreeMap<&str, Vec<&Rpc<'_>>> = BTreeMap::new();
    for rpc in &rpcs {
        let (request, response) = (rpc.request(), rpc.response());
        users.entry(request).or_default().push(rpc);
        if request != response {
            users.entry(response).or_default().push(rpc);
            continue;
        }
        let both_may_be_empty = settings.allow_empty_requests && settings.allow_empty_responses;
        let may_be_same = settings.allow_same_request_response || (request == EMPTY && both_may_be_empty);
        if !may_be_same {
            report.at(
                rpc.file,
                &rpc.path,
                format!(
                    "the method \"{}\" has the type \"{request}\" for requests and responses",
                    rpc.method.name
                ),
                "give it two types".to_owned(),
            );
        }
    }
    for (name, users) in users {
        if name != EMPTY || !(settings.allow_empty_requests || settings.allow_empty_responses) {
            shared(&users, name, "requests or responses", report);
            continue;
        }
        // What remains forbidden of an allowed half is to use it twice for the other.
        let of = |is_user: &dyn Fn(&Rpc<'_>) -> bool| -> Vec<&Rpc<'_>> {
            users.iter().copied().filter(|rpc| is_user(rpc)).collect()
        };
        if !settings.allow_empty_requests {
            shared(&of(&|rpc| rpc.request() == EMPTY), name, "requests", report);
        }
        if !settings.allow_empty_responses {
            shared(&of(&|rpc| rpc.response() == EMPTY), name, "responses", report);
        }
    }
}

/// Reports each of several methods that use the same type.
fn shared(users: &[&Rpc<'_>], name: &str, what: &str, report: &mut Report) {
    if users.len() < 2 {
        return;
    }
    for rpc in users {
        report.at(
            rpc.file,
            &rpc.path,
            format!("the type \"{name}\" is that of the {what} of {} methods", users.len()),
            format!("give the method \"{}\" types of its own", rpc.method.name),
        );
    }
}

pub(super) fn request_standard_name(context: &Context<'_>, report: &mut Report) {
    let allow_empty = context.settings.allow_empty_requests;
    for rpc in all(context) {
        standard_name(&rpc, rpc.request(), number::INPUT_TYPE, "Request", allow_empty, report);
    }
}

pub(super) fn response_standard_name(context: &Context<'_>, report: &mut Report) {
    let allow_empty = context.settings.allow_empty_responses;
    for rpc in all(context) {
        standard_name(&rpc, rpc.response(), number::OUTPUT_TYPE, "Response", allow_empty, report);
    }
}

fn standard_name(
    rpc: &Rpc<'_>,
    full_name: &str,
    number: u32,
    suffix: &str,
    allow_empty: bool,
    report: &mut Report,
) {
    if allow_empty && full_name == EMPTY {
        return;
    }
    let name = full_name.rsplit('.').next().unwrap_or(full_name);
    let short = names::pascal_case(&rpc.method.name) + suffix;
    let long = names::pascal_case(&rpc.service.name) + &short;
    if name != short && name != long {
        report.at(
            rpc.file,
            &join(&rpc.path, &[number]),
            format!("the {} type of the method \"{}\" is \"{name}\"", suffix.to_lowercase(), rpc.method.name),
            format!("call it \"{short}\" or \"{long}\""),
        );
    }
}

pub(super) fn no_client_streaming(context: &Context<'_>, report: &mut Report) {
    no_streaming(context, report, "requests", |method| method.input.stream);
}

pub(super) fn no_server_streaming(context: &Context<'_>, report: &mut Report) {
    no_streaming(context, report, "responses", |method| method.output.stream);
}

fn no_streaming(
    context: &Context<'_>,
    report: &mut Report,
    what: &str,
    is_streaming: impl Fn(&Method) -> bool,
) {
    for rpc in all(context).iter().filter(|rpc| is_streaming(rpc.method)) {
        report.at(
            rpc.file,
            &rpc.path,
            format!("the method \"{}\" has a stream of {what}", rpc.method.name),
            "make it unary".to_owned(),
        );
    }
}

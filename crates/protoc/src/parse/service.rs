//! Services and their methods.

use super::{GaveUp, Parsed, Parser};
use crate::ast::{Ident, Method, OptionAssign, Service, ServiceItem, Span, TypePath};

impl Parser<'_> {
    pub(super) fn service(&mut self) -> Parsed<Service> {
        let first = self.index();
        self.consume("service")?;
        let token = self.index();
        let name = Ident { text: self.identifier("Expected service name.")?, token };
        let open = self.index();
        self.consume("{")?;
        let mut items = Vec::new();
        while !self.try_consume("}") {
            if self.at_end() {
                return self.fail("Reached end of input in service definition (missing '}').");
            }
            if self.try_consume(";") {
                continue;
            }
            let item = if self.looking_at("option") {
                self.option_statement().map(ServiceItem::Option)
            } else {
                self.method().map(ServiceItem::Method)
            };
            match item {
                Ok(item) => items.push(item),
                Err(GaveUp) => self.skip_statement(),
            }
        }
        Ok(Service { name, items, span: self.since(first), open })
    }

    fn method(&mut self) -> Parsed<Method> {
        let first = self.index();
        self.consume("rpc")?;
        let token = self.index();
        let name = Ident { text: self.identifier("Expected method name.")?, token };
        let (client_stream, input) = self.method_type()?;
        self.consume("returns")?;
        let (server_stream, output) = self.method_type()?;
        let mut options = Vec::new();
        let open = self.looking_at("{").then(|| self.index());
        if open.is_some() {
            options = self.method_options()?;
        } else {
            self.consume(";")?;
        }
        let span = Span { ..self.since(first) };
        Ok(Method { name, input, output, client_stream, server_stream, options, open, span })
    }

    fn method_type(&mut self) -> Parsed<(Option<u32>, TypePath)> {
        self.consume("(")?;
        let token = self.index();
        let stream = self.try_consume("stream").then_some(token);
        let path = self.type_path()?;
        self.consume(")")?;
        Ok((stream, path))
    }

    fn method_options(&mut self) -> Parsed<Vec<OptionAssign>> {
        self.consume("{")?;
        let mut options = Vec::new();
        while !self.try_consume("}") {
            if self.at_end() {
                return self.fail("Reached end of input in method options (missing '}').");
            }
            if self.try_consume(";") {
                continue;
            }
            match self.option_statement() {
                Ok(option) => options.push(option),
                Err(GaveUp) => self.skip_statement(),
            }
        }
        Ok(options)
    }
}

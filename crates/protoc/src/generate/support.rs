//! Which dialects of the language a generator knows.

use super::{Request, RequestFile};
use crate::{raw, text::edition_name};

/// What a generator says that it knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Support {
    /// `optional` in proto3.
    pub(crate) proto3_optional: bool,
    /// The first and the last edition, as `google.protobuf.Edition` numbers them; none where it knows no editions.
    pub(crate) editions: Option<(i32, i32)>,
}

/// What Carom's own generators know: as much as those of the protoc whose code they write.
pub(crate) const BUILT_IN: Support = Support { proto3_optional: true, editions: Some((998, 1001)) };

impl Support {
    /// Checks that the generator knows the dialects of all files to generate for.
    pub(crate) fn check(&self, request: &Request, generator: &str) -> Result<(), String> {
        for file in request.to_generate.iter().map(|index| &request.files[*index]) {
            self.check_file(file, generator)?;
        }
        Ok(())
    }

    fn check_file(&self, file: &RequestFile, generator: &str) -> Result<(), String> {
        let name = &file.name;
        if !self.proto3_optional && raw::all(&file.descriptor, 4).any(uses_optional) {
            return Err(format!(
                "{name}: is a proto3 file that contains optional fields, but code generator {generator} hasn't been \
                 updated to support optional fields in proto3. Please ask the owner of this code generator to support \
                 proto3 optional."
            ));
        }
        let edition = raw::varints(&file.embedded, 14).last().unwrap_or(0);
        if edition == 0 {
            return Ok(());
        }
        let Some((first, last)) = self.editions else {
            return Err(format!(
                "{name}: is an editions file, but code generator {generator} hasn't been updated to support editions \
                 yet.  Please ask the owner of this code generator to add support or switch back to \
                 proto2/proto3.\n\nSee https://protobuf.dev/editions/overview/ for more information."
            ));
        };
        let number = |edition: i32| u64::try_from(edition).unwrap_or(0);
        let shown = edition_name(edition);
        let beyond = format!(
            "{name}: is a file using edition {shown}, which isn't supported by code generator {generator}.  Please"
        );
        if edition < number(first) {
            return Err(format!(
                "{beyond} upgrade your file to at least edition {}.",
                edition_name(number(first))
            ));
        }
        if edition > number(last) {
            return Err(format!(
                "{beyond} ask the owner of this code generator to add support or switch back to a maximum of edition \
                 {}.",
                edition_name(number(last))
            ));
        }
        Ok(())
    }
}

/// Whether a message or one in it has a field with `FieldDescriptorProto.proto3_optional`.
fn uses_optional(message: &[u8]) -> bool {
    raw::all(message, 2).any(|field| raw::varints(field, 17).last() == Some(1))
        || raw::all(message, 3).any(uses_optional)
}

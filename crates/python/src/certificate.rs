//! Names in certificates: the little of X.509 that handlers ask for. The certificates were verified by the handshake;
//! here they are only read.

/// The names of a certificate's subject.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// The common names of the subject.
    pub(crate) common: Vec<Vec<u8>>,
    /// The subject alternative names: DNS names, URIs, mail addresses; IP addresses as text.
    pub(crate) alternative: Vec<Vec<u8>>,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
/// `[3]`, constructed: the extensions of a TBSCertificate (RFC 5280 §4.1).
const EXTENSIONS: u8 = 0xa3;
/// id-at-commonName, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// id-ce-subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// Reads DER elements one after the other; ends at the first that is malformed.
struct Der<'a>(&'a [u8]);

impl<'a> Iterator for Der<'a> {
    /// Tag and contents.
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut len = usize::from(first);
        if first >= 0x80 {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 || rest.len() < count {
                return None;
            }
            let (digits, after) = rest.split_at(count);
            len = digits.iter().fold(0, |len, &digit| len << 8 | usize::from(digit));
            rest = after;
        }
        if rest.len() < len {
            return None;
        }
        let (contents, after) = rest.split_at(len);
        self.0 = after;
        Some((tag, contents))
    }
}

/// The names of a certificate in DER. What cannot be read has no names.
pub(crate) fn names(certificate: &[u8]) -> Names {
    let mut names = Names::default();
    let Some(fields) = Der(certificate).next().and_then(|(_, inner)| Der(inner).next()) else { return names };
    // version [0], serial, signature, issuer, validity, subject, key, …: the subject is the third sequence of them
    // after the signature's (RFC 5280 §4.1).
    let mut sequences = 0;
    for (tag, contents) in Der(fields.1) {
        match tag {
            SEQUENCE => {
                sequences += 1;
                if sequences == 4 {
                    names.common = common_names(contents);
                }
            }
            EXTENSIONS => names.alternative = alternative_names(contents),
            _ => {}
        }
    }
    names
}

fn common_names(subject: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for (_, set) in Der(subject).filter(|(tag, _)| *tag == SET) {
        for (_, attribute) in Der(set) {
            let mut parts = Der(attribute);
            if parts.next() == Some((OBJECT_IDENTIFIER, COMMON_NAME))
                && let Some((_, value)) = parts.next()
            {
                found.push(value.to_vec());
            }
        }
    }
    found
}

fn alternative_names(extensions: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let Some((_, list)) = Der(extensions).next() else { return found };
    for (_, extension) in Der(list) {
        let mut parts = Der(extension);
        if parts.next() != Some((OBJECT_IDENTIFIER, SUBJECT_ALT_NAME)) {
            continue;
        }
        let Some((_, value)) = parts.find(|(tag, _)| *tag == OCTET_STRING) else { continue };
        let Some((_, general_names)) = Der(value).next() else { continue };
        for (tag, name) in Der(general_names) {
            match tag {
                // rfc822Name, dNSName, uniformResourceIdentifier.
                0x81 | 0x82 | 0x86 => found.push(name.to_vec()),
                0x87 => found.extend(address(name)),
                _ => {}
            }
        }
    }
    found
}

fn address(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        std::net::Ipv4Addr::from(v4).to_string()
    } else {
        std::net::Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string()
    };
    Some(text.into_bytes())
}

/// A certificate as PEM.
pub(crate) fn pem(certificate: &[u8]) -> Vec<u8> {
    /// Characters a line (RFC 7468 §2).
    const LINE: usize = 64;
    let text = base64(certificate);
    let mut out = b"-----BEGIN CERTIFICATE-----\n".to_vec();
    for line in text.chunks(LINE) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.extend_from_slice(b"-----END CERTIFICATE-----\n");
    out
}

fn base64(data: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::with_capacity(data.len().div_ceil(3) * 4);
    for chunk in data.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            if digit <= chunk.len() {
                out.push(ALPHABET[(bits >> (18 - 6 * digit)) as usize & 63]);
            } else {
                out.push(b'=');
            }
        }
    }
    out
}

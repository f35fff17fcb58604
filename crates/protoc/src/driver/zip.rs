//! Archives without compression, which is what an output location ending in `.zip` or `.jar` becomes.

use std::collections::BTreeMap;

const LOCAL_HEADER: u32 = 0x0403_4b50;
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const END_OF_DIRECTORY: u32 = 0x0605_4b50;
/// Version 1.0 of the format.
const VERSION: u16 = 10;

/// 1 January 1980.
const FIRST_DAY: u16 = 1 << 5 | 1;

const MANIFEST: &str = "META-INF/MANIFEST.MF";
const MANIFEST_TEXT: &str = "Manifest-Version: 1.0\nCreated-By: 1.6.0 (protoc)\n\n";

/// An archive of the files by name, with a manifest in front if it is to be a `.jar`.
pub(super) fn archive(files: &BTreeMap<String, Vec<u8>>, manifest: bool) -> Vec<u8> {
    let manifest = manifest.then_some((MANIFEST, MANIFEST_TEXT.as_bytes()));
    let files = files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
    let (mut out, mut directory, mut count) = (Vec::new(), Vec::new(), 0u16);
    for (name, content) in manifest.into_iter().chain(files) {
        let offset = out.len() as u32;
        let checksum = crc32(content);
        out.extend(LOCAL_HEADER.to_le_bytes());
        out.extend(common(name, content, checksum));
        out.extend(name.as_bytes());
        out.extend(content);
        directory.extend(CENTRAL_HEADER.to_le_bytes());
        directory.extend(VERSION.to_le_bytes());
        directory.extend(common(name, content, checksum));
        // No comment, one disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
        count += 1;
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(END_OF_DIRECTORY.to_le_bytes());
    out.extend([0; 4]);
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

/// What the two headers of a file share: from the version needed to the length of the extra field.
fn common(name: &str, content: &[u8], checksum: u32) -> Vec<u8> {
    let size = content.len() as u32;
    let mut out = Vec::new();
    out.extend(VERSION.to_le_bytes());
    // No flags, stored, midnight of the first day that the format knows.
    out.extend([0; 6]);
    out.extend(FIRST_DAY.to_le_bytes());
    out.extend(checksum.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend((name.len() as u16).to_le_bytes());
    out.extend([0; 2]);
    out
}

/// The checksum of zip files: CRC-32 with the reversed polynomial.
fn crc32(bytes: &[u8]) -> u32 {
    let mut table = [0u32; 256];
    for (index, slot) in (0u32..).zip(&mut table) {
        *slot = (0..8).fold(index, |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()));
    }
    !bytes.iter().fold(!0u32, |crc, byte| (crc >> 8) ^ table[((crc ^ u32::from(*byte)) & 0xff) as usize])
}

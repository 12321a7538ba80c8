//! Bytes of a connection, cut into records without being copied.
//!
//! A record that arrives in parts is handed on in parts. Source: FastCGI 1.0 section 3.3.

use std::io;

/// How much of a record is still to come.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    header: [u8; HEADER],
    /// Bytes of the header that are there.
    have: usize,
    content: usize,
    padding: usize,
}

/// A part of the content of a record: all of it, when the record arrived in one piece.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Piece<'a> {
    pub(crate) kind: u8,
    pub(crate) id: u16,
    pub(crate) bytes: &'a [u8],
}

impl Framing {
    /// Takes the next bytes of the connection, and hands on each piece in them; of an empty record, an empty one.
    ///
    /// # Errors
    /// When they are no FastCGI, and those of `take`.
    pub(crate) fn feed<'a>(
        &mut self,
        mut bytes: &'a [u8],
        mut take: impl FnMut(Piece<'a>) -> io::Result<()>,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.have < HEADER {
                let part = cut(&mut bytes, HEADER - self.have);
                self.header[self.have..][..part.len()].copy_from_slice(part);
                self.have += part.len();
                if self.have < HEADER {
                    return Ok(());
                }
                self.begin()?;
                if self.content == 0 {
                    take(self.piece(&[]))?;
                }
            } else if self.content > 0 {
                let part = cut(&mut bytes, self.content);
                self.content -= part.len();
                take(self.piece(part))?;
            } else {
                self.padding -= cut(&mut bytes, self.padding).len();
            }
            if self.content + self.padding == 0 {
                self.have = 0;
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        let [version, _, _, _, length1, length0, padding, _] = self.header;
        if version != 1 {
            return Err(io::Error::other(format!("no record of FastCGI 1.0: {:?}", self.header)));
        }
        self.content = usize::from(u16::from_be_bytes([length1, length0]));
        self.padding = usize::from(padding);
        Ok(())
    }

    fn piece<'a>(&self, bytes: &'a [u8]) -> Piece<'a> {
        let [_, kind, id1, id0, ..] = self.header;
        Piece { kind, id: u16::from_be_bytes([id1, id0]), bytes }
    }
}

/// Takes up to so many bytes from the front.
fn cut<'a>(bytes: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (part, rest) = bytes.split_at(most.min(bytes.len()));
    *bytes = rest;
    part
}

/// FastCGI 1.0 section 8.
const HEADER: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// Two records with padding, and an empty one.
    const BYTES: &[u8] = &[
        1, 6, 0, 2, 0, 3, 5, 0, b'a', b'b', b'c', 0, 0, 0, 0, 0, //
        1, 6, 0, 2, 0, 0, 0, 0, //
        1, 3, 1, 2, 0, 2, 1, 0, 7, 8, 9,
    ];

    #[test]
    fn records_are_the_same_in_any_cut() {
        for size in 1..=BYTES.len() {
            let mut framing = Framing::default();
            let mut found: Vec<(u8, u16, Vec<u8>)> = Vec::new();
            for part in BYTES.chunks(size) {
                let join = |piece: Piece<'_>| {
                    match found.last_mut() {
                        Some((kind, id, content))
                            if (*kind, *id) == (piece.kind, piece.id) && !piece.bytes.is_empty() =>
                        {
                            content.extend_from_slice(piece.bytes);
                        }
                        _ => found.push((piece.kind, piece.id, piece.bytes.to_vec())),
                    }
                    Ok(())
                };
                framing.feed(part, join).unwrap();
            }
            let expected = [(6, 2, b"abc".to_vec()), (6, 2, Vec::new()), (3, 0x102, vec![7, 8])];
            assert_eq!(found, expected, "in cuts of {size}");
        }
    }

    #[test]
    fn other_protocols_are_found_out() {
        assert!(Framing::default().feed(b"HTTP/1.1", |_| Ok(())).is_err());
    }
}

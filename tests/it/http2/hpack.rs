//! HPACK (RFC 7541) as far as it takes to see how a client wrote each header field.

/// How a field was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// By its place in a table.
    Indexed,
    /// In full, and put into the dynamic table, which later requests refer to.
    AndIndexed,
    /// In full; the next hop may index it.
    NotIndexed,
    /// In full; nobody may index it, at any hop.
    NeverIndexed,
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) written: Written,
    /// Empty if it is in a table.
    name: String,
    /// The name's place in a table.
    name_index: usize,
    /// Empty if it is in a table.
    pub(super) value: String,
}

impl Field {
    pub(super) fn name(&self) -> &str {
        // RFC 7541, appendix A.
        if self.name_index == 23 {
            "authorization"
        } else {
            &self.name
        }
    }
}

/// The fields of a header block, in its order.
pub(super) fn decode(mut block: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    while let Some(&first) = block.first() {
        let (written, prefix) = match first {
            0x80.. => (Written::Indexed, 7),
            0x40.. => (Written::AndIndexed, 6),
            0x20.. => {
                integer(&mut block, 5); // a new size of the table, no field
                continue;
            }
            0x10.. => (Written::NeverIndexed, 4),
            _ => (Written::NotIndexed, 4),
        };
        let name_index = integer(&mut block, prefix);
        let (mut name, mut value) = (String::new(), String::new());
        if written != Written::Indexed {
            if name_index == 0 {
                name = string(&mut block);
            }
            value = string(&mut block);
        }
        fields.push(Field {
            written,
            name,
            name_index,
            value,
        });
    }
    fields
}

/// Section 5.1.
fn integer(block: &mut &[u8], prefix: u32) -> usize {
    let mut next = || {
        let (first, rest) = block.split_first().expect("a whole integer");
        *block = rest;
        usize::from(*first)
    };
    let all_ones = (1 << prefix) - 1;
    let mut value = next() & all_ones;
    if value == all_ones {
        let mut shift = 0;
        loop {
            let byte = next();
            value += (byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    value
}

/// Section 5.2.
fn string(block: &mut &[u8]) -> String {
    let is_huffman = block[0] & 0x80 != 0;
    let len = integer(block, 7);
    let (bytes, rest) = block.split_at(len);
    *block = rest;
    if is_huffman {
        huffman(bytes)
    } else {
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}

/// Appendix B as far as 8 bits, which is all that the fields of these tests are written with. The code is canonical: of one
/// length, from a first one on, characters are in their own order.
const OF_LENGTH: [(u32, usize, &str); 4] = [
    (5, 0x00, "012aceiost"),
    (6, 0x14, " %-./3456789=A_bdfghlmnpru"),
    (7, 0x5c, ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, 0xf8, "&*,;XZ"),
];

fn huffman(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut bits = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| usize::from(byte >> bit & 1)));
    let (mut code, mut len) = (0_usize, 0);
    loop {
        let of_length = OF_LENGTH.iter().find(|(length, ..)| *length == len);
        let found = of_length
            .and_then(|&(_, first, characters)| characters.chars().nth(code.checked_sub(first)?));
        if let Some(character) = found {
            text.push(character);
            (code, len) = (0, 0);
        }
        let Some(bit) = bits.next() else { break };
        code = code << 1 | bit;
        len += 1;
    }
    // What is left over is padding: the most significant bits of the end-of-string symbol, which are ones.
    assert!(
        len < 8 && code == (1 << len) - 1,
        "{text} and then a character of more than 8 bits"
    );
    text
}

/// RFC 7541, appendix C.4: what others wrote down is read as they say.
#[test]
fn the_examples_of_the_rfc_are_read() {
    let block = [
        0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90,
        0xf4, 0xff,
    ];
    let fields = decode(&block);
    assert_eq!(fields.len(), 4);
    assert_eq!(fields[3].written, Written::AndIndexed);
    assert_eq!(fields[3].value, "www.example.com");
    let block = [
        0x40, 0x88, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f, 0x89, 0x25, 0xa8, 0x49, 0xe9,
        0x5b, 0xb8, 0xe8, 0xb4, 0xbf,
    ];
    let field = decode(&block).remove(0);
    assert_eq!(
        (field.name(), &*field.value),
        ("custom-key", "custom-value")
    );
    // C.2.3, a password that is never indexed, and C.1.2, an integer of three bytes.
    let block = b"\x10\x08password\x06secret";
    let field = decode(block).remove(0);
    assert_eq!((field.name(), &*field.value), ("password", "secret"));
    assert_eq!(field.written, Written::NeverIndexed);
    assert_eq!(integer(&mut &[0x1f, 0x9a, 0x0a][..], 5), 1_337);
}

//! What rows are made of, clean and dirty.

use proptest::prelude::*;

use super::*;

fn read(text: &[u8]) -> (Vec<Vec<String>>, Vec<(u64, &'static str)>) {
    let mut rows = Rows::open(Box::new(io::Cursor::new(text.to_vec())), b',', None).unwrap();
    let mut row = Row::default();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    loop {
        match rows.next(&mut row).unwrap() {
            Step::End => return (good, bad),
            Step::Bad(line, reason) => bad.push((line, reason)),
            Step::Row if row.is_empty() => {}
            Step::Row => good.push((0..row.len()).map(|i| row.at(Some(i)).to_owned()).collect()),
        }
    }
}

#[test]
fn a_byte_order_mark_carriage_returns_blanks_and_blank_lines_are_no_content() {
    let (good, bad) = read(b"\xEF\xBB\xBFa, b\r\n\r\n1,2\r\n,,\n3,4");
    assert_eq!(good, [["a", "b"], ["1", "2"], ["3", "4"]]);
    assert!(bad.is_empty());
}

#[test]
fn quotes_hold_commas_line_breaks_and_doubled_quotes() {
    let (good, bad) = read(b"\"a,\"\"b\"\"\",\"x\ny\"\n\"\",5\" pipe\n");
    assert_eq!(good, [["a,\"b\"", "x\ny"], ["", "5\" pipe"]]);
    assert!(bad.is_empty());
}

#[test]
fn an_unclosed_quote_costs_its_own_line_only() {
    let (good, bad) = read(b"1,a\n2,\"b\n3,c\n4,d\n");
    assert_eq!(good, [["1", "a"], ["3", "c"], ["4", "d"]]);
    assert_eq!(bad, [(2, "a quotation mark is never closed; left out")]);
}

#[test]
fn lines_are_counted_through_quoted_line_breaks() {
    let mut rows = Rows::new(&b"\"a\nb\"\nnext\n"[..], b',');
    let mut row = Row::default();
    rows.next(&mut row).unwrap();
    rows.next(&mut row).unwrap();
    assert_eq!((row.line, row.at(Some(0))), (3, "next"));
}

#[test]
fn a_line_without_end_is_left_out_in_bounded_memory() {
    let mut text = vec![b'x'; 5 * RECORD_BYTES_MAX];
    text.extend_from_slice(b"\n1,2\n");
    let mut rows = Rows::new(text.as_slice(), b',');
    let mut row = Row::default();
    assert_eq!(
        rows.next(&mut row).unwrap(),
        Step::Bad(1, "longer than 1 MiB; left out")
    );
    assert_eq!(rows.next(&mut row).unwrap(), Step::Row);
    assert_eq!((row.line, row.at(Some(1))), (2, "2"));
    assert!(rows.buffer.capacity() <= 4 * RECORD_BYTES_MAX);
}

#[test]
fn what_is_not_utf_8_is_read_as_windows_1252_and_marked() {
    let mut rows = Rows::new(&b"caf\xE9,x\n"[..], b',');
    let mut row = Row::default();
    rows.next(&mut row).unwrap();
    assert!(row.legacy);
    assert_eq!((row.at(Some(0)), row.at(Some(1))), ("café", "x"));
}

#[test]
fn utf_16_is_known_by_its_mark_and_others_by_name() {
    let utf16: Vec<u8> = "\u{feff}имя,2\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(read(&utf16).0, [["имя", "2"]]);
    let (cyrillic, _, _) = encoding_rs::WINDOWS_1251.encode("Митино;1\n");
    let input = Box::new(io::Cursor::new(cyrillic.into_owned()));
    let mut rows = Rows::open(input, b';', Some(encoding_rs::WINDOWS_1251)).unwrap();
    let mut row = Row::default();
    rows.next(&mut row).unwrap();
    assert_eq!(row.at(Some(0)), "Митино");
}

/// A reader that gives one byte at a time: every seam between reads is met.
struct Drop<'a>(&'a [u8]);
impl Read for Drop<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match (self.0.split_first(), out.first_mut()) {
            (Some((first, rest)), Some(target)) => {
                *target = *first;
                self.0 = rest;
                Ok(1)
            }
            _ => Ok(0),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_with_quotes_reads_back(
        table in prop::collection::vec(prop::collection::vec("[a-z,\" é\n]{0,8}", 2..5), 1..6)
    ) {
        let mut text = String::new();
        for fields in &table {
            let quoted: Vec<String> =
                fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
            text.push_str(&quoted.join(","));
            text.push_str("\r\n");
        }
        let mut rows = Rows::new(Drop(text.as_bytes()), b',');
        let mut row = Row::default();
        for fields in &table {
            prop_assert_eq!(rows.next(&mut row).unwrap(), Step::Row);
            let back: Vec<&str> = (0..row.len()).map(|index| row.at(Some(index))).collect();
            let trimmed: Vec<&str> = fields.iter().map(|field| field.trim()).collect();
            prop_assert_eq!(back, trimmed);
        }
        prop_assert_eq!(rows.next(&mut row).unwrap(), Step::End);
    }

    #[test]
    fn any_bytes_come_to_an_end_with_every_line_accounted_for(
        bytes in prop::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), any::<u8>()], 0..300)
    ) {
        let mut rows = Rows::open(Box::new(io::Cursor::new(bytes.clone())), b',', None).unwrap();
        let mut row = Row::default();
        let mut steps = 0;
        while rows.next(&mut row).unwrap() != Step::End {
            steps += 1;
        }
        prop_assert!(steps <= newlines(&bytes) + 1 || bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]));
    }
}

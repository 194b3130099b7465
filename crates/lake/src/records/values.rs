//! The text of values, and back: dates, decimals, cells, bytes.

use base::Time;

const MICROS_OF_A_DAY: i64 = 86_400_000_000;

/// A number: neither infinite nor none.
pub(super) fn number(text: &str) -> Option<f64> {
    // Words such as `inf` and `nan` are no numbers here.
    let digits = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    let number: f64 = text.parse().ok().filter(|_| digits)?;
    number.is_finite().then_some(number)
}

/// The days since 1970 of a day as `2026-11-22`.
pub(super) fn date(text: &str) -> Option<i32> {
    if text.len() != 10 {
        return None;
    }
    let midnight = Time::parse(&format!("{text}T00:00:00Z")).ok()?;
    i32::try_from(midnight.as_micros().div_euclid(MICROS_OF_A_DAY)).ok()
}

/// The text of a day.
pub(super) fn date_text(day: i32) -> String {
    let midnight = Time(i64::from(day) * MICROS_OF_A_DAY).to_string();
    let (date, _) = midnight.split_once('T').unwrap_or((&midnight, ""));
    date.to_owned()
}

/// The digits of a decimal number that fits; zeros behind the last place are none too many.
pub(super) fn decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let ends_with_point = digits.ends_with('.');
    if whole.is_empty() || ends_with_point || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let scale = usize::from(scale);
    let fraction = fraction.trim_end_matches('0');
    let whole = whole.trim_start_matches('0');
    if fraction.len() > scale || whole.len() + scale > usize::from(precision) {
        return None;
    }
    let mut value: i128 = 0;
    let padding = std::iter::repeat_n(b'0', scale - fraction.len());
    for digit in whole.bytes().chain(fraction.bytes()).chain(padding) {
        value = value * 10 + i128::from(digit - b'0');
    }
    Some(if is_negative { -value } else { value })
}

/// The text of a decimal number.
pub(super) fn decimal_text(value: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    }
}

/// A cell of H3 in hexadecimal.
pub(super) fn h3(text: &str) -> Option<i64> {
    let fits = (15..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    let cell = u64::from_str_radix(text, 16).ok().filter(|_| fits)?;
    let cell = i64::try_from(cell).ok()?;
    is_h3(cell).then_some(cell)
}

/// Whether a number is a cell of H3.
pub(super) fn is_h3(cell: i64) -> bool {
    u64::try_from(cell).is_ok_and(|cell| h3o::CellIndex::try_from(cell).is_ok())
}

/// The text of a cell of H3.
pub(super) fn h3_text(cell: i64) -> String {
    format!("{cell:x}")
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes of base64 with padding [RFC 4648 §4].
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let padded = text.as_bytes();
    if !padded.len().is_multiple_of(4) {
        return None;
    }
    let data = text.trim_end_matches('=').as_bytes();
    if padded.len() - data.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(padded.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for letter in data {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6) | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).unwrap_or(0));
        }
    }
    // Bits that are left over are zero, and there is no whole letter too many.
    let rest = held & ((1 << bits) - 1);
    (rest == 0 && bits < 6).then_some(bytes)
}

/// Base64 with padding.
pub(super) fn base64_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let held = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let six = (held >> (18 - 6 * place)) & 0x3f;
            let letter = usize::try_from(six).ok().and_then(|six| ALPHABET.get(six));
            let is_there = place <= three.len();
            text.push(letter.filter(|_| is_there).map_or('=', |b| char::from(*b)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_value_is_refused() {
        for text in ["", "nan", "inf", "1e999", " 1", "0x1", "1,5", "infinity"] {
            assert_eq!(number(text), None, "{text}");
        }
        for text in ["2026-02-30", "2026-1-1", "22.11.2026", "", "2026-11-22Z"] {
            assert_eq!(date(text), None, "{text}");
        }
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "1e3",
            "1.234",
            "+1",
            "12345678.00",
            "١",
        ] {
            assert_eq!(decimal(text, 9, 2), None, "{text}");
        }
        for text in ["", "8928308280ffff", "zzzzzzzzzzzzzzz", "000000000000000"] {
            assert_eq!(h3(text), None, "{text}");
        }
        for text in ["A", "AA==A", "A===", "AB==", "====", "A A=", "AAA*"] {
            assert_eq!(base64(text), None, "{text}");
        }
    }

    #[test]
    fn values_are_what_their_text_says() {
        assert_eq!(number("-1.5e3"), Some(-1_500.0));
        assert_eq!(date("1969-12-31"), Some(-1));
        assert_eq!(decimal("-0012.5000", 4, 2), Some(-1_250));
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(7, 0), "7");
        assert_eq!(h3("8928308280fffff"), Some(0x0892_8308_280f_ffff));
        assert_eq!(base64("aGk="), Some(b"hi".to_vec()));
    }

    proptest! {
        #[test]
        fn texts_read_back(
            day in -719_162_i32..2_932_896,
            digits in -999_999_999_i128..=999_999_999,
            scale in 0_u8..=9,
            bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            prop_assert_eq!(date(&date_text(day)), Some(day));
            prop_assert_eq!(decimal(&decimal_text(digits, scale), 18, scale), Some(digits));
            prop_assert_eq!(base64(&base64_text(&bytes)), Some(bytes));
        }
    }
}

//! Keys stand in the order of values, and ranges hold what they should.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn keys_stand_in_the_order_of_the_values(
        (a, b) in (prop::num::f64::NORMAL, prop::num::f64::NORMAL),
        (x, y) in (".{0,12}", ".{0,12}"),
        (s, t) in (any::<i64>(), any::<i64>()),
    ) {
        prop_assert!(a > b || Key::number(a) <= Key::number(b));
        prop_assert!(x > y || Key::text_order(&x) <= Key::text_order(&y));
        prop_assert!(s > t || Key::moment(Time(s)) <= Key::moment(Time(t)));
    }
}

#[test]
fn the_two_zeros_are_one_and_kinds_do_not_mix() {
    assert_eq!(Key::number(0.0), Key::number(-0.0));
    let kinds = [
        Key::ANY,
        Key::number(f64::MAX),
        Key::boolean(true),
        Key::text_order("\u{10ffff}\u{10ffff}"),
        Key::moment(Time(i64::MAX)),
    ];
    assert!(kinds.is_sorted());
    for (at, key) in kinds.iter().enumerate() {
        for (other, range) in kinds.iter().map(|key| Range::from(*key)).enumerate() {
            assert!(at == other || key < &range.low || key > &range.high);
        }
    }
}

#[test]
fn a_range_that_ends_before_it_begins_holds_nothing() {
    let mut indexes = Indexes::default();
    let id = IndexId::Values(0);
    indexes.change(7, &[], &[(id, Key::number(5.0))]);
    indexes.settle();
    let all = |low, high| {
        indexes
            .slots(id, Range::between(Key::number(low), Key::number(high)))
            .count()
    };
    assert_eq!((all(4.0, 6.0), all(6.0, 4.0)), (1, 0));
}

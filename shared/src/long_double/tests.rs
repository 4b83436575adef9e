use super::LongDouble;
use proptest::prelude::*;

fn parse(text: &str) -> LongDouble {
    LongDouble::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a number"))
}

fn print(value: LongDouble) -> String {
    let mut out = Vec::new();
    value.print(&mut out);
    String::from_utf8(out).expect("digits are ASCII")
}

/// The sum as INCRBYFLOAT answers it.
fn sum(first: &str, second: &str) -> Option<String> {
    let first = LongDouble::parse(first.as_bytes())?;
    let second = LongDouble::parse(second.as_bytes())?;
    first.checked_add(second).map(print)
}

#[test]
fn sums_are_those_of_redis() {
    for (first, second, expected) in [
        ("3.0e3", "200", "3200"),
        ("0.1", "0.2", "0.3"),
        ("10.50", "0.1", "10.6"),
        ("1", "-1", "0"),
        ("-0", "-0.0", "0"),
        ("5", "-0.000000000000000001", "5"),
        ("0", "-0.000000000000000001", "0"),
        ("0", "0.000000000000000005", "0"),
        ("0", "0.000000000000000015", "0.00000000000000002"),
        ("0", "0.999999999999999995", "1"),
        ("-58744.0663959", ".5", "-58743.56639589999999984"),
        ("0x10", "0x1p-1", "16.5"),
        ("9223372036854775807", "1", "9223372036854775808"),
        // One more than a mantissa holds: the tie goes to the even one, whatever is beyond a tie does not.
        ("18446744073709551616", "1", "18446744073709551616"),
        ("18446744073709551616", "3", "18446744073709551620"),
        (
            "18446744073709551616",
            "1.00000000001",
            "18446744073709551618",
        ),
        ("18446744073709551617", "0", "18446744073709551616"),
        (
            "18446744073709551617.0000000000000000000000001",
            "0",
            "18446744073709551618",
        ),
        ("1e30", "0", "1000000000000000000024696061952"),
        ("2e-4951", "1", "1"),
        ("5.", "1E2", "105"),
    ] {
        assert_eq!(
            sum(first, second).as_deref(),
            Some(expected),
            "{first} + {second}"
        );
        assert_eq!(sum(second, first).as_deref(), Some(expected));
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for text in [
        "",
        "-",
        "+",
        ".",
        "e5",
        "1e",
        "1e+",
        " 1",
        "1 ",
        "1a",
        "--1",
        "0x",
        "0x1p",
        "0xp1",
        "infinit",
        "nan",
        "NaN",
        "nan(1)",
        "1e4933",
        "-1e4933",
        "1e-4951",
        "1.2e4932",
        "0x1p16384",
        "0x1p-16446",
        "1e99999999999999999999",
        "1e-99999999999999999999",
    ] {
        assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
    }
    let too_long = vec![b'0'; 5 * 1024];
    assert_eq!(LongDouble::parse(&too_long), None);
    assert_eq!(LongDouble::parse(&too_long[1..]), Some(LongDouble::ZERO));
}

#[test]
fn infinities_are_read_but_never_a_result() {
    for text in ["inf", "-INF", "+infinity", "Infinity"] {
        assert_eq!(parse(text).checked_add(LongDouble::ZERO), None);
        assert_eq!(LongDouble::ZERO.checked_add(parse(text)), None);
    }
    let greatest = parse("1.189731495357231765e4932");
    assert_eq!(greatest.checked_add(greatest), None);
    assert_eq!(print(greatest).len(), 4933);
}

#[test]
fn the_edges_of_the_range_are_reached() {
    let smallest = parse("0x1p-16445");
    assert_eq!(parse("3.6e-4951"), smallest);
    assert_eq!(parse("0x1.8p-16446"), smallest);
    assert_eq!(print(smallest), "0");
    let doubled = smallest.checked_add(smallest);
    assert_eq!(doubled, Some(parse("0x1p-16444")));
    let zero = smallest.checked_add(parse("-0x1p-16445"));
    assert_eq!(zero, Some(LongDouble::ZERO));
}

#[test]
fn a_thousandfold_is_rounded_up_and_bounded() {
    for (text, expected) in [
        ("0", Some(0)),
        ("-0", Some(0)),
        ("-0.0001", Some(0)),
        // As the C library reads it, a thousand times as much is a little above -1.
        ("-0.001", Some(0)),
        ("-0.002", Some(-1)),
        ("-1.0005", Some(-1_000)),
        ("0.0001", Some(1)),
        ("0.001", Some(1)),
        ("0.0011", Some(2)),
        ("1e-4000", Some(1)),
        ("1.5", Some(1_500)),
        ("0x0.8", Some(500)),
        ("9223372036854775", Some(9_223_372_036_854_775_000)),
        ("9223372036854775.807", Some(i64::MAX)),
        ("9223372036854775.808", None),
        ("9223372036854776", None),
        ("1e400", None),
        ("inf", None),
        ("-inf", None),
    ] {
        assert_eq!(parse(text).thousandfold_rounded_up(), expected, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn integers_add_exactly(first in any::<i64>(), second in any::<i64>()) {
        let expected = i128::from(first) + i128::from(second);
        let sum = LongDouble::from_integer(first).checked_add(LongDouble::from_integer(second));
        prop_assert_eq!(sum.map(print), Some(expected.to_string()));
        let read = parse(&first.to_string());
        prop_assert_eq!(read, LongDouble::from_integer(first));
    }

    #[test]
    fn short_decimals_come_back_as_they_were(whole in 0_u8..100, places in 1_u64..100_000_000_000_000_000) {
        let text = format!("{whole}.{places:017}");
        prop_assert_eq!(print(parse(&text)), text.trim_end_matches('0'));
    }

    #[test]
    fn large_integers_come_back_as_they_were(mantissa in 1_u64.., exponent in 0_u16..16_320) {
        let value = parse(&format!("0x{mantissa:x}p{exponent}"));
        prop_assert_eq!(parse(&print(value)), value);
    }

    #[test]
    fn both_ways_of_reading_decimals_agree(value in any::<u64>(), places in 0_usize..18) {
        let short = parse(&format!("{value}e-{places}"));
        let long = parse(&format!("{value}{}e-{}", "0".repeat(30), places + 30));
        prop_assert_eq!(short, long);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-+]?[0-9a-fA-FxXpPeE.]{0,40}") {
        if let Some(value) = LongDouble::parse(text.as_bytes()) {
            prop_assert_eq!(value.checked_add(LongDouble::ZERO).is_some(), !text.contains("inf"));
        }
    }
}

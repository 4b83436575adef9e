//! Scores as text: how old payloads and packed sorted sets have them.
//! Pure.

use super::fault::Fault;
use super::source::Source;
use crate::store::StringRef;

/// First bytes that are no length.
const NOT_A_NUMBER: u8 = 253;
const INFINITY: u8 = 254;
const NEGATIVE_INFINITY: u8 = 255;

/// A score behind its length in one byte, as encoding 3 has them.
///
/// # Errors
/// [`Fault::Broken`]: it is no number.
pub(super) fn read_text(source: &mut Source<'_>) -> Result<f64, Fault> {
    match source.byte()? {
        NOT_A_NUMBER => Err(Fault::Broken),
        INFINITY => Ok(f64::INFINITY),
        NEGATIVE_INFINITY => Ok(f64::NEG_INFINITY),
        len => parse(source.take(len.into())?),
    }
}

/// The score that an element of a packed sorted set is.
///
/// # Errors
/// [`Fault::Broken`]: it is no number. (Redis takes 0 for it.)
pub(super) fn of_element(element: StringRef<'_>) -> Result<f64, Fault> {
    match element {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a score is a double, whatever it is written as"
        )]
        StringRef::Integer(number) => Ok(number as f64),
        StringRef::Bytes(text) => parse(text),
    }
}

fn parse(text: &[u8]) -> Result<f64, Fault> {
    let text = std::str::from_utf8(text).map_err(|_| Fault::Broken)?;
    let number: f64 = text.parse().map_err(|_| Fault::Broken)?;
    if number.is_nan() {
        return Err(Fault::Broken);
    }
    Ok(number)
}

//! Where the epochs of a log begin: as an entry of the log itself, and as a fact in a snapshot.
//! Pure. Invariant: whoever has the bytes of a log has its epochs, for both are cut and kept together.
//!
//! An epoch begins with a PING that names it: every reader of such a log knows that command, and it changes nothing.

use protocol::{EpochTable, Offset};
use shared::resp::{Args, encode_request};
use shared::topology::Epoch;

/// How what such a PING says begins.
const MARK: &[u8] = b"switchyard-epoch:";

/// The entry with which an epoch begins.
pub(crate) fn epoch_mark(epoch: Epoch) -> Vec<u8> {
    let mut entry = Vec::new();
    let mark = [MARK, epoch.to_string().as_bytes()].concat();
    encode_request(&mut entry, [&b"PING"[..], &mark]);
    entry
}

/// The epoch that begins with this entry, if one does.
pub(crate) fn epoch_of_mark(args: Args<'_>) -> Option<Epoch> {
    let is_ping = args.get(0)?.eq_ignore_ascii_case(b"ping");
    let mark = args.get(1)?.strip_prefix(MARK).filter(|_| is_ping)?;
    let number = std::str::from_utf8(mark).ok()?.parse().ok()?;
    Some(Epoch(number))
}

/// `epoch:offset` for each, with commas between.
pub(crate) fn print_epochs(epochs: &EpochTable) -> String {
    let begins = epochs.begins().iter();
    let pairs: Vec<String> = begins
        .map(|(epoch, Offset(at))| format!("{epoch}:{at}"))
        .collect();
    pairs.join(",")
}

/// Reads what [`print_epochs`] has made; `None` where it is something else.
pub(crate) fn read_epochs(text: &str) -> Option<EpochTable> {
    if text.is_empty() {
        return Some(EpochTable::default());
    }
    let pairs = text.split(',').map(|pair| {
        let (epoch, at) = pair.split_once(':')?;
        Some((Epoch(epoch.parse().ok()?), Offset(at.parse().ok()?)))
    });
    EpochTable::new(pairs.collect::<Option<Vec<_>>>()?)
}

#[cfg(test)]
mod tests {
    use super::{epoch_mark, epoch_of_mark, print_epochs, read_epochs};
    use shared::resp::{RequestBatch, RequestLimits, RequestScanner};
    use shared::topology::Epoch;

    fn epoch_in(mut bytes: Vec<u8>) -> Option<Epoch> {
        let mut batch = RequestBatch::default();
        let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
        scanner.scan(&mut bytes, &mut batch, 9).expect("a request");
        epoch_of_mark(batch.args(&bytes, &batch.requests()[0]))
    }

    #[test]
    fn an_epoch_is_told_from_other_entries() {
        assert_eq!(epoch_in(epoch_mark(Epoch(7))), Some(Epoch(7)));
        for other in ["PING\r\n", "PING x\r\n", "ECHO switchyard-epoch:7\r\n"] {
            assert_eq!(epoch_in(other.as_bytes().to_vec()), None, "{other}");
        }
        assert_eq!(epoch_in(b"PING switchyard-epoch:x\r\n".to_vec()), None);
    }

    #[test]
    fn what_is_printed_is_read_and_nothing_else() {
        for text in ["", "1:0", "1:0,4:20,5:20"] {
            let table = read_epochs(text).expect("a table");
            assert_eq!(print_epochs(&table), text);
        }
        for text in ["x", "1", "1:x", "2:0,1:5", "1:5,2:4", "1:0,"] {
            assert_eq!(read_epochs(text), None, "{text}");
        }
    }
}

//! The checksum behind every payload: CRC-64 with the polynomial of D. T. Jones ("An Improved 64-bit Cyclic Redundancy Check for Protein Sequences", 2009), reflected, beginning at 0.
//! Pure. Eight bytes at a time ("slicing by eight": Kounavis and Berry, 2008).

/// The polynomial, its lowest power in the highest bit.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// `TABLES[n][byte]`: what a byte with `n` zeros behind it comes to.
static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut rest = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            let is_odd = rest & 1 == 1;
            rest >>= 1;
            if is_odd {
                rest ^= POLYNOMIAL;
            }
            bit += 1;
        }
        tables[0][byte] = rest;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = tables[0][(before & 0xff) as usize] ^ (before >> 8);
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// The checksum of all that came before and of `bytes`, where `crc` is the one of what came before; of nothing it is 0.
#[must_use]
pub fn crc64(mut crc: u64, bytes: &[u8]) -> u64 {
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        let mixed = (crc ^ u64::from_le_bytes(*eight)).to_le_bytes();
        crc = 0;
        for (nth, byte) in mixed.iter().enumerate() {
            crc ^= TABLES[7 - nth][usize::from(*byte)];
        }
    }
    for byte in rest {
        let [low, ..] = crc.to_le_bytes();
        crc = TABLES[0][usize::from(low ^ byte)] ^ (crc >> 8);
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::crc64;

    #[test]
    fn checksums_are_the_published_ones_however_the_bytes_are_cut() {
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        let text: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let whole = crc64(0, &text);
        for cut in [0, 1, 7, 8, 9, 500, 999, 1000] {
            assert_eq!(crc64(crc64(0, &text[..cut]), &text[cut..]), whole, "{cut}");
        }
    }
}

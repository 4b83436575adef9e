//! CRC16, variant XMODEM (polynomial 0x1021, start 0, nothing reflected), the one that the Redis Cluster specification names.
//! Reads bytes, nothing else. Eight bytes a step through tables computed by the compiler ("slicing by 8": Kounavis and Berry,
//! "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation", 2008); 4 KiB of tables stay in the first cache.

const POLYNOMIAL: u16 = 0x1021;

/// Bytes consumed per step, and so the number of tables.
const STEP: usize = 8;

/// `TABLES[distance][byte]` is what `byte` adds to the checksum when `distance` more bytes follow it in the step.
static TABLES: [[u16; 256]; STEP] = tables();

const fn tables() -> [[u16; 256]; STEP] {
    let mut tables = [[0_u16; 256]; STEP];
    let mut byte = 0_u16;
    while byte < 256 {
        let mut remainder = byte << 8;
        let mut bit = 0;
        while bit < 8 {
            let carry = remainder & 0x8000 != 0;
            remainder <<= 1;
            if carry {
                remainder ^= POLYNOMIAL;
            }
            bit += 1;
        }
        tables[0][byte as usize] = remainder;
        byte += 1;
    }
    let mut distance = 1;
    while distance < STEP {
        let mut byte = 0;
        while byte < 256 {
            let nearer = tables[distance - 1][byte];
            tables[distance][byte] = (nearer << 8) ^ tables[0][(nearer >> 8) as usize];
            byte += 1;
        }
        distance += 1;
    }
    tables
}

/// The checksum of `bytes`; 0 for none.
#[must_use]
pub fn crc16(bytes: &[u8]) -> u16 {
    // The odd bytes go first: the checksum starts at 0, so each of them finds its share alone, and none waits for another.
    let (odd, steps) = bytes.as_rchunks::<STEP>();
    let mut crc = 0_u16;
    for (byte, table) in odd.iter().rev().zip(&TABLES) {
        crc ^= table[usize::from(*byte)];
    }
    for step in steps {
        let [high, low] = crc.to_be_bytes();
        crc = TABLES[7][usize::from(step[0] ^ high)]
            ^ TABLES[6][usize::from(step[1] ^ low)]
            ^ TABLES[5][usize::from(step[2])]
            ^ TABLES[4][usize::from(step[3])]
            ^ TABLES[3][usize::from(step[4])]
            ^ TABLES[2][usize::from(step[5])]
            ^ TABLES[1][usize::from(step[6])]
            ^ TABLES[0][usize::from(step[7])];
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, bit by bit.
    fn slow(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0_u16, |mut crc, &byte| {
            crc ^= u16::from(byte) << 8;
            for _ in 0..8 {
                let carry = crc & 0x8000 != 0;
                crc <<= 1;
                if carry {
                    crc ^= POLYNOMIAL;
                }
            }
            crc
        })
    }

    #[test]
    fn the_check_value_of_the_specification_is_met() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(crc16(b""), 0);
    }

    proptest! {
        #[test]
        fn tables_agree_with_the_definition(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(crc16(&bytes), slow(&bytes));
        }
    }
}

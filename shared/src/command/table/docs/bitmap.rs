//! What COMMAND DOCS says of the commands of `bitmap.rs`.
use super::words::*;

#[rustfmt::skip] // As the rows of the table.
pub(super) const PAGES: &[CommandDocs] = &[
    page(Id::Bitcount, "2.6.0", "Counts the bits of a string that are set.").cost("O(N)")
        .history(&[("7.0.0", "Option `BYTE|BIT`.")])
        .arguments(&[
            key("key"),
            block("index", &[
                integer("start"),
                integer("end"),
                one_of("index_unit", &[word("byte", "BYTE"), word("bit", "BIT")]).since("7.0.0").optional(),
            ]).optional(),
        ]),
    page(Id::Bitfield, "3.2.0", "Reads, writes and adds to integers of any width inside a string.").cost("O(1) for each operation.")
        .arguments(&[
            key("key"),
            one_of("operation", &[
                block("encoding_offset", &[string("encoding"), integer("offset")]).token("GET"),
                block("write", &[
                    one_of("wrap_sat_fail", &[
                        word("wrap", "WRAP"),
                        word("sat", "SAT"),
                        word("fail", "FAIL"),
                    ]).token("OVERFLOW").optional(),
                    one_of("write_operation", &[
                        block("encoding_offset_value", &[
                            string("encoding"),
                            integer("offset"),
                            integer("value"),
                        ]).token("SET"),
                        block("encoding_offset_increment", &[
                            string("encoding"),
                            integer("offset"),
                            integer("increment"),
                        ]).token("INCRBY"),
                    ]),
                ]),
            ]).optional().multiple(),
        ]),
    page(Id::BitfieldRo, "6.0.0", "Reads integers of any width inside a string.").cost("O(1) for each subcommand specified")
        .arguments(&[
            key("key"),
            block("encoding_offset", &[
                string("encoding"),
                integer("offset"),
            ]).token("GET").optional().multiple().multiple_token(),
        ]),
    page(Id::Bitop, "2.6.0", "Combines the bits of several strings into another key.").cost("O(N)")
        .arguments(&[string("operation"), key("destkey"), key("key").spec(1).multiple()]),
    page(Id::Bitpos, "2.8.7", "Finds the first bit of a string that has the given value.").cost("O(N)")
        .history(&[("7.0.0", "Option `BYTE|BIT`.")])
        .arguments(&[
            key("key"),
            integer("bit"),
            block("index", &[
                integer("start"),
                block("end_index", &[
                    integer("end"),
                    one_of("index_unit", &[word("byte", "BYTE"), word("bit", "BIT")]).since("7.0.0").optional(),
                ]).optional(),
            ]).optional(),
        ]),
    page(Id::Getbit, "2.2.0", "Reads one bit of a string.").cost("O(1)")
        .arguments(&[key("key"), integer("offset")]),
    page(Id::Setbit, "2.2.0", "Writes one bit of a string and gives back the old one.").cost("O(1)")
        .arguments(&[key("key"), integer("offset"), integer("value")]),
];

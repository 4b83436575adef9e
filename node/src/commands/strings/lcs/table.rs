//! The classic table of LCS, filled some rows at a time, and the way back through it.
//! Pure. Never: sees the longer string as a whole; what is needed of it is handed in.

/// A cell of the table, by how much of either string it is about, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub down: usize,
    pub across: usize,
}

/// What is needed of the table of lengths: its last row, and which way leads back from each cell. Rows belong to the longer string, since a row is kept.
#[derive(Debug)]
pub(super) struct Table {
    /// The first string is the longer one.
    first_is_down: bool,
    across: Vec<u8>,
    rows: usize,
    lengths: Vec<u32>,
    /// A bit per cell: the way back shortens the first string. Empty when no way back is asked for.
    shortens_first: Vec<u64>,
}

impl Table {
    /// A table without rows. `down_len` is the longer string's length; none of it is needed when only the length is wanted.
    pub(super) fn new(first_is_down: bool, across: Vec<u8>, way_back_of: Option<usize>) -> Self {
        let bits = way_back_of.map_or(0, |down_len| down_len * across.len());
        Self {
            first_is_down,
            rows: 0,
            lengths: vec![0; across.len()],
            shortens_first: vec![0; bits.div_ceil(64)],
            across,
        }
    }

    pub(super) fn width(&self) -> usize {
        self.across.len()
    }

    /// Rows that are filled.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The length of the longest common subsequence, of the rows that are filled.
    pub(super) fn length(&self) -> usize {
        self.lengths.last().map_or(0, |length| *length as usize)
    }

    /// Fills the rows of the longer string's next bytes.
    pub(super) fn fill(&mut self, down: &[u8]) {
        for byte in down {
            self.fill_row(*byte);
            self.rows += 1;
        }
    }

    fn fill_row(&mut self, byte: u8) {
        let has_way_back = !self.shortens_first.is_empty();
        let row_bit = self.rows * self.width();
        let (mut left, mut above_left) = (0, 0);
        let cells = self.lengths.iter_mut().zip(&self.across);
        for (column, (cell, other)) in cells.enumerate() {
            let above = *cell;
            let here = if byte == *other {
                above_left + 1
            } else {
                let shortens_first = if self.first_is_down {
                    above > left
                } else {
                    left > above
                };
                if has_way_back && shortens_first {
                    let bit = row_bit + column;
                    self.shortens_first[bit / 64] |= 1 << (bit % 64);
                }
                above.max(left)
            };
            *cell = here;
            left = here;
            above_left = above;
        }
    }

    /// Goes back from a cell through the rows of `down`, the bytes of the longer string that end there, and tells `visit` of each byte that both strings share,
    /// the last ones first; where it came to.
    pub(super) fn walk_back(
        &self,
        from: Cell,
        down: &[u8],
        mut visit: impl FnMut(Cell, u8),
    ) -> Cell {
        let begin = from.down - down.len();
        let mut cell = from;
        while cell.down > begin && cell.across > 0 {
            let at = Cell {
                down: cell.down - 1,
                across: cell.across - 1,
            };
            let byte = down[at.down - begin];
            if byte == self.across[at.across] {
                visit(at, byte);
                cell = at;
            } else if self.shortens_first(at) == self.first_is_down {
                cell.down -= 1;
            } else {
                cell.across -= 1;
            }
        }
        cell
    }

    fn shortens_first(&self, cell: Cell) -> bool {
        let bit = cell.down * self.width() + cell.across;
        self.shortens_first[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// A cell's places in the first and in the second string.
    pub(super) fn in_order(&self, cell: Cell) -> (usize, usize) {
        if self.first_is_down {
            (cell.down, cell.across)
        } else {
            (cell.across, cell.down)
        }
    }
}
